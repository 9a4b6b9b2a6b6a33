import { describe, expect, test } from 'vitest'
import { arrowsOf } from '../../src/viz/page/arrows.ts'
import { Texts } from '../../src/viz/page/decode.ts'
import {
  applyFilters,
  type Filters,
  fieldQuery,
  firstFilters,
  NO_FILTERS,
} from '../../src/viz/page/filter.ts'
import { readHash, writeHash } from '../../src/viz/page/hash.ts'
import { Layout } from '../../src/viz/page/layout.ts'
import type { Timeline } from '../../src/viz/page/timeline.ts'
import { TimeScale } from '../../src/viz/page/timescale.ts'
import { rowText } from '../../src/viz/page/words.ts'
import { visible } from '../../src/viz/shared/text.ts'
import { slugOf } from '../../src/viz/write/names.ts'
import { logOf, pageOf } from './logs.ts'
import { eventfulLog, realLog } from './real.ts'

const start = { event: 'test-start', servers: 3 }
const ROW_HEIGHT = 26

function message(event: string, fields: object, server: number, kind = 'request') {
  const rpc = { method: 'AppendEntries', from: 0, to: 1, args: {}, kind, ...fields }
  return { event, server, rpc, msg: event }
}

function everyRow({ rows }: Timeline): number[] {
  return Array.from({ length: rows }, (_, row) => row)
}

describe('messages', () => {
  test('each goes to where it arrives, out of order, twice, or not at all', async () => {
    const { timeline } = await pageOf(
      logOf(
        start,
        message('send', { id: 'a' }, 0),
        message('send', { id: 'b' }, 0),
        message('receive', { id: 'b' }, 1),
        message('receive', { id: 'a' }, 1),
        message('receive', { id: 'a' }, 1),
        message('send', { id: 'c' }, 0),
        { ...message('drop', { id: 'c' }, 0), reason: 'no link' },
        message('send', { id: 'd' }, 0),
      ),
    )
    const arrows = arrowsOf(timeline, everyRow(timeline))
    expect(arrows.map((a) => `${a.fromRow}>${a.toRow} ${a.end}`)).toEqual([
      '1>4 arrives',
      '2>3 arrives',
      '1>5 arrives',
      '6>7 lost',
      '8>8 unknown',
    ])
  })

  test('a request that came twice is answered twice, each answer on its own', async () => {
    const reply = (event: string, server: number) =>
      message(event, { id: 'a', from: 1, to: 0 }, server, 'reply')
    const { timeline } = await pageOf(
      logOf(
        start,
        message('send', { id: 'a' }, 0),
        message('receive', { id: 'a' }, 1),
        reply('send', 1),
        message('receive', { id: 'a' }, 1),
        reply('send', 1),
        reply('receive', 0),
        reply('receive', 0),
      ),
    )
    const replies = arrowsOf(timeline, everyRow(timeline)).filter((a) => a.isReply)
    expect(replies.map((a) => `${a.fromRow}>${a.toRow}`)).toEqual(['3>6', '5>7'])
  })

  test('an arrival that is logged before its sending is tied to it', async () => {
    const { timeline } = await pageOf(
      logOf(start, message('receive', { id: 'a' }, 1), message('send', { id: 'a' }, 0)),
    )
    expect([timeline.otherEnd[1], timeline.otherEnd[2]]).toEqual([2, 1])
  })

  test('a server that restarts and counts its calls anew makes other calls', async () => {
    const { timeline } = await pageOf(
      logOf(
        start,
        message('send', { id: '0-1' }, 0),
        message('send', { id: '0-1' }, 0),
        message('receive', { id: '0-1' }, 1),
      ),
    )
    expect(timeline.otherEnd[1]).toBe(-1)
    expect(timeline.otherEnd[3]).toBe(2)
  })
})

