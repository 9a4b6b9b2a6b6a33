import { Console } from 'node:console'
import { isSystemError } from '../cli/exit.ts'
import type { Part } from '../lab/index.ts'
import { takeVisits } from '../lab/reached.ts'
import { drawSchedule } from './draw.ts'
import { loadPart } from './load.ts'
import { runSchedule, type Violation, watchStrays } from './run.ts'
import type { DrawOptions, Schedule } from './schedule.ts'

/** Seeds for one worker to go through. */
export interface Batch {
  /** The part, compiled. */
  readonly code: string
  readonly from: number
  readonly count: number
  readonly draw: DrawOptions
  readonly keepGoing: boolean
  /** Instead of the one that the seed makes. */
  readonly schedule?: Schedule
  /** Where the worker says which seed it is at. */
  readonly at: Float64Array
}

/** What keeps the explorer from its work, and is no fault of the part. */
export interface Problem {
  readonly problem: string
}

export interface Found {
  readonly seed: number
  readonly violation: Violation
}

export interface Tally {
  readonly seeds: number
  readonly simulatedMs: number
  readonly events: number
  readonly found: readonly Found[]
  /** How often each place was reached that must be, by its name. */
  readonly reached: Readonly<Record<string, number>>
}

let loaded: { code: string; part: Part } | null = null

// For as long as the worker lives: a timer of the machine may fire between two batches.
watchStrays()
// What a part prints is no result, and results are all that standard output is for.
globalThis.console = new Console(process.stderr)

/** What a worker does: the seeds of a batch, up to the first that breaks something. */
export default async function runBatch(batch: Batch): Promise<Tally | Problem> {
  try {
    return await goThrough(batch)
  } catch (error) {
    // Told in words: of an error, only these reach the other thread.
    if (isSystemError(error)) return { problem: `this machine fails: ${error.message}` }
    throw error
  }
}

async function goThrough(batch: Batch): Promise<Tally> {
  if (loaded?.code !== batch.code) {
    loaded = { code: batch.code, part: await loadPart(batch.code) }
  }
  const { part } = loaded
  const found: Found[] = []
  let seeds = 0
  let simulatedMs = 0
  let events = 0
  while (seeds < batch.count && (batch.keepGoing || found.length === 0)) {
    const seed = batch.from + seeds
    batch.at[0] = seed
    const schedule = batch.schedule ?? drawSchedule(seed, batch.draw, part)
    const outcome = await runSchedule(part, schedule)
    seeds += 1
    simulatedMs += outcome.simulatedMs
    events += outcome.events
    if (outcome.violation) found.push({ seed, violation: outcome.violation })
  }
  return { seeds, simulatedMs, events, found, reached: takeVisits(part) }
}
