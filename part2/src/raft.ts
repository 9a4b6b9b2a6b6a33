/**
 * Part 2: commands and log replication (sections 5.3 and 5.4; Figure 2, in memory).
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

export type Role = 'Follower' | 'Candidate' | 'Leader' | 'Dead'

/** What the state machine is to do. Opaque to Raft. */
export type Command = string

export interface LogEntry {
  readonly command: Command
  /** The term in which a leader took it. */
  readonly term: number
}

/** A committed entry, as it is handed to the state machine. */
export interface AppliedEntry extends LogEntry {
  readonly index: number
}

/** RequestVote RPC, sent by candidates to gather votes (5.2). */
export interface RequestVoteArgs {
  readonly term: number
  readonly candidateId: number
  readonly lastLogIndex: number
  readonly lastLogTerm: number
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
}

/**
 * Another server, as this one sees it. Each method returns at once; `onReply` is called
 * later: once, more often, or never.
 */
export interface Peer {
  readonly id: number
  requestVote(args: RequestVoteArgs, onReply: (reply: RequestVoteReply) => void): void
  appendEntries(
    args: AppendEntriesArgs,
    onReply: (reply: AppendEntriesReply) => void,
  ): void
}

export interface Clock {
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
/** What an entry adds to its command: as much work as so many characters. */
const ENTRY_OVERHEAD = 150

export interface ConsensusModuleOptions {
  readonly id: number
  /** The other servers; complete before `start()`. */
  readonly peers: readonly Peer[]
  readonly clock: Clock
  /** A number in [0, 1), as Math.random gives. */
  readonly random: () => number
  readonly logger: Logger
  readonly timing?: Partial<Timing>
  /** Told of every change of role or term. It must not call this module. */
  readonly onChange?: (report: Report) => void
  /** Takes the committed entries: each once, in order, starting at index 1. */
  readonly apply: (entry: AppliedEntry) => void
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
  readonly lastLogIndex: number
}

export class ConsensusModule {
  // Persistent state on all servers.
  /** The latest term this server has seen. It never falls. */
  currentTerm = 0
  /** Whom this server voted for in `currentTerm`. Once set, it stays for the term. */
  votedFor: number | null = null
  /** The entry of index 1 is log[0]; only `entryAt` and its neighbours know that. */
  log: LogEntry[] = []

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

  // Volatile state on leaders, begun anew with every election.
  /** By peer: the next entry to send it. nextIndex > matchIndex, always. */
  nextIndex = new Map<number, number>()
  /** By peer: the last entry known to be in its log. */
  matchIndex = new Map<number, number>()

  private electionTimer: unknown
  private heartbeatTimer: unknown

  private readonly id: number
  private readonly peers: readonly Peer[]
  private readonly clock: Clock
  private readonly random: () => number
  private readonly logger: Logger
  private readonly timing: Timing
  private readonly onChange: (report: Report) => void
  private readonly apply: (entry: AppliedEntry) => void

  constructor(options: ConsensusModuleOptions) {
    this.id = options.id
    this.peers = options.peers
    this.clock = options.clock
    this.random = options.random
    this.logger = options.logger
    this.timing = { ...DEFAULT_TIMING, ...options.timing }
    this.onChange = options.onChange ?? (() => {})
    this.apply = options.apply
  }

  /** Begins as a follower, which waits to hear from a leader (5.2). */
  start(): void {
    this.role = 'Follower'
    this.noteChange(`starts as a follower in term ${this.currentTerm}`, 'start')
    this.resetElectionTimer()
  }

  /** Becomes Dead: answers nothing and does nothing from then on. */
  stop(): void {
    if (this.role === 'Dead') return
    this.role = 'Dead'
    this.leaderId = null
    this.clock.clearTimeout(this.electionTimer)
    this.clock.clearTimeout(this.heartbeatTimer)
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
      lastLogIndex: this.lastLogIndex(),
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
    if (this.role !== 'Leader') return null
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
    return index
  }

