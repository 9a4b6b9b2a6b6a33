/**
 * A schedule is all that will be done to a cluster, as plain data: it can be drawn from a
 * seed, run, made smaller, saved and run again.
 */

import type { Timed } from '../lab/faults/fault.ts'
import {
  FAULT_NAMES,
  FAULTS,
  type FaultName,
  type Fault as Kind,
} from '../lab/faults/index.ts'
import type { FileStory } from './file.ts'
import type { FolderStory } from './folder.ts'

/** The kinds of the laboratory's table that strike a cluster by chance. */
export const TEMPER_KINDS = drawnBy('temper')
export const SLOW_KINDS = drawnBy('slowness')
export const APART_KINDS = drawnBy('apart')

/** What a search may draw; `file` strikes one server's file, apart from any cluster. */
export const FAULT_KINDS = [
  ...TEMPER_KINDS,
  'file',
  ...SLOW_KINDS,
  ...APART_KINDS,
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export type Fault = Timed & Kind

/** What may be drawn. */
export interface DrawOptions {
  readonly durationMs: number
  /** As many as this, or from 1 to 7 when null. */
  readonly servers: number | null
  /** The kinds of faults that may occur. */
  readonly kinds: readonly FaultKind[]
  readonly hasCommands: boolean
  /** Whether the part must go on, and catch up, while something stays slow. */
  readonly bearsSlowness: boolean
  /** Reads are answered in a lease, and clocks run wrong by no more than this. */
  readonly leases?: { readonly maxDrift: number }
}

/** A client, and what it asks for, one thing after the other. */
export interface ClientPlan {
  readonly startsAtMs: number
  /** How long it rests between an answer and its next request, in ms. */
  readonly gapMs: number
  /** As the part drew them. */
  readonly operations: readonly object[]
}

export interface Schedule {
  /** Decides what is left to chance: how long each message takes, each election timeout. */
  readonly seed: number
  readonly servers: number
  /** The faults and commands fall into this time; after it everything must recover. */
  readonly durationMs: number
  /**
   * How many different election timeouts there are until then, 0 for as many as there are
   * numbers: with few of them, servers become candidates together.
   */
  readonly timeouts: number
  readonly faults: readonly Fault[]
  /** When a command is offered to every server; those who think that they lead take it. */
  readonly commandsAtMs: readonly number[]
  /** How long each command is, in characters, where bytes take time. */
  readonly commandLength?: number
  /** Who asks the servers for what, where they serve clients. */
  readonly clients?: readonly ClientPlan[]
  /** Reads are answered in a lease. */
  readonly lease?: boolean
  /** What happens to a file by itself; null where there is none, or nothing to look at. */
  readonly file: FileStory | null
  /** The same of a folder, with a log and its snapshots. */
  readonly folder?: FolderStory | null
}

function drawnBy(how: string): FaultName[] {
  return FAULT_NAMES.filter((name) => FAULTS[name].drawn === how)
}
