import type { Part } from '../lab/index.ts'
import { takeVisits } from '../lab/reached.ts'
import { loadPart } from '../parts/load.ts'
import { drawSchedule } from './draw.ts'
import { runSchedule, type Violation } from './run.ts'
import type { DrawOptions } from './schedule.ts'

/** Seeds for one worker to go through. */
export interface Batch {
  /** The part, compiled. */
  readonly code: string
  readonly from: number
  readonly count: number
  readonly draw: DrawOptions
  readonly keepGoing: boolean
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

/** What a worker does: the seeds of a batch, up to the first that breaks something. */
export default async function runBatch(batch: Batch): Promise<Tally> {
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
    const outcome = await runSchedule(part, drawSchedule(seed, batch.draw, part))
    seeds += 1
    simulatedMs += outcome.simulatedMs
    events += outcome.events
    if (outcome.violation) found.push({ seed, violation: outcome.violation })
  }
  return { seeds, simulatedMs, events, found, reached: takeVisits(part) }
}
