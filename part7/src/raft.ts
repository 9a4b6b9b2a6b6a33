/**
 * Part 7: a cluster that changes (section 6; thesis, chapter 4), after all that was before.
 *
 * A ConsensusModule is one server's share of Raft, and nothing else: it reacts to
 * messages and to its timers. It knows no socket, no clock and no random numbers: they
 * are handed to it, so that the same code runs in a test's virtual time, over gRPC, and
 * in a browser.
 *
 * Every method runs to its end before another begins (JavaScript has one event loop),
 * which is what a mutex does elsewhere. So no method here waits for anything: a message
 * is sent, and its reply is an event of its own, checked against the state it finds.
 */
import type { Logger } from 'pino'
import { Changes } from './changes.ts'
import { type Configuration, Configurations, type Member } from './configuration.ts'
import type { TimeoutNowArgs, TimeoutNowReply } from './handover.ts'
import { type ReadIndexArgs, type ReadIndexReply, Reads, type Round } from './reads.ts'
import { UnreadablePiece } from './refusals.ts'
import {
  type InstallSnapshotArgs,
  type InstallSnapshotReply,
  lengthOf,
  pauseAfter,
  type SnapshotPosition,
  Snapshots,
  type StateMachine,
} from './snapshots.ts'
import type { Storage } from './storage.ts'

export type Role = 'Follower' | 'Candidate' | 'Leader' | 'Dead'

/** What the state machine is to do. Opaque to Raft. */
export type Command = string

export interface LogEntry {
  /** Null in the entry that begins a leader's term: there is nothing to do for it. */
  readonly command: Command | null
  /** The term in which a leader took it. */
  readonly term: number
  /** In force from here on, in an entry that changes who is in the cluster (4.1). */
  readonly configuration?: Configuration
}

/** Where an entry stands, and its term: which says what stands before it, too (5.3). */
export interface Position {
  readonly index: number
  readonly term: number
}

/** A committed entry, as it is handed to the state machine. */
export interface AppliedEntry extends LogEntry {
  readonly index: number
}

/** RequestVote RPC, sent by candidates to gather votes (5.2), and PreVote (9.6). */
export interface RequestVoteArgs {
  readonly term: number
  readonly candidateId: number
  readonly lastLogIndex: number
  readonly lastLogTerm: number
  /** The leader has asked for this election (3.10). */
  readonly isHandover: boolean
}

export interface RequestVoteReply {
  /** The voter's term, for a candidate that is behind to step down by. */
  readonly term: number
  readonly voteGranted: boolean
}

/** AppendEntries RPC, sent by leaders to replicate their log; empty, a heartbeat. */
export interface AppendEntriesArgs {
  readonly term: number
  readonly leaderId: number
  /** The entry that `entries` follow; both 0 at the start of the log. */
  readonly prevLogIndex: number
  readonly prevLogTerm: number
  readonly entries: readonly LogEntry[]
  readonly leaderCommit: number
}

export interface AppendEntriesReply {
  /** The follower's term, for a leader that is behind to step down by. */
  readonly term: number
  /** False when the follower does not hold the entry before the new ones. */
  readonly success: boolean
  /** Then: the term of the entry it holds instead, 0 when its log is too short, … */
  readonly conflictTerm?: number
  /** … and the first index of that term in its log, or where its log ends, plus one. */
  readonly conflictIndex?: number
}

/**
 * Another server, as this one sees it. Each method returns at once; `onReply` is called
 * later: once, more often, or never.
 */
export interface Peer {
  readonly id: number
  preVote(args: RequestVoteArgs, onReply: (reply: RequestVoteReply) => void): void
  requestVote(args: RequestVoteArgs, onReply: (reply: RequestVoteReply) => void): void
  appendEntries(
    args: AppendEntriesArgs,
    onReply: (reply: AppendEntriesReply) => void,
  ): void
  readIndex(args: ReadIndexArgs, onReply: (reply: ReadIndexReply) => void): void
  installSnapshot(
    args: InstallSnapshotArgs,
    onReply: (reply: InstallSnapshotReply) => void,
  ): void
  timeoutNow(args: TimeoutNowArgs, onReply: (reply: TimeoutNowReply) => void): void
}

