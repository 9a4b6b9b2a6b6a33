/** The rules of Figure 2, one server at a time: what it is told, and what it must do. */
import { silentLogger, VirtualClock } from 'tools/lab'
import { expect, test, vi } from 'vitest'
import {
  type AppendEntriesArgs,
  type AppendEntriesReply,
  type AppliedEntry,
  ConsensusModule,
  type LogEntry,
  type Report,
  type RequestVoteArgs,
  type RequestVoteReply,
} from '../src/raft.ts'
import { MemoryStorage } from '../src/storage.ts'

/** One server of a cluster whose other servers are played by the test. */
function oneServerOf(size: number, storage = new MemoryStorage()) {
  const clock = new VirtualClock()
  const changes: Report[] = []
  const votes: { args: RequestVoteArgs; reply: (reply: RequestVoteReply) => void }[] = []
  const appends: {
    args: AppendEntriesArgs
    reply: (reply: AppendEntriesReply) => void
  }[] = []
  const applied: AppliedEntry[] = []
  const onApply: ((entry: AppliedEntry) => void)[] = []
  const peers = Array.from({ length: size - 1 }, (_, i) => ({
    id: i + 1,
    requestVote: (args: RequestVoteArgs, reply: (reply: RequestVoteReply) => void) => {
      votes.push({ args, reply })
    },
    appendEntries: (
      args: AppendEntriesArgs,
      reply: (reply: AppendEntriesReply) => void,
    ) => {
      appends.push({ args, reply })
    },
  }))
  const server = new ConsensusModule({
    id: 0,
    peers,
    clock,
    random: () => 0,
    logger: silentLogger,
    onChange: (report) => changes.push(report),
    storage,
    apply: (entry) => {
      applied.push(entry)
      for (const each of onApply) each(entry)
    },
  })
  server.start()
  return { server, clock, votes, appends, applied, onApply, changes, storage }
}

const vote = (term: number, candidateId: number): RequestVoteArgs => ({
  term,
  candidateId,
  lastLogIndex: 0,
  lastLogTerm: 0,
})

const heartbeat = (term: number, leaderId: number): AppendEntriesArgs => ({
  term,
  leaderId,
  prevLogIndex: 0,
  prevLogTerm: 0,
  entries: [],
  leaderCommit: 0,
})

/** Entries of these terms, each with a command that names its index and term. */
const entriesOf = (...terms: number[]): LogEntry[] => entriesAfter(0, ...terms)

const entriesAfter = (prevLogIndex: number, ...terms: number[]): LogEntry[] =>
  terms.map((term, i) => ({ command: `${prevLogIndex + 1 + i} of ${term}`, term }))

/** A leader of term 1, whose log ends at `last`. */
function leaderOf(size: number) {
  const cluster = oneServerOf(size)
  cluster.clock.advance(TIMEOUT_MS)
  for (const { reply } of cluster.votes) reply({ term: 1, voteGranted: true })
  return { ...cluster, last: 0, before: { prevLogIndex: 0, prevLogTerm: 0 } }
}

/** A server that knows no others yet. */
function notStarted(random: () => number) {
  const clock = new VirtualClock()
  const server = new ConsensusModule({
    id: 0,
    peers: [],
    clock,
    random,
    logger: silentLogger,
    storage: new MemoryStorage(),
    apply: () => {},
  })
  return { server, clock }
}

/** With `random` at 0 every election timer runs this long. */
const TIMEOUT_MS = 150

test('a follower that hears nothing becomes a candidate and votes for itself (5.2)', () => {
  const { server, clock, votes } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 1 })
  expect(server.votedFor).toBe(0)
  expect(votes.map(({ args }) => args)).toEqual([vote(1, 0), vote(1, 0)])
})

test('every wait for a leader is drawn anew, between its bounds (5.2)', () => {
  const draws = [0.5, 0.25]
  const { server, clock } = notStarted(() => draws.shift() ?? 0)
  server.start()
  clock.advance(200)
  server.appendEntries(heartbeat(0, 1))
  clock.advance(187)
  expect(server.report().role).toBe('Follower')
  clock.advance(1)
  expect(server.report().role).toBe('Leader')
})

test('a server votes once in a term, first come, first served (5.2)', () => {
  const { server } = oneServerOf(5)
  const granted = { term: 3, voteGranted: true }
  const refused = { term: 3, voteGranted: false }
  expect(server.requestVote(vote(3, 1))).toEqual(granted)
  expect(server.requestVote(vote(3, 2))).toEqual(refused)
  // The same candidate asks again when the answer was lost.
  expect(server.requestVote(vote(3, 1))).toEqual(granted)
})

test('a candidate that loses to a leader of its term does not vote again in it (5.2)', () => {
  const { server, clock } = oneServerOf(5)
  clock.advance(TIMEOUT_MS)
  server.appendEntries(heartbeat(1, 1))
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
  expect(server.requestVote(vote(1, 2))).toMatchObject({
    voteGranted: false,
  })
})

test('a candidate of an older term is told the newer one, and holds back no election (5.1)', () => {
  const { server, clock } = oneServerOf(3)
  server.requestVote(vote(5, 1))
  clock.advance(TIMEOUT_MS - 1)
  expect(server.requestVote(vote(4, 2))).toEqual({ term: 5, voteGranted: false })
  clock.advance(1)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 6 })
})

