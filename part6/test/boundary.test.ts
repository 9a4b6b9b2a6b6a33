/**
 * Where a log begins after a snapshot (section 7): the rules of terms and indexes there,
 * one server at a time.
 */
import { silentLogger, VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import {
  type AppendEntriesArgs,
  type AppendEntriesReply,
  ConsensusModule,
  type LogEntry,
  type Position,
  type RequestVoteArgs,
  type RequestVoteReply,
} from '../src/raft.ts'
import type { InstallSnapshotArgs, InstallSnapshotReply } from '../src/snapshots.ts'
import { MemoryStorage } from '../src/storage.ts'

/** With `random` at 0 every election timer runs this long. */
const TIMEOUT_MS = 150
/** A snapshot of a few pieces takes no longer. */
const TAKEN_MS = 20
const SNAPSHOT: Position = { index: 5, term: 2 }

/** Entries of these terms, each with a command that names its index and term. */
const entriesAfter = (index: number, ...terms: number[]): LogEntry[] =>
  terms.map((term, i) => ({ command: `${index + 1 + i} of ${term}`, term }))

interface Sent<Args, Reply> {
  readonly to: number
  readonly args: Args
  readonly reply: (reply: Reply) => void
}

/** A life of server 0 of three. What it applies, and what it is brought, are its lines. */
function serverOn(storage: MemoryStorage, minSnapshotLength = 0) {
  const clock = new VirtualClock()
  const votes: Sent<RequestVoteArgs, RequestVoteReply>[] = []
  const appends: Sent<AppendEntriesArgs, AppendEntriesReply>[] = []
  const pieces: Sent<InstallSnapshotArgs, InstallSnapshotReply>[] = []
  let state: string[] = []
  const applied: number[] = []
  const server = new ConsensusModule({
    id: 0,
    peers: [1, 2].map((to) => ({
      id: to,
      requestVote: (args, reply) => votes.push({ to, args, reply }),
      appendEntries: (args, reply) => appends.push({ to, args, reply }),
      readIndex() {},
      installSnapshot: (args, reply) => pieces.push({ to, args, reply }),
    })),
    clock,
    random: () => 0,
    logger: silentLogger,
    storage,
    minSnapshotLength,
    apply: ({ index, command }) => {
      applied.push(index)
      state.push(`${command}\n`)
    },
    stateMachine: {
      snapshot: () => [...state].values(),
      restore: () => {
        const brought: string[] = []
        return {
          add: (piece) => brought.push(piece),
          end: () => {
            state = brought
          },
        }
      },
    },
  })
  server.start()
  return {
    server,
    clock,
    storage,
    votes,
    appends,
    pieces,
    applied,
    state: () => state.join(''),
  }
}

/** A disk with a snapshot up to entry 5 of term 2, and entries of these terms after it. */
function diskWithSnapshot(...terms: number[]): MemoryStorage {
  const storage = new MemoryStorage()
  storage.saveTermAndVote(3, null)
  storage.saveEntries(1, entriesAfter(0, 1, 1, 1, 2, 2))
  storage.startLog(SNAPSHOT, entriesAfter(SNAPSHOT.index, ...terms))
  const snapshot = storage.beginSnapshot(SNAPSHOT)
  snapshot.write('five\n')
  snapshot.write('entries\n')
  snapshot.end()
  return storage
}

/** A server whose log begins after entry 5 of term 2, with entries of these terms. */
const serverAfterSnapshot = (...terms: number[]) => serverOn(diskWithSnapshot(...terms))

const append = (
  term: number,
  prevLogIndex: number,
  prevLogTerm: number,
  ...terms: number[]
): AppendEntriesArgs => ({
  term,
  leaderId: 1,
  prevLogIndex,
  prevLogTerm,
  entries: entriesAfter(prevLogIndex, ...terms),
  leaderCommit: 0,
})

const piece = (
  term: number,
  { index, term: lastIncludedTerm }: Position,
  offset: number,
  data: string,
  done: boolean,
): InstallSnapshotArgs => ({
  term,
  leaderId: 1,
  lastIncludedIndex: index,
  lastIncludedTerm,
  offset,
  data,
  done,
})

/** All of one, in a single piece. */
const whole = (term: number, last: Position) => piece(term, last, 0, 'all\n', true)

const terms = ({ server }: { server: ConsensusModule }) =>
  server.log.map(({ term }) => term)

test('a log that begins after a snapshot ends there when it is empty (7)', () => {
  const { server } = serverAfterSnapshot()
  expect(server.report()).toMatchObject({
    commitIndex: 5,
    lastApplied: 5,
    firstLogIndex: 6,
    lastLogIndex: 5,
    snapshotIndex: 5,
  })
})

test('the first entry after a snapshot follows on its last term (5.3)', () => {
  const { server } = serverAfterSnapshot()
  expect(server.appendEntries(append(3, 5, 1, 3))?.success).toBe(false)
  expect(server.appendEntries(append(3, 5, 3, 3))?.success).toBe(false)
  expect(server.appendEntries(append(3, 5, 2, 3))?.success).toBe(true)
  expect(server.log).toEqual(entriesAfter(5, 3))
})

test('what a snapshot stands for agrees with every leader, whatever is said of it', () => {
  const { server } = serverAfterSnapshot(3)
  for (const prevLogIndex of [0, 1, 4]) {
    const late = append(3, prevLogIndex, prevLogIndex === 0 ? 0 : 1)
    expect(server.appendEntries(late)?.success).toBe(true)
  }
  expect(server.log).toEqual(entriesAfter(5, 3))
})

test('of entries that begin before the snapshot’s end, those after it are taken', () => {
  const { server, storage } = serverAfterSnapshot()
  const args = append(3, 3, 1, 2, 2, 3, 3)
  expect(server.appendEntries(args)?.success).toBe(true)
  expect(server.log).toEqual(entriesAfter(5, 3, 3))
  expect(storage.load().log).toEqual(entriesAfter(5, 3, 3))
})

test('entries that end before the snapshot’s end remove nothing and add nothing', () => {
  const { server } = serverAfterSnapshot(2, 3)
  for (const args of [
    append(3, 0, 0, 1, 1),
    append(3, 3, 1, 2),
    append(3, 3, 1, 2, 2),
  ]) {
    expect(server.appendEntries(args)?.success).toBe(true)
    expect(server.log).toEqual(entriesAfter(5, 2, 3))
  }
})

test('a conflict right after a snapshot replaces all of the log', () => {
  const { server, storage } = serverAfterSnapshot(2, 2)
  expect(server.appendEntries(append(4, 3, 1, 2, 2, 4))?.success).toBe(true)
  expect(server.log).toEqual(entriesAfter(5, 4))
  expect(storage.load()).toMatchObject({ base: SNAPSHOT, log: entriesAfter(5, 4) })
})

test('a message that speaks of what a snapshot stands for commits nothing anew', () => {
  const { server, applied } = serverAfterSnapshot(3)
  server.appendEntries({ ...append(3, 2, 1, 1, 2), leaderCommit: 9 })
  expect(server.report()).toMatchObject({ commitIndex: 5, lastApplied: 5 })
  server.appendEntries({ ...append(3, 5, 2, 3), leaderCommit: 9 })
  expect(server.report()).toMatchObject({ commitIndex: 6, lastApplied: 6 })
  expect(applied).toEqual([6])
})

test('a hint does not name an entry before the snapshot’s last (5.3)', () => {
  const { server } = serverAfterSnapshot(2, 2)
  // All that the log has is of the term that conflicts, and so is the snapshot's last.
  expect(server.appendEntries(append(4, 7, 3))).toMatchObject({
    success: false,
    conflictTerm: 2,
    conflictIndex: 5,
  })
  // The term that conflicts begins in the log.
  const { server: other } = serverAfterSnapshot(3, 3)
  expect(other.appendEntries(append(4, 7, 4))).toMatchObject({
    conflictTerm: 3,
    conflictIndex: 6,
  })
})

test('a log that is empty after a snapshot names its end as too short (5.3)', () => {
  const { server } = serverAfterSnapshot()
  expect(server.appendEntries(append(4, 8, 3))).toMatchObject({
    success: false,
    conflictTerm: 0,
    conflictIndex: 6,
  })
})

test('a vote is compared with the snapshot’s last entry when the log is empty (5.4.1)', () => {
  const { server } = serverAfterSnapshot()
  const ask = (term: number, lastLogIndex: number, lastLogTerm: number) =>
    server.requestVote({ term, candidateId: 1, lastLogIndex, lastLogTerm })?.voteGranted
  expect(ask(4, 9, 1)).toBe(false)
  expect(ask(5, 4, 2)).toBe(false)
  expect(ask(6, 5, 2)).toBe(true)
  expect(ask(7, 1, 3)).toBe(true)
})

test('a candidate whose log is empty stands for election with the snapshot’s last entry', () => {
  const { clock, votes } = serverAfterSnapshot()
  clock.advance(TIMEOUT_MS)
  expect(votes.map(({ args }) => args)).toEqual(
    Array(2).fill({ term: 4, candidateId: 0, lastLogIndex: 5, lastLogTerm: 2 }),
  )
})

/** Leads term 4. Its log begins after the snapshot, and ends with that term's first entry. */
function leaderAfterSnapshot(...terms: number[]) {
  const life = serverAfterSnapshot(...terms)
  const { clock, votes, appends } = life
  clock.advance(TIMEOUT_MS)
  votes[0]?.reply({ term: 4, voteGranted: true })
  clock.advance(0)
  const [heartbeat, , entries, entriesToOther] = appends.splice(0)
  return { ...life, heartbeat, entries, entriesToOther }
}

test('a leader’s first entry after a snapshot is sent with the snapshot’s last term', () => {
  const { heartbeat, entries } = leaderAfterSnapshot()
  expect(heartbeat?.args).toMatchObject({ prevLogIndex: 5, prevLogTerm: 2 })
  expect(entries?.args).toMatchObject({
    prevLogIndex: 5,
    prevLogTerm: 2,
    entries: [{ term: 4, command: null }],
  })
})

/** How a leader goes on to its first peer, after that has refused. */
function afterRefusal(conflictTerm: number, conflictIndex: number) {
  const leader = leaderAfterSnapshot(3)
  const refusal = { term: 4, success: false, conflictTerm, conflictIndex }
  leader.entries?.reply(refusal)
  return leader
}

test('a follower whose log ends where the snapshot does gets entries, and no snapshot', () => {
  const { appends, pieces } = afterRefusal(0, 6)
  expect(appends.at(-1)?.args).toMatchObject({ prevLogIndex: 5, prevLogTerm: 2 })
  expect(appends.at(-1)?.args.entries).toHaveLength(2)
  expect(pieces).toEqual([])
})

test('a follower that lacks the snapshot’s last entry gets the snapshot', () => {
  const { server, appends, pieces } = afterRefusal(0, 5)
  expect(appends).toEqual([])
  const [first] = pieces
  expect(first?.args).toEqual({ ...piece(4, SNAPSHOT, 0, 'five\n', false), leaderId: 0 })
  first?.reply({ term: 4, installed: false, received: 5 })
  expect(pieces[1]?.args).toMatchObject({ offset: 5, data: 'entries\n', done: true })
  expect(server.nextIndex.get(1)).toBe(6)
})

test('a conflict in the snapshot’s last term may end with its last entry (5.3)', () => {
  const { appends, pieces } = afterRefusal(2, 3)
  expect(appends.at(-1)?.args).toMatchObject({ prevLogIndex: 5, prevLogTerm: 2 })
  expect(pieces).toEqual([])
})

test('a conflict in a term from before the snapshot’s last needs the snapshot', () => {
  const { pieces } = afterRefusal(1, 2)
  expect(pieces[0]?.args).toMatchObject({ lastIncludedIndex: 5, lastIncludedTerm: 2 })
})

test('heartbeats stand before everything while a snapshot is on its way', () => {
  const { clock, appends } = afterRefusal(0, 1)
  clock.advance(50)
  const [heartbeat] = appends.filter(({ to }) => to === 1)
  expect(heartbeat?.args).toMatchObject({ prevLogIndex: 0, prevLogTerm: 0, entries: [] })
})

test('after a snapshot a follower is sent what follows on it', () => {
  const { server, appends, pieces } = afterRefusal(0, 1)
  pieces[0]?.reply({ term: 4, installed: true, received: 0 })
  expect(server.matchIndex.get(1)).toBe(5)
  expect(appends.at(-1)?.args).toMatchObject({ prevLogIndex: 5, prevLogTerm: 2 })
})

test('the next piece begins where the follower says, though it was sent before', () => {
  const { pieces } = afterRefusal(0, 1)
  for (const received of [5, 0, 5]) {
    pieces.at(-1)?.reply({ term: 4, installed: false, received })
    expect(pieces.at(-1)?.args.offset).toBe(received)
  }
  expect(pieces).toHaveLength(4)
})

test('a snapshot that is being sent is sent to its end, though there is a later one', () => {
  const { server, clock, pieces, entriesToOther } = afterRefusal(0, 1)
  // With what the other holds it commits, and takes a snapshot of its own.
  entriesToOther?.reply({ term: 4, success: true })
  clock.advance(TAKEN_MS)
  expect(server.report()).toMatchObject({ snapshotIndex: 7, firstLogIndex: 8 })
  pieces[0]?.reply({ term: 4, installed: false, received: 5 })
  expect(pieces[1]?.args).toMatchObject({ lastIncludedIndex: 5, data: 'entries\n' })
  // What follows on it is not in the log any more: the later one is next.
  pieces[1]?.reply({ term: 4, installed: true, received: 0 })
  expect(server.matchIndex.get(1)).toBe(5)
  expect(pieces[2]?.args).toMatchObject({ lastIncludedIndex: 7, offset: 0 })
})

test('an answer to a piece that comes late, or twice, sends nothing', () => {
  const { pieces, appends } = afterRefusal(0, 1)
  const lost = { term: 4, installed: false, received: 0 }
  pieces[0]?.reply(lost)
  pieces[0]?.reply(lost)
  pieces[0]?.reply({ ...lost, installed: true })
  expect(pieces).toHaveLength(2)
  expect(appends).toEqual([])
})

test('answers to a leader that was deposed send no piece', () => {
  const { server, pieces } = afterRefusal(0, 1)
  server.appendEntries(append(5, 0, 0))
  pieces[0]?.reply({ term: 4, installed: false, received: 0 })
  expect(pieces).toHaveLength(1)
  expect(server.snapshots.isSending).toBe(false)
})

test('who answers a piece with a later term deposes the leader (5.1)', () => {
  const { server, pieces } = afterRefusal(0, 1)
  pieces[0]?.reply({ term: 9, installed: false, received: 0 })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 9 })
  expect(pieces).toHaveLength(1)
})

