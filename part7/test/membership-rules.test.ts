/**
 * The rules of chapter 4 of the thesis, of pre-vote (9.6), check-quorum (6.2) and of handing
 * over (3.10), one server at a time: what it is told, and what it must do.
 */
import { silentLogger, VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import type { Change, Outcome } from '../src/changes.ts'
import type { Configuration, Member } from '../src/configuration.ts'
import type { TimeoutNowArgs, TimeoutNowReply } from '../src/handover.ts'
import {
  type AppendEntriesArgs,
  type AppendEntriesReply,
  ConsensusModule,
  type ConsensusModuleOptions,
  type LogEntry,
  type Peer,
  type RequestVoteArgs,
  type RequestVoteReply,
} from '../src/raft.ts'
import type { InstallSnapshotArgs, InstallSnapshotReply } from '../src/snapshots.ts'
import { MemoryStorage } from '../src/storage.ts'
import { stateless } from './single.ts'

/** With `random` at 0 every election timer runs this long. */
const TIMEOUT_MS = 150
/** No election timer runs longer. */
const LONGEST_MS = 300
const HEARTBEAT_MS = 50
/** So many heartbeats last as long as the longest election timer. */
const ROUNDS = LONGEST_MS / HEARTBEAT_MS

/** What a server was sent, and the way back. */
interface Sent<Args, Reply> {
  readonly to: number
  readonly args: Args
  readonly reply: (reply: Reply) => void
}

const member = (id: number): Member => ({ id, address: `server-${id}` })

const configurationOf = (ids: number[], removed: number[] = []): Configuration => ({
  members: ids.map(member),
  removed,
})

/** Server 0 of a cluster whose other servers are played by the test. */
function oneServerOf(
  ids: readonly number[],
  options: Partial<ConsensusModuleOptions> = {},
) {
  const clock = new VirtualClock()
  const storage = new MemoryStorage()
  const preVotes: Sent<RequestVoteArgs, RequestVoteReply>[] = []
  const votes: Sent<RequestVoteArgs, RequestVoteReply>[] = []
  const appends: Sent<AppendEntriesArgs, AppendEntriesReply>[] = []
  const pieces: Sent<InstallSnapshotArgs, InstallSnapshotReply>[] = []
  const elections: Sent<TimeoutNowArgs, TimeoutNowReply>[] = []
  const peerTo = ({ id: to }: Member): Peer => ({
    id: to,
    preVote: (args, reply) => preVotes.push({ to, args, reply }),
    requestVote: (args, reply) => votes.push({ to, args, reply }),
    appendEntries: (args, reply) => appends.push({ to, args, reply }),
    installSnapshot: (args, reply) => pieces.push({ to, args, reply }),
    timeoutNow: (args, reply) => elections.push({ to, args, reply }),
    readIndex: () => {},
  })
  const server = new ConsensusModule({
    id: 0,
    members: ids.map(member),
    connect: (others) => others.map(peerTo),
    clock,
    random: () => 0,
    logger: silentLogger,
    storage,
    apply: () => {},
    stateMachine: stateless,
    ...options,
  })
  server.start()

  /** These answer all that they were sent: they vote for it, and have its entries. */
  const answer = (...from: number[]) => {
    elect(...from)
    for (const { args, reply } of takeOf(appends, from))
      reply({ term: args.term, success: true })
    for (const { args, reply } of takeOf(pieces, from)) {
      const received = args.offset + args.data.length
      reply({ term: args.term, installed: args.done, received })
    }
    const open = [...preVotes, ...votes, ...appends, ...pieces]
    if (open.some(({ to }) => from.includes(to))) answer(...from)
  }

  /** These would vote for it, and do. */
  const elect = (...from: number[]) => {
    for (const { args, reply } of takeOf(preVotes, from))
      reply({ term: args.term - 1, voteGranted: true })
    for (const { args, reply } of takeOf(votes, from))
      reply({ term: args.term, voteGranted: true })
  }

  /** Lets time pass, heartbeat by heartbeat, which these answer. */
  const pass = (ms: number, ...from: number[]) => {
    for (let passed = 0; passed < ms; passed += HEARTBEAT_MS) {
      clock.advance(HEARTBEAT_MS)
      answer(...from)
    }
  }

  /** To whom messages went since this was asked last. */
  const sentTo = () => {
    const open = [...preVotes, ...votes, ...appends, ...pieces]
    for (const each of [preVotes, votes, appends, pieces]) each.length = 0
    return [...new Set(open.map(({ to }) => to))].sort()
  }

  const membersNow = () => server.configurations.members.map(({ id }) => id)

  const sent = { preVotes, votes, appends, pieces, elections }
  return { server, clock, storage, ...sent, elect, answer, pass, sentTo, membersNow }
}

function takeOf<T extends { readonly to: number }>(
  all: T[],
  from: readonly number[],
): T[] {
  const taken = all.filter(({ to }) => from.includes(to))
  all.splice(0, all.length, ...all.filter(({ to }) => !from.includes(to)))
  return taken
}

/** It leads term 1. All have its first entry, which says who they are, and is committed. */
function leaderOf(
  ids: readonly number[],
  options: Partial<ConsensusModuleOptions> = {},
) {
  const cluster = oneServerOf(ids, options)
  const { server, clock, answer, pass } = cluster
  const others = ids.filter((id) => id !== 0)
  clock.advance(TIMEOUT_MS)
  answer(...others)
  pass(HEARTBEAT_MS, ...others)
  expect(server.report()).toMatchObject({ role: 'Leader', term: 1, commitIndex: 1 })
  return cluster
}

/** Asks for a change. @returns what has come of it, as soon as that is known. */
function ask({ server }: { server: ConsensusModule }, change: Change): Outcome[] {
  const outcomes: Outcome[] = []
  server.changes.request(change, (outcome) => outcomes.push(outcome))
  return outcomes
}

function handOver({ server }: { server: ConsensusModule }, to: number | null = null) {
  const outcomes: Outcome[] = []
  server.changes.handOver(to, (outcome) => outcomes.push(outcome))
  return outcomes
}

const DONE = [{ outcome: 'done', reason: '' }]

const notDone = (reason: string) => [{ outcome: 'not done', reason }]

/** It is not done however often it is asked for. */
const never = (reason: string) => [{ outcome: 'not done', reason, isFinal: true }]

const vote = (term: number, candidateId: number): RequestVoteArgs => ({
  term,
  candidateId,
  lastLogIndex: 0,
  lastLogTerm: 0,
  isHandover: false,
})

const heartbeat = (term: number, leaderId: number): AppendEntriesArgs => ({
  term,
  leaderId,
  prevLogIndex: 0,
  prevLogTerm: 0,
  entries: [],
  leaderCommit: 0,
})

const entry = (term: number, configuration?: Configuration): LogEntry => ({
  command: null,
  term,
  ...(configuration && { configuration }),
})

/** A follower of server 1 in term 1, in a cluster of 0, 1 and 2, with more in its log. */
function followerWith(...entries: LogEntry[]) {
  const cluster = oneServerOf([0, 1, 2])
  const all = [entry(1, configurationOf([0, 1, 2])), ...entries]
  cluster.server.appendEntries({ ...heartbeat(1, 1), entries: all, leaderCommit: 1 })
  return cluster
}

/** What a server would find if its machine lost power now, and all that was not synced. */
function afterCrash(storage: MemoryStorage): MemoryStorage {
  storage.crash(() => 0)
  return storage
}

// A configuration, and where it is in force (4.1).

test('a configuration is in force as soon as it is in the log, for votes (4.1)', () => {
  const { server, clock, elect, preVotes, membersNow } = followerWith(
    entry(1, configurationOf([0, 1, 2, 3])),
  )
  expect(membersNow()).toEqual([0, 1, 2, 3])
  expect(server.commitIndex).toBe(1)
  clock.advance(TIMEOUT_MS)
  expect(preVotes.map(({ to }) => to)).toEqual([1, 2, 3])
  // Two of four are no majority.
  elect(3)
  expect(server.report().role).toBe('Follower')
  elect(2)
  expect(server.report().role).toBe('Candidate')
  elect(3)
  expect(server.report().role).toBe('Leader')
})

test('a configuration is in force as soon as it is in the log, for commits (4.1)', () => {
  const leader = leaderOf([0, 1])
  const { server, clock, answer, membersNow } = leader
  ask(leader, { add: member(2) })
  leader.pass(HEARTBEAT_MS, 2)
  expect(membersNow()).toEqual([0, 1, 2])
  server.submit('x')
  clock.advance(0)
  answer(2)
  expect(server.commitIndex).toBe(3)
})

test('a configuration that is overwritten is in force no more (4.1)', () => {
  const { server, clock, preVotes, membersNow } = followerWith(
    entry(1, configurationOf([0, 1, 2, 3])),
  )
  const after = { ...heartbeat(2, 2), prevLogIndex: 1, prevLogTerm: 1 }
  server.appendEntries({ ...after, entries: [entry(2)] })
  expect(membersNow()).toEqual([0, 1, 2])
  clock.advance(TIMEOUT_MS)
  expect(preVotes.map(({ to }) => to)).toEqual([1, 2])
})

test('a configuration stays in force when only what follows it is overwritten (4.1)', () => {
  const changed = entry(1, configurationOf([0, 1, 2, 3]))
  const { server, membersNow } = followerWith(changed, entry(1))
  const after = { ...heartbeat(2, 2), prevLogIndex: 1, prevLogTerm: 1 }
  server.appendEntries({ ...after, entries: [changed, entry(2)] })
  expect(membersNow()).toEqual([0, 1, 2, 3])
})

test('a configuration survives a restart, committed or not (4.1)', () => {
  const { storage } = followerWith(entry(1, configurationOf([0, 1, 2, 3])))
  const next = oneServerOf([], { storage: afterCrash(storage) })
  expect(next.membersNow()).toEqual([0, 1, 2, 3])
  // And so does what it undoes when it is overwritten.
  const after = { ...heartbeat(2, 2), prevLogIndex: 1, prevLogTerm: 1 }
  next.server.appendEntries({ ...after, entries: [entry(2)] })
  expect(next.membersNow()).toEqual([0, 1, 2])
})

test('once the log says who is in the cluster, it does not matter what the server is told', () => {
  const { storage } = followerWith()
  const next = oneServerOf([0, 7, 8], { storage: afterCrash(storage) })
  expect(next.membersNow()).toEqual([0, 1, 2])
})

test('a snapshot has the configuration of its last entry, and not one after it (4.4)', () => {
  const uncommitted = entry(1, configurationOf([0, 1, 2, 3]))
  const { server, clock, storage } = followerWith(entry(1), uncommitted)
  const seen = { ...heartbeat(1, 1), prevLogIndex: 3, prevLogTerm: 1, leaderCommit: 2 }
  server.appendEntries(seen)
  server.takeSnapshot()
  clock.advance(HEARTBEAT_MS)
  const placed = { index: 1, configuration: configurationOf([0, 1, 2]) }
  expect(server.snapshots.last).toEqual({ index: 2, term: 1, placed })

  // What the log has after it is still in force, until it is overwritten.
  const next = oneServerOf([], { storage: afterCrash(storage) })
  expect(next.membersNow()).toEqual([0, 1, 2, 3])
  const after = { ...heartbeat(2, 2), prevLogIndex: 2, prevLogTerm: 1 }
  next.server.appendEntries({ ...after, entries: [entry(2)] })
  expect(next.membersNow()).toEqual([0, 1, 2])
})

const snapshotAt = (index: number, ids: number[], term = 1): InstallSnapshotArgs => ({
  term,
  leaderId: 1,
  lastIncludedIndex: index,
  lastIncludedTerm: term,
  placed: { index: index - 1, configuration: configurationOf(ids) },
  offset: 0,
  data: '',
  done: true,
})

test('a configuration does not survive a snapshot that replaces its log (4.4)', () => {
  const { server, storage, membersNow } = followerWith(
    entry(1),
    entry(1, configurationOf([0, 1, 2, 3])),
  )
  server.installSnapshot(snapshotAt(3, [0, 1], 2))
  expect(membersNow()).toEqual([0, 1])
  expect(server.configurations.latest.index).toBe(2)
  const next = oneServerOf([0, 1, 2], { storage: afterCrash(storage) })
  expect(next.membersNow()).toEqual([0, 1])
})

test('a configuration survives a snapshot that the log goes on after (4.4)', () => {
  const { server, membersNow } = followerWith(
    entry(1),
    entry(1, configurationOf([0, 1, 2, 3])),
  )
  server.installSnapshot({ ...snapshotAt(2, [0, 1, 2]) })
  expect(membersNow()).toEqual([0, 1, 2, 3])
})

test('the first leader’s first entry says who is in the cluster, and no later one', () => {
  const first = leaderOf([0, 1, 2])
  expect(first.server.log).toEqual([entry(1, configurationOf([0, 1, 2]))])
  const next = followerWith()
  next.clock.advance(TIMEOUT_MS)
  next.answer(1, 2)
  expect(next.server.log).toEqual([entry(1, configurationOf([0, 1, 2])), entry(2)])
})

// Who stands for election.

test('a server that was never a member stands for no election', () => {
  const { server, clock, sentTo } = oneServerOf([])
  const entries = [entry(1, configurationOf([1, 2, 3])), entry(1)]
  server.appendEntries({ ...heartbeat(1, 1), entries, leaderCommit: 1 })
  clock.advance(10 * TIMEOUT_MS)
  expect(sentTo()).toEqual([])
  // As soon as its log has it, it may have to: the leader may have died.
  const after = { ...heartbeat(1, 1), prevLogIndex: 2, prevLogTerm: 1, leaderCommit: 1 }
  const added = [entry(1, configurationOf([0, 1, 2, 3]))]
  server.appendEntries({ ...after, entries: added })
  clock.advance(TIMEOUT_MS)
  expect(sentTo()).toEqual([1, 2, 3])
})

test('a server that does not know its removal committed stands for election (4.2.2)', () => {
  const { server, clock, elect, answer, sentTo } = followerWith(
    entry(1, configurationOf([1, 2], [0])),
  )
  clock.advance(TIMEOUT_MS)
  // It is no member: it takes both others to elect it.
  elect(1)
  expect(server.report().role).toBe('Follower')
  elect(2)
  expect(server.report().role).toBe('Candidate')
  elect(1)
  expect(server.report()).toMatchObject({ role: 'Leader', term: 2 })
  // It commits that it has left, with an entry of its term, and is not needed any more.
  clock.advance(0)
  answer(1)
  expect(server.report()).toMatchObject({ role: 'Leader', commitIndex: 1 })
  answer(2)
  expect(server.report()).toMatchObject({ role: 'Follower', commitIndex: 3 })
  sentTo()
  clock.advance(10 * TIMEOUT_MS)
  expect(sentTo()).toEqual([])
})

test('a server that knows its removal committed stands for no election (4.2.2)', () => {
  const { server, clock, sentTo } = followerWith(entry(1, configurationOf([1, 2], [0])))
  const seen = { ...heartbeat(1, 1), prevLogIndex: 2, prevLogTerm: 1, leaderCommit: 2 }
  server.appendEntries(seen)
  clock.advance(10 * TIMEOUT_MS)
  expect(sentTo()).toEqual([])
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

// What may be changed, and when.

test('another change can begin when the one before is committed (4.1)', () => {
  const leader = leaderOf([0, 1, 2])
  const { clock, answer, membersNow } = leader
  const first = ask(leader, { add: member(3) })
  const busy = notDone('another change is under way')
  expect(ask(leader, { add: member(4) })).toEqual(busy)
  expect(ask(leader, { remove: 1 })).toEqual(busy)
  leader.pass(HEARTBEAT_MS, 3)
  // It is in force, and not committed.
  expect(membersNow()).toEqual([0, 1, 2, 3])
  expect(ask(leader, { add: member(4) })).toEqual(busy)
  expect(ask(leader, { remove: 1 })).toEqual(busy)
  expect(first).toEqual([])
  clock.advance(0)
  answer(1, 2, 3)
  expect(first).toEqual(DONE)
  expect(ask(leader, { remove: 1 })).toEqual([])
  expect(membersNow()).toEqual([0, 2, 3])
})

test('nothing is changed before an entry of the leader’s term is committed (2015)', () => {
  const next = followerWith(entry(1))
  const { clock, elect, pass } = next
  clock.advance(TIMEOUT_MS)
  elect(2)
  // It does not know what another leader has begun and may have committed.
  const tooEarly = notDone('the leader has just been elected')
  expect(ask(next, { remove: 1 })).toEqual(tooEarly)
  expect(ask(next, { add: member(3) })).toEqual(tooEarly)
  pass(HEARTBEAT_MS, 2)
  expect(ask(next, { remove: 1 })).toEqual([])
})

test('a leader changes nothing on top of what another has left uncommitted (4.1)', () => {
  const next = followerWith(entry(1, configurationOf([0, 1, 2, 3])))
  next.clock.advance(TIMEOUT_MS)
  next.elect(1, 2, 3)
  expect(ask(next, { remove: 1 })).toEqual(notDone('the leader has just been elected'))
  next.pass(HEARTBEAT_MS, 1, 2, 3)
  expect(next.server.commitIndex).toBe(3)
  expect(ask(next, { remove: 1 })).toEqual([])
})

test('an id is never used twice', () => {
  const leader = leaderOf([0, 1, 2])
  ask(leader, { remove: 2 })
  leader.pass(HEARTBEAT_MS, 1)
  const [{ outcome, reason } = {}] = ask(leader, { add: member(2) })
  expect(outcome).toBe('not done')
  expect(reason).toContain('server 2 was removed. An id is never used twice')
  expect(leader.membersNow()).toEqual([0, 1])
})

test('the last server cannot be removed', () => {
  const leader = leaderOf([0, 1])
  ask(leader, { remove: 1 })
  leader.pass(HEARTBEAT_MS, 1)
  expect(leader.membersNow()).toEqual([0])
  expect(ask(leader, { remove: 0 })).toEqual(never('the last server cannot be removed'))
  expect(leader.server.report().role).toBe('Leader')
})

test('who asks for what is done already is told so, and nothing is changed', () => {
  const leader = leaderOf([0, 1, 2])
  expect(ask(leader, { add: member(1) })).toEqual(DONE)
  expect(ask(leader, { add: member(0) })).toEqual(DONE)
  ask(leader, { remove: 2 })
  leader.pass(HEARTBEAT_MS, 1)
  const { lastLogIndex } = leader.server.report()
  expect(ask(leader, { remove: 2 })).toEqual(DONE)
  expect(leader.server.report().lastLogIndex).toBe(lastLogIndex)
})

test('who asks for what is under way is told what comes of it, too', () => {
  const leader = leaderOf([0, 1, 2])
  const outcomes = [1, 2, 3].map(() => ask(leader, { add: member(3) }))
  leader.pass(HEARTBEAT_MS, 3)
  outcomes.push(ask(leader, { add: member(3) }))
  leader.pass(HEARTBEAT_MS, 1, 2)
  expect(outcomes).toEqual(Array(4).fill(DONE))
  expect(leader.server.log.filter(({ configuration }) => configuration)).toHaveLength(2)
})

test('a member gets another address without learning first', () => {
  const leader = leaderOf([0, 1, 2])
  const moved = { id: 1, address: 'elsewhere' }
  const outcomes = ask(leader, { add: moved })
  expect(leader.server.configurations.members).toEqual([member(0), moved, member(2)])
  leader.pass(HEARTBEAT_MS, 2)
  expect(outcomes).toEqual(DONE)
})

test('what cannot be changed is refused with a sentence', () => {
  const follower = followerWith()
  const noLeader = notDone('this server is not the leader')
  expect(ask(follower, { add: member(3) })).toEqual(noLeader)
  expect(ask(follower, { remove: 1 })).toEqual(noLeader)
  const leader = leaderOf([0, 1, 2])
  const stranger = never('there is no server 9 in the cluster')
  expect(ask(leader, { remove: 9 })).toEqual(stranger)
})

test('a leader that is deposed does not know what will come of its change', () => {
  const leader = leaderOf([0, 1, 2])
  const outcomes = ask(leader, { remove: 2 })
  leader.server.appendEntries(heartbeat(2, 1))
  const reason = 'this server is not the leader'
  expect(outcomes).toEqual([{ outcome: 'unknown', reason }])
})

// Learners (4.2.1).

test('a new server becomes a member once it has what the log had (4.2.1)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, appends, answer, membersNow, sentTo } = leader
  const outcomes = ask(leader, { add: member(3) })
  expect(membersNow()).toEqual([0, 1, 2])
  sentTo()
  clock.advance(HEARTBEAT_MS)
  // Its log is empty.
  const [first] = takeOf(appends, [3])
  const refusal = { success: false, conflictTerm: 0, conflictIndex: 1 }
  first?.reply({ term: 1, ...refusal })
  expect(membersNow()).toEqual([0, 1, 2])
  expect(appends.find(({ to }) => to === 3)?.args.entries).toEqual(server.log)
  answer(3)
  expect(membersNow()).toEqual([0, 1, 2, 3])
  expect(server.log).toEqual([
    entry(1, configurationOf([0, 1, 2])),
    entry(1, configurationOf([0, 1, 2, 3])),
  ])
  clock.advance(0)
  answer(1, 3)
  expect(outcomes).toEqual(DONE)
})

test('a learner counts in no majority: not for commits, reads, nor the leader (4.2.1)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, appends } = leader
  ask(leader, { add: member(3) })
  clock.advance(0)
  server.submit('x')
  // It has what was there before, and takes too long to tell: it stays a learner.
  clock.advance(LONGEST_MS - HEARTBEAT_MS)
  expect(server.report().role).toBe('Leader')
  const reads: number[] = []
  server.readIndex((index) => reads.push(index))
  const refusal = { success: false, conflictTerm: 0, conflictIndex: 1 }
  for (const { reply } of takeOf(appends, [3])) reply({ term: 1, ...refusal })
  clock.advance(HEARTBEAT_MS)
  for (const { reply } of takeOf(appends, [3])) reply({ term: 1, success: true })
  expect(server.matchIndex.get(3)).toBe(2)
  expect(reads).toEqual([])
  expect(server.report()).toMatchObject({ role: 'Leader', commitIndex: 1 })
  clock.advance(HEARTBEAT_MS)
  expect(server.report()).toMatchObject({ role: 'Follower', commitIndex: 1 })
})

/** A leader that adds server 3, whose log is empty: it has been sent the first entry. */
function leaderWithLearner() {
  const leader = leaderOf([0, 1, 2])
  const { server, appends, pass } = leader
  const outcomes = ask(leader, { add: member(3) })
  pass(HEARTBEAT_MS, 1, 2)
  const refusal = { success: false, conflictTerm: 0, conflictIndex: 1 }
  takeOf(appends, [3])[0]?.reply({ term: 1, ...refusal })
  /** Takes so long to store what it was sent, while there is more to come. */
  const learn = (ms: number) => {
    server.submit('x')
    pass(ms, 1, 2)
    const carrying = takeOf(appends, [3]).filter(({ args }) => args.entries.length > 0)
    expect(carrying).toHaveLength(1)
    carrying[0]?.reply({ term: 1, success: true })
  }
  return { ...leader, outcomes, learn }
}

test('a round that takes an election timeout is followed by another (4.2.1)', () => {
  const { learn, pass, membersNow, outcomes } = leaderWithLearner()
  learn(LONGEST_MS)
  learn(LONGEST_MS)
  expect(membersNow()).toEqual([0, 1, 2])
  learn(LONGEST_MS - HEARTBEAT_MS)
  expect(membersNow()).toEqual([0, 1, 2, 3])
  pass(HEARTBEAT_MS, 1, 2, 3)
  expect(outcomes).toEqual(DONE)
})

test('a round ends where the log ended when it began (4.2.1)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, appends } = leader
  ask(leader, { add: member(3) })
  clock.advance(HEARTBEAT_MS)
  const [first] = takeOf(appends, [3])
  server.submit('x')
  server.submit('y')
  clock.advance(0)
  leader.answer(1, 2)
  // It has two less than the log has by now.
  first?.reply({ term: 1, success: true })
  expect(leader.membersNow()).toEqual([0, 1, 2, 3])
})

