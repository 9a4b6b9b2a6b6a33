import { describe, expect, test } from 'vitest'
import { arrowsOf } from '../../src/viz/page/arrows.ts'
import type { Timeline } from '../../src/viz/page/timeline.ts'
import { pageOf, readPage, write } from './logs.ts'

/** Lines in the format of the Go original, of our own making. */
const ELECTION = `=== RUN   TestElectionBasic
10:00:00.100000 [0] listening at [::]:4000
10:00:00.100100 [1] listening at [::]:4001
10:00:00.300000 [1] becomes Candidate (currentTerm=1); log=[]
10:00:00.300100 [1] sending RequestVote to 0: {Term:1 CandidateId:1 LastLogIndex:-1 LastLogTerm:-1}
10:00:00.302000 [0] RequestVote: {Term:1 CandidateId:1 LastLogIndex:-1 LastLogTerm:-1} [currentTerm=0, votedFor=-1, log index/term=(-1, -1)]
10:00:00.302100 [0] becomes Follower with term=1; log=[]
10:00:00.302200 [0] ... RequestVote reply: &{Term:1 VoteGranted:true}
10:00:00.304000 [1] received RequestVoteReply {Term:1 VoteGranted:true}
10:00:00.304100 [1] becomes Leader; term=1, nextIndex=map[0:0], matchIndex=map[0:-1]; log=[]
10:00:00.305000 [1] sending AppendEntries to 0: ni=0, args={Term:1 LeaderId:1 PrevLogIndex:-1 PrevLogTerm:-1 Entries:[{Command:{put a b   true 3} Term:1}] LeaderCommit:-1}
10:00:00.306000 [0] AppendEntries: {Term:1 LeaderId:1 PrevLogIndex:-1 PrevLogTerm:-1 Entries:[{Command:{put a b   true 3} Term:1}] LeaderCommit:-1}
10:00:00.306100 [0] ... log is now: [{{put a b   true 3} 1}]
10:00:00.306200 [0] AppendEntries reply: {Term:1 Success:true}
10:00:00.307000 [1] AppendEntries reply from 0 success: nextIndex := map[0:1], matchIndex := map[0:0]
10:00:00.307100 [1] leader sets commitIndex := 0
10:00:00.400000 [TEST] Disconnect 1
10:00:00.450000 [kv 0] serving HTTP on :14200
10:00:00.460000 [client001] sending api.GetRequest{Key:"a"} to http://localhost:14200/get/
10:00:00.500000 [TEST] Reconnect 1
--- PASS: TestElectionBasic (0.42s)
10:00:00.600000 [1] commitChanSender done
`

function rowOf(timeline: Timeline, text: string): number {
  for (let row = 0; row < timeline.rows; row += 1) {
    if (timeline.texts.get(timeline.text[row] ?? 0).includes(text)) return row
  }
  throw new Error(`no row says "${text}"`)
}

describe('a log of the Go original', () => {
  test('roles and terms are read from its prose', async () => {
    const { timeline } = await pageOf(ELECTION)
    const leader = rowOf(timeline, 'becomes Leader')
    const lane = timeline.laneOfServer(1)
    expect(timeline.snapshot(lane, leader - 1)).toMatchObject({ role: 2, term: 1 })
    expect(timeline.snapshot(lane, leader)).toMatchObject({ role: 3, term: 1 })
    const asked = rowOf(timeline, 'RequestVote: {')
    expect(timeline.term[asked]).toBe(0)
  })

  test('its messages are matched by who says what to whom, and marked as a guess', async () => {
    const { timeline } = await pageOf(ELECTION)
    const rows = Array.from({ length: timeline.rows }, (_, row) => row)
    const arrows = arrowsOf(timeline, rows)
    const text = arrows.map(
      (a) => `${a.method} ${a.isReply ? 'reply' : 'request'} ${a.fromRow}>${a.toRow}`,
    )
    expect(text).toEqual([
      'RequestVote request 3>4',
      'RequestVote reply 6>7',
      'AppendEntries request 9>10',
      'AppendEntries reply 12>13',
    ])
    expect(arrows.every(({ isGuess, end }) => isGuess && end === 'arrives')).toBe(true)
  })

  test('a follower’s log and the commit index are read, counted from 0 as it does', async () => {
    const { timeline } = await pageOf(ELECTION)
    const lane = timeline.laneOfServer(0)
    const { log } = timeline.snapshot(lane, timeline.rows - 1)
    const entry = { index: 0, term: 1, command: '{put a b   true 3}' }
    expect(timeline.entries(log, 0, 9)).toEqual([{ node: log, ...entry }])
    const leader = timeline.snapshot(timeline.laneOfServer(1), timeline.rows - 1)
    expect(leader.state.commitIndex).toBe(0)
  })

  test('faults last from one line of the test to the other', async () => {
    const { timeline } = await pageOf(ELECTION)
    const [span] = timeline.header.faults
    expect(span).toMatchObject({ kind: 'disconnect', lane: timeline.laneOfServer(1) })
    expect(timeline.texts.get(timeline.text[span?.toRow ?? 0] ?? 0)).toBe('Reconnect 1')
  })

  test('clients and key/value servers show, and a line that comes late as well', async () => {
    const { timeline, data } = await pageOf(ELECTION)
    expect(data.header).toMatchObject({ status: 'pass', durationMs: 420, source: 'go' })
    const labels = data.header.lanes.map(({ label }) => label)
    expect(labels).toEqual(['TEST', 'CLIENTS', '0', '1'])
    expect(timeline.lane[rowOf(timeline, 'client001: sending')]).toBe(1)
    expect(timeline.lane[rowOf(timeline, 'kv: serving')]).toBe(2)
    expect(rowOf(timeline, 'commitChanSender done')).toBe(timeline.rows - 1)
  })

  test('raw lines are kept as they are', async () => {
    const { raw } = await pageOf(ELECTION)
    expect(await raw.line(0)).toBe('10:00:00.100000 [0] listening at [::]:4000')
  })
})