test('a leader of an older term is told the newer one, and holds back no election (5.1)', () => {
  const { server, clock } = oneServerOf(3)
  server.appendEntries(heartbeat(5, 1))
  clock.advance(TIMEOUT_MS - 1)
  expect(server.appendEntries(heartbeat(4, 2))).toMatchObject({
    term: 5,
    success: false,
  })
  clock.advance(1)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 6 })
})

test('a vote that is refused does not hold back an election (5.2)', () => {
  const { server, clock } = oneServerOf(5)
  server.requestVote(vote(1, 1))
  clock.advance(TIMEOUT_MS - 1)
  server.requestVote(vote(1, 2))
  clock.advance(1)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 2 })
})

test('a wait that begins anew ends the one before (5.2)', () => {
  const { server, clock } = oneServerOf(5)
  clock.advance(TIMEOUT_MS - 1)
  server.requestVote(vote(1, 1))
  clock.advance(TIMEOUT_MS)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 2 })
})

test('a vote that is given holds back an election (5.2)', () => {
  const { server, clock } = oneServerOf(5)
  clock.advance(TIMEOUT_MS - 1)
  server.requestVote(vote(1, 1))
  clock.advance(TIMEOUT_MS - 1)
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

test('a heartbeat ends the wait before it (5.2)', () => {
  const { server, clock } = oneServerOf(5)
  clock.advance(TIMEOUT_MS - 1)
  server.appendEntries(heartbeat(1, 1))
  clock.advance(TIMEOUT_MS)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 2 })
})

test('a heartbeat holds back an election (5.2)', () => {
  const { server, clock } = oneServerOf(5)
  clock.advance(TIMEOUT_MS - 1)
  const answer = { term: 1, success: true }
  expect(server.appendEntries(heartbeat(1, 1))).toEqual(answer)
  clock.advance(TIMEOUT_MS - 1)
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

test('a leader is heard, though its entries do not fit yet (5.2)', () => {
  const { server, clock } = oneServerOf(5)
  clock.advance(TIMEOUT_MS - 1)
  const beyond = { ...heartbeat(1, 1), prevLogIndex: 9, prevLogTerm: 1 }
  expect(server.appendEntries(beyond)).toMatchObject({ term: 1, success: false })
  clock.advance(TIMEOUT_MS - 1)
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

test('to hear of a higher term does not hold back an election (5.2)', () => {
  const { server, clock, votes } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  clock.advance(TIMEOUT_MS - 1)
  votes[0]?.reply({ term: 4, voteGranted: false })
  clock.advance(1)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 5 })
})

test('the votes of a majority make a leader, and fewer do not (5.2)', () => {
  const { server, clock, votes, appends } = oneServerOf(5)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 1, voteGranted: true })
  votes[1]?.reply({ term: 1, voteGranted: false })
  expect(server.report().role).toBe('Candidate')
  votes[2]?.reply({ term: 1, voteGranted: true })
  expect(server.report().role).toBe('Leader')
  // It says so at once, to all.
  expect(appends.map(({ args }) => args)).toEqual(Array(4).fill(heartbeat(1, 0)))
})

test('half of an even cluster is no majority', () => {
  const { server, clock, votes } = oneServerOf(4)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 1, voteGranted: true })
  expect(server.report().role).toBe('Candidate')
  votes[1]?.reply({ term: 1, voteGranted: true })
  expect(server.report().role).toBe('Leader')
})

test('a vote that arrives twice counts once', () => {
  const { server, clock, votes } = oneServerOf(5)
  clock.advance(TIMEOUT_MS)
  for (let i = 0; i < 3; i += 1) votes[0]?.reply({ term: 1, voteGranted: true })
  expect(server.report().role).toBe('Candidate')
})

test('a vote for an earlier election does not count in this one', () => {
  const { server, clock, votes } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  clock.advance(TIMEOUT_MS)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 2 })
  votes[0]?.reply({ term: 1, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 2 })
})

test('a vote that arrives after stepping down changes nothing', () => {
  const { server, clock, votes } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  server.appendEntries(heartbeat(1, 1))
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
  votes[0]?.reply({ term: 1, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

test('a candidate or leader that hears of a higher term follows in it (5.1)', () => {
  const { server, clock, votes, appends } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 4, voteGranted: false })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 4 })
  expect(server.votedFor).toBeNull()

  clock.advance(TIMEOUT_MS)
  votes[2]?.reply({ term: 5, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Leader', term: 5 })
  appends[0]?.reply({ term: 7, success: false })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 7 })

  // It sends no heartbeat any more, and waits for the next leader as any follower.
  const sent = appends.length
  clock.advance(TIMEOUT_MS - 1)
  expect(appends).toHaveLength(sent)
  clock.advance(1)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 8 })
})

test('a request tells of a higher term, too, and so does a late answer (5.1)', () => {
  const { server, clock, votes, appends } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 1, voteGranted: true })
  expect(server.appendEntries(heartbeat(2, 1))).toMatchObject({ term: 2, success: true })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 2 })
  // It is no candidate any more, and no leader; a term is a term all the same.
  votes[1]?.reply({ term: 3, voteGranted: false })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 3 })
  appends[0]?.reply({ term: 4, success: false })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 4 })
})

