/** Logs that begin after a snapshot. */
import { expect, test } from 'vitest'
import { fieldsOf, tell } from '../../src/viz/page/told.ts'
import { gistOf } from '../../src/viz/write/gist.ts'
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

const piece = {
  ...{ term: 3, leaderId: 0, lastIncludedIndex: 52, lastIncludedTerm: 2 },
  ...{ offset: 46, data: '{"x":"1"}', done: false },
}
const received = { term: 3, installed: false, received: 55 }

function gist(args: object, kind: 'request' | 'reply' = 'request'): string {
  const rpc = { id: '1', method: 'InstallSnapshot', kind, from: 0, to: 1, args }
  return gistOf({ event: 'receive', server: 1, time: 0, msg: '', rpc } as never)
}

test('a piece of a snapshot says of what it is, and where it stands', () => {
  const what = 'term 3, snapshot up to entry 52 of term 2'
  expect(gist(piece)).toBe(`${what}, 9 characters at 46`)
  expect(gist({ ...piece, done: true })).toBe(`${what}, 9 characters at 46, the last`)
  expect(gist({ ...piece, data: '', done: true })).toBe(
    `${what}, 0 characters at 46, the last`,
  )
  expect(gist({ ...piece, data: '' })).toBe(`${what}, how much has come?`)
  expect(gist({ ...piece, more: 1 })).toBe(`${what}, 9 characters at 46, more 1`)
})

test('the answer to a piece says how much is there, or that all is', () => {
  expect(gist(received, 'reply')).toBe('term 3, has 55 of it')
  expect(gist({ ...received, installed: true }, 'reply')).toBe(
    'term 3, has all that it stands for',
  )
})

test('what says less than a piece does is shown by the names of its fields', () => {
  expect(gist({ term: 3, lastIncludedIndex: 7 })).toBe('term 3, lastIncludedIndex 7')
  expect(gist({ ...piece, data: 4 })).toContain('lastIncludedIndex 52')
  expect(gist({ installed: 'x', received: 5 })).toBe('installed x, received 5')
})

test('of a piece that arrives it is told whether it is news', async () => {
  const arrives = {
    ...{ event: 'receive', server: 1, term: 3, role: 'Follower' },
    rpc: {
      ...{ id: '0-1', method: 'InstallSnapshot', kind: 'request' },
      ...{ from: 0, to: 1, args: piece },
    },
  }
  const knowing = async (commitIndex: number) => {
    const { timeline, raw } = await pageOf(
      logOf(
        start,
        {
          ...{ event: 'start', server: 1, term: 3, role: 'Follower' },
          state: { commitIndex, votedFor: null },
        },
        arrives,
      ),
    )
    const row = timeline.rows - 1
    return tell(timeline, row, fieldsOf(await raw.line(row)), null).knew
  }
  const what = 'The snapshot stands for all up to entry 52 of term 2'
  expect(await knowing(30)).toContain(`${what}: it had committed up to entry 30.`)
  expect(await knowing(52)).toContain(`${what}, which it had committed.`)
  expect((await knowing(30))[1]).toBe('The InstallSnapshot is of the same term.')
})