test('a heartbeat that is answered, and the piece is not, is followed by a question', () => {
  const { clock, appends, pieces } = afterRefusal(0, 1)
  clock.advance(50)
  appends.find(({ to }) => to === 1)?.reply({ term: 4, success: true })
  expect(pieces[1]?.args).toMatchObject({ offset: 0, data: '', done: false })
  // The answer to that says whether the piece has come.
  pieces[1]?.reply({ term: 4, installed: false, received: 0 })
  expect(pieces[2]?.args).toMatchObject({ data: 'five\n', offset: 0 })
})

test('a follower lets a snapshot replace a log that ends before it (Figure 13, step 7)', () => {
  const follower = serverOn(new MemoryStorage())
  const { server, state, storage } = follower
  server.appendEntries(append(1, 0, 0, 1, 1))
  const last = { index: 9, term: 2 }
  const reply = server.installSnapshot(whole(3, last))
  expect(reply).toEqual({ term: 3, installed: true, received: 0 })
  expect(terms(follower)).toEqual([])
  expect(state()).toBe('all\n')
  expect(server.report()).toMatchObject({
    commitIndex: 9,
    lastApplied: 9,
    firstLogIndex: 10,
    lastLogIndex: 9,
    snapshotIndex: 9,
  })
  expect(storage.load()).toMatchObject({ base: last, log: [] })
})