describe('a deposed leader', () => {
  const role = (server: number, role: string, term: number) => ({
    event: 'role',
    server,
    role,
    term,
  })
  const spanOf = (timeline: Timeline, lane: number) =>
    everyRow(timeline)
      .map((row) => (timeline.deposedAt(lane, row) ? 1 : 0))
      .join('')

  test('is one from when another leads a higher term until it steps down', async () => {
    const { timeline } = await pageOf(
      logOf(
        start,
        role(0, 'Leader', 1),
        role(1, 'Candidate', 2),
        role(1, 'Leader', 2),
        role(2, 'Follower', 2),
        role(0, 'Follower', 2),
        role(0, 'Leader', 3),
      ),
    )
    expect(spanOf(timeline, 1)).toBe('0001100')
    expect(spanOf(timeline, 2)).toBe('0000001')
    expect(timeline.deposedAt(1, 4)).toMatchObject({ by: 2, term: 2, fromRow: 3 })
  })

  test('is one at once if a higher term was led before it won', async () => {
    const { timeline } = await pageOf(
      logOf(start, role(0, 'Leader', 5), role(1, 'Leader', 4), role(1, 'Follower', 5)),
    )
    expect(spanOf(timeline, 1)).toBe('0000')
    expect(spanOf(timeline, 2)).toBe('0010')
  })

  test('is none once it crashed', async () => {
    const crash = { event: 'fault', fault: { kind: 'crash', peer: 0 } }
    const { timeline } = await pageOf(
      logOf(start, role(0, 'Leader', 1), crash, role(1, 'Leader', 2)),
    )
    expect(spanOf(timeline, 1)).toBe('0000')
  })
})

describe('state', () => {
  const entry = (index: number, term: number) => ({ index, term, command: `c${index}` })
  const append = (server: number, ...entries: object[]) => ({
    event: 'append',
    server,
    entries,
  })

  test('a log is what was appended less what was truncated, at every row', async () => {
    const { timeline } = await pageOf(
      logOf(
        start,
        append(0, entry(1, 1), entry(2, 1), entry(3, 1)),
        { event: 'truncate', server: 0, index: 2 },
        append(0, entry(2, 2)),
        append(1, entry(1, 1), entry(2, 2)),
      ),
    )
    const terms = (row: number, lane = 1) =>
      timeline.entries(timeline.logAt(lane, row), 1, 9).map(({ term }) => term)
    expect([0, 1, 2, 3].map((row) => terms(row))).toEqual([[], [1, 1, 1], [1], [1, 2]])
    // By Log Matching: the same last entry is the same log.
    expect(timeline.logAt(2, 4)).toBe(timeline.logAt(1, 4))
  })

  test('a crash takes what is volatile, and a restart brings the log back', async () => {
    const { timeline } = await pageOf(
      logOf(
        start,
        {
          ...append(0, entry(1, 1)),
          role: 'Leader',
          term: 1,
          state: { commitIndex: 1 },
        },
        { event: 'fault', fault: { kind: 'crash', peer: 0 } },
        { event: 'fault', fault: { kind: 'restart', peer: 0 } },
        append(0, entry(1, 1)),
      ),
    )
    expect(timeline.snapshot(1, 2)).toEqual({ role: 4, term: 1, state: {}, log: 0 })
    expect(timeline.entry(timeline.snapshot(1, 4).log).index).toBe(1)
    expect(timeline.faultsAt(1, 2)).toMatchObject([
      { kind: 'crash', fromRow: 2, toRow: 3 },
    ])
  })

  test('what is slow shows until it is fast, each link by itself', async () => {
    const fault = (fault: object) => ({ event: 'fault', fault })
    const { timeline } = await pageOf(
      logOf(
        start,
        append(0, entry(1, 1)),
        fault({ kind: 'slow-link', from: 0, to: 1, bytesPerSecond: 1000 }),
        fault({ kind: 'slow-link', from: 0, to: 2, bytesPerSecond: 1000 }),
        fault({ kind: 'slow-disk', peer: 0, syncMs: 20 }),
        fault({ kind: 'fast-link', from: 0, to: 1 }),
        fault({ kind: 'slow-machine', peer: 0, entriesPerSecond: 1000 }),
        fault({ kind: 'fast-disk', peer: 0 }),
        fault({ kind: 'fast-machine', peer: 0 }),
      ),
    )
    const spans = timeline.header.faults.map(({ label, fromRow, toRow }) => {
      return `${label}, ${fromRow} to ${toRow}`
    })
    expect(spans).toEqual([
      'slow link to 1, 2 to 5',
      'slow link to 2, 3 to 9',
      'slow disk, 4 to 7',
      'slow machine, 6 to 8',
    ])
  })

  test('a real run’s logs and states agree with each other at every row', async () => {
    const { timeline } = await pageOf(eventfulLog())
    let compared = 0
    for (let row = 0; row < timeline.rows; row += 1) {
      for (const lane of timeline.header.lanes.keys()) {
        const { state, log } = timeline.snapshot(lane, row)
        const isEvent =
          timeline.lane[row] === lane && timeline.eventName(row) === 'commit'
        if (!isEvent || state.lastLogIndex === undefined) continue
        expect(timeline.entry(log).index).toBe(state.lastLogIndex)
        compared += 1
      }
    }
    expect(compared).toBeGreaterThan(5)
    expect(timeline.marks.leader.length).toBeGreaterThan(2)
    const kinds = new Set(timeline.header.faults.map(({ kind }) => kind))
    expect([...kinds].sort()).toEqual([
      'crash',
      'cut',
      'disconnect',
      'partition',
      'pause',
    ])
    expect(timeline.header.faults.every(({ toRow }) => toRow < timeline.rows)).toBe(true)
  })
})