  /**
   * Receiver implementation of RequestVote (Figure 2): one vote a term, first come,
   * first served (5.2).
   *
   * @returns the reply, or null from a server that is Dead.
   */
  requestVote(args: RequestVoteArgs): RequestVoteReply | null {
    if (this.role === 'Dead') return null
    this.observeTerm(args.term)
    const voteGranted =
      args.term === this.currentTerm &&
      this.isUpToDate(args.lastLogIndex, args.lastLogTerm) &&
      (this.votedFor === null || this.votedFor === args.candidateId)
    if (voteGranted) {
      this.votedFor = args.candidateId
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
    // Whoever sends this has won the term: a candidate has lost it (5.2).
    if (this.role === 'Candidate') this.becomeFollower(args.term)
    this.leaderId = args.leaderId
    this.resetElectionTimer()
    if (!this.holds(args.prevLogIndex, args.prevLogTerm)) {
      return {
        term: this.currentTerm,
        success: false,
      }
    }
    this.storeEntries(args.prevLogIndex + 1, args.entries)
    // Not beyond the last new entry: what follows it in this log may still be wrong.
    this.commitUpTo(Math.min(args.leaderCommit, args.prevLogIndex + args.entries.length))
    // The state machine may have stopped this server.
    if (!this.isStill('Follower', args.term)) return null
    return {
      term: this.currentTerm,
      success: true,
    }
  }

  /** Steps 3 and 4: from a conflict on, the leader's entries replace ours. */
  private storeEntries(firstIndex: number, entries: readonly LogEntry[]): void {
    // Messages can be late or doubled: what the log already holds must not remove what
    // came after it.
    const held = entries.findIndex(
      (entry, i) => this.termAt(firstIndex + i) !== entry.term,
    )
    if (held === -1) return
    this.replaceFrom(firstIndex + held, entries.slice(held))
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
      this.traceState('apply', `applies entry ${index}: ${command}`, { index, command })
    }
  }

  /** The election timer fired: for so long no leader was heard, no vote given (5.2). */
  private startElection(): void {
    this.role = 'Candidate'
    this.leaderId = null
    this.currentTerm += 1
    this.votedFor = this.id
    this.votesReceived = new Set([this.id])
    this.noteChange(`becomes Candidate in term ${this.currentTerm}`)
    // A split vote is resolved by time: whoever times out first wins the next round.
    this.resetElectionTimer()
    this.countVotes()
    for (const peer of this.peers) {
      const args: RequestVoteArgs = {
        term: this.currentTerm,
        candidateId: this.id,
        lastLogIndex: this.lastLogIndex(),
        lastLogTerm: this.termAt(this.lastLogIndex()),
      }
      peer.requestVote(args, (reply) => this.onVoteReply(peer.id, args, reply))
    }
  }

  private onVoteReply(
    peerId: number,
    args: RequestVoteArgs,
    reply: RequestVoteReply,
  ): void {
    this.observeTerm(reply.term)
    if (!this.isStill('Candidate', args.term)) return
    if (!reply.voteGranted) return
    this.votesReceived.add(peerId)
    this.countVotes()
  }

  private countVotes(): void {
    if (this.votesReceived.size >= this.majority()) this.becomeLeader()
  }

  /** The smallest number of servers that two elections in one term cannot both have. */
  private majority(): number {
    const servers = this.peers.length + 1
    return Math.floor(servers / 2) + 1
  }

  /** Upon election, and at every interval, so that no follower's timer fires (5.2). */
  private sendHeartbeats(): void {
    for (const peer of this.peers) this.sendAppendEntries(peer)
    this.heartbeatTimer = this.clock.setTimeout(
      () => this.sendHeartbeats(),
      this.timing.heartbeatInterval,
    )
    // A cluster of one has no replies to wait for.
    this.advanceCommitIndex()
  }

  private sendAppendEntries(peer: Peer): void {
    const prevLogIndex = this.nextIndexOf(peer.id) - 1
    const args: AppendEntriesArgs = {
      term: this.currentTerm,
      leaderId: this.id,
      prevLogIndex,
      prevLogTerm: this.termAt(prevLogIndex),
      entries: this.entriesFrom(prevLogIndex + 1),
      leaderCommit: this.commitIndex,
    }
    peer.appendEntries(args, (reply) => this.onAppendReply(peer, args, reply))
  }