export interface Clock {
  /** In ms, from whenever it began. */
  now(): number
  /** Calls `callback` once, `ms` from now; what it returns is for `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/** In ms. The paper wants broadcast time ≪ election timeout ≪ time between failures. */
export interface Timing {
  /** Each election timer runs for a time between these two, drawn anew every time. */
  readonly electionTimeout: readonly [min: number, max: number]
  readonly heartbeatInterval: number
}

const DEFAULT_TIMING: Timing = { electionTimeout: [150, 300], heartbeatInterval: 50 }

/** The longest command, in characters: a value of 256 KiB fits, however escaped. */
const MAX_COMMAND_LENGTH = 2_000_000
/** The most that one AppendEntries carries, in characters, unless one command is longer. */
const MAX_ENTRIES_LENGTH = 1_000_000

export interface ConsensusModuleOptions {
  readonly id: number
  /** Who is in the cluster until the log says it: nobody, for a server that joins one. */
  readonly members: readonly Member[]
  /** The way to these servers, and to no others any more. */
  readonly connect: (others: readonly Member[]) => readonly Peer[]
  readonly clock: Clock
  /** A number in [0, 1), as Math.random gives. */
  readonly random: () => number
  readonly logger: Logger
  readonly timing?: Partial<Timing>
  /** Told of every change of role or term. It must not call this module. */
  readonly onChange?: (report: Report) => void
  /** Answers reads without asking a majority each time: all servers do, or none. */
  readonly lease?: boolean
  readonly storage: Storage
  /** Takes the committed entries: each once, in order, after those of a snapshot. */
  readonly apply: (entry: AppliedEntry) => void
  readonly stateMachine: StateMachine
  /** So much is applied at least before a snapshot is taken, in characters. */
  readonly minSnapshotLength?: number
}

export interface Report {
  readonly id: number
  readonly term: number
  readonly role: Role
  readonly isLeader: boolean
  /** For clients that ask the wrong server; null while it is not known. */
  readonly leaderId: number | null
  readonly commitIndex: number
  readonly lastApplied: number
  readonly firstLogIndex: number
  readonly lastLogIndex: number
  /** The last entry that the latest snapshot stands for; 0 when there is none. */
  readonly snapshotIndex: number
}

/** Entries, or a piece of a snapshot. Heartbeats stand before them meanwhile. */
interface Unanswered {
  readonly prevLogIndex: number
  readonly piece?: InstallSnapshotArgs
}

export class ConsensusModule {
  // Persistent state on all servers: durable before any message that depends on it.
  /** The latest term this server has seen. It never falls. */
  currentTerm = 0
  /** Whom this server voted for in `currentTerm`. Once set, it stays for the term. */
  votedFor: number | null = null
  /** The entry after `base` is log[0]; only `entryAt` and its neighbours know that. */
  log: LogEntry[] = []
  /** The log begins after this entry: a snapshot stands for it, and for all before (7). */
  base: Position = { index: 0, term: 0 }

  // Volatile state on all servers.
  /** Dead before `start()` and after `stop()`. */
  role: Role = 'Dead'
  /** Who leads `currentTerm`, so that a follower can redirect clients. */
  private leaderId: number | null = null
  /** The last entry known to be committed: it is on a majority, and stays. */
  commitIndex = 0
  /** The last entry handed to the state machine; lastApplied ≤ commitIndex. */
  lastApplied = 0

  // Volatile state on candidates.
  /** Who voted for this server in `currentTerm`: a set, since a reply can come twice. */
  private votesReceived = new Set<number>()
  /** What they were asked; null when this server does not want to lead any more. */
  private asked: RequestVoteArgs | null = null

  // Volatile state on leaders, begun anew with every election.
  /** By peer: the next entry to send it. nextIndex > matchIndex, always. */
  nextIndex = new Map<number, number>()
  /** By peer: the last entry known to be in its log. */
  matchIndex = new Map<number, number>()
  /** By peer: what it has not answered; nothing else but heartbeats is on its way to it. */
  private unanswered = new Map<number, Unanswered>()
  /** What wants to be read from this leader, and who confirms that it is one. */
  reads: Reads
  /** Who is added, or removed. */
  readonly changes: Changes

  private electionTimer: unknown
  private heartbeatTimer: unknown
  private replicationTimer: unknown = null
  private syncTimer: unknown = null
  private snapshotTimer: unknown = null

  readonly snapshots: Snapshots
  /** Who is in the cluster. */
  readonly configurations: Configurations
  /** The last entry of the log that would survive a crash. */
  private lastSynced = 0
  /** By the clock; with leases, who restarts counts as having heard one. */
  private heardLeaderAt = Number.NEGATIVE_INFINITY

  private readonly id: number
  /** The other members, and those beside them whom a leader serves. */
  peers: readonly Peer[] = []
  private readonly connect: (others: readonly Member[]) => readonly Peer[]
  private readonly clock: Clock
  private readonly random: () => number
  private readonly logger: Logger
  private readonly timing: Timing
  private readonly onChange: (report: Report) => void
  private readonly lease: boolean
  private readonly storage: Storage
  private readonly apply: (entry: AppliedEntry) => void

  constructor(options: ConsensusModuleOptions) {
    this.id = options.id
    this.connect = options.connect
    this.clock = options.clock
    this.random = options.random
    this.logger = options.logger
    this.timing = { ...DEFAULT_TIMING, ...options.timing }
    this.onChange = options.onChange ?? (() => {})
    this.lease = options.lease ?? false
    this.storage = options.storage
    this.apply = options.apply
    const { stateMachine, minSnapshotLength } = options
    this.snapshots = new Snapshots(this.storage, stateMachine, minSnapshotLength)
    this.configurations = new Configurations(options.members)
    this.changes = new Changes(this, this.clock, this.timing.electionTimeout[1])
    this.reads = new Reads(this.id, this.configurations, 0, 0)

    // What was durable when an earlier life ended. What is committed after the snapshot is
    // learned anew, and the state machine gets every entry of that again.
    const { currentTerm, votedFor, base, log, remark } = this.storage.load()
    this.currentTerm = currentTerm
    this.votedFor = votedFor
    this.base = base
    this.log = log
    this.lastSynced = this.lastLogIndex()
    if (remark !== null) this.trace('note', remark)
    this.snapshots.recover()
    this.noteSnapshot('recovers')
    this.configurations.begin(this.snapshots.last, log)
    this.connectPeers()
    if (log.length > 0)
      this.traceEntries(`recovers ${log.length} entries`, base.index + 1)
  }

  /** Begins as a follower, which waits to hear from a leader (5.2). */
  start(): void {
    this.role = 'Follower'
    if (this.lease) this.heardLeaderAt = this.clock.now()
    this.noteChange(`starts as a follower in term ${this.currentTerm}`, 'start')
    this.resetElectionTimer()
  }

