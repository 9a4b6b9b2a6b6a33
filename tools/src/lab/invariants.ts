import type { Role } from '../testlog/event.ts'

/** What a server shows of itself: the state of Figure 2, as far as its part has it. */
export interface RaftState {
  readonly currentTerm: number
  readonly votedFor: number | null
  readonly role: Role
  readonly log?: readonly Entry[]
  readonly commitIndex?: number
  readonly lastApplied?: number
}

interface Entry {
  readonly term: number
  readonly command: unknown
}

export interface AppliedEntry extends Entry {
  readonly index: number
}

/** A rule of Figure 3 was broken, or one that follows from it. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
  /** The rule's name in the paper's words. */
  readonly invariant: string

  constructor(invariant: string, explanation: string) {
    super(`${invariant}: ${explanation}`)
    this.invariant = invariant
  }
}

/** What a server looked like when it was last observed. */
interface Seen {
  term: number
  votedFor: number | null
  role: Role
  /** The same entries as in its log, by reference. */
  log: Entry[]
  commitIndex: number
  lastApplied: number
}

interface CommittedEntry extends Entry {
  /** The term of the server that was first to call it committed. */
  readonly inTerm: number
}

/**
 * The safety rules of Raft, checked after every event on the server it happened to. The
 * work is in proportion to what changed, not to the length of the logs.
 */
export class Invariants {
  private readonly seen = new Map<number, Seen>()
  private readonly leaders = new Map<number, number>()
  /** By term, then index: every entry that ever was in a log, and the term before it. */
  private readonly entries = new Map<number, Map<number, Entry & { prevTerm: number }>>()
  /** At index - 1: every entry that any server ever called committed. */
  private readonly committed: CommittedEntry[] = []

  /** Looks at a server to which something happened. @throws InvariantViolation */
  observe(id: number, server: RaftState): void {
    const seen = this.seenOf(id)
    this.checkTermAndVote(id, seen, server)
    if (server.log) this.checkLog(id, seen, server, server.log)
    this.checkCommit(id, seen, server, server.log ?? [])
    const isElected =
      server.role === 'Leader' &&
      !(seen.role === 'Leader' && seen.term === server.currentTerm)
    if (isElected) this.checkElection(id, server)
    seen.term = server.currentTerm
    seen.votedFor = server.votedFor
    seen.role = server.role
  }

  /** A server handed a command to its state machine. @throws InvariantViolation */
  applied(id: number, entry: AppliedEntry, currentTerm: number): void {
    const seen = this.seenOf(id)
    if (entry.index !== seen.lastApplied + 1) {
      throw new InvariantViolation(
        'State Machine Safety',
        `server ${id} applied entry ${entry.index} after entry ${seen.lastApplied}; ` +
          'a server applies every entry once, in the order of the log',
      )
    }
    seen.lastApplied = entry.index
    this.recordCommitted(id, entry.index, entry, currentTerm)
  }

  /** A server came back from a crash: what was volatile begins anew, the rest does not. */
  restarted(id: number): void {
    const seen = this.seenOf(id)
    seen.role = 'Dead'
    seen.log = []
    seen.commitIndex = 0
    seen.lastApplied = 0
  }

  /** Compares whole logs with what was seen of them: no change went unnoticed. */
  audit(id: number, server: RaftState): void {
    this.observe(id, server)
    const seen = this.seenOf(id)
    const changed = seen.log.findIndex((entry, i) => entry !== server.log?.[i])
    if (changed === -1) return
    throw new InvariantViolation(
      'Log Matching',
      `server ${id} changed entry ${changed + 1} in the middle of its log`,
    )
  }

  private seenOf(id: number): Seen {
    let seen = this.seen.get(id)
    if (!seen) {
      seen = {
        term: 0,
        votedFor: null,
        role: 'Dead',
        log: [],
        commitIndex: 0,
        lastApplied: 0,
      }
      this.seen.set(id, seen)
    }
    return seen
  }

  private checkTermAndVote(id: number, seen: Seen, server: RaftState): void {
    if (server.currentTerm < seen.term) {
      throw new InvariantViolation(
        'Monotonic Term',
        `the current term of server ${id} fell from ${seen.term} to ${server.currentTerm}`,
      )
    }
    const changed = seen.votedFor !== null && server.votedFor !== seen.votedFor
    if (changed && server.currentTerm === seen.term) {
      throw new InvariantViolation(
        'One Vote per Term',
        `server ${id} voted for ${seen.votedFor} in term ${seen.term}, ` +
          `and then changed that to ${server.votedFor}`,
      )
    }
  }

  private checkElection(id: number, server: RaftState): void {
    const term = server.currentTerm
    const other = this.leaders.get(term)
    if (other !== undefined && other !== id) {
      throw new InvariantViolation(
        'Election Safety',
        `servers ${other} and ${id} were both elected leader of term ${term}`,
      )
    }
    this.leaders.set(term, id)
    if (server.log) this.checkCompleteness(id, term, server.log)
  }