test('a learner that is too slow in every round is given up (4.2.1)', () => {
  const { learn, pass, membersNow, outcomes } = leaderWithLearner()
  for (let round = 0; round < 10; round += 1) {
    expect(outcomes).toEqual([])
    learn(LONGEST_MS)
    expect(membersNow()).toEqual([0, 1, 2])
  }
  pass(HEARTBEAT_MS, 1, 2)
  const reason = 'server 3 does not catch up: none of 10 rounds was over within 300 ms'
  expect(outcomes).toEqual(notDone(reason))
})

test('a learner that makes no progress is given up, and sent no more (4.2.1)', () => {
  const leader = leaderOf([0, 1, 2])
  const { pass, sentTo } = leader
  const outcomes = ask(leader, { add: member(3) })
  pass(10 * LONGEST_MS - HEARTBEAT_MS, 1, 2)
  expect(outcomes).toEqual([])
  expect(sentTo()).toEqual([3])
  pass(HEARTBEAT_MS, 1, 2)
  expect(outcomes).toEqual(notDone('server 3 has made no progress for 3000 ms'))
  sentTo()
  pass(HEARTBEAT_MS, 1, 2)
  expect(sentTo()).toEqual([])
  // It can be tried again.
  expect(ask(leader, { add: member(3) })).toEqual([])
  pass(HEARTBEAT_MS, 1, 2, 3)
  expect(leader.membersNow()).toEqual([0, 1, 2, 3])
})