test('entries after the snapshot’s last are kept if that is in the log (step 6)', () => {
  const follower = serverOn(new MemoryStorage())
  const { server, storage } = follower
  server.appendEntries(append(2, 0, 0, 1, 2, 2, 2))
  server.installSnapshot(whole(3, { index: 2, term: 2 }))
  expect(server.log).toEqual(entriesAfter(2, 2, 2))
  expect(storage.load().log).toEqual(entriesAfter(2, 2, 2))
})

test('a log that has another entry at the snapshot’s last is gone, all of it (step 7)', () => {
  const follower = serverOn(new MemoryStorage())
  const { server, storage } = follower
  server.appendEntries(append(1, 0, 0, 1, 1, 1, 1))
  server.installSnapshot(whole(3, { index: 2, term: 2 }))
  expect(server.log).toEqual([])
  expect(storage.load()).toMatchObject({ base: { index: 2, term: 2 }, log: [] })
})

test('a log that ends with the snapshot’s last entry is empty after it', () => {
  const follower = serverOn(new MemoryStorage())
  const { server, storage } = follower
  server.appendEntries(append(2, 0, 0, 1, 2))
  server.installSnapshot(whole(3, { index: 2, term: 2 }))
  expect(terms(follower)).toEqual([])
  expect(storage.load()).toMatchObject({ base: { index: 2, term: 2 }, log: [] })
})