  /** Becomes Dead: answers nothing and does nothing from then on. */
  stop(): void {
    if (this.role === 'Dead') return
    this.role = 'Dead'
    this.leaderId = null
    this.asked = null
    this.clock.clearTimeout(this.electionTimer)
    this.clock.clearTimeout(this.heartbeatTimer)
    this.clock.clearTimeout(this.replicationTimer)
    this.clock.clearTimeout(this.syncTimer)
    this.clock.clearTimeout(this.snapshotTimer)
    this.snapshots.stop()
    this.changes.endLeadership()
    this.noteChange('becomes Dead')
  }

  report(): Report {
    return {
      id: this.id,
      term: this.currentTerm,
      role: this.role,
      isLeader: this.role === 'Leader',
      leaderId: this.leaderId,
      commitIndex: this.commitIndex,
      lastApplied: this.lastApplied,
      firstLogIndex: this.base.index + 1,
      lastLogIndex: this.lastLogIndex(),
      snapshotIndex: this.snapshots.last.index,
    }
  }

  /**
   * Takes a command into the log, if this server leads. Whether it will ever be
   * committed is not known yet: `apply` tells.
   *
   * @returns the entry's index, or null when this server is not the leader.
   * @throws RangeError when the command is no text that can be sent, or too long for it.
   */
  submit(command: Command): number | null {
    if (this.role !== 'Leader' || this.changes.handover) return null
    if (!command.isWellFormed()) {
      throw new RangeError('a command must be well-formed Unicode text')
    }
    if (command.length > MAX_COMMAND_LENGTH) {
      throw new RangeError(
        `a command can be ${MAX_COMMAND_LENGTH} characters long, not ${command.length}`,
      )
    }
    const index = this.lastLogIndex() + 1
    this.trace('submit', `takes entry ${index}: ${command}`, { index, command })
    this.replaceFrom(index, [{ command, term: this.currentTerm }])
    this.replicateSoon()
    return index
  }

  /**
   * Asks which entry must be applied before a read that comes now is answered (6.4): the
   * leader, if it is another server.
   *
   * @param onIndex is called when a majority has confirmed that the leader still leads;
   * at once, later, more often, or never.
   */
  readIndex(onIndex: (index: number) => void): void {
    if (this.role === 'Leader') {
      const mustAsk = this.reads.add(this.commitIndex, this.clock.now(), onIndex)
      if (mustAsk) this.sendHeartbeatsSoon()
      return
    }
    const leader = this.peers.find(({ id }) => id === this.leaderId)
    leader?.readIndex({ term: this.currentTerm }, ({ index }) => onIndex(index))
  }

  /** Receiver implementation of ReadIndex: who does not lead gives no answer. */
  onReadIndex(args: ReadIndexArgs, onReply: (reply: ReadIndexReply) => void): void {
    this.observeTerm(args.term)
    if (this.role === 'Leader') this.readIndex((index) => onReply({ index }))
  }

  /** Receiver implementation of TimeoutNow (3.10): its election timer fires now. */
  timeoutNow(args: TimeoutNowArgs): TimeoutNowReply | null {
    this.observeTerm(args.term)
    const isMember = this.configurations.isMember(this.id)
    if (isMember && this.isStill('Follower', args.term)) this.startElection(true)
    return this.role === 'Dead' ? null : { term: this.currentTerm }
  }

  /** Receiver implementation of PreVote (9.6): how it would vote. It changes nothing. */
  preVote(args: RequestVoteArgs): RequestVoteReply | null {
    if (this.role === 'Dead' || this.holdsToLeader()) return null
    const voteGranted =
      args.term > this.currentTerm &&
      this.isUpToDate(args.lastLogIndex, args.lastLogTerm)
    return { term: this.currentTerm, voteGranted }
  }

  /**
   * Receiver implementation of RequestVote (Figure 2): one vote a term, first come,
   * first served (5.2).
   *
   * @returns the reply, or null from a server that is Dead, or hears a leader.
   */
  requestVote(args: RequestVoteArgs): RequestVoteReply | null {
    if (this.role === 'Dead') return null
    if (this.holdsToLeader() && !args.isHandover) return null
    this.observeTerm(args.term)
    const voteGranted =
      args.term === this.currentTerm &&
      this.isUpToDate(args.lastLogIndex, args.lastLogTerm) &&
      (this.votedFor === null || this.votedFor === args.candidateId)
    if (voteGranted) {
      this.votedFor = args.candidateId
      this.saveTermAndVote()
      this.traceState('vote', `votes for ${args.candidateId}`)
      // Only a vote that is given holds back an election of one's own. A candidate that
      // nobody can vote for must not keep the others from trying.
      this.resetElectionTimer()
    }
    return {
      term: this.currentTerm,
      voteGranted,
    }
  }

  /**
   * Receiver implementation of AppendEntries (Figure 2).
   *
   * @returns the reply, or null from a server that is Dead.
   */
  appendEntries(args: AppendEntriesArgs): AppendEntriesReply | null {
    if (this.role === 'Dead') return null
    this.observeTerm(args.term)
    // A term has one leader (5.2): it takes orders from no other.
    if (args.term < this.currentTerm || this.role === 'Leader') {
      return {
        term: this.currentTerm,
        success: false,
      }
    }
    this.hearLeader(args.leaderId)
    if (!this.holds(args.prevLogIndex, args.prevLogTerm)) {
      return {
        term: this.currentTerm,
        success: false,
        ...this.conflictAt(args.prevLogIndex),
      }
    }
    this.storeEntries(args.prevLogIndex + 1, args.entries)
    this.sync(args.prevLogIndex + args.entries.length)
    // Not beyond the last new entry: what follows it in this log may still be wrong.
    this.commitUpTo(Math.min(args.leaderCommit, args.prevLogIndex + args.entries.length))
    // The state machine may have stopped this server.
    if (!this.isStill('Follower', args.term)) return null
    return {
      term: this.currentTerm,
      success: true,
    }
  }