describe('filters', () => {
  const shown = (timeline: Timeline, filters: Partial<Filters>) =>
    applyFilters(timeline, { ...NO_FILTERS, ...filters })

  test('what is hidden is counted by reason, and nothing is lost', async () => {
    const { timeline } = await pageOf(eventfulLog())
    const filtered = shown(timeline, {
      text: 'set',
      onlyFound: true,
      hideHeartbeats: true,
      servers: [2],
      methods: ['RequestVote'],
      events: ['persist'],
    })
    const hidden = Object.values(filtered.hidden)
    expect(hidden.every((count) => count > 0)).toBe(true)
    const sum = hidden.reduce((total, count) => total + count, filtered.rows.length)
    expect(sum).toBe(timeline.rows)
    expect(filtered.rows.length).toBeGreaterThan(0)
  })

  test('heartbeats are hidden at first where they are most of the run', async () => {
    const idle = await pageOf(realLog({ test: 'idle' }, (world) => world.advance(3000)))
    expect(firstFilters(idle.timeline).hideHeartbeats).toBe(true)
    const busy = await pageOf(realLog({ test: 'short' }, (world) => world.advance(200)))
    expect(firstFilters(busy.timeline).hideHeartbeats).toBe(false)
  })

  test('a heartbeat that is refused, or that tells of a commit, is not routine', async () => {
    const args = (leaderCommit: number) => ({ args: { entries: [], leaderCommit } })
    const refused = { from: 1, to: 0, args: { success: false } }
    const { timeline } = await pageOf(
      logOf(
        start,
        message('send', { id: 'quiet', ...args(0) }, 0),
        message('send', { id: 'news', ...args(1) }, 0),
        message('send', { id: 'old news', ...args(1) }, 0),
        message('send', { id: 'refused', ...args(1) }, 0),
        message('send', { id: 'refused', ...refused }, 1, 'reply'),
      ),
    )
    const { rows } = shown(timeline, { hideHeartbeats: true })
    expect([...rows]).toEqual([0, 2, 4, 5])
  })

  test('search looks at texts in any case, or at a field of the raw line', async () => {
    const { timeline, raw } = await pageOf(
      logOf(
        start,
        { event: 'note', msg: 'Ünder the İce', server: 0 },
        message('send', { id: 'a', args: { leaderCommit: 42 } }, 0),
        { event: 'note', msg: 'leaderCommit', server: 0 },
      ),
    )
    expect([...shown(timeline, { text: 'the ice' }).found]).toEqual([])
    expect([...shown(timeline, { text: 'THE' }).found]).toEqual([1])
    expect([...shown(timeline, { text: 'THE' }).rows]).toEqual([0, 1, 2, 3])
    expect([...shown(timeline, { text: 'THE', onlyFound: true }).rows]).toEqual([1])
    const query = fieldQuery('leaderCommit:42') ?? ''
    const found = await raw.find(query)
    expect([...applyFilters(timeline, NO_FILTERS, found).found]).toEqual([2])
    const hidden = applyFilters(timeline, { ...NO_FILTERS, servers: [0] }, found)
    expect([[...hidden.found], hidden.foundHidden]).toEqual([[], 1])
    // As the terminal shows it.
    expect(fieldQuery('leaderCommit=42')).toBe(query)
    expect(fieldQuery('becomes Leader')).toBeNull()
  })

  test('a text is not found across the end of another', () => {
    const texts = new Texts('abcabcxab', [3, 3, 3])
    expect([...texts.find('ab')]).toEqual([1, 1, 1])
    expect([...texts.find('cab')]).toEqual([0, 0, 0])
    expect([...texts.find('xab')]).toEqual([0, 0, 1])
  })
})