test('a leader repeats its heartbeat at every interval (5.2)', () => {
  const { server, clock, votes, appends } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 1, voteGranted: true })
  clock.advance(200)
  expect(appends).toHaveLength(2 * (1 + 4))
  // It waits for no leader: its own election timer is off.
  expect(server.report()).toMatchObject({ role: 'Leader', term: 1 })
})

test('a leader obeys no other leader of its term (5.2)', () => {
  const { server, clock, votes } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 1, voteGranted: true })
  expect(server.appendEntries(heartbeat(1, 1))).toMatchObject({ success: false })
  clock.advance(10 * TIMEOUT_MS)
  expect(server.report()).toMatchObject({ isLeader: true, term: 1 })
})

test('a server that was not started answers nothing', () => {
  const { server } = notStarted(() => 0)
  expect(server.requestVote(vote(1, 1))).toBeNull()
  expect(server.appendEntries(heartbeat(1, 1))).toBeNull()
})

test('a server that was stopped answers nothing and does nothing', () => {
  const { server, clock, votes } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  server.stop()
  votes[0]?.reply({ term: 9, voteGranted: true })
  expect(server.requestVote(vote(9, 1))).toBeNull()
  expect(server.appendEntries(heartbeat(9, 1))).toBeNull()
  clock.advance(10_000)
  expect(server.report()).toMatchObject({ role: 'Dead', term: 1, isLeader: false })
  expect(votes).toHaveLength(2)
})

test('a leader that was stopped sends no more heartbeats', () => {
  const { server, clock, votes, appends } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 1, voteGranted: true })
  const sent = appends.length
  server.stop()
  clock.advance(1_000)
  expect(appends).toHaveLength(sent)
})

test('a server knows who leads its term, once it has heard of it (Figure 2)', () => {
  const { server, clock, votes } = oneServerOf(3)
  expect(server.report().leaderId).toBeNull()
  server.appendEntries(heartbeat(1, 2))
  expect(server.report().leaderId).toBe(2)
  // Another term has a leader of its own, or none.
  server.requestVote(vote(2, 1))
  expect(server.report().leaderId).toBeNull()
  server.appendEntries(heartbeat(2, 1))
  expect(server.report().leaderId).toBe(1)
  clock.advance(TIMEOUT_MS)
  expect(server.report().leaderId).toBeNull()
  votes[0]?.reply({ term: 3, voteGranted: true })
  expect(server.report().leaderId).toBe(0)
  server.stop()
  expect(server.report().leaderId).toBeNull()
})

test('every change of role or term is told to whoever asked for it', () => {
  const { server, clock, votes, changes } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 1, voteGranted: true })
  server.requestVote(vote(2, 1))
  server.requestVote(vote(3, 2))
  // To hear from the leader of one's term, or from a lower one, changes neither.
  server.appendEntries(heartbeat(3, 2))
  server.requestVote(vote(1, 1))
  server.stop()
  server.stop()
  expect(changes.map(({ role, term }) => `${role} ${term}`)).toEqual([
    'Follower 0',
    'Candidate 1',
    'Leader 1',
    'Follower 2',
    'Follower 3',
    'Dead 3',
  ])
})

test('a candidate says where its log ends (5.4.1)', () => {
  const { server, clock, votes } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(2, 1), entries: entriesOf(1, 2) })
  clock.advance(TIMEOUT_MS)
  expect(votes[0]?.args).toMatchObject({ lastLogIndex: 2, lastLogTerm: 2 })
})

test('a vote goes only to a candidate whose log is up to date, last term first (5.4.1)', () => {
  const { server } = oneServerOf(5)
  server.appendEntries({ ...heartbeat(2, 1), entries: entriesOf(1, 1, 2) })
  const asLong = { lastLogIndex: 3, lastLogTerm: 2 }
  const empty = { lastLogIndex: 0, lastLogTerm: 0 }
  const shorter = { ...asLong, lastLogIndex: 2 }
  const longerButOlder = { lastLogIndex: 9, lastLogTerm: 1 }
  const shorterButNewer = { lastLogIndex: 1, lastLogTerm: 3 }
  const getsVote = (term: number, log: typeof asLong) =>
    server.requestVote({ ...vote(term, 2), ...log })?.voteGranted
  expect(getsVote(3, empty)).toBe(false)
  expect(getsVote(4, shorter)).toBe(false)
  expect(getsVote(5, longerButOlder)).toBe(false)
  expect(getsVote(6, asLong)).toBe(true)
  expect(getsVote(7, shorterButNewer)).toBe(true)
})

test('a follower takes entries only after the one that they follow (5.3)', () => {
  const { server } = oneServerOf(3)
  const after = (prevLogIndex: number, prevLogTerm: number, ...terms: number[]) =>
    server.appendEntries({
      ...heartbeat(3, 1),
      prevLogIndex,
      prevLogTerm,
      entries: entriesAfter(prevLogIndex, ...terms),
    })?.success
  expect(after(1, 1)).toBe(false)
  expect(after(1, 0, 1)).toBe(false)
  expect(after(1, 1, 1)).toBe(false)
  expect(after(0, 0, 1, 1)).toBe(true)
  expect(after(2, 2, 3)).toBe(false)
  expect(after(2, 1, 3)).toBe(true)
  expect(server.log).toEqual(entriesOf(1, 1, 3))
})