  /** The reply speaks of what was sent, not of what the log holds by now. */
  private onAppendReply(
    peer: Peer,
    args: AppendEntriesArgs,
    reply: AppendEntriesReply,
  ): void {
    this.observeTerm(reply.term)
    if (!this.isStill('Leader', args.term)) return
    const known = this.matchIndexOf(peer.id)
    if (!reply.success) {
      // One entry back, and try again (5.3); a late reply must not undo what is known.
      const nextIndex = Math.max(known + 1, args.prevLogIndex)
      this.noteProgress(peer, known, nextIndex)
      return
    }
    const matchIndex = Math.max(known, args.prevLogIndex + args.entries.length)
    this.noteProgress(peer, matchIndex, matchIndex + 1)
    this.advanceCommitIndex()
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

  /**
   * Commits what a majority holds, this server included. Only entries of this term are
   * committed by counting (5.4.2): figure 8 shows what happens otherwise. They take the
   * entries before them along.
   */
  private advanceCommitIndex(): void {
    const matches = this.peers.map((peer) => this.matchIndexOf(peer.id))
    const sorted = [this.lastLogIndex(), ...matches].sort((a, b) => b - a)
    const onMajority = sorted[this.majority() - 1] ?? 0
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
    if (term > this.currentTerm) {
      this.currentTerm = term
      // In the same term the vote is kept: forgotten, it could be given twice (5.2).
      this.votedFor = null
      this.leaderId = null
    }
    this.noteChange(`becomes Follower in term ${this.currentTerm}`)
    // A leader has no election timer. Others keep theirs: to hear of a term is not to
    // hear from its leader.
    if (!wasLeader) return
    this.clock.clearTimeout(this.heartbeatTimer)
    this.resetElectionTimer()
  }

  private becomeLeader(): void {
    this.role = 'Leader'
    this.leaderId = this.id
    this.clock.clearTimeout(this.electionTimer)
    const nextIndex = this.lastLogIndex() + 1
    this.nextIndex = new Map(this.peers.map((peer) => [peer.id, nextIndex]))
    this.matchIndex = new Map(this.peers.map((peer) => [peer.id, 0]))
    this.noteChange(`becomes Leader of term ${this.currentTerm}`)
    this.sendHeartbeats()
  }

  /** A new time for every wait keeps servers from timing out together for ever (5.2). */
  private resetElectionTimer(): void {
    const [min, max] = this.timing.electionTimeout
    const timeoutMs = min + this.random() * (max - min)
    this.clock.clearTimeout(this.electionTimer)
    this.electionTimer = this.clock.setTimeout(() => {
      this.trace('timer', `heard no leader for ${Math.round(timeoutMs)} ms`)
      this.startElection()
    }, timeoutMs)
  }

  /** Last term first, then length: so a leader holds all that is committed (5.4.1). */
  private isUpToDate(lastLogIndex: number, lastLogTerm: number): boolean {
    const ownTerm = this.termAt(this.lastLogIndex())
    if (lastLogTerm !== ownTerm) return lastLogTerm > ownTerm
    return lastLogIndex >= this.lastLogIndex()
  }

  private lastLogIndex(): number {
    return this.log.length
  }

  /** The term of an entry; 0 before the first entry and after the last. */
  private termAt(index: number): number {
    return this.log[index - 1]?.term ?? 0
  }

  /** Whether the log goes as far as `index`, and has an entry of this term there. */
  private holds(index: number, term: number): boolean {
    return index <= this.lastLogIndex() && this.termAt(index) === term
  }

  private entryAt(index: number): LogEntry {
    return this.log[index - 1] as LogEntry
  }

  /** As many as one message takes, and one at least. */
  private entriesFrom(index: number): LogEntry[] {
    let end = index
    let length = 0
    while (end <= this.lastLogIndex()) {
      length += this.entryAt(end).command.length + ENTRY_OVERHEAD
      if (length > MAX_ENTRIES_LENGTH && end > index) break
      end += 1
    }
    return this.log.slice(index - 1, end - 1)
  }

  /** Lets the log go on with `entries` at `firstIndex`; what stood there is gone. */
  private replaceFrom(firstIndex: number, entries: readonly LogEntry[]): void {
    if (firstIndex <= this.lastLogIndex()) {
      this.log.length = firstIndex - 1
      this.traceState('truncate', `removes entry ${firstIndex} and what follows`, {
        index: firstIndex,
      })
    }
    for (const entry of entries) this.log.push(entry)
    this.traceEntries(`appends ${entries.length} at ${firstIndex}`, firstIndex)
  }

  /** A server that cannot do its share must not claim that it did: it stops. */
  private orStop(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.stop()
      throw error
    }
  }

  private nextIndexOf(peerId: number): number {
    return this.nextIndex.get(peerId) as number
  }

  private matchIndexOf(peerId: number): number {
    return this.matchIndex.get(peerId) as number
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
      lastLogIndex: this.lastLogIndex(),
      lastLogTerm: this.termAt(this.lastLogIndex()),
      nextIndex: Object.fromEntries(this.nextIndex),
      matchIndex: Object.fromEntries(this.matchIndex),
    }
    this.trace(event, message, { state, ...fields })
  }

  /** The same for the entries that the log now ends with. */
  private traceEntries(message: string, firstIndex: number): void {
    if (!this.logger.isLevelEnabled('info')) return
    const added = this.log.slice(firstIndex - 1)
    const entries = added.map((entry, i) => ({ index: firstIndex + i, ...entry }))
    this.traceState('append', message, { entries })
  }
}