const RESULTS = `=== RUN   TestParent
=== RUN   TestParent/first
10:00:01.000000 [0] becomes Follower with term=1; log=[]
    raft_test.go:42: want one leader,
        got two: <b>0</b> and 1
    raft_test.go:50: and more
10:00:01.100000 [9] becomes Dead
=== RUN   TestParent/second_(of_2)
    raft_test.go:60: not today
--- FAIL: TestParent (0.30s)
    --- FAIL: TestParent/first (0.20s)
    --- SKIP: TestParent/second_(of_2) (0.00s)
=== RUN   TestAgain
--- PASS: TestAgain (0.00s)
=== RUN   TestAgain
--- FAIL: TestAgain (0.00s)
=== RUN   TestCutOff
23:59:59.900000 [0] before midnight
00:00:00.100000 [0] after midnight
`

describe('results of go test', () => {
  test('subtests, skips, repeated names and a cut-off run each get their status', async () => {
    const { pages } = await write(RESULTS)
    expect(pages.map(({ test, status }) => `${test} ${status}`)).toEqual([
      'TestParent fail',
      'TestParent/first fail',
      'TestParent/second_(of_2) skip',
      'TestAgain pass',
      'TestAgain fail',
      'TestCutOff unfinished',
    ])
  })

  test('an assertion’s text is the failure’s message, and the page opens there', async () => {
    const { pages } = await write(RESULTS)
    const { timeline, data } = await readPage(pages[1]?.file ?? '')
    expect(data.header.failure?.message).toBe(
      'raft_test.go:42: want one leader,\ngot two: <b>0</b> and 1\nraft_test.go:50: and more',
    )
    expect(data.header.openAt).toBe(rowOf(timeline, 'want one leader'))
    expect(timeline.header.lanes.map(({ label }) => label)).toEqual(['TEST', '0', '9'])
  })

  test('time goes on over midnight', async () => {
    const { pages } = await write(RESULTS)
    const { timeline } = await readPage(pages[5]?.file ?? '')
    expect([...timeline.times]).toEqual([0, 200])
  })

  test('a test binary that dies fails its test', async () => {
    const log = `=== RUN   TestX
10:00:00.000001 [0] becomes Dead
panic: runtime error: index out of range

goroutine 1 [running]:
main.main()
FAIL	example.org/raft	0.1s
`
    const { pages } = await write(log.replaceAll('\n', '\r\n'))
    expect(pages).toMatchObject([
      { status: 'fail', failure: 'panic: runtime error: index out of range' },
    ])
  })

  test('a line over 64 KiB does not end the reading', async () => {
    const long = `10:00:00.000001 [0] log=[${'{1 1} '.repeat(20_000)}]`
    const log = `=== RUN   TestX\n${long}\n10:00:00.000002 [0] on it goes\n`
    const { timeline, raw } = await pageOf(log)
    expect(timeline.rows).toBe(2)
    expect(await raw.line(0)).toBe(long)
  })
})