test('from a conflict on, the leader’s entries replace a follower’s (5.3)', () => {
  const { server } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(2, 1), entries: entriesOf(1, 1, 2, 2) })
  server.appendEntries({ ...heartbeat(3, 2), entries: entriesOf(1, 1, 3) })
  expect(server.log).toEqual(entriesOf(1, 1, 3))
  server.appendEntries({ ...heartbeat(4, 1), entries: entriesOf(1, 1, 4) })
  expect(server.log).toEqual(entriesOf(1, 1, 4))
})

test('a message that comes late or twice removes nothing and adds nothing', () => {
  const { server } = oneServerOf(3)
  const logAfter = (entries: LogEntry[]) => {
    server.appendEntries({ ...heartbeat(1, 1), entries })
    return server.log
  }
  const all = entriesOf(1, 1, 1)
  expect(logAfter(all)).toEqual(all)
  expect(logAfter([])).toEqual(all)
  expect(logAfter(entriesOf(1))).toEqual(all)
  expect(logAfter(entriesOf(1, 1))).toEqual(all)
  expect(logAfter(entriesOf(1, 1, 1))).toEqual(all)
})

test('a follower commits no further than the entries that the message speaks of', () => {
  const { server, applied } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(1, 1), entries: entriesOf(1, 1, 1) })
  // The third entry may be one that this leader does not have, and a fourth is to come.
  const entries = entriesOf(1, 1)
  server.appendEntries({ ...heartbeat(2, 2), entries, leaderCommit: 4 })
  expect(server.report().commitIndex).toBe(2)
  expect(applied).toEqual([
    { index: 1, command: '1 of 1', term: 1 },
    { index: 2, command: '2 of 1', term: 1 },
  ])
})

test('what is committed is applied once and in order, whatever late messages say', () => {
  const { server, applied } = oneServerOf(3)
  const entries = entriesOf(1, 1)
  server.appendEntries({ ...heartbeat(1, 1), entries, leaderCommit: 2 })
  server.appendEntries({ ...heartbeat(1, 1), entries, leaderCommit: 1 })
  expect(server.report()).toMatchObject({ commitIndex: 2, lastApplied: 2 })
  server.appendEntries({ ...heartbeat(1, 1), entries, leaderCommit: 2 })
  expect(server.report()).toMatchObject({ commitIndex: 2, lastApplied: 2 })
  expect(applied.map(({ index }) => index)).toEqual([1, 2])
})

test('a leader sends what a follower lacks, what that follows, and what is committed (5.3)', () => {
  const { server, clock, appends, last, before } = leaderOf(2)
  appends.length = 0
  for (const command of ['a', 'b']) server.submit(command)
  clock.advance(50)
  const [one] = appends.splice(0)
  const entries = ['a', 'b'].map((command) => ({ command, term: 1 }))
  expect(one?.args).toMatchObject({ ...before, entries, leaderCommit: last })
  one?.reply({ term: 1, success: true })
  clock.advance(50)
  const nothing = { prevLogIndex: last + 2, prevLogTerm: 1, entries: [] }
  expect(appends.at(-1)?.args).toMatchObject({ ...nothing, leaderCommit: last + 2 })
})

test('a leader that was just elected knows of nobody’s entries (Figure 2)', () => {
  const { server, clock, votes } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(2, 1), entries: entriesOf(1, 2) })
  clock.advance(TIMEOUT_MS)
  for (const { reply } of votes) reply({ term: 3, voteGranted: true })
  expect(server.report().role).toBe('Leader')
  expect([...server.matchIndex.values()]).toEqual([0, 0])
})

test('an entry is committed once a majority holds it, the leader included (5.3)', () => {
  const { server, clock, appends, last } = leaderOf(5)
  expect(server.submit('x')).toBe(last + 1)
  clock.advance(50)
  const carrying = appends.filter(({ args }) => args.entries.length === 1)
  carrying[0]?.reply({ term: 1, success: true })
  carrying[0]?.reply({ term: 1, success: true })
  expect(server.report().commitIndex).toBe(last)
  // The last peer counts as much as the first.
  carrying[3]?.reply({ term: 1, success: true })
  expect(server.report().commitIndex).toBe(last + 1)
})

// Not as in part2: what is submitted does not wait for the next heartbeat.
test('a cluster of one commits what it takes, without asking anybody', () => {
  const { server, clock, applied } = leaderOf(1)
  server.submit('x')
  clock.advance(0)
  expect(applied.map(({ command }) => command)).toEqual(['x'])
})

test('half of an even cluster commits nothing', () => {
  const { server, clock, appends, last } = leaderOf(4)
  server.submit('x')
  clock.advance(50)
  const carrying = appends.filter(({ args }) => args.entries.length === 1)
  carrying[0]?.reply({ term: 1, success: true })
  expect(server.report().commitIndex).toBe(last)
  carrying[1]?.reply({ term: 1, success: true })
  expect(server.report().commitIndex).toBe(last + 1)
})