test('after a snapshot the next entry is applied, and none that it stands for', () => {
  const { server, applied, state } = serverOn(new MemoryStorage())
  server.appendEntries({ ...append(1, 0, 0, 1, 1, 1, 1), leaderCommit: 1 })
  server.installSnapshot(whole(1, { index: 3, term: 1 }))
  server.appendEntries({ ...append(1, 4, 1, 1), leaderCommit: 5 })
  expect(applied).toEqual([1, 4, 5])
  expect(state()).toBe('all\n4 of 1\n5 of 1\n')
})

test('a snapshot of what is committed here changes nothing, nor sets anything back', () => {
  const { server, state } = serverOn(new MemoryStorage())
  server.appendEntries({ ...append(1, 0, 0, 1, 1, 1), leaderCommit: 2 })
  const before = { ...server.report() }
  for (const index of [1, 2]) {
    const reply = server.installSnapshot(whole(1, { index, term: 1 }))
    expect(reply).toEqual({ term: 1, installed: true, received: 0 })
  }
  expect(server.report()).toEqual(before)
  expect(server.log).toHaveLength(3)
  expect(state()).toBe('1 of 1\n2 of 1\n')
})

test('the last piece that comes twice is acknowledged, and changes nothing', () => {
  const { server, state } = serverOn(new MemoryStorage())
  const last = { index: 3, term: 1 }
  server.installSnapshot(whole(1, last))
  server.appendEntries({ ...append(1, 3, 1, 1, 1), leaderCommit: 4 })
  expect(server.installSnapshot(whole(1, last))).toMatchObject({ installed: true })
  expect(server.report()).toMatchObject({ commitIndex: 4, lastLogIndex: 5 })
  expect(state()).toBe('all\n4 of 1\n')
})

