/** The rules of Figure 2, one server at a time: what it is told, and what it must do. */
import { silentLogger, VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import {
  type AppendEntriesArgs,
  type AppendEntriesReply,
  ConsensusModule,
  type Report,
  type RequestVoteArgs,
  type RequestVoteReply,
} from '../src/raft.ts'

/** One server of a cluster whose other servers are played by the test. */
function oneServerOf(size: number) {
  const clock = new VirtualClock()
  const changes: Report[] = []
  const votes: { args: RequestVoteArgs; reply: (reply: RequestVoteReply) => void }[] = []
  const appends: {
    args: AppendEntriesArgs
    reply: (reply: AppendEntriesReply) => void
  }[] = []
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
  })
  server.start()
  return { server, clock, votes, appends, changes }
}

const vote = (term: number, candidateId: number): RequestVoteArgs => ({
  term,
  candidateId,
})

const heartbeat = (term: number, leaderId: number): AppendEntriesArgs => ({
  term,
  leaderId,
})

/** A server that knows no others yet. */
function notStarted(random: () => number) {
  const clock = new VirtualClock()
  const server = new ConsensusModule({
    id: 0,
    peers: [],
    clock,
    random,
    logger: silentLogger,
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
