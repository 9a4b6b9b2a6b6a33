/** Logs that begin after a snapshot. */
import { expect, test } from 'vitest'
import { logOf, pageOf } from './logs.ts'

const start = { event: 'test-start', servers: 2 }
const entries = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => {
    return { index: first + i, term: 1, command: `${first + i}` }
  })
const brought = {
  ...{ event: 'snapshot', server: 1, term: 1, role: 'Follower' },
  state: { firstLogIndex: 4, lastLogIndex: 3, lastLogTerm: 1 },
}

test('what follows on an installed snapshot is what follows in the leader’s log', async () => {
  const { timeline } = await pageOf(
    logOf(
      start,
      { event: 'append', server: 0, entries: entries(1, 3) },
      // It had an entry that was never committed.
      { event: 'append', server: 1, entries: [{ index: 1, term: 0, command: 'x' }] },
      brought,
      { event: 'append', server: 0, entries: entries(4, 4) },
      { event: 'append', server: 1, entries: entries(4, 4) },
    ),
  )
  const laneOf = (id: number) => timeline.laneOfServer(id)
  expect(timeline.snapshot(laneOf(1), 3).log).toBe(timeline.snapshot(laneOf(0), 3).log)
  expect(timeline.snapshot(laneOf(1), 5).log).toBe(timeline.snapshot(laneOf(0), 5).log)
})

test('what nobody’s log shows is in a snapshot', async () => {
  const { timeline } = await pageOf(
    logOf(start, brought, { event: 'append', server: 1, entries: entries(4, 4) }),
  )
  const { log } = timeline.snapshot(timeline.laneOfServer(1), 2)
  const [before, last] = timeline.entries(log, 3, 4)
  expect(before).toMatchObject({ index: 3, term: 1, command: 'in a snapshot' })
  expect(last).toMatchObject({ index: 4, command: '4' })
})

test('a snapshot that says nothing of the log leaves it as it is', async () => {
  const { state: _, ...silent } = brought
  const { timeline } = await pageOf(
    logOf(start, { event: 'append', server: 1, entries: entries(1, 2) }, silent),
  )
  const lane = timeline.laneOfServer(1)
  expect(timeline.snapshot(lane, 2).log).toBe(timeline.snapshot(lane, 1).log)
})