test('a learner that answers, and learns nothing, makes no progress (4.2.1)', () => {
  const { server, appends, pass, outcomes, membersNow } = leaderWithLearner()
  for (let ms = HEARTBEAT_MS; ms < 10 * LONGEST_MS; ms += HEARTBEAT_MS) {
    expect(outcomes).toEqual([])
    pass(HEARTBEAT_MS, 1, 2)
    // What it is sent to learn is lost, and only that.
    for (const { args, reply } of takeOf(appends, [3])) {
      if (args.prevLogIndex === 0 && args.entries.length === 0)
        reply({ term: 1, success: true })
    }
  }
  expect(outcomes).toEqual(notDone('server 3 has made no progress for 3000 ms'))
  expect(membersNow()).toEqual([0, 1, 2])
  expect(server.report().role).toBe('Leader')
})

test('a learner makes progress while pieces of a snapshot arrive (4.2.1)', () => {
  const storage = new MemoryStorage()
  const piece = 'x'.repeat(1_000)
  const stateMachine = { ...stateless, snapshot: () => Array(40).fill(piece).values() }
  const leader = leaderOf([0, 1, 2], { storage, stateMachine })
  const { server, clock, appends, pieces, pass } = leader
  for (let i = 0; i < 10; i += 1) server.submit('x'.repeat(500_000))
  pass(HEARTBEAT_MS, 1, 2)
  server.takeSnapshot()
  pass(4 * HEARTBEAT_MS, 1, 2)
  expect(server.report().firstLogIndex).toBeGreaterThan(1)
  const outcomes = ask(leader, { add: member(3) })
  clock.advance(HEARTBEAT_MS)
  const [first] = takeOf(appends, [3])
  first?.reply({ term: 1, success: false, conflictTerm: 0, conflictIndex: 1 })
  // Never silent for long, and slow all in all: it is neither given up nor a member.
  const receive = (received: number) => {
    takeOf(pieces, [3])[0]?.reply({ term: 1, installed: false, received })
  }
  for (let i = 1; i <= 12; i += 1) {
    pass(8 * LONGEST_MS, 1, 2)
    receive(i)
  }
  expect(outcomes).toEqual([])
  // What is sent now is lost: it has no more than it had.
  for (let i = 0; i < 10; i += 1) {
    expect(outcomes).toEqual([])
    pass(LONGEST_MS, 1, 2)
    receive(12)
  }
  expect(outcomes).toEqual(notDone('server 3 has made no progress for 3000 ms'))
})

