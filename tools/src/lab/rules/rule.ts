import type { Role } from '../../testlog/event.ts'
import type { Entry, SnapshotsView, View } from '../view.ts'

/** A rule of Figure 3, or one that follows from it. */
export interface Rule {
  /** In the paper's words, or in ours where it has none. */
  readonly name: string
  /** What it says, in a few words. */
  readonly text: string
  /** Where the paper has it. */
  readonly section: string
  /** Whether it speaks of logs, which part 1 has not. */
  readonly ofLogs: boolean
  /** Begins to watch the servers of a run. */
  watch(servers: ReadonlyMap<number, Watched>): Watcher
}

/** A server as the rules see it: what it shows now, and what it showed before. */
export interface Watched {
  readonly id: number
  /** In the midst of an event: what is asked of it here is what changed. */
  readonly now: View
  readonly before: {
    readonly term: number
    readonly votedFor: number | null
    readonly role: Role
    readonly commitIndex: number
    /** The last entry that was handed to the state machine. */
    readonly lastApplied: number
    readonly lastIndex: number
    readonly snapshots: SnapshotsView | undefined
    entryAt(index: number): Entry | undefined
  }
}

/** What is wrong, in a sentence without its full stop; or nothing. */
export type Complaint = string | undefined

/**
 * What a rule wants to be told, in the order in which it is told: nothing, of an event that
 * changed nothing.
 */
export interface Watcher {
  /** The term, the vote or the role of a server is another. */
  changed?(server: Watched): Complaint
  /** The entries from an index on were removed or replaced. `before` still has them. */
  removed?(server: Watched, index: number): Complaint
  /** There is a new entry. `before` has the ones in front of it. */
  added?(server: Watched, index: number, entry: Entry): Complaint
  /** The commit index, the last applied entry or what is said of snapshots is another. */
  advanced?(server: Watched): Complaint
  /** A server calls an entry committed; others may have done so before. */
  committed?(server: Watched, index: number, entry: Entry): Complaint
  /** A server was elected. */
  elected?(server: Watched): Complaint
  /** A server hands an entry to its state machine. Told at once, amid the event. */
  applied?(server: Watched, index: number, entry: Entry): Complaint
  /** A client is told that this entry never will be applied. Told at once, too. */
  denied?(server: Watched, index: number, entry: Entry): Complaint
}

/** A rule was broken. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
  /** The rule's name. */
  readonly invariant: string

  constructor(invariant: string, explanation: string) {
    super(`${invariant}: ${explanation}`)
    this.invariant = invariant
  }
}

export function isSame(a: Entry | undefined, b: Entry | undefined): boolean {
  return a?.term === b?.term && a?.command === b?.command
}

export function show(entry: Entry | undefined): string {
  return `${JSON.stringify(entry?.command)} of term ${entry?.term}`
}