  private hearLeader(leaderId: number): void {
    // Whoever sends this has won the term: a candidate has lost it (5.2).
    if (this.role === 'Candidate') this.becomeFollower(this.currentTerm)
    this.leaderId = leaderId
    this.heardLeaderAt = this.clock.now()
    this.resetElectionTimer()
    this.changes.endHandover(leaderId)
  }

  /** Steps 3 and 4: from a conflict on, the leader's entries replace ours. */
  private storeEntries(firstIndex: number, entries: readonly LogEntry[]): void {
    // Messages can be late or doubled: what the log already holds must not remove what
    // came after it.
    const held = entries.findIndex((entry, i) => !this.holds(firstIndex + i, entry.term))
    if (held === -1) return
    this.replaceFrom(firstIndex + held, entries.slice(held))
  }

  /** Where the leader should look next, so that it skips a whole term (end of 5.3). */
  private conflictAt(index: number): { conflictTerm: number; conflictIndex: number } {
    const conflictTerm = this.termAt(index)
    let conflictIndex = Math.min(index, this.lastLogIndex() + 1)
    while (conflictTerm > 0 && this.termAt(conflictIndex - 1) === conflictTerm) {
      conflictIndex -= 1
    }
    return { conflictTerm, conflictIndex }
  }

  /** Step 5, and "All servers": the state machine gets what is committed, in order. */
  private commitUpTo(index: number): void {
    if (index <= this.commitIndex) return
    this.commitIndex = index
    this.traceState('commit', `commits up to entry ${index}`)
    while (this.lastApplied < this.commitIndex && this.role !== 'Dead') {
      const index = this.lastApplied + 1
      const { command, term } = this.entryAt(index)
      this.orStop(() => this.apply({ command, index, term }))
      this.lastApplied = index
      this.snapshots.noteApplied(command)
      const what = command ?? 'no command'
      this.traceState('apply', `applies entry ${index}: ${what}`, { index, command })
    }
    if (this.snapshots.isDue) this.takeSnapshot()
    if (this.changes.noteCommitted(index)) this.becomeFollower(this.currentTerm)
  }

  /**
   * Lets a snapshot of the state machine take the place of the entries that it has applied.
   * Each server does so alone (7), and piece by piece; if there is news, and none is taken.
   */
  takeSnapshot(): void {
    const isNews = this.lastApplied > this.snapshots.last.index
    if (this.role === 'Dead' || this.snapshots.isTaking || !isNews) return
    const placed = this.configurations.at(this.lastApplied)
    const last = { index: this.lastApplied, term: this.termAt(this.lastApplied), placed }
    this.traceState('snapshot', `begins a snapshot up to entry ${last.index}`)
    // A majority of others may have committed what is not kept here yet (10.2.1).
    this.sync(last.index)
    this.orStop(() => {
      this.storage.startLog(last, this.entriesBetween(last.index, this.lastSynced))
      this.snapshots.begin(last)
    })
    this.takeMoreSoon()
  }

  private takeMoreSoon(tookMs = 0): void {
    this.snapshotTimer = this.clock.setTimeout(() => {
      const beganAt = this.clock.now()
      const isEnd = this.orStop(() => this.snapshots.takeMore())
      if (!isEnd) this.takeMoreSoon(this.clock.now() - beganAt)
      else this.dropBefore(this.snapshots.tailOf(this.base.index, this.log))
    }, pauseAfter(tookMs))
  }

  /**
   * Receiver implementation of InstallSnapshot (Figure 13).
   *
   * @returns the reply, or null from a server that is Dead.
   */
  installSnapshot(args: InstallSnapshotArgs): InstallSnapshotReply | null {
    if (this.role === 'Dead') return null
    this.observeTerm(args.term)
    // As for AppendEntries (5.2).
    if (args.term < this.currentTerm || this.role === 'Leader') {
      return { term: this.currentTerm, installed: false, received: 0 }
    }
    this.hearLeader(args.leaderId)
    const { lastIncludedIndex, lastIncludedTerm, placed } = args
    // What is committed here is held: then the piece is late, or comes twice.
    const isNeeded = lastIncludedIndex > this.commitIndex
    if (isNeeded && this.orStop(() => this.snapshots.receive(args))) {
      this.install({ index: lastIncludedIndex, term: lastIncludedTerm, placed })
    }
    return {
      term: this.currentTerm,
      installed: lastIncludedIndex <= this.commitIndex,
      received: this.snapshots.receivedOf(args),
    }
  }

  /** Steps 5 to 8, in one turn: nothing is applied in between. */
  private install(last: SnapshotPosition): void {
    const isHeld = this.holds(last.index, last.term)
    const kept = isHeld ? this.entriesBetween(last.index, this.lastLogIndex()) : []
    this.orStop(() => {
      // Before it is durable, the log is still needed.
      this.snapshots.install()
      this.storage.startLog(last, kept)
    })
    this.base = last
    this.log = kept
    this.lastSynced = this.lastLogIndex()
    this.noteSnapshot('installs')
    this.configurations.begin(last, kept)
    this.connectPeers()
  }