test('who leads no more teaches nobody, and what it began to add is not added', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, sentTo } = leader
  const outcomes = ask(leader, { add: member(3) })
  server.appendEntries({ ...heartbeat(2, 1) })
  expect(outcomes).toEqual(notDone('this server is not the leader'))
  expect(leader.membersNow()).toEqual([0, 1, 2])
  sentTo()
  clock.advance(TIMEOUT_MS)
  expect(sentTo()).toEqual([1, 2])
})

test('the late answer of a learner that was given up makes it no member', () => {
  const leader = leaderOf([0, 1, 2])
  ask(leader, { add: member(3) })
  leader.pass(10 * LONGEST_MS, 1, 2)
  leader.answer(3)
  expect(leader.membersNow()).toEqual([0, 1, 2])
})

test('a learner that was given up may come again with nothing (4.2.1)', () => {
  const leader = leaderWithLearner()
  const { server, appends, learn, pass } = leader
  learn(LONGEST_MS)
  expect(server.matchIndex.get(3)).toBe(1)
  pass(10 * LONGEST_MS, 1, 2)
  expect(leader.outcomes).toHaveLength(1)

  const outcomes = ask(leader, { add: member(3) })
  takeOf(appends, [3])
  pass(HEARTBEAT_MS, 1, 2)
  const refusal = { success: false, conflictTerm: 0, conflictIndex: 1 }
  takeOf(appends, [3])[0]?.reply({ term: 1, ...refusal })
  const carrying = appends.find(({ to }) => to === 3)
  expect(carrying?.args).toMatchObject({ prevLogIndex: 0, entries: [{}, {}] })
  pass(HEARTBEAT_MS, 1, 2, 3)
  pass(HEARTBEAT_MS, 1, 2, 3)
  expect(outcomes).toEqual(DONE)
})