test('an entry of an older term is not committed by counting copies (5.4.2, figure 8)', () => {
  const { server, clock, votes, appends } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(2, 1), entries: entriesOf(2) })
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 3, voteGranted: true })
  appends[0]?.reply({ term: 3, success: true })
  appends[1]?.reply({ term: 3, success: true })
  // It is on all three servers, and could still be overwritten.
  expect(server.report().commitIndex).toBe(0)

  server.submit('of term 3')
  clock.advance(50)
  appends.find(({ args }) => args.entries.length > 0)?.reply({ term: 3, success: true })
  expect(server.report().commitIndex).toBe(2)
})

test('an answer speaks of what was sent, not of what the log holds by then', () => {
  const { server, clock, appends, last } = leaderOf(3)
  server.submit('first')
  clock.advance(50)
  const carrying = appends.find(({ args }) => args.entries.length === 1)
  server.submit('second')
  carrying?.reply({ term: 1, success: true })
  expect(server.report().commitIndex).toBe(last + 1)
})

/** A leader of term 1 whose entry another leader has replaced, with what it had sent. */
function leaderDeposed() {
  const leader = leaderOf(5)
  const { server, clock, appends, before } = leader
  server.submit('x')
  clock.advance(0)
  const carrying = appends.filter(({ args }) => args.entries.length > 0)
  const depose = () =>
    server.appendEntries({ ...heartbeat(2, 4), ...before, entries: entriesOf(2) })
  return { ...leader, carrying, depose }
}

test('answers to a leader that was deposed commit nothing', () => {
  const { server, carrying, depose, last } = leaderDeposed()
  depose()
  for (const { reply } of carrying) reply({ term: 1, success: true })
  expect(server.report()).toMatchObject({ role: 'Follower', commitIndex: last })
})

test('answers to what it sent as an earlier leader commit nothing', () => {
  const { server, clock, votes, appends, before, last } = leaderOf(3)
  for (const command of ['a', 'b', 'c']) server.submit(command)
  clock.advance(50)
  const sent = appends.filter(({ args }) => args.entries.length > 0)
  // Another leader replaces them; then this server leads again, and takes others.
  server.appendEntries({ ...heartbeat(2, 2), ...before, entries: entriesOf(2) })
  votes.length = 0
  clock.advance(TIMEOUT_MS)
  for (const { reply } of votes) reply({ term: 3, voteGranted: true })
  for (const command of ['d', 'e']) server.submit(command)
  for (const { reply } of sent) reply({ term: 1, success: true })
  expect(server.report()).toMatchObject({ isLeader: true, term: 3, commitIndex: last })
})

/** A leader that knows its follower to have three entries, and older messages of its own. */
function leaderAnswered() {
  const cluster = leaderOf(2)
  for (const command of ['a', 'b', 'c']) cluster.server.submit(command)
  cluster.clock.advance(50)
  const carrying = cluster.appends.find(({ args }) => args.entries.length === 3)
  carrying?.reply({ term: 1, success: true })
  const heartbeats = cluster.appends.filter(({ args }) => args.entries.length === 0)
  return { ...cluster, heartbeats }
}

test('a late answer does not undo what the leader knows of a follower', () => {
  const { server, clock, appends, heartbeats, last } = leaderAnswered()
  for (const { reply } of heartbeats) reply({ term: 1, success: true })
  appends.length = 0
  clock.advance(50)
  expect(server.report().commitIndex).toBe(last + 3)
  expect(appends[0]?.args).toMatchObject({ prevLogIndex: last + 3, entries: [] })
})

test('a late refusal does not undo what the leader knows of a follower', () => {
  const { clock, appends, heartbeats, last } = leaderAnswered()
  const sent = appends.length
  for (const { reply } of heartbeats) reply({ term: 1, success: false })
  expect(appends).toHaveLength(sent)
  appends.length = 0
  clock.advance(50)
  expect(appends[0]?.args).toMatchObject({ prevLogIndex: last + 3, entries: [] })
})

test('a command that cannot be sent as it is gets refused with a clear error', () => {
  const { server, last } = leaderOf(3)
  const halfAnEmoji = '🛶'.slice(0, 1)
  expect(() => server.submit(halfAnEmoji)).toThrow('must be well-formed Unicode')
  expect(server.log).toHaveLength(last)
})

test('a leader that stepped down takes no commands', () => {
  const { server, appends, clock, last } = leaderOf(3)
  clock.advance(50)
  appends[0]?.reply({ term: 2, success: false })
  expect(server.submit('x')).toBeNull()
  expect(server.log).toHaveLength(last)
})

test('after it was stopped by its state machine a server applies nothing more', () => {
  const { server, applied, onApply } = oneServerOf(3)
  onApply.push(() => server.stop())
  const entries = entriesOf(1, 1, 1)
  const args = { ...heartbeat(1, 1), entries, leaderCommit: 3 }
  expect(server.appendEntries(args)).toBeNull()
  expect(applied.map(({ index }) => index)).toEqual([1])
  expect(server.report()).toMatchObject({ role: 'Dead', lastApplied: 1 })
})

test('a leader that its state machine stops says nothing more', () => {
  const { server, clock, appends, onApply, last } = leaderOf(3)
  onApply.push(() => server.stop())
  // The second has not been sent when the answer to the first stops the server.
  for (const letter of ['a', 'b']) server.submit(letter.repeat(600_000))
  clock.advance(50)
  const sent = appends.length
  for (const { args, reply } of [...appends]) {
    if (args.entries.length > 0) reply({ term: 1, success: true })
  }
  clock.advance(1_000)
  expect(appends).toHaveLength(sent)
  expect(server.report()).toMatchObject({ role: 'Dead', lastApplied: last + 1 })
})