  /** What a snapshot stands for was committed and applied, by whoever took it. */
  private noteSnapshot(does: 'recovers' | 'installs'): void {
    const { last } = this.snapshots
    if (last.index === 0) return
    this.commitIndex = last.index
    this.lastApplied = last.index
    const message = `${does} a snapshot up to entry ${last.index}`
    this.traceState('snapshot', message, { snapshot: last })
  }

  /** The election timer fired: for so long no leader was heard, no vote given (5.2). */
  private startPreVote(): void {
    // A higher term disturbs the others: it asks first who would vote for it in that (9.6).
    this.leaderId = null
    this.resetElectionTimer()
    if (!this.configurations.mayCampaign(this.id, this.commitIndex)) return
    this.askForVotes(this.currentTerm + 1, false)
  }

  /** A majority would vote for it, or the leader wants it to lead (3.10). */
  private startElection(isHandover = false): void {
    this.role = 'Candidate'
    this.leaderId = null
    this.currentTerm += 1
    this.votedFor = this.id
    this.saveTermAndVote()
    this.noteChange(`becomes Candidate in term ${this.currentTerm}`)
    // A split vote is resolved by time: whoever times out first wins the next round.
    this.resetElectionTimer()
    this.askForVotes(this.currentTerm, isHandover)
  }

  private askForVotes(term: number, isHandover: boolean): void {
    const method = term > this.currentTerm ? 'preVote' : 'requestVote'
    const lastLogIndex = this.lastLogIndex()
    const lastLogTerm = this.termAt(lastLogIndex)
    const args = { term, candidateId: this.id, lastLogIndex, lastLogTerm, isHandover }
    this.asked = args
    // Only members count, and others are not asked (4.2.2).
    this.votesReceived = new Set(this.configurations.isMember(this.id) ? [this.id] : [])
    this.countVotes(args)
    for (const peer of this.peers) {
      peer[method](args, (reply) => this.onVoteReply(peer.id, args, reply))
    }
  }

  /** Timers fire before what has arrived is read, and the leader may be in that. */
  private startElectionSoon(): void {
    this.electionTimer = this.clock.setTimeout(() => this.startPreVote(), 0)
  }

  private onVoteReply(
    peerId: number,
    args: RequestVoteArgs,
    reply: RequestVoteReply,
  ): void {
    this.observeTerm(reply.term)
    if (this.asked !== args) return
    if (!reply.voteGranted) return
    this.votesReceived.add(peerId)
    this.countVotes(args)
  }

  private countVotes(args: RequestVoteArgs): void {
    if (this.votesReceived.size < this.majority()) return
    if (args.term > this.currentTerm) this.startElection()
    else this.becomeLeader()
  }

  /** The smallest number of servers that two elections in one term cannot both have. */
  private majority(): number {
    const servers = this.configurations.members.length
    return Math.floor(servers / 2) + 1
  }

  /** Upon election, and at every interval, so that no follower's timer fires (5.2). */
  private sendHeartbeats(): void {
    // It may be a leader whom no majority can answer: another must be elected (6.2).
    const rounds = this.timing.electionTimeout[1] / this.timing.heartbeatInterval
    if (this.reads.unconfirmed >= rounds) {
      this.becomeFollower(this.currentTerm)
      return
    }
    this.changes.goOn()
    this.reads.begin(this.clock.now())
    for (const peer of this.peers) this.sendHeartbeat(peer)
    this.heartbeatTimer = this.clock.setTimeout(
      () => this.sendHeartbeats(),
      this.timing.heartbeatInterval,
    )
    // A cluster of one has no replies to wait for.
    this.advanceCommitIndex()
  }

  /** For reads that wait. In a turn of its own, so that all that come in this one share it. */
  private sendHeartbeatsSoon(): void {
    this.clock.clearTimeout(this.heartbeatTimer)
    this.heartbeatTimer = this.clock.setTimeout(() => this.sendHeartbeats(), 0)
  }

  /** What is submitted in one turn of the event loop shares one round and one sync. */
  private replicateSoon(): void {
    if (this.replicationTimer !== null) return
    this.replicationTimer = this.clock.setTimeout(() => {
      // After one more turn: a heartbeat that fell due in a long one goes first.
      this.replicationTimer = this.clock.setTimeout(() => {
        this.replicationTimer = null
        this.replicate()
      }, 0)
    }, 0)
  }

  private replicate(): void {
    if (this.role !== 'Leader') return
    for (const peer of this.peers) this.sendMore(peer)
    this.syncSoon()
  }

  /** In a turn of its own, so that the messages leave before the disk works (10.2.1). */
  private syncSoon(): void {
    if (this.syncTimer !== null) return
    this.syncTimer = this.clock.setTimeout(() => {
      this.syncTimer = null
      this.syncSome()
    }, 0)
  }

  private syncSome(): void {
    if (this.role !== 'Leader') return
    this.sync(this.lastSynced + this.entriesFrom(this.lastSynced + 1).length)
    this.advanceCommitIndex()
    if (this.lastSynced < this.lastLogIndex()) this.syncSoon()
  }

  /** It stands before entries that have no answer yet, so that it may overtake them. */
  private sendHeartbeat(peer: Peer): void {
    const { prevLogIndex = this.nextIndexOf(peer.id) - 1 } =
      this.unanswered.get(peer.id) ?? {}
    // Where the log does not reach any more, before everything.
    this.sendAppendEntries(peer, prevLogIndex < this.base.index ? 0 : prevLogIndex, [])
  }