test('one that is not complete changes nothing', () => {
  const { server, state } = serverOn(new MemoryStorage())
  server.appendEntries({ ...append(1, 0, 0, 1), leaderCommit: 1 })
  server.installSnapshot(piece(1, SNAPSHOT, 0, 'a\n', false))
  expect(server.report()).toMatchObject({ commitIndex: 1, snapshotIndex: 0 })
  expect(state()).toBe('1 of 1\n')
})

/** A follower that has been sent two pieces of a snapshot, four characters. */
function followerOfTwoPieces() {
  const follower = serverOn(new MemoryStorage())
  const receive = (offset: number, data: string, done = false) =>
    follower.server.installSnapshot(piece(1, SNAPSHOT, offset, data, done))
  receive(0, 'a\n')
  receive(2, 'b\n')
  return { ...follower, receive }
}

test('a piece that comes late, or twice, is not there twice', () => {
  const { receive, state } = followerOfTwoPieces()
  for (const [offset, data] of [
    [0, 'a\n'],
    [2, 'b\n'],
  ] as const) {
    expect(receive(offset, data)).toMatchObject({ installed: false, received: 4 })
  }
  expect(receive(4, 'c\n', true)).toMatchObject({ installed: true })
  expect(state()).toBe('a\nb\nc\n')
})