  /** By Log Matching, to hold the last committed entry is to hold them all. */
  private checkCompleteness(id: number, term: number, log: readonly Entry[]): void {
    let index = this.committed.length
    while (index > 0 && this.committedAt(index).inTerm >= term) index -= 1
    if (index === 0 || isSame(log[index - 1], this.committedAt(index))) return
    throw new InvariantViolation(
      'Leader Completeness',
      `server ${id} leads term ${term} without entry ${index}, ` +
        `which was committed in term ${this.committedAt(index).inTerm}`,
    )
  }

  private checkLog(
    id: number,
    seen: Seen,
    server: RaftState,
    log: readonly Entry[],
  ): void {
    let kept = Math.min(seen.log.length, log.length)
    while (kept > 0 && seen.log[kept - 1] !== log[kept - 1]) kept -= 1
    if (kept < seen.log.length) this.checkTruncation(id, seen, server, kept + 1)
    seen.log.length = kept
    for (let index = kept + 1; index <= log.length; index += 1) {
      const entry = log[index - 1] as Entry
      this.checkEntry(id, index, entry, log[index - 2]?.term ?? 0)
      seen.log.push(entry)
    }
  }

  private checkTruncation(
    id: number,
    seen: Seen,
    server: RaftState,
    index: number,
  ): void {
    const still = server.role === 'Leader' && server.currentTerm === seen.term
    if (still && seen.role === 'Leader') {
      throw new InvariantViolation(
        'Leader Append-Only',
        `server ${id} removed entry ${index} of its own log while it led term ${seen.term}`,
      )
    }
    if (index <= seen.commitIndex) {
      throw new InvariantViolation(
        'State Machine Safety',
        `server ${id} removed entry ${index}, which it had called committed`,
      )
    }
  }

  /** By induction: equal entries with equal terms before them mean equal logs up to them. */
  private checkEntry(id: number, index: number, entry: Entry, prevTerm: number): void {
    const ofTerm = this.entries.get(entry.term) ?? new Map()
    this.entries.set(entry.term, ofTerm)
    const known = ofTerm.get(index)
    if (!known) {
      ofTerm.set(index, { term: entry.term, command: entry.command, prevTerm })
    } else if (known.command !== entry.command || known.prevTerm !== prevTerm) {
      throw new InvariantViolation(
        'Log Matching',
        `server ${id} holds an entry ${index} of term ${entry.term} that differs, ` +
          'itself or in what stands before it, from another log’s entry of that index and term',
      )
    }
  }

  private checkCommit(
    id: number,
    seen: Seen,
    server: RaftState,
    log: readonly Entry[],
  ): void {
    const { commitIndex = 0, lastApplied = 0 } = server
    if (commitIndex < seen.commitIndex) {
      throw new InvariantViolation(
        'Monotonic Commit',
        `the commit index of server ${id} fell from ${seen.commitIndex} to ${commitIndex}`,
      )
    }
    if (commitIndex > log.length || lastApplied > commitIndex) {
      throw new InvariantViolation(
        'Monotonic Commit',
        `server ${id} applied up to ${lastApplied} and committed up to ${commitIndex} ` +
          `of a log that ends at ${log.length}`,
      )
    }
    for (let index = seen.commitIndex + 1; index <= commitIndex; index += 1) {
      this.recordCommitted(id, index, log[index - 1] as Entry, server.currentTerm)
    }
    seen.commitIndex = commitIndex
  }

  private recordCommitted(
    id: number,
    index: number,
    entry: Entry,
    inTerm: number,
  ): void {
    const known = this.committed[index - 1]
    if (known && isSame(known, entry)) return
    if (known) {
      throw new InvariantViolation(
        'State Machine Safety',
        `server ${id} committed ${show(entry)} as entry ${index}, ` +
          `where ${show(known)} had been committed`,
      )
    }
    this.committed[index - 1] = { term: entry.term, command: entry.command, inTerm }
    for (const [leader, seen] of this.seen) {
      if (seen.role !== 'Leader' || seen.term <= inTerm) continue
      if (isSame(seen.log[index - 1], entry)) continue
      throw new InvariantViolation(
        'Leader Completeness',
        `server ${id} committed ${show(entry)} as entry ${index} in term ${inTerm}, ` +
          `but server ${leader} leads term ${seen.term} without it`,
      )
    }
  }

  private committedAt(index: number): CommittedEntry {
    return this.committed[index - 1] as CommittedEntry
  }
}

function isSame(a: Entry | undefined, b: Entry): boolean {
  return a?.term === b.term && a.command === b.command
}

function show(entry: Entry): string {
  return `${JSON.stringify(entry.command)} of term ${entry.term}`
}