test('a state machine that throws stops its server, and the entry is not applied', () => {
  const { server, onApply } = oneServerOf(3)
  onApply.push(({ index }) => {
    if (index === 2) throw new Error('the state machine is broken')
  })
  const entries = entriesOf(1, 1, 1)
  const args = { ...heartbeat(1, 1), entries, leaderCommit: 3 }
  expect(() => server.appendEntries(args)).toThrow('the state machine is broken')
  expect(server.report()).toMatchObject({ role: 'Dead', lastApplied: 1 })
  expect(server.appendEntries(args)).toBeNull()
})

test('a command too long for one message is refused with a clear error', () => {
  const { server, last } = leaderOf(3)
  expect(() => server.submit('x'.repeat(2_000_001))).toThrow('2000000 characters long')
  expect(server.log).toHaveLength(last)
  expect(server.submit('x'.repeat(2_000_000))).toBe(last + 1)
})

test('more than one message takes goes in several', () => {
  const { server, clock, appends, last } = leaderOf(2)
  for (const letter of ['a', 'b', 'c']) server.submit(letter.repeat(600_000))
  const carrying = () => appends.findLast(({ args }) => args.entries.length > 0)
  clock.advance(50)
  expect(carrying()?.args).toMatchObject({ prevLogIndex: last, entries: [{}] })
  carrying()?.reply({ term: 1, success: true })
  clock.advance(50)
  expect(carrying()?.args).toMatchObject({ prevLogIndex: last + 1, entries: [{}] })
})

test('a command longer than a message takes goes by itself', () => {
  const { server, clock, appends } = leaderOf(2)
  for (const letter of ['a', 'b']) server.submit(letter.repeat(1_000_001))
  clock.advance(50)
  const carrying = appends.find(({ args }) => args.entries.length > 0)
  expect(carrying?.args.entries).toHaveLength(1)
})

test('an entry counts for more than its command: many short ones go in several, too', () => {
  const { server, clock, appends } = leaderOf(2)
  for (let i = 0; i < 6_000; i += 1) server.submit('x'.repeat(50))
  clock.advance(50)
  const carrying = appends.find(({ args }) => args.entries.length > 0)
  expect(carrying?.args.entries).toHaveLength(5_000)
})

test('what is submitted in one turn waits for one timer', () => {
  const { server, clock, appends } = leaderOf(3)
  const setTimeout = vi.spyOn(clock, 'setTimeout')
  for (const command of ['a', 'b', 'c']) server.submit(command)
  expect(setTimeout).toHaveBeenCalledTimes(1)
  clock.advance(0)
  server.submit('d')
  for (const { reply } of appends.slice()) reply({ term: 1, success: true })
  clock.advance(0)
  expect(appends.at(-1)?.args.entries).toMatchObject([{ command: 'd' }])
})

test('a leader deposed in the turn of a submission sends nothing more', () => {
  const { server, clock, appends } = leaderOf(3)
  const sent = appends.length
  server.submit('x')
  server.requestVote(vote(2, 1))
  clock.advance(TIMEOUT_MS - 1)
  expect(appends).toHaveLength(sent)
})

test('a peer that has entries to answer is sent no more until it does', () => {
  const { server, clock, appends } = leaderOf(2)
  server.submit('a')
  clock.advance(0)
  const carrying = appends.at(-1)
  const sent = appends.length
  server.submit('b')
  clock.advance(0)
  expect(appends).toHaveLength(sent)
  carrying?.reply({ term: 1, success: true })
  expect(appends.at(-1)?.args.entries).toMatchObject([{ command: 'b' }])
})

test('a leader elected again waits for no answer of its last time', () => {
  const { server, clock, votes, appends } = leaderOf(2)
  server.submit('x')
  clock.advance(0)
  server.requestVote(vote(2, 1))
  clock.advance(TIMEOUT_MS)
  votes.at(-1)?.reply({ term: 3, voteGranted: true })
  server.submit('y')
  clock.advance(0)
  expect(appends.at(-1)?.args.entries.at(-1)).toMatchObject({ command: 'y' })
})

test('a candidate keeps its new term and vote before it asks for votes', () => {
  const { clock, votes, storage } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  expect(votes).toHaveLength(2)
  expect(afterCrash(storage)).toMatchObject({ currentTerm: 1, votedFor: 0 })
})

test('a vote is kept before the candidate hears of it', () => {
  const { server, storage } = oneServerOf(3)
  expect(server.requestVote(vote(4, 2))).toMatchObject({ voteGranted: true })
  expect(afterCrash(storage)).toMatchObject({ currentTerm: 4, votedFor: 2 })

  const { server: next } = oneServerOf(3, storage)
  expect(next.requestVote(vote(4, 1))).toMatchObject({ voteGranted: false })
  expect(next.requestVote(vote(4, 2))).toMatchObject({ voteGranted: true })
})

test('a higher term is kept by whoever hears of it', () => {
  const { server, clock, votes, storage } = oneServerOf(3)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 7, voteGranted: false })
  expect(afterCrash(storage)).toMatchObject({ currentTerm: 7, votedFor: null })
  server.appendEntries(heartbeat(9, 1))
  expect(afterCrash(storage)).toMatchObject({ currentTerm: 9, votedFor: null })
})