test('a piece that comes before those between is not taken, nor the last one', () => {
  const { receive, state } = followerOfTwoPieces()
  expect(receive(6, 'd\n')).toMatchObject({ received: 4 })
  expect(receive(6, 'd\n', true)).toMatchObject({ installed: false, received: 4 })
  receive(4, 'c\n')
  expect(receive(6, 'd\n', true)).toMatchObject({ installed: true })
  expect(state()).toBe('a\nb\nc\nd\n')
})

test('a snapshot that nothing has come of begins with its first piece', () => {
  const { server } = serverOn(new MemoryStorage())
  const later = piece(1, SNAPSHOT, 2, 'b\n', true)
  expect(server.installSnapshot(later)).toMatchObject({ installed: false, received: 0 })
  expect(server.snapshots.isArriving).toBe(false)
})

test('a question says how much has come, and takes nothing', () => {
  const { receive } = followerOfTwoPieces()
  for (const offset of [0, 2, 4, 99]) {
    expect(receive(offset, '')).toMatchObject({ installed: false, received: 4 })
  }
})

test('a question does not begin a snapshot', () => {
  const { server } = serverOn(new MemoryStorage())
  server.installSnapshot(piece(1, SNAPSHOT, 0, '', false))
  expect(server.snapshots.isArriving).toBe(false)
})

test('a snapshot that says nothing is one', () => {
  const { server, state } = serverOn(new MemoryStorage())
  server.appendEntries({ ...append(1, 0, 0, 1), leaderCommit: 1 })
  const reply = server.installSnapshot(piece(1, SNAPSHOT, 0, '', true))
  expect(reply).toMatchObject({ installed: true })
  expect(state()).toBe('')
})

test('of two snapshots of one leader the later one is taken, whichever came first', () => {
  const later = { index: 8, term: 2 }
  const { server, receive, state } = followerOfTwoPieces()
  expect(server.installSnapshot(piece(1, later, 2, 'x\n', true))).toMatchObject({
    received: 0,
  })
  expect(server.installSnapshot(piece(1, later, 0, 'x\n', false))).toMatchObject({
    received: 2,
  })
  // What is left of the earlier one is late.
  expect(receive(0, 'a\n')).toMatchObject({ received: 0 })
  expect(receive(4, 'c\n', true)).toMatchObject({ installed: false, received: 0 })
  expect(server.installSnapshot(piece(1, later, 2, 'y\n', true))).toMatchObject({
    installed: true,
  })
  expect(server.report().commitIndex).toBe(8)
  expect(state()).toBe('x\ny\n')
})

test.each([
  ['hears of the next one', false],
  ['stood for election in the term of the next one', true],
])('pieces of two leaders do not make one snapshot: the follower %s', (_, stands) => {
  const { server, clock, state } = followerOfTwoPieces()
  if (stands) clock.advance(TIMEOUT_MS)
  const next = (offset: number, data: string, done: boolean) =>
    server.installSnapshot(piece(2, SNAPSHOT, offset, data, done))
  expect(next(4, 'c\n', true)).toMatchObject({ installed: false, received: 0 })
  expect(next(0, 'all of it\n', true)).toMatchObject({ installed: true })
  expect(state()).toBe('all of it\n')
})

test('of pieces that came before a restart nothing is left', () => {
  const { storage } = followerOfTwoPieces()
  const { server, state } = serverOn(storage)
  expect(server.report()).toMatchObject({ snapshotIndex: 0, lastLogIndex: 0 })
  const receive = (offset: number, data: string, done: boolean) =>
    server.installSnapshot(piece(1, SNAPSHOT, offset, data, done))
  expect(receive(4, 'c\n', true)).toMatchObject({ installed: false, received: 0 })
  receive(0, 'all ', false)
  expect(receive(4, 'of it\n', true)).toMatchObject({ installed: true })
  expect(state()).toBe('all of it\n')
})

