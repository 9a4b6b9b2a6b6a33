import type { Role } from '../testlog/event.ts'

/** An entry of a log, compared by reference: a server that keeps it keeps the object. */
export interface Entry {
  readonly term: number
  readonly command: unknown
}

/** An entry as it is handed to the state machine. */
export interface AppliedEntry extends Entry {
  readonly index: number
}

/**
 * What the laboratory sees of a server: the state of Figure 2. A part makes one for each
 * life of a server, and it shows what is true at that moment. A part without a log shows
 * one that stays empty.
 */
export interface View {
  readonly term: number
  readonly votedFor: number | null
  readonly role: Role
  readonly commitIndex: number
  readonly lastApplied: number
  /** The first entry that the log has, or would have: above 1 after a snapshot. */
  readonly firstIndex: number
  /** The last entry; firstIndex - 1 when the log is empty. */
  readonly lastIndex: number
  entryAt(index: number): Entry | undefined
  /** The ids of the cluster's members, as it has them; where they can change. */
  readonly members?: readonly number[]
  /** Where a part has them. */
  readonly snapshots?: SnapshotsView
  /** What the state machine holds, as text; where a part has one of its own. */
  readonly state?: string
  /** How many requests of clients it has not answered yet; where a part has clients. */
  readonly waiting?: number
  /** Whether it answers reads and asks nobody; where a part has leases. */
  readonly hasLease?: boolean
}

export interface SnapshotsView {
  /** The last entry that the latest stands for; 0 when there is none. */
  readonly lastIndex: number
  /** Whether it takes one; whether a leader's arrives; whether it sends one. */
  readonly isTaking: boolean
  readonly isArriving: boolean
  readonly isSending: boolean
}