test('entries are kept before the leader hears that they are held', () => {
  const { server, storage } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(1, 1), entries: entriesOf(1, 1, 1) })
  server.appendEntries({ ...heartbeat(2, 2), entries: entriesOf(1, 2) })
  expect(afterCrash(storage).log).toEqual(entriesOf(1, 2))
})

test('entries are sent before the leader keeps them, which happens meanwhile (10.2.1)', () => {
  const { server, clock, appends, storage, last } = leaderOf(3)
  const carrying = () => appends.filter(({ args }) => args.entries.length > 0)
  const sentBeforeSync: number[] = []
  const sync = storage.sync.bind(storage)
  storage.sync = () => {
    sentBeforeSync.push(carrying().length)
    sync()
  }
  server.submit('x')
  server.submit('y')
  clock.advance(0)
  expect(sentBeforeSync).toEqual([2])
  expect(afterCrash(storage).log).toHaveLength(last + 2)
})

test('a leader counts itself once it keeps an entry, and not before (10.2.1)', () => {
  const { server, clock, appends, storage, last } = leaderOf(5)
  const committedBefore: number[] = []
  const sync = storage.sync.bind(storage)
  storage.sync = () => {
    const carrying = appends.filter(({ args }) => args.entries.length > 0)
    // Two of five have it: with the leader, a majority.
    for (const { reply } of carrying.slice(0, 2)) reply({ term: 1, success: true })
    committedBefore.push(server.commitIndex)
    sync()
  }
  server.submit('x')
  clock.advance(0)
  expect(committedBefore).toEqual([last])
  expect(server.commitIndex).toBe(last + 1)
})

test('a leader deposed before it keeps its entries does not count the answers to them', () => {
  const { server, clock, appends, last, before } = leaderOf(5)
  server.submit('x')
  clock.setTimeout(() => {
    const carrying = appends.filter(({ args }) => args.entries.length > 0)
    for (const { reply } of carrying.slice(0, 2)) reply({ term: 1, success: true })
    server.appendEntries({ ...heartbeat(2, 4), ...before, entries: entriesOf(2) })
  }, 0)
  clock.advance(0)
  expect(server.report()).toMatchObject({ role: 'Follower', commitIndex: last })
})

test('a leader keeps all that it took, however long it is', () => {
  const { server, clock, storage, last } = leaderOf(3)
  for (const letter of ['a', 'b', 'c']) server.submit(letter.repeat(600_000))
  clock.advance(0)
  expect(afterCrash(storage).log).toHaveLength(last + 3)
})

test('a heartbeat costs a follower no sync', () => {
  const { server, storage } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(1, 1), entries: entriesOf(1) })
  const sync = vi.spyOn(storage, 'sync')
  server.appendEntries({ ...heartbeat(1, 1), prevLogIndex: 1, prevLogTerm: 1 })
  expect(sync).not.toHaveBeenCalled()
})

test('a server that was stopped keeps nothing more', () => {
  const { server, clock, storage, last } = leaderOf(3)
  server.submit('x')
  // After the entry was sent, before it would be kept.
  clock.setTimeout(() => server.stop(), 0)
  clock.advance(1_000)
  expect(afterCrash(storage).log).toHaveLength(last)
})

test('a majority of others is enough to commit what the leader has not kept yet', () => {
  const { server, clock, appends, storage, last } = leaderOf(3)
  const sync = storage.sync.bind(storage)
  storage.sync = () => {
    for (const { args, reply } of appends) {
      if (args.entries.length > 0) reply({ term: 1, success: true })
    }
    expect(server.commitIndex).toBe(last + 1)
    sync()
  }
  server.submit('x')
  clock.advance(0)
  expect(server.commitIndex).toBe(last + 1)
})

test('who leads no more keeps what it took before it acknowledges what follows on it', () => {
  const { server, storage, last } = leaderOf(3)
  server.submit('x')
  // The new leader holds the entry, too, and knows no turn in which it was to be kept here.
  const next = { ...heartbeat(2, 2), prevLogIndex: last + 1, prevLogTerm: 1 }
  expect(server.appendEntries(next)).toMatchObject({ success: true })
  expect(afterCrash(storage).log).toHaveLength(last + 1)
})

test('a server begins with what was kept, and commits and applies anew', () => {
  const { server, storage } = oneServerOf(3)
  const entries = entriesOf(1, 1)
  server.appendEntries({ ...heartbeat(3, 1), entries, leaderCommit: 2 })
  server.stop()

  const { server: next, applied } = oneServerOf(3, storage)
  expect(next.report()).toMatchObject({ term: 3, lastLogIndex: 2, commitIndex: 0 })
  next.appendEntries({
    ...heartbeat(3, 1),
    prevLogIndex: 2,
    prevLogTerm: 1,
    leaderCommit: 2,
  })
  expect(applied.map(({ index }) => index)).toEqual([1, 2])
})

test('a storage that fails stops its server, which acknowledges nothing', () => {
  class FullDisk extends MemoryStorage {
    override sync(): void {
      throw new Error('no space left on device')
    }
  }
  const { server } = oneServerOf(3, new FullDisk())
  expect(() => server.requestVote(vote(1, 1))).toThrow('no space left on device')
  expect(server.report().role).toBe('Dead')
  expect(server.requestVote(vote(1, 1))).toBeNull()
})