// Removing (4.2.2).

test('a leader that removes itself does not count itself, and steps down in the end (4.2.2)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, answer, appends, sentTo } = leader
  const outcomes = ask(leader, { remove: 0 })
  server.submit('x')
  clock.advance(0)
  expect(server.log).toHaveLength(3)
  answer(1)
  // One of the two that are left.
  expect(server.report()).toMatchObject({ role: 'Leader', commitIndex: 1 })
  const reads: number[] = []
  server.readIndex((index) => reads.push(index))
  clock.advance(HEARTBEAT_MS)
  answer(1)
  expect(reads).toEqual([])
  appends.findLast(({ to }) => to === 2)?.reply({ term: 1, success: true })
  expect(reads).toEqual([1])
  answer(2)
  expect(server.report()).toMatchObject({ role: 'Follower', commitIndex: 3 })
  expect(outcomes).toEqual(DONE)
  sentTo()
  clock.advance(10 * TIMEOUT_MS)
  expect(sentTo()).toEqual([])
})

test('who is removed counts in no majority from then on (4.1)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, answer } = leader
  ask(leader, { remove: 2 })
  clock.advance(0)
  answer(2)
  expect(server.matchIndex.get(2)).toBe(2)
  expect(server.commitIndex).toBe(1)
  answer(1)
  expect(server.commitIndex).toBe(2)
})

test('from two servers to one, the one that is left commits it alone (4.1)', () => {
  const leader = leaderOf([0, 1])
  const outcomes = ask(leader, { remove: 1 })
  leader.clock.advance(0)
  expect(leader.server.commitIndex).toBe(2)
  expect(outcomes).toEqual(DONE)
})

test('who is removed is sent to until it has said that it knows it committed (4.2.2)', () => {
  const leader = leaderOf([0, 1, 2])
  const { clock, answer, appends, sentTo } = leader
  ask(leader, { remove: 2 })
  clock.advance(0)
  // It has the entry, and cannot know that it is committed.
  answer(2)
  answer(1)
  clock.advance(HEARTBEAT_MS)
  const [told] = takeOf(appends, [2])
  expect(told?.args.leaderCommit).toBe(2)
  clock.advance(HEARTBEAT_MS)
  answer(1)
  expect(sentTo()).toEqual([2])
  told?.reply({ term: 1, success: true })
  clock.advance(HEARTBEAT_MS)
  expect(sentTo()).toEqual([1])
})

