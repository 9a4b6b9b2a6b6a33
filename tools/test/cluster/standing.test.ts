/** Who is in a cluster, by what its servers know. */
import { expect, test } from 'vitest'
import { standingIn, viewOf } from '../../src/cluster/standing.ts'
import type { Status } from '../../src/processes/server.ts'

const of = (...ids: readonly number[]) => ids.map((id) => ({ id }))

function status(fields: Partial<Status>): Status {
  return {
    ...{
      id: 0,
      term: 1,
      role: 'Follower',
      leader: null,
      commitIndex: 0,
      lastApplied: 0,
    },
    ...{ log: { first: 1, last: 0 }, blocked: false },
    ...{ members: of(0, 1, 2), learner: null, removed: [] },
    ...fields,
  }
}

test('a leader knows best, if nobody has heard of a later term', () => {
  const followers = [status({}), status({ id: 2 })]
  const leader = status({ id: 1, role: 'Leader', members: of(0, 1), removed: [2] })
  const view = { members: [0, 1], learner: null, removed: [2] }
  expect(viewOf([...followers, leader, null])).toEqual(view)
  const later = status({ term: 2, members: of(0, 1, 2) })
  expect(viewOf([leader, later])?.members).toEqual([0, 1, 2])
})

test('a server that is new knows nothing yet, whatever its term', () => {
  const isNew = status({ id: 3, term: 9, members: [] })
  expect(viewOf([isNew, status({})])?.members).toEqual([0, 1, 2])
  expect(viewOf([isNew])).toBeNull()
})

test('where a cluster stays as it is, nobody is anything', () => {
  const { removed: _, learner: __, ...stays } = status({})
  expect(viewOf([stays])).toBeNull()
})

test('who counts, who learns, who is gone, and who is not there yet', () => {
  const view = { members: [1, 2], learner: 3, removed: [0] }
  const all = [0, 1, 3, 4].map((id) => standingIn(view, id))
  expect(all).toEqual(['removed', 'member', 'learns', 'no member yet'])
})