test('a follower that refuses says which term to skip (5.3)', () => {
  const { server } = oneServerOf(3)
  server.appendEntries({ ...heartbeat(4, 1), entries: entriesOf(1, 2, 2, 2) })
  const refusal = (prevLogIndex: number, prevLogTerm: number) =>
    server.appendEntries({ ...heartbeat(5, 2), prevLogIndex, prevLogTerm })
  expect(refusal(4, 3)).toMatchObject({ conflictTerm: 2, conflictIndex: 2 })
  // A log that is too short has no term there: it names its end.
  expect(refusal(9, 4)).toMatchObject({ conflictTerm: 0, conflictIndex: 5 })
})

test('a leader goes back to where the logs can agree, at once (5.3)', () => {
  const storage = new MemoryStorage()
  storage.saveTermAndVote(5, null)
  storage.saveEntries(1, entriesOf(1, 1, 2, 4, 4, 5))
  storage.sync()
  const { server, clock, votes, appends } = oneServerOf(5, storage)
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 6, voteGranted: true })
  votes[1]?.reply({ term: 6, voteGranted: true })
  const [a, b, c] = appends.splice(0)
  // Term 2 is in both logs: the leader's last entry of it may be the follower's, too.
  a?.reply({ term: 6, success: false, conflictTerm: 2, conflictIndex: 2 })
  // Term 3 is not: all of it is skipped.
  b?.reply({ term: 6, success: false, conflictTerm: 3, conflictIndex: 3 })
  // The log is too short.
  c?.reply({ term: 6, success: false, conflictTerm: 0, conflictIndex: 2 })
  expect(appends.map(({ args }) => args.prevLogIndex)).toEqual([3, 2, 1])
  // Each gets all that follows.
  const ends = appends.map(({ args }) => args.prevLogIndex + args.entries.length)
  expect(ends).toEqual(Array(3).fill(server.log.length))
})

/** A leader of term 1 that has sent an entry to its first peer, then two heartbeats. */
function leaderWithUnanswered() {
  const leader = leaderOf(3)
  const sentTo = (peer: number) => leader.appends.filter((_, i) => i % 2 === peer - 1)
  leader.server.submit('x')
  leader.clock.advance(100)
  const [first, entries, ...heartbeats] = sentTo(1)
  const refusal = {
    term: 1,
    success: false,
    conflictTerm: 0,
    conflictIndex: leader.last + 1,
  }
  return { ...leader, first, entries, heartbeats, refusal }
}

test('a heartbeat stands before the entries that are not answered: it may overtake them', () => {
  const { entries, heartbeats, last } = leaderWithUnanswered()
  expect(entries?.args).toMatchObject({
    prevLogIndex: last,
    entries: [{ command: 'x' }],
  })
  expect(heartbeats.map(({ args }) => args.entries.length)).toEqual([0, 0])
  expect(heartbeats.map(({ args }) => args.prevLogIndex)).toEqual([last, last])
})

test('entries that are not answered are followed by one that finds a hole (10.2.2)', () => {
  const { heartbeats, appends, refusal, last } = leaderWithUnanswered()
  heartbeats[0]?.reply({ term: 1, success: true })
  const follower = appends.at(-1)
  expect(follower?.args).toMatchObject({ prevLogIndex: last + 1, entries: [] })
  follower?.reply(refusal)
  expect(appends.at(-1)?.args).toMatchObject({ prevLogIndex: last, entries: [{}] })
  // What was sent before they were sent again says nothing of them.
  const sent = appends.length
  heartbeats[1]?.reply({ term: 1, success: true })
  heartbeats[1]?.reply(refusal)
  follower?.reply(refusal)
  expect(appends).toHaveLength(sent)
})

test('who accepts a message that follows on entries has the entries', () => {
  const { server, heartbeats, appends, last } = leaderWithUnanswered()
  heartbeats[0]?.reply({ term: 1, success: true })
  expect(server.commitIndex).toBe(last)
  appends.at(-1)?.reply({ term: 1, success: true })
  expect(server.commitIndex).toBe(last + 1)
  expect(appends.filter(({ args }) => args.entries.length > 0)).toHaveLength(2)
})

test('who answers what was sent before entries may still be storing them', () => {
  const { server, first, appends, clock, refusal, last } = leaderWithUnanswered()
  const sent = appends.length
  first?.reply({ term: 1, success: true })
  first?.reply(refusal)
  expect(appends).toHaveLength(sent)
  clock.advance(1_000)
  expect(server.commitIndex).toBe(last)
  expect(appends.filter(({ args }) => args.entries.length > 0)).toHaveLength(2)
})

test('what has arrived when the election timer fires is read first', () => {
  const { server, clock, votes } = oneServerOf(3)
  clock.setTimeout(() => server.appendEntries(heartbeat(1, 1)), TIMEOUT_MS)
  clock.advance(TIMEOUT_MS)
  expect(votes).toEqual([])
  expect(server.report()).toMatchObject({ role: 'Follower', leaderId: 1 })
})

/** What a server would find if its machine lost power now, and all that was not synced. */
function afterCrash(storage: MemoryStorage) {
  storage.crash(() => 0)
  return storage.load()
}