test('who is removed and has not got the entry yet is not taken to know it (4.2.2)', () => {
  const leader = leaderOf([0, 1, 2])
  const { clock, answer, appends, sentTo } = leader
  ask(leader, { remove: 2 })
  clock.advance(0)
  answer(1)
  // It answers what stands before the entry, which is lost.
  clock.advance(HEARTBEAT_MS)
  const beat = takeOf(appends, [2]).find(({ args }) => args.entries.length === 0)
  expect(beat?.args).toMatchObject({ prevLogIndex: 1, leaderCommit: 2 })
  beat?.reply({ term: 1, success: true })
  sentTo()
  clock.advance(HEARTBEAT_MS)
  expect(sentTo()).toEqual([1, 2])
})

test('who has got the entry meanwhile is not taken to know it by an older answer (4.2.2)', () => {
  const leader = leaderOf([0, 1, 2])
  const { clock, answer, appends, sentTo } = leader
  ask(leader, { remove: 2 })
  clock.advance(0)
  answer(1)
  clock.advance(HEARTBEAT_MS)
  const [carrying, beat] = takeOf(appends, [2])
  expect(carrying?.args).toMatchObject({ entries: [{}], leaderCommit: 1 })
  expect(beat?.args).toMatchObject({ prevLogIndex: 1, leaderCommit: 2 })
  for (const each of [carrying, beat]) each?.reply({ term: 1, success: true })
  sentTo()
  clock.advance(HEARTBEAT_MS)
  expect(sentTo()).toEqual([1, 2])
})

test('who is removed and says nothing is sent to for a bounded time (4.2.2)', () => {
  const leader = leaderOf([0, 1, 2])
  const { pass, sentTo } = leader
  ask(leader, { remove: 2 })
  pass(10 * LONGEST_MS - HEARTBEAT_MS, 1)
  expect(sentTo()).toEqual([2])
  pass(HEARTBEAT_MS, 1)
  expect(sentTo()).toEqual([])
})

test('the next change does not end what those hear who were removed before', () => {
  const leader = leaderOf([0, 1, 2, 3, 4])
  const { pass, sentTo } = leader
  ask(leader, { remove: 4 })
  pass(HEARTBEAT_MS, 1, 2, 3)
  ask(leader, { remove: 3 })
  pass(HEARTBEAT_MS, 1, 2)
  sentTo()
  pass(HEARTBEAT_MS, 1, 2)
  expect(sentTo()).toEqual([3, 4])
  expect(ask(leader, { add: { id: 1, address: 'elsewhere' } })).toEqual([])
  pass(HEARTBEAT_MS, 1, 2)
  sentTo()
  pass(HEARTBEAT_MS, 1, 2)
  expect(sentTo()).toEqual([3, 4])
})

test('a change is done when its own entry is committed, and not before', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, appends, answer } = leader
  server.submit('x')
  clock.advance(0)
  const [carrying] = takeOf(appends, [1])
  const outcomes = ask(leader, { remove: 2 })
  clock.advance(0)
  carrying?.reply({ term: 1, success: true })
  expect(server.commitIndex).toBe(2)
  expect(outcomes).toEqual([])
  answer(1)
  expect(server.commitIndex).toBe(3)
  expect(outcomes).toEqual(DONE)
})

test('who leads no more has nothing to do with those who have left', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, pass, sentTo } = leader
  ask(leader, { remove: 2 })
  pass(HEARTBEAT_MS, 1)
  const { commitIndex: prevLogIndex } = server
  server.appendEntries({ ...heartbeat(2, 1), prevLogIndex, prevLogTerm: 1 })
  sentTo()
  clock.advance(TIMEOUT_MS)
  expect(sentTo()).toEqual([1])
})

test('a new leader tells those whose removal it finds uncommitted in its log (4.2.2)', () => {
  const next = followerWith(entry(1, configurationOf([0, 1], [2])))
  const { clock, answer, pass, sentTo } = next
  clock.advance(TIMEOUT_MS)
  answer(1)
  expect(next.server.report().role).toBe('Leader')
  pass(HEARTBEAT_MS, 1)
  expect(sentTo()).toEqual([2])
  pass(HEARTBEAT_MS, 1, 2)
  pass(HEARTBEAT_MS, 1, 2)
  pass(HEARTBEAT_MS, 1)
  expect(sentTo()).toEqual([])
})

// Pre-vote (9.6), and who is ignored (4.2.3).

test('a pre-vote changes nothing, and holds back no election (9.6)', () => {
  const { server, clock, preVotes, storage } = oneServerOf([0, 1, 2])
  clock.advance(TIMEOUT_MS - 1)
  const granted = { term: 0, voteGranted: true }
  expect(server.preVote(vote(1, 1))).toEqual(granted)
  expect(server.preVote(vote(9, 2))).toEqual(granted)
  expect(server.report()).toMatchObject({ role: 'Follower', term: 0 })
  expect(server.votedFor).toBeNull()
  expect(afterCrash(storage).load()).toMatchObject({ currentTerm: 0, votedFor: null })
  clock.advance(1)
  expect(preVotes).toHaveLength(2)
  // To have asked binds it no more than to have answered.
  expect(server.requestVote(vote(1, 1))).toEqual({ term: 1, voteGranted: true })
})

test('a pre-vote is refused to a log that is not up to date (5.4.1, 9.6)', () => {
  const { server, clock } = followerWith(entry(1))
  clock.advance(TIMEOUT_MS)
  const wouldVote = (lastLogIndex: number, lastLogTerm: number) =>
    server.preVote({ ...vote(2, 2), lastLogIndex, lastLogTerm })
  expect(wouldVote(1, 1)).toEqual({ term: 1, voteGranted: false })
  expect(wouldVote(2, 1)).toEqual({ term: 1, voteGranted: true })
  expect(wouldVote(1, 2)).toEqual({ term: 1, voteGranted: true })
})

test('a pre-vote is refused for a term that is not higher: it tells the higher one (9.6)', () => {
  const { server } = oneServerOf([0, 1, 2])
  server.requestVote(vote(5, 1))
  expect(server.preVote(vote(5, 2))).toEqual({ term: 5, voteGranted: false })
  expect(server.preVote(vote(6, 2))).toEqual({ term: 5, voteGranted: true })
})

