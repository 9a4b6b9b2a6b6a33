/** No log ends the viewer, and every page that it writes can be read. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { InputError } from '../../src/viz/index.ts'
import { rowText } from '../../src/viz/page/words.ts'
import { readPage, write } from '../viz/logs.ts'
import { fuzz, spoilt } from './fuzz.ts'

const rpc = {
  ...{ id: '0-1', method: 'AppendEntries', kind: 'request', from: 0, to: 1 },
  args: { term: 1, leaderId: 0, entries: [{ term: 1, command: 'x' }], leaderCommit: 0 },
}
const state = { votedFor: 0, commitIndex: 1, nextIndex: { 1: 2 }, matchIndex: { 1: 1 } }
const common = { level: 30, time: 1.5, test: 'a test', msg: 'it happens' }

/** A line of each kind, as the parts write them. */
const LINES = [
  { event: 'test-start', servers: 3, seed: 1, part: 'part1', network: 'simulated' },
  { event: 'role', server: 0, role: 'Leader', term: 1, state },
  { event: 'send', server: 0, role: 'Leader', term: 1, rpc },
  { event: 'receive', server: 1, rpc },
  { event: 'drop', server: 0, rpc: { ...rpc, kind: 'reply' }, reason: 'no link' },
  { event: 'append', server: 1, entries: [{ index: 1, term: 1, command: 'x' }] },
  { event: 'truncate', server: 1, index: 1 },
  { event: 'apply', server: 1, index: 1, command: { key: 'x' } },
  { event: 'fault', fault: { kind: 'partition', groups: [[0], [1, 2]] } },
  { event: 'fault', fault: { kind: 'clock', peer: 1, rate: 2 } },
  { event: 'fault', fault: { kind: 'crash', peer: 1 } },
  { event: 'check', invariant: 'Election Safety' },
  { event: 'snapshot', server: 2, lastIncludedIndex: 4 },
  { event: 'test-end', status: 'fail', durationMs: 3, error: { message: 'no' } },
].map((line) => ({ ...common, ...line }))

const GO_LINES = [
  '=== RUN   TestElection',
  '12:00:00.123 [0] becomes Leader; term=1, nextIndex=map[1:0], log=[{42 1}]',
  '12:00:00.124 [0] sending AppendEntries to 1: ni=0, args={Term:1 LeaderId:0 Entries:[]}',
  '12:00:00.125 [1] AppendEntries: {Term:1 LeaderId:0} [currentTerm=1, votedFor=0, log=[]]',
  '12:00:00.126 [TEST] Crash 1',
  '    raft_test.go:12: expected 1',
  '--- FAIL: TestElection (0.61s)',
]

const ourLine = fc.oneof(...LINES.map(spoilt)).map((line) => JSON.stringify(line))
const goLine = fc.constantFrom(...GO_LINES).chain((line) =>
  fc.oneof(
    fc.constant(line),
    fc.nat(line.length).map((cut) => line.slice(cut)),
    fc.tuple(fc.nat(line.length), fc.string()).map(([at, text]) => {
      return line.slice(0, at) + text + line.slice(at)
    }),
  ),
)
const line = fc.oneof(
  { arbitrary: ourLine, weight: 6 },
  { arbitrary: goLine, weight: 3 },
  { arbitrary: fc.string(), weight: 1 },
)
const text = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.constantFrom('\n', '\r\n', '\n\n'))
  .map(([lines, end]) => Buffer.from(lines.join(end)))

/** The whole of it, cut anywhere, or with some bytes that are others. */
const log = fc.oneof(
  text,
  fc
    .tuple(text, fc.nat())
    .map(([bytes, cut]) => bytes.subarray(0, cut % (bytes.length + 1))),
  fc.tuple(text, fc.array(fc.tuple(fc.nat(), fc.nat(255)))).map(([bytes, changes]) => {
    const changed = Buffer.from(bytes)
    for (const [at, byte] of changes) changed[at % (bytes.length + 1)] = byte
    return changed
  }),
)

fuzz('a log becomes pages that can be read, or is refused', log, async (bytes) => {
  const written = await write(bytes).catch((error) => error)
  if (written instanceof Error) {
    expect(written).toBeInstanceOf(InputError)
    return
  }
  for (const { file } of written.pages) {
    const { timeline, raw } = await readPage(file)
    for (let row = 0; row < timeline.rows; row += 1) {
      rowText(timeline, row)
      const lane = timeline.lane[row] ?? 0
      expect(lane).toBeLessThan(timeline.header.lanes.length)
      if (timeline.isServer(lane)) timeline.snapshot(lane, row)
      await raw.line(row)
    }
  }
})