test('a follower that restarts with a snapshot that came has what it says', () => {
  const { storage, receive } = followerOfTwoPieces()
  receive(4, 'c\n', true)
  const { server, state } = serverOn(storage)
  expect(server.report()).toMatchObject({ commitIndex: 5, lastLogIndex: 5 })
  expect(state()).toBe('a\nb\nc\n')
  expect(server.appendEntries(append(2, 5, 2, 2))?.success).toBe(true)
})

test('a piece of an older term is answered with the newer one, and not taken (5.1)', () => {
  const { server, clock, votes } = serverAfterSnapshot()
  clock.advance(TIMEOUT_MS - 1)
  const reply = server.installSnapshot(whole(2, { index: 9, term: 2 }))
  expect(reply).toEqual({ term: 3, installed: false, received: 0 })
  expect(server.report().commitIndex).toBe(5)
  // Nor does it count as having heard a leader.
  clock.advance(1)
  expect(votes).toHaveLength(2)
})

test('a piece says who leads, and holds back an election, as a heartbeat does (5.2)', () => {
  const { server, clock, votes } = serverAfterSnapshot()
  clock.advance(TIMEOUT_MS - 1)
  server.installSnapshot(piece(4, { index: 9, term: 2 }, 0, 'a\n', false))
  expect(server.report()).toMatchObject({ term: 4, leaderId: 1 })
  clock.advance(TIMEOUT_MS - 1)
  expect(votes).toEqual([])
})

test('a candidate that gets a piece in its term follows (5.2)', () => {
  const { server, clock } = serverAfterSnapshot()
  clock.advance(TIMEOUT_MS)
  expect(server.report()).toMatchObject({ role: 'Candidate', term: 4 })
  const reply = server.installSnapshot(whole(4, { index: 9, term: 2 }))
  expect(reply).toMatchObject({ installed: true })
  expect(server.report()).toMatchObject({ role: 'Follower', term: 4, leaderId: 1 })
})

test('a leader takes no snapshot from another of its term (5.2)', () => {
  const { server } = leaderAfterSnapshot()
  const reply = server.installSnapshot(whole(4, { index: 9, term: 2 }))
  expect(reply).toEqual({ term: 4, installed: false, received: 0 })
  expect(server.report()).toMatchObject({ isLeader: true, commitIndex: 5 })
})

test('a server that was stopped takes no piece', () => {
  const { server, state } = serverOn(new MemoryStorage())
  server.stop()
  expect(server.installSnapshot(whole(1, SNAPSHOT))).toBeNull()
  expect(state()).toBe('')
})

/** A follower with three entries of term 1, of which it has applied two. */
function followerOfThree(minSnapshotLength: number) {
  const follower = serverOn(new MemoryStorage(), minSnapshotLength)
  follower.server.appendEntries({ ...append(1, 0, 0, 1, 1, 1), leaderCommit: 2 })
  return follower
}

/** So that no snapshot is begun by itself, and no entry is kept from before one. */
const BY_HAND = 600

test('a snapshot stands for what is applied, and no further', () => {
  const { server, clock, storage } = followerOfThree(BY_HAND)
  server.takeSnapshot()
  clock.advance(TAKEN_MS)
  expect(server.report()).toMatchObject({ snapshotIndex: 2, firstLogIndex: 3 })
  const { server: next, state } = serverOn(storage)
  expect(next.snapshots.last).toEqual({ index: 2, term: 1 })
  expect(state()).toBe('1 of 1\n2 of 1\n')
  expect(next.log).toEqual(entriesAfter(2, 1))
})

test('what comes while a snapshot is taken is in the log, and not in the snapshot', () => {
  const { server, clock, storage } = followerOfThree(BY_HAND)
  server.takeSnapshot()
  server.appendEntries({ ...append(1, 3, 1, 1), leaderCommit: 3 })
  clock.advance(TAKEN_MS)
  expect(server.report()).toMatchObject({ snapshotIndex: 2, lastApplied: 3 })
  const { server: next, state } = serverOn(storage)
  expect(state()).toBe('1 of 1\n2 of 1\n')
  expect(next.log).toEqual(entriesAfter(2, 1, 1))
})