test('a pre-vote is not answered while a leader is heard, nor by one that is (4.2.3)', () => {
  const follower = oneServerOf([0, 1, 2], { random: () => 0.5 })
  follower.server.appendEntries(heartbeat(1, 1))
  follower.clock.advance(TIMEOUT_MS - 1)
  expect(follower.server.preVote(vote(2, 2))).toBeNull()
  follower.clock.advance(1)
  expect(follower.server.preVote(vote(2, 2))).toEqual({ term: 1, voteGranted: true })

  const leader = leaderOf([0, 1, 2])
  const upToDate = { ...vote(2, 2), lastLogIndex: 1, lastLogTerm: 1 }
  leader.clock.advance(TIMEOUT_MS - 1)
  expect(leader.server.preVote(upToDate)).toBeNull()
  expect(leader.server.requestVote(upToDate)).toBeNull()
  leader.clock.advance(1)
  expect(leader.server.preVote(upToDate)).toEqual({ term: 1, voteGranted: true })
})

test('who would get no majority of votes raises no term (9.6)', () => {
  const { server, clock, preVotes, votes } = oneServerOf([0, 1, 2])
  for (let i = 1; i <= 10; i += 1) {
    clock.advance(TIMEOUT_MS)
    expect(preVotes).toHaveLength(2 * i)
  }
  expect(preVotes.at(-1)?.args).toEqual(vote(1, 0))
  preVotes.at(-1)?.reply({ term: 0, voteGranted: false })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 0 })
  expect(server.votedFor).toBeNull()
  expect(votes).toEqual([])
})

test('a pre-vote that is refused in a higher term makes its server follow in it (9.6)', () => {
  const { server, clock, preVotes } = oneServerOf([0, 1, 2])
  clock.advance(TIMEOUT_MS)
  preVotes[0]?.reply({ term: 4, voteGranted: false })
  preVotes[1]?.reply({ term: 0, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 4 })
  clock.advance(TIMEOUT_MS)
  expect(preVotes.at(-1)?.args.term).toBe(5)
})

test('the answer to a pre-vote is no vote, however late it comes (9.6)', () => {
  const { server, clock, preVotes } = oneServerOf([0, 1, 2, 3, 4])
  clock.advance(TIMEOUT_MS)
  for (const { reply } of preVotes) reply({ term: 0, voteGranted: true })
  for (const { reply } of preVotes) reply({ term: 0, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 1 })
})

test('pre-votes of one time are not counted with those of the next (9.6)', () => {
  const { server, clock, preVotes } = oneServerOf([0, 1, 2, 3, 4])
  clock.advance(TIMEOUT_MS)
  const [first, ...others] = preVotes.splice(0)
  first?.reply({ term: 0, voteGranted: true })
  clock.advance(TIMEOUT_MS)
  for (const { reply } of others) reply({ term: 0, voteGranted: true })
  preVotes[0]?.reply({ term: 0, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 0 })
  preVotes[3]?.reply({ term: 0, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 1 })
})

test('pre-votes that come after a leader was heard, or the server stopped, are too late', () => {
  const heard = oneServerOf([0, 1, 2])
  heard.clock.advance(TIMEOUT_MS)
  heard.server.appendEntries(heartbeat(0, 1))
  heard.answer(1, 2)
  expect(heard.server.report()).toMatchObject({ role: 'Follower', term: 0 })

  const voted = oneServerOf([0, 1, 2])
  voted.clock.advance(TIMEOUT_MS)
  voted.server.requestVote(vote(1, 1))
  voted.answer(1, 2)
  expect(voted.server.report()).toMatchObject({ role: 'Follower', term: 1 })

  const stopped = oneServerOf([0, 1, 2])
  stopped.clock.advance(TIMEOUT_MS)
  stopped.server.stop()
  stopped.answer(1, 2)
  expect(stopped.server.report()).toMatchObject({ role: 'Dead', term: 0 })
  expect(stopped.server.preVote(vote(1, 1))).toBeNull()
})

test('a candidate that was not elected asks for pre-votes again before the next term (9.6)', () => {
  const { server, clock, answer, preVotes, votes } = oneServerOf([0, 1, 2])
  clock.advance(TIMEOUT_MS)
  preVotes[0]?.reply({ term: 0, voteGranted: true })
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 1 })
  preVotes.length = 0
  votes.length = 0
  clock.advance(3 * TIMEOUT_MS)
  expect(votes).toEqual([])
  expect(preVotes.at(-1)?.args.term).toBe(2)
  expect(server.report().term).toBe(1)
  answer(2)
  expect(server.report()).toMatchObject({ role: 'Leader', term: 2 })
})

// Check-quorum (6.2).

test('a leader that no majority answers for an election timeout steps down (6.2)', () => {
  const { server, clock } = leaderOf([0, 1, 2])
  clock.advance(LONGEST_MS)
  expect(server.report()).toMatchObject({ role: 'Leader', term: 1 })
  clock.advance(HEARTBEAT_MS)
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1, leaderId: null })
  expect(server.submit('x')).toBeNull()
})