  private sendAppendEntries(
    peer: Peer,
    prevLogIndex: number,
    entries: readonly LogEntry[],
  ): void {
    const args: AppendEntriesArgs = {
      term: this.currentTerm,
      leaderId: this.id,
      prevLogIndex,
      prevLogTerm: this.termAt(prevLogIndex),
      entries,
      leaderCommit: this.commitIndex,
    }
    if (entries.length > 0) {
      this.unanswered.set(peer.id, args)
      const nextIndex = prevLogIndex + entries.length + 1
      this.noteProgress(peer, this.matchIndexOf(peer.id), nextIndex)
    }
    const awaited = this.unanswered.get(peer.id)
    const { round } = this.reads
    peer.appendEntries(args, (reply) => {
      this.onAppendReply(peer, args, reply, awaited, round)
    })
  }

  /** The reply speaks of what was sent, not of what the log holds by now. */
  private onAppendReply(
    peer: Peer,
    args: AppendEntriesArgs,
    reply: AppendEntriesReply,
    awaited: Unanswered | undefined,
    round: Round,
  ): void {
    this.observeTerm(reply.term)
    if (!this.isStill('Leader', args.term)) return
    if (this.reads.confirm(peer.id, round)) this.sendHeartbeatsSoon()
    // What was sent before the unanswered entries says nothing of them.
    const isOld = this.unanswered.get(peer.id) !== awaited
    const known = this.matchIndexOf(peer.id)
    if (!reply.success && isOld) return
    if (!reply.success) {
      // Back, and try again (5.3); but a late reply must not undo what is known.
      this.unanswered.delete(peer.id)
      const nextIndex = Math.max(known + 1, this.beforeConflict(args, reply))
      this.noteProgress(peer, known, nextIndex)
      this.sendMore(peer)
      return
    }
    const matchIndex = Math.max(known, args.prevLogIndex + args.entries.length)
    const nextIndex = Math.max(matchIndex + 1, this.nextIndexOf(peer.id))
    this.noteProgress(peer, matchIndex, nextIndex)
    this.changes.noteAnswer(peer.id, args)
    if (nextIndex === matchIndex + 1) this.unanswered.delete(peer.id)
    // It hears heartbeats, and has not answered what was sent before them.
    else if (!isOld) this.askBehind(peer, awaited)
    this.advanceCommitIndex()
    this.sendMore(peer)
  }

  /** How far a peer's log is known to be the leader's, and what it is sent next. */
  private noteProgress(peer: Peer, matchIndex: number, nextIndex: number): void {
    const isKnown =
      this.matchIndexOf(peer.id) === matchIndex &&
      this.nextIndexOf(peer.id) === nextIndex
    if (isKnown) return
    this.matchIndex.set(peer.id, matchIndex)
    this.nextIndex.set(peer.id, nextIndex)
    const message = `knows ${peer.id} up to entry ${matchIndex}; next is ${nextIndex}`
    this.traceState('progress', message, { peer: peer.id, matchIndex, nextIndex })
  }

  /** Catches a peer up message by message, at the pace of its answers. */
  private sendMore(peer: Peer): void {
    if (this.role !== 'Leader' || this.unanswered.has(peer.id)) return
    const nextIndex = this.nextIndexOf(peer.id)
    if (nextIndex > this.lastLogIndex()) return
    if (nextIndex <= this.base.index) this.sendSnapshot(peer)
    else this.sendAppendEntries(peer, nextIndex - 1, this.entriesFrom(nextIndex))
  }

  /** The next piece of it; it stands for entries that the log has no more (7). */
  private sendSnapshot(peer: Peer): void {
    const next = this.orStop(() => this.snapshots.pieceFor(peer.id))
    const piece = { term: this.currentTerm, leaderId: this.id, ...next }
    const awaited = { prevLogIndex: 0, piece }
    this.unanswered.set(peer.id, awaited)
    this.noteProgress(peer, this.matchIndexOf(peer.id), piece.lastIncludedIndex + 1)
    this.sendPiece(peer, piece, awaited)
  }

  /** What follows on lost entries finds a hole; after a lost piece, less has arrived. */
  private askBehind(peer: Peer, awaited: Unanswered | undefined): void {
    if (!awaited?.piece) this.sendAppendEntries(peer, this.nextIndexOf(peer.id) - 1, [])
    else this.sendPiece(peer, { ...awaited.piece, data: '', done: false }, awaited)
  }

  private sendPiece(peer: Peer, args: InstallSnapshotArgs, awaited: Unanswered): void {
    const { round } = this.reads
    peer.installSnapshot(args, (reply) => {
      this.onSnapshotReply(peer, args, reply, awaited, round)
    })
  }

  private onSnapshotReply(
    peer: Peer,
    args: InstallSnapshotArgs,
    reply: InstallSnapshotReply,
    awaited: Unanswered,
    round: Round,
  ): void {
    this.observeTerm(reply.term)
    if (!this.isStill('Leader', args.term)) return
    if (this.reads.confirm(peer.id, round)) this.sendHeartbeatsSoon()
    // One that is late, or comes twice, does not say where to go on.
    if (this.unanswered.get(peer.id) !== awaited) return
    this.unanswered.delete(peer.id)
    if (!reply.installed) {
      this.snapshots.noteReceived(peer.id, reply.received)
      this.changes.noteReceived(peer.id, reply.received)
      this.sendSnapshot(peer)
      return
    }
    this.snapshots.endSending(peer.id)
    const matchIndex = Math.max(this.matchIndexOf(peer.id), args.lastIncludedIndex)
    this.noteProgress(peer, matchIndex, matchIndex + 1)
    this.sendMore(peer)
  }

