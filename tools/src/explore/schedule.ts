/**
 * A schedule is all that will be done to a cluster, as plain data: it can be drawn from a
 * seed, run, made smaller, saved and run again.
 */

import type { FileStory } from './file.ts'

export const FAULT_KINDS = [
  'crash',
  'pause',
  'disconnect',
  'cut',
  'partition',
  'loss',
  'duplication',
  'delay',
  'clock',
  'file',
  'slow-link',
  'slow-machine',
  'slow-disk',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** The kinds that strike a cluster; `file` strikes one server's file, apart from it. */
export type ClusterFaultKind = Exclude<FaultKind, 'file'>

/** The kinds that make bytes and work take time. */
export const SLOW_KINDS = ['slow-link', 'slow-machine', 'slow-disk'] as const

export type SlowKind = (typeof SLOW_KINDS)[number]

/**
 * When a crash strikes, once its time has come: at once; in the server's next event that
 * gives a vote, or changes the log; or around its `count`th write to storage from then on.
 */
export type CrashMoment =
  | { readonly on: 'time' | 'vote' | 'append' }
  | { readonly on: 'write'; readonly count: number }

/** What a schedule is drawn from, beside its seed. */
export interface DrawOptions {
  readonly durationMs: number
  /** As many as this, or from 1 to 7 when null. */
  readonly servers: number | null
  /** The kinds of faults that may occur. */
  readonly kinds: readonly FaultKind[]
  readonly hasCommands: boolean
  /** Whether the part must go on, and catch up, while something stays slow. */
  readonly bearsSlowness: boolean
}

interface Timed {
  readonly atMs: number
  /** How long it lasts. A fault without this outlives the others: see World. */
  readonly forMs?: number
  /** Ids count from whoever leads when the fault begins: 0 is the leader itself. */
  readonly fromLeader?: boolean
}

export type Fault = Timed &
  (
    | { readonly kind: 'crash'; readonly server: number; readonly moment: CrashMoment }
    | { readonly kind: 'pause' | 'disconnect'; readonly server: number }
    | { readonly kind: 'cut'; readonly from: number; readonly to: number }
    | { readonly kind: 'partition'; readonly groups: readonly (readonly number[])[] }
    | { readonly kind: 'loss' | 'duplication'; readonly chance: number }
    | { readonly kind: 'delay'; readonly chance: number; readonly maxMs: number }
    | { readonly kind: 'clock'; readonly server: number; readonly rate: number }
    | ({ readonly from: number; readonly to: number } & SlowLink)
    | ({ readonly server: number } & (SlowMachine | SlowDisk))
  )

interface SlowLink {
  readonly kind: 'slow-link'
  readonly bytesPerSecond: number
}

interface SlowMachine {
  readonly kind: 'slow-machine'
  readonly bytesPerSecond: number
  readonly entriesPerSecond: number
}

interface SlowDisk {
  readonly kind: 'slow-disk'
  readonly bytesPerSecond: number
  readonly syncMs: number
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
  /** What happens to a file by itself; null where there is none, or nothing to look at. */
  readonly file: FileStory | null
}

/** The ids of the servers that a fault names. */
export function serversOf(fault: Fault): readonly number[] {
  if ('server' in fault) return [fault.server]
  if ('from' in fault) return [fault.from, fault.to]
  if ('groups' in fault) return fault.groups.flat()
  return []
}