describe('layout', () => {
  const rows = Int32Array.of(0, 1, 2, 3)
  const times = Float64Array.of(0, 1, 301, 302)

  test('idle time is a break, or as long as it was', () => {
    const even = new Layout(rows, times, 'even', ROW_HEIGHT)
    expect([0, 1, 2, 3].map((i) => even.breakBefore(i))).toEqual([0, 0, 300, 0])
    const scaled = new Layout(rows, times, 'time', ROW_HEIGHT)
    expect(scaled.breakBefore(2)).toBe(0)
    const far = scaled.top(2) - scaled.top(1)
    const near = new Layout(rows, Float64Array.of(0, 1, 101, 102), 'time', ROW_HEIGHT)
    expect(far).toBeCloseTo(3 * (near.top(2) - near.top(1)))
    expect(far).toBeGreaterThan(20 * ROW_HEIGHT)
  })

  test('every row is found where it stands', () => {
    const layout = new Layout(rows, times, 'even', ROW_HEIGHT)
    for (const position of rows.keys()) {
      expect(layout.positionAt(layout.top(position))).toBe(position)
    }
    expect(layout.positionOf(2)).toBe(2)
  })

  test('ten million rows are scrolled to their end within what a browser can', () => {
    const many = new Int32Array(10_000_000).map((_, row) => row)
    const layout = new Layout(many, new Float64Array(many.length), 'even', ROW_HEIGHT)
    const viewport = 800
    const end = layout.fromScroll(layout.scrollHeight - viewport, viewport)
    expect(layout.scrollHeight).toBeLessThan(17_000_000)
    expect(end + viewport).toBeCloseTo(layout.height)
    expect(layout.toScroll(end, viewport)).toBeCloseTo(layout.scrollHeight - viewport)
  })

  test('the strip’s axis leaves idle time out, and finds back to every time', () => {
    const scale = new TimeScale(Float64Array.of(0, 10, 5000, 5010), true)
    expect(scale.breaks).toMatchObject([{ ms: 4990 }])
    expect(scale.place(10)).toBeGreaterThan(0.25)
    for (const time of [0, 5, 10, 5000, 5010]) {
      expect(scale.time(scale.place(time))).toBeCloseTo(time)
    }
    expect(new TimeScale(Float64Array.of(0, 10, 5000), false).breaks).toEqual([])
  })
})