  /**
   * The first index to send after a conflict: behind the last entry of the follower's
   * conflicting term, if there is one here, else that whole term is skipped.
   */
  private beforeConflict(args: AppendEntriesArgs, reply: AppendEntriesReply): number {
    const { conflictTerm = 0, conflictIndex = args.prevLogIndex } = reply
    if (conflictTerm === 0) return conflictIndex
    let index = args.prevLogIndex
    while (this.termAt(index) > conflictTerm) index -= 1
    return this.termAt(index) === conflictTerm ? index + 1 : conflictIndex
  }

  /**
   * Commits what a majority holds, this server included. Only entries of this term are
   * committed by counting (5.4.2): figure 8 shows what happens otherwise. They take the
   * entries before them along.
   */
  private advanceCommitIndex(): void {
    const onMajority = this.configurations.reachedByMajority((id) =>
      id === this.id ? this.lastSynced : this.matchIndexOf(id),
    )
    if (this.termAt(onMajority) === this.currentTerm) this.commitUpTo(onMajority)
  }

  /** Rules for all servers: whoever hears of a higher term follows in it (5.1). */
  private observeTerm(term: number): void {
    if (term > this.currentTerm && this.role !== 'Dead') this.becomeFollower(term)
  }

  /** A reply speaks to the server that asked: the same role, in the term it asked in. */
  private isStill(role: Role, term: number): boolean {
    return this.role === role && this.currentTerm === term
  }

  private becomeFollower(term: number): void {
    const wasLeader = this.role === 'Leader'
    this.role = 'Follower'
    this.asked = null
    if (term > this.currentTerm) {
      this.currentTerm = term
      // In the same term the vote is kept: forgotten, it could be given twice (5.2).
      this.votedFor = null
      this.leaderId = null
      this.saveTermAndVote()
      this.orStop(() => this.snapshots.forgetArriving())
    }
    this.noteChange(`becomes Follower in term ${this.currentTerm}`)
    // A leader has no election timer. Others keep theirs: to hear of a term is not to
    // hear from its leader.
    if (!wasLeader) return
    this.leaderId = null
    for (const { id } of this.peers) this.snapshots.endSending(id)
    this.changes.endLeadership()
    this.clock.clearTimeout(this.heartbeatTimer)
    this.resetElectionTimer()
  }

  private becomeLeader(): void {
    this.role = 'Leader'
    this.leaderId = this.id
    this.asked = null
    this.clock.clearTimeout(this.electionTimer)
    const nextIndex = this.lastLogIndex() + 1
    this.nextIndex = new Map(this.peers.map((peer) => [peer.id, nextIndex]))
    this.matchIndex = new Map(this.peers.map((peer) => [peer.id, 0]))
    this.unanswered = new Map()
    const leaseMs = this.lease ? this.promisedMs() : 0
    this.reads = new Reads(this.id, this.configurations, nextIndex, leaseMs)
    this.noteChange(`becomes Leader of term ${this.currentTerm}`)
    this.sendHeartbeats()
    // Entries from before are committed along with one of this term only (5.4.2, 6.4).
    const { index, configuration } = this.configurations.latest
    const opening = { command: null, term: this.currentTerm }
    this.replaceFrom(nextIndex, [index > 0 ? opening : { ...opening, configuration }])
    this.replicateSoon()
  }

  /** A new time for every wait keeps servers from timing out together for ever (5.2). */
  private resetElectionTimer(): void {
    const [min, max] = this.timing.electionTimeout
    const timeoutMs = min + this.random() * (max - min)
    this.clock.clearTimeout(this.electionTimer)
    this.asked = null
    this.electionTimer = this.clock.setTimeout(() => {
      this.trace('timer', `heard no leader for ${Math.round(timeoutMs)} ms`)
      this.startElectionSoon()
    }, timeoutMs)
  }

  /** For so long, in ms, whoever has heard a leader ignores who stands for election. */
  private promisedMs(): number {
    return this.timing.electionTimeout[0]
  }

  /**
   * Whether it has heard a leader so lately that it elects no other (4.2.3). A leader is one
   * while a majority answers it; and who restarts may have forgotten one.
   */
  private holdsToLeader(): boolean {
    const isLeader = this.role === 'Leader'
    const heardAt = isLeader ? this.reads.confirmed.beganAt : this.heardLeaderAt
    return this.clock.now() < heardAt + this.promisedMs()
  }

  /** Last term first, then length: so a leader holds all that is committed (5.4.1). */
  private isUpToDate(lastLogIndex: number, lastLogTerm: number): boolean {
    const ownTerm = this.termAt(this.lastLogIndex())
    if (lastLogTerm !== ownTerm) return lastLogTerm > ownTerm
    return lastLogIndex >= this.lastLogIndex()
  }

  private lastLogIndex(): number {
    return this.base.index + this.log.length
  }

  /** The term of an entry; 0 before the base and after the last. */
  private termAt(index: number): number {
    if (index === this.base.index) return this.base.term
    return this.log[index - 1 - this.base.index]?.term ?? 0
  }

