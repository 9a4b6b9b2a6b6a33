/** What the page is told of the cluster, again and again. */

import type { Condition, Status } from '../processes/server.ts'
import type { Outcome } from '../testlog/event.ts'
import type { Second } from './meter.ts'
import type { Standing } from './standing.ts'

export interface SeenServer {
  readonly id: number
  readonly address: string
  readonly pid: number | null
  readonly condition: Condition
  /** How its latest life ended, if one has. */
  readonly ending: string | null
  readonly isBlocked: boolean
  /** What it is in the cluster; null where that is not known, or cannot change. */
  readonly standing: Standing | null
  /** To whom what it sends does not arrive, and to whom it is slow. */
  readonly cutTo: readonly number[]
  readonly slowTo: readonly number[]
  /** Null when it does not answer. */
  readonly status: Status | null
}

export interface SeenRound {
  readonly number: number
  readonly verdict: string
  readonly counts: Readonly<Record<Outcome, number>>
  readonly faults: number
}

export interface Seen {
  readonly part: string
  /** Whether servers can be added and removed, and one can be let lead. */
  readonly hasMembers: boolean
  readonly servers: readonly SeenServer[]
  readonly seconds: readonly Second[]
  /** Events of the test log so far. */
  readonly events: number
  /** Whether faults come by themselves; and what was judged so far, the latest last. */
  readonly isChaos: boolean
  readonly rounds: readonly SeenRound[]
}

/** What came of what the page asked for. */
export interface Answered {
  readonly outcome: Outcome
  readonly ms: number
  readonly text: string
}

/** A folder, beside the page's address, and the pages in it. */
export interface Saved {
  readonly folder: string
  readonly timeline: string
  /** Null when nobody has asked for anything. */
  readonly history: string | null
}