describe('what clients do', () => {
  const asks = { event: 'invoke', f: 'put', key: 'x', value: '1', msg: 'asks: put x' }
  const told = { event: 'return', f: 'put', key: 'x', msg: 'put x: done' }

  test('stands in a lane of each', async () => {
    const said = [101, 100].map((client) => ({ ...asks, client }))
    const { timeline } = await pageOf(logOf(start, ...said))
    const lanes = [...timeline.lane].slice(1).map((lane) => timeline.header.lanes[lane])
    expect(lanes).toEqual([
      { kind: 'client', id: 101, label: '101' },
      { kind: 'client', id: 100, label: '100' },
    ])
    expect(timeline.laneOfNode(100)).toBeLessThan(timeline.laneOfNode(101))
    expect(rowText(timeline, 1)).toEqual(['asks: put x', 'value 1', 'asks: put x'])
  })

  test('stands in one lane for all beyond twenty, who each say who they are', async () => {
    const said = Array.from({ length: 21 }, (_, i) => ({ ...asks, client: 100 + i }))
    const { timeline } = await pageOf(logOf(start, ...said))
    expect(timeline.header.lanes.filter(({ kind }) => kind === 'client')).toHaveLength(
      21,
    )
    expect(timeline.header.lanes[timeline.lane.at(-1) ?? 0]?.id).toBe(-1)
    expect(rowText(timeline, 21)[0]).toBe('client 120: asks: put x')
  })

  test('is an operation from its invocation to its return', async () => {
    const done = { ...told, outcome: 'done', answer: { version: 3 } }
    const { timeline } = await pageOf(
      logOf(
        ...[
          start,
          { ...asks, client: 100 },
          { ...asks, client: 101 },
          said('meanwhile'),
        ],
        ...[{ ...done, client: 100 }, said('then')],
      ),
    )
    const [first, second] = [timeline.laneOfNode(100), timeline.laneOfNode(101)]
    const outcomes = (lane: number) =>
      [1, 2, 3, 4, 5].map((row) => timeline.operationsAt(lane, row)[0]?.outcome ?? null)
    expect(outcomes(first)).toEqual(['done', 'done', 'done', 'done', null])
    // Who was never answered does not know.
    expect(outcomes(second)).toEqual([null, ...Array(4).fill('unknown')])
    expect(rowText(timeline, 4)[1]).toBe('version 3')
  })

  function said(msg: string) {
    return { event: 'note', msg }
  }
})

test('an address’s hash brings back the whole view, and nonsense in it is ignored', () => {
  const view = {
    selected: 4,
    top: 2,
    pinned: [1, 7],
    spacing: 'time' as const,
    look: 'lanes' as const,
    filters: {
      text: 'a&b=ü #1',
      onlyFound: true,
      hideHeartbeats: true,
      servers: [0, 2],
      methods: ['RequestVote'],
      events: ['note'],
    },
  }
  expect(readHash(writeHash(view), 10, NO_FILTERS)).toEqual(view)
  expect(readHash('#e=99&top=x&look=x&pin=0,,a&hs=q&hb=', 10, NO_FILTERS)).toMatchObject(
    {
      selected: null,
      top: null,
      look: null,
      pinned: [],
      filters: { servers: [] },
    },
  )
})

test('what a page would swallow is shown as a picture of itself', () => {
  expect(visible('a\0b\u2028c\td\u001b[1m')).toBe('a␀b␤c\td␛[1m')
})

test('a name for a file is short, of plain letters, and never empty', () => {
  expect(slugOf('../../tmp/x')).toBe('tmp-x')
  expect(slugOf('Élection: « même »')).toBe('election-meme')
  expect(slugOf('..')).toBe('test')
  expect(slugOf('x'.repeat(300)).length).toBeLessThan(120)
})