test('until a snapshot is complete the log is what it was', () => {
  const { server, storage } = followerOfThree(BY_HAND)
  server.takeSnapshot()
  expect(server.report()).toMatchObject({ snapshotIndex: 0, firstLogIndex: 1 })
  const { server: next } = serverOn(storage)
  expect(next.report()).toMatchObject({ snapshotIndex: 0, lastLogIndex: 3 })
})

test('a snapshot is not begun twice, nor where nothing was applied since the last', () => {
  const { server, clock } = followerOfThree(BY_HAND)
  server.takeSnapshot()
  server.appendEntries({ ...append(1, 3, 1), leaderCommit: 3 })
  server.takeSnapshot()
  clock.advance(TAKEN_MS)
  expect(server.report().snapshotIndex).toBe(2)
  server.takeSnapshot()
  clock.advance(TAKEN_MS)
  server.takeSnapshot()
  expect(server.snapshots.isTaking).toBe(false)
  expect(server.report().snapshotIndex).toBe(3)
})

test('a server that was stopped takes no snapshot, nor goes on with one', () => {
  const { server, clock, storage } = followerOfThree(BY_HAND)
  server.takeSnapshot()
  server.stop()
  clock.advance(TAKEN_MS)
  server.takeSnapshot()
  clock.advance(TAKEN_MS)
  expect(server.snapshots.isTaking).toBe(false)
  expect(serverOn(storage).server.report().snapshotIndex).toBe(0)
})

test('a snapshot is begun as soon as enough was applied, and not before', () => {
  const { server } = serverOn(new MemoryStorage(), BY_HAND)
  const lengthOfOne = 150 + '1 of 1'.length
  const enough = Math.ceil(BY_HAND / lengthOfOne)
  const entries = append(1, 0, 0, ...Array(enough).fill(1))
  server.appendEntries({ ...entries, leaderCommit: enough - 1 })
  expect(server.snapshots.isTaking).toBe(false)
  server.appendEntries({ ...entries, leaderCommit: enough })
  expect(server.snapshots.isTaking).toBe(true)
})

test('one that is taken does not take the place of a later one that came meanwhile', () => {
  const { server, clock, storage, state } = followerOfThree(BY_HAND)
  server.takeSnapshot()
  server.installSnapshot(whole(1, { index: 9, term: 1 }))
  clock.advance(TAKEN_MS)
  expect(server.report()).toMatchObject({
    snapshotIndex: 9,
    commitIndex: 9,
    firstLogIndex: 10,
  })
  expect(state()).toBe('all\n')
  expect(serverOn(storage).state()).toBe('all\n')
})

test('one that arrives does not take the place of what was taken and goes further', () => {
  const { server, clock, state } = followerOfThree(BY_HAND)
  const last = { index: 2, term: 1 }
  server.installSnapshot(piece(1, { index: 3, term: 1 }, 0, 'late\n', false))
  server.appendEntries({ ...append(1, 3, 1, 1), leaderCommit: 4 })
  server.takeSnapshot()
  clock.advance(TAKEN_MS)
  const reply = server.installSnapshot(
    piece(1, { index: 3, term: 1 }, 5, 'too late\n', true),
  )
  expect(reply).toMatchObject({ installed: true })
  expect(server.installSnapshot(whole(1, last))).toMatchObject({ installed: true })
  expect(server.report()).toMatchObject({ snapshotIndex: 4, commitIndex: 4 })
  expect(state()).toBe('1 of 1\n2 of 1\n3 of 1\n4 of 1\n')
})

test('of what a snapshot stands for, the log keeps a tail for who is a little behind', () => {
  const { server, clock } = serverOn(new MemoryStorage(), 8_000)
  const entries = append(1, 0, 0, ...Array(40).fill(1))
  server.appendEntries({ ...entries, leaderCommit: 30 })
  server.takeSnapshot()
  clock.advance(200)
  // A quarter of 8,000 characters: twelve entries with what they cost beside.
  expect(server.report()).toMatchObject({ snapshotIndex: 30, firstLogIndex: 19 })
  expect(server.log).toEqual(entriesAfter(18, ...Array(22).fill(1)))
  expect(server.base).toEqual({ index: 18, term: 1 })
})
