/** Who is in the cluster, and who is not, as a timeline tells it. */
import { expect, test } from 'vitest'
import { NONE, type Timeline } from '../../src/viz/page/timeline.ts'
import { fieldsOf, tell } from '../../src/viz/page/told.ts'
import { rowText } from '../../src/viz/page/words.ts'
import { logOf, pageOf } from './logs.ts'

const members = (...ids: number[]) => ids.map((id) => ({ id, address: `server-${id}` }))

/** A line of a server, whose configuration in force has these ids. */
function line(server: number, event: string, ids: number[], more: object = {}) {
  const { state, ...rest } = { state: {}, ...more }
  const full = { commitIndex: 0, lastLogIndex: 0, members: ids, ...state }
  return { event, server, term: 1, role: 'Follower', msg: event, state: full, ...rest }
}

/** The same where entries are appended, the last of them a configuration. */
function appends(server: number, index: number, ids: number[], more: object = {}) {
  const entry = {
    index,
    term: 1,
    command: null,
    configuration: { members: members(...ids) },
  }
  const state = { lastLogIndex: index }
  return line(server, 'append', ids, { entries: [entry], state, ...more })
}

const LOG = logOf(
  { event: 'test-start', servers: 2, msg: '' },
  line(0, 'start', [0, 1]),
  appends(0, 1, [0, 1], { role: 'Leader' }),
  line(2, 'start', []),
  appends(2, 1, [0, 1]),
  appends(0, 2, [0, 1, 2], { role: 'Leader' }),
  appends(2, 2, [0, 1, 2]),
  appends(0, 3, [1, 2], { role: 'Leader' }),
  line(0, 'commit', [1, 2], {
    role: 'Leader',
    state: { commitIndex: 3, lastLogIndex: 3, matchIndex: { 1: 3, 2: 3 } },
  }),
  line(0, 'role', [1, 2], { state: { votedFor: 0, lastLogIndex: 3 } }),
)

/** Of each lane of a server: what it is, and when it is no member. */
function outsiders({ header }: Timeline): string[] {
  return header.outsiders.map(({ lane, kind, fromRow, toRow }) => {
    return `${header.lanes[lane]?.label} ${kind}, ${fromRow} to ${toRow}`
  })
}

test('a server that joins is new, then learns, then is a member; one that leaves is gone', async () => {
  const { timeline } = await pageOf(LOG)
  expect(outsiders(timeline)).toEqual([
    '2 new, 3 to 4',
    '2 learns, 4 to 6',
    '0 gone, 7 to 10',
  ])
  const lane = timeline.laneOfServer(2)
  expect([2, 3, 4, 6].map((row) => timeline.isToCome(lane, row))).toEqual([
    true,
    false,
    false,
    false,
  ])
  const said = [3, 4, 5, 6].map((row) => timeline.standingChangedAt(lane, row))
  expect(said).toEqual(['no member yet', 'learns', null, 'a member'])
})

test('an entry that changes the cluster is told by what it changes', async () => {
  const { timeline } = await pageOf(LOG)
  const gists = [2, 5, 6, 7].map((row) => rowText(timeline, row)[1])
  expect(gists).toEqual([
    '+1 [members 0, 1]',
    '+1 [adds server 2]',
    '+1 [adds server 2]',
    '+1 [removes server 0]',
  ])
  const last = timeline.entry(timeline.logAt(timeline.laneOfServer(0), 9))
  expect(last.command).toBe('removes server 0')
})

test('where it is sent, too', async () => {
  const sent = {
    index: 0,
    term: 1,
    command: null,
    configuration: { members: members(0, 2) },
  }
  const args = { term: 1, prevLogIndex: 2, prevLogTerm: 1, entries: [sent] }
  const rpc = { id: '1', method: 'AppendEntries', kind: 'request', from: 0, to: 1, args }
  const more = {
    event: 'send',
    server: 0,
    term: 1,
    rpc,
    msg: 'sends AppendEntries to 1',
  }
  const { timeline } = await pageOf(LOG + logOf(more))
  expect(rowText(timeline, timeline.rows - 1)[1]).toContain('+1 [removes server 0]')
})

test('a leader that removes itself does not count itself, and gives up the lead', async () => {
  const { timeline, raw } = await pageOf(LOG)
  const told = async (row: number) =>
    tell(timeline, row, fieldsOf(await raw.line(row)), null)
  const commit = await told(8)
  expect(commit.counted).toEqual([
    { id: 1, isIn: true },
    { id: 2, isIn: true },
  ])
  expect(commit.knew.at(-1)).toBe(
    'It knew that 1, 2 held entry 3 (matchIndex): without itself, for it is no member, ' +
      '2 of 2 members.',
  )
  expect((await told(9)).rule?.title).toBe('Leaders: its removal is committed')
  expect((await told(5)).rule?.title).toBe('Another configuration is in force')
})

test.each([7, 'all', {}, [null], [{ id: 1 }], ['<b>']])(
  'members that are none do no harm: %j',
  async (nonsense) => {
    const entries = [{ index: 2, term: 1, configuration: { members: nonsense } }]
    const state = { members: nonsense, lastLogIndex: 2 }
    const bad = { event: 'append', server: 0, term: 1, entries, state, msg: 'm' }
    const { timeline, raw } = await pageOf(logOf(bad, bad))
    for (const row of [0, 1]) {
      const told = tell(timeline, row, fieldsOf(await raw.line(row)), null)
      expect(told.counted).toEqual([])
      expect(timeline.standingChangedAt(timeline.lane[row] ?? NONE, row)).not.toBe(
        'a member',
      )
    }
  },
)