test('fewer than a majority that answer do not keep a leader (6.2)', () => {
  const { server, pass } = leaderOf([0, 1, 2, 3])
  pass(LONGEST_MS + HEARTBEAT_MS, 1)
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

test('a majority that answers keeps a leader, whoever they are (6.2)', () => {
  const { server, pass } = leaderOf([0, 1, 2, 3, 4])
  pass(LONGEST_MS, 1, 2)
  pass(LONGEST_MS, 3, 4)
  pass(LONGEST_MS, 1, 4)
  expect(server.report()).toMatchObject({ role: 'Leader', term: 1 })
})

test('answers to what was sent long ago keep no leader (6.2)', () => {
  const { server, clock, appends } = leaderOf([0, 1, 2])
  clock.advance(HEARTBEAT_MS)
  const old = appends.splice(0)
  for (let i = 0; i < ROUNDS; i += 1) {
    clock.advance(HEARTBEAT_MS)
    for (const { reply } of old) reply({ term: 1, success: true })
  }
  expect(server.report()).toMatchObject({ role: 'Leader', term: 1 })
  clock.advance(HEARTBEAT_MS)
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

test('a leader alone in its cluster stays (6.2)', () => {
  const { server, clock } = leaderOf([0])
  clock.advance(100 * LONGEST_MS)
  expect(server.report()).toMatchObject({ role: 'Leader', term: 1 })
})

// Handing over (3.10).

test('a leader asks for an election once the other has all of the log (3.10)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, answer, elections } = leader
  server.submit('x')
  clock.advance(0)
  handOver(leader, 1)
  clock.advance(HEARTBEAT_MS)
  expect(elections).toEqual([])
  answer(1, 2)
  clock.advance(HEARTBEAT_MS)
  expect(elections.map(({ to, args }) => [to, args])).toEqual([[1, { term: 1 }]])
  // It may be lost.
  clock.advance(HEARTBEAT_MS)
  expect(elections).toHaveLength(2)
})

test('a leader that hands over takes no commands meanwhile (3.10)', () => {
  const leader = leaderOf([0, 1, 2])
  handOver(leader, 1)
  expect(leader.server.submit('x')).toBeNull()
  expect(leader.server.log).toHaveLength(1)
})

test('leadership goes to whoever has most of the log, if nobody is named (3.10)', () => {
  const leader = leaderOf([0, 1, 2])
  leader.server.submit('x')
  leader.clock.advance(0)
  leader.answer(2)
  handOver(leader)
  expect(leader.elections.map(({ to }) => to)).toEqual([2])
})

test('handing over is done when the other leads (3.10)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server } = leader
  const outcomes = handOver(leader, 1)
  const request = { ...vote(2, 1), lastLogIndex: 1, lastLogTerm: 1, isHandover: true }
  expect(server.requestVote(request)).toEqual({ term: 2, voteGranted: true })
  expect(outcomes).toEqual([])
  server.appendEntries({ ...heartbeat(2, 1) })
  expect(outcomes).toEqual(DONE)
})

test('handing over is not done when another leads (3.10)', () => {
  const leader = leaderOf([0, 1, 2])
  const outcomes = handOver(leader, 1)
  leader.server.appendEntries(heartbeat(2, 2))
  expect(outcomes).toMatchObject([
    { outcome: expect.not.stringMatching(/^done$/), reason: /server 1/ },
  ])
})

test('handing over ends after an election timeout: commands are taken again (3.10)', () => {
  const leader = leaderOf([0, 1, 2])
  const { server, clock, pass, elections } = leader
  const asked = handOver(leader, 1)
  pass(LONGEST_MS - HEARTBEAT_MS, 1, 2)
  clock.advance(HEARTBEAT_MS - 1)
  expect(server.submit('x')).toBeNull()
  expect(asked).toEqual([])
  clock.advance(1)
  const reason = 'server 1 has not taken the lead in time'
  // It was asked, and can still stand for election.
  expect(asked).toEqual([{ outcome: 'unknown', reason }])
  leader.answer(2)
  expect(server.submit('x')).toBe(2)
  elections.length = 0

  const lagging = handOver(leader, 1)
  pass(LONGEST_MS, 2)
  expect(elections).toEqual([])
  expect(lagging).toEqual(notDone(reason))
})

test('from when an election was asked for, there is no lease in this term (3.10, 6.4.1)', () => {
  const leader = leaderOf([0, 1, 2], { lease: true })
  const { server, clock, pass } = leader
  const askToRead = () => {
    const reads: number[] = []
    server.readIndex((index) => reads.push(index))
    return reads
  }
  server.submit('x')
  clock.advance(0)
  leader.answer(2)
  expect(askToRead()).toEqual([2])
  const outcomes = handOver(leader, 1)
  // The other lacks an entry: it was not asked yet.
  expect(askToRead()).toEqual([2])
  pass(HEARTBEAT_MS, 1, 2)
  pass(HEARTBEAT_MS, 1, 2)
  expect(askToRead()).toEqual([])
  pass(LONGEST_MS, 1, 2)
  expect(outcomes).toHaveLength(1)
  // What was asked can arrive late.
  expect(askToRead()).toEqual([])
})

test('who is asked to stand for election does so at once, and says who asked (3.10)', () => {
  const { server, votes, preVotes } = followerWith()
  server.timeoutNow({ term: 1 })
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 2 })
  const request = { ...vote(2, 0), lastLogIndex: 1, lastLogTerm: 1, isHandover: true }
  expect(votes.map(({ args }) => args)).toEqual([request, request])
  expect(preVotes).toEqual([])
})

test('only the first election is one that the leader asked for (3.10)', () => {
  const { server, clock, votes, preVotes, answer } = followerWith()
  server.timeoutNow({ term: 1 })
  votes.length = 0
  clock.advance(TIMEOUT_MS)
  expect(preVotes.map(({ args }) => args.isHandover)).toEqual([false, false])
  preVotes[0]?.reply({ term: 2, voteGranted: true })
  expect(votes.map(({ args }) => args.isHandover)).toEqual([false, false])
  answer(1)
  expect(server.report()).toMatchObject({ role: 'Leader', term: 3 })
})

test('who asks for an election in an old term is told of the new one, and no more (3.10)', () => {
  const { server } = followerWith()
  server.appendEntries(heartbeat(3, 2))
  expect(server.timeoutNow({ term: 1 })).toEqual({ term: 3 })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 3 })
})

test('who was removed meanwhile stands for no election, though it is asked to (3.10)', () => {
  const { server } = followerWith(entry(1, configurationOf([1, 2], [0])))
  server.timeoutNow({ term: 1 })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 1 })
})

test('who leads, or does not run, stands for no election (3.10)', () => {
  const leader = leaderOf([0, 1, 2])
  leader.server.timeoutNow({ term: 1 })
  expect(leader.server.report()).toMatchObject({ role: 'Leader', term: 1 })
  leader.server.stop()
  expect(leader.server.timeoutNow({ term: 1 })).toBeNull()
  expect(leader.server.report()).toMatchObject({ role: 'Dead', term: 1 })
})

test('a request that the leader asked for is not ignored by who hears it (3.10)', () => {
  const { server } = followerWith()
  const request = { ...vote(2, 2), lastLogIndex: 1, lastLogTerm: 1 }
  expect(server.requestVote(request)).toBeNull()
  expect(server.requestVote({ ...request, isHandover: true })).toEqual({
    term: 2,
    voteGranted: true,
  })
})

test('leadership goes to members alone, by one who leads, one at a time (3.10)', () => {
  expect(handOver(followerWith(), 1)).toEqual(notDone('this server is not the leader'))
  const leader = leaderOf([0, 1, 2])
  ask(leader, { add: member(3) })
  const nobody = never('there is no such other member')
  expect(handOver(leader, 3)).toEqual(nobody)
  expect(handOver(leader, 0)).toEqual(nobody)
  expect(handOver(leaderOf([0]))).toEqual(nobody)
  expect(leader.server.submit('x')).toBe(2)
  expect(handOver(leader, 1)).toEqual([])
  expect(handOver(leader, 2)).toEqual(notDone('leadership is handed over already'))
})
