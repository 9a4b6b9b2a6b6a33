/**
 * Part 1: leader election (section 5.2 of the Raft paper; Figure 2 without the log).
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

/** RequestVote RPC, sent by candidates to gather votes (5.2). */
export interface RequestVoteArgs {
  readonly term: number
  readonly candidateId: number
}

export interface RequestVoteReply {
  /** The voter's term, for a candidate that is behind to step down by. */
  readonly term: number
  readonly voteGranted: boolean
}

/** AppendEntries RPC, sent by leaders. In this part it is a heartbeat, nothing more. */
export interface AppendEntriesArgs {
  readonly term: number
  readonly leaderId: number
}

export interface AppendEntriesReply {
  /** The follower's term, for a leader that is behind to step down by. */
  readonly term: number
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
}

export interface Report {
  readonly id: number
  readonly term: number
  readonly role: Role
  readonly isLeader: boolean
  /** For clients that ask the wrong server; null while it is not known. */
  readonly leaderId: number | null
}

export class ConsensusModule {
  // Persistent state on all servers.
  /** The latest term this server has seen. It never falls. */
  currentTerm = 0
  /** Whom this server voted for in `currentTerm`. Once set, it stays for the term. */
  votedFor: number | null = null

  // Volatile state on all servers.
  /** Dead before `start()` and after `stop()`. */
  role: Role = 'Dead'
  /** Who leads `currentTerm`, so that a follower can redirect clients. */
  private leaderId: number | null = null

  // Volatile state on candidates.
  /** Who voted for this server in `currentTerm`: a set, since a reply can come twice. */
  private votesReceived = new Set<number>()

  private electionTimer: unknown
  private heartbeatTimer: unknown

  private readonly id: number
  private readonly peers: readonly Peer[]
  private readonly clock: Clock
  private readonly random: () => number
  private readonly logger: Logger
  private readonly timing: Timing
  private readonly onChange: (report: Report) => void

  constructor(options: ConsensusModuleOptions) {
    this.id = options.id
    this.peers = options.peers
    this.clock = options.clock
    this.random = options.random
    this.logger = options.logger
    this.timing = { ...DEFAULT_TIMING, ...options.timing }
    this.onChange = options.onChange ?? (() => {})
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
    }
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
    return {
      term: this.currentTerm,
      success: true,
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
  }

  private sendAppendEntries(peer: Peer): void {
    const args: AppendEntriesArgs = {
      term: this.currentTerm,
      leaderId: this.id,
    }
    peer.appendEntries(args, (reply) => this.observeTerm(reply.term))
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
    }
    this.trace(event, message, { state, ...fields })
  }
}