  /**
   * Whether the log goes as far as `index`, and has an entry of this term there. What a
   * snapshot stands for was committed, so every leader has the same there.
   */
  private holds(index: number, term: number): boolean {
    if (index < this.base.index) return true
    return index <= this.lastLogIndex() && this.termAt(index) === term
  }

  private entryAt(index: number): LogEntry {
    return this.log[index - 1 - this.base.index] as LogEntry
  }

  /** Those behind one entry, up to another. */
  private entriesBetween(index: number, lastIndex: number): LogEntry[] {
    return this.log.slice(index - this.base.index, lastIndex - this.base.index)
  }

  private dropBefore(firstIndex: number): void {
    const log = this.entriesBetween(firstIndex - 1, this.lastLogIndex())
    this.base = { index: firstIndex - 1, term: this.termAt(firstIndex - 1) }
    this.log = log
    const fields = { index: firstIndex, snapshot: this.snapshots.last }
    this.traceState('snapshot', `keeps its log from entry ${firstIndex} on`, fields)
  }

  /** As many as one message takes, and one at least. */
  private entriesFrom(index: number): LogEntry[] {
    let end = index
    let length = 0
    while (end <= this.lastLogIndex()) {
      length += lengthOf(this.entryAt(end).command)
      if (length > MAX_ENTRIES_LENGTH && end > index) break
      end += 1
    }
    return this.entriesBetween(index - 1, end - 1)
  }

  /** Lets the log go on with `entries` at `firstIndex`; what stood there is gone. */
  private replaceFrom(firstIndex: number, entries: readonly LogEntry[]): void {
    if (firstIndex <= this.lastLogIndex()) {
      this.log.length = firstIndex - 1 - this.base.index
      this.lastSynced = Math.min(this.lastSynced, firstIndex - 1)
      this.traceState('truncate', `removes entry ${firstIndex} and what follows`, {
        index: firstIndex,
      })
    }
    for (const entry of entries) this.log.push(entry)
    if (this.configurations.replaceFrom(firstIndex, entries)) this.connectPeers()
    this.traceEntries(`appends ${entries.length} at ${firstIndex}`, firstIndex)
  }

  private saveTermAndVote(): void {
    this.orStop(() => this.storage.saveTermAndVote(this.currentTerm, this.votedFor))
    this.traceState('persist', `keeps term ${this.currentTerm} and its vote`)
  }

  /** Makes the log durable up to an entry, before anyone counts on that. */
  private sync(lastIndex: number): void {
    if (lastIndex <= this.lastSynced) return
    const entries = this.entriesBetween(this.lastSynced, lastIndex)
    this.orStop(() => {
      this.storage.saveEntries(this.lastSynced + 1, entries)
      this.storage.sync()
    })
    this.lastSynced = lastIndex
    this.traceState('persist', `keeps its log up to entry ${lastIndex}`, {
      index: lastIndex,
    })
  }

  /** Who cannot do its share must not claim that it did: it stops. Not for a bad message. */
  private orStop<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof UnreadablePiece)) this.stop()
      throw error
    }
  }

  /** Has another configuration in force from now on, and waits for nobody (4.1). */
  changeTo(configuration: Configuration): void {
    const entry = { command: null, term: this.currentTerm, configuration }
    this.replaceFrom(this.lastLogIndex() + 1, [entry])
    this.replicateSoon()
  }

  /** Follows the configuration in force, and those whom a leader serves beside it. */
  connectPeers(): void {
    const all = [...this.configurations.members, ...this.changes.others]
    this.peers = this.connect(all.filter(({ id }) => id !== this.id))
    for (const id of this.nextIndex.keys()) {
      if (all.some((server) => server.id === id)) continue
      for (const known of [this.nextIndex, this.matchIndex, this.unanswered])
        known.delete(id)
      this.snapshots.endSending(id)
    }
  }

  private nextIndexOf(peerId: number): number {
    return this.nextIndex.get(peerId) ?? this.lastLogIndex() + 1
  }

  private matchIndexOf(peerId: number): number {
    return this.matchIndex.get(peerId) ?? 0
  }

  /** The role or the term is another than it was. */
  private noteChange(message: string, event = 'role'): void {
    this.traceState(event, message)
    this.onChange(this.report())
  }

  /** Writes a line of the test log; who carries this server's messages does so, too. */
  trace(event: string, message: string, fields: object = {}): void {
    this.logger.info(
      { event, term: this.currentTerm, role: this.role, ...fields },
      message,
    )
  }

  /** The same for an event that changed the state of Figure 2. */
  private traceState(event: string, message: string, fields: object = {}): void {
    if (!this.logger.isLevelEnabled('info')) return
    const state = {
      votedFor: this.votedFor,
      commitIndex: this.commitIndex,
      lastApplied: this.lastApplied,
      firstLogIndex: this.base.index + 1,
      lastLogIndex: this.lastLogIndex(),
      lastLogTerm: this.termAt(this.lastLogIndex()),
      members: this.configurations.members.map(({ id }) => id),
      nextIndex: Object.fromEntries(this.nextIndex),
      matchIndex: Object.fromEntries(this.matchIndex),
    }
    this.trace(event, message, { state, ...fields })
  }

  /** The same for the entries that the log now ends with. */
  private traceEntries(message: string, firstIndex: number): void {
    if (!this.logger.isLevelEnabled('info')) return
    const added = this.entriesBetween(firstIndex - 1, this.lastLogIndex())
    const entries = added.map((entry, i) => ({ index: firstIndex + i, ...entry }))
    this.traceState('append', message, { entries })
  }
}
