import { availableParallelism } from 'node:os'
import { Tinypool } from 'tinypool'
import { UsageError } from '../cli/exit.ts'
import { compileWorker } from './bundle.ts'
import type { Violation } from './run.ts'
import type { DrawOptions, Schedule } from './schedule.ts'
import type { Batch, Problem, Tally } from './worker.ts'

export interface Search {
  /** The part, compiled. */
  readonly code: string
  readonly from: number
  readonly seeds: number
  readonly draw: DrawOptions
  /** Go on after a violation. */
  readonly keepGoing: boolean
}

/** Seeds that a worker takes at a time: some tens of ms of work. */
const BATCH_SEEDS = 20

/** More threads than these only take memory. */
const MOST_JOBS = 2 * availableParallelism()

/** What a seed may take. */
interface Limits {
  /** Of real time, on a machine that may be busy. */
  readonly seconds: number
  readonly megabytes: number
}

/** Seeds take some ms and some MB; those of an hour of simulated time, some seconds. */
const LIMITS: Limits = { seconds: 60, megabytes: 1024 }
/** Of a run next to nothing outlives it: so garbage is collected seldom, all at once. */
const YOUNG_MB = 64
/** How often to look whether a worker is still at the same seed. */
const LOOK_MS = 500

/** The rule that such a seed breaks. */
export const NO_END = 'Comes to an End'

/** Where a worker is before it has begun, which takes its time on a busy machine. */
const NOT_BEGUN = -1

interface Range {
  readonly from: number
  readonly end: number
}

/** Searches with several cores. What it finds does not depend on how many they are. */
export class Explorer {
  private readonly jobs: number
  private readonly limits: Limits
  private readonly pool: Tinypool

  static async create(jobs: number, limits = LIMITS): Promise<Explorer> {
    return new Explorer(Math.min(jobs, MOST_JOBS), limits, await compileWorker())
  }

  private constructor(jobs: number, limits: Limits, worker: string) {
    this.jobs = jobs
    this.limits = limits
    this.pool = new Tinypool({
      filename: worker,
      minThreads: jobs,
      maxThreads: jobs,
      resourceLimits: {
        maxOldGenerationSizeMb: limits.megabytes,
        maxYoungGenerationSizeMb: YOUNG_MB,
      },
    })
  }

  /**
   * Goes through the seeds; unless it is to keep going, up to the first one that breaks
   * something. `found` is in the order of the seeds.
   */
  async search(search: Search, onProgress?: (tally: Tally) => void): Promise<Tally> {
    const { keepGoing } = search
    const end = search.from + search.seeds
    let next = search.from
    let stopAt = end
    let tally = NOTHING
    const again: Range[] = []
    const take = (): Range | null => {
      const left = again.pop()
      if (left || next >= stopAt) return left ?? null
      const from = next
      next = Math.min(from + BATCH_SEEDS, end)
      return { from, end: next }
    }
    const work = async () => {
      for (let range = take(); range; range = take()) {
        const { result, stuckAt } = await this.run(search, range)
        tally = add(tally, result)
        if (stuckAt !== null && keepGoing) {
          // What it had found before is lost with the worker.
          again.push(
            { from: range.from, end: stuckAt },
            { from: stuckAt + 1, end: range.end },
          )
        }
        // Seeds below the first one found must still be run: one of them may be first.
        const first = tally.found[0]
        if (first && !keepGoing) stopAt = Math.min(stopAt, first.seed)
        onProgress?.(tally)
      }
    }
    await Promise.all(Array.from({ length: this.jobs }, work))
    return addAll([tally], keepGoing)
  }

  /** Runs one schedule. @returns what it breaks, or null. */
  async tryOut(code: string, schedule: Schedule): Promise<Violation | null> {
    const { seed } = schedule
    const search = { code, keepGoing: false, draw: DRAWN_ALREADY, schedule }
    const { result } = await this.run(search, { from: seed, end: seed + 1 })
    return result.found[0]?.violation ?? null
  }

  /** Runs some seeds in a worker, up to one that has no end. */
  private async run(
    search: Omit<Search, 'from' | 'seeds'> & { readonly schedule?: Schedule },
    { from, end }: Range,
  ): Promise<{ result: Tally; stuckAt: number | null }> {
    if (from >= end) return { result: NOTHING, stuckAt: null }
    const at = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT))
    at[0] = NOT_BEGUN
    const { code, draw, keepGoing, schedule } = search
    const batch: Batch = {
      ...{ code, from, count: end - from, draw, keepGoing, at },
      ...(schedule && { schedule }),
    }
    const limit = new AbortController()
    const stop = whenStill(at, this.limits.seconds * 1000, () => limit.abort())
    try {
      const result: Tally | Problem = await this.pool.run(batch, {
        signal: limit.signal,
      })
      if ('problem' in result) throw new UsageError(result.problem)
      return { result, stuckAt: null }
    } catch (error) {
      const isFull = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
      if (!limit.signal.aborted && !isFull) throw error
      const stuckAt = Math.max(at[0] ?? from, from)
      const how = isFull
        ? `it took ${this.limits.megabytes} MB of memory, and more`
        : `after ${this.limits.seconds} s of real time it is still running`
      return { result: stuckTally(from, stuckAt, keepGoing, how), stuckAt }
    } finally {
      stop()
    }
  }

  async close(): Promise<void> {
    await this.pool.destroy()
  }
}

const NOTHING: Tally = { seeds: 0, simulatedMs: 0, events: 0, found: [], reached: {} }

/** What nothing is drawn from. */
const DRAWN_ALREADY: DrawOptions = {
  durationMs: 0,
  servers: null,
  kinds: [],
  hasCommands: false,
  bearsSlowness: false,
}

/** Calls `act` when a value has not changed for so long. @returns what stops looking. */
function whenStill(value: Float64Array, limitMs: number, act: () => void): () => void {
  let last = value[0]
  // Counted, not read off a clock: a laptop that was asleep has not worked.
  let stillMs = 0
  const timer = setInterval(() => {
    const isStill = value[0] === last && last !== NOT_BEGUN
    stillMs = isStill ? stillMs + LOOK_MS : 0
    last = value[0]
    if (stillMs >= limitMs) act()
  }, LOOK_MS)
  return () => clearInterval(timer)
}

/** With `keepGoing` the seeds before are run again, and counted then. */
function stuckTally(from: number, seed: number, keepGoing: boolean, how: string): Tally {
  const message = `${NO_END}: ${how}`
  const violation = { invariant: NO_END, message, atMs: 0 }
  const seeds = keepGoing ? 1 : seed - from + 1
  return { ...NOTHING, seeds, found: [{ seed, violation }] }
}

/** What several machines have found. */
export function addAll(tallies: readonly Tally[], keepGoing: boolean): Tally {
  const tally = tallies.reduce(add, NOTHING)
  return keepGoing ? tally : { ...tally, found: tally.found.slice(0, 1) }
}

function add(a: Tally, b: Tally): Tally {
  return {
    seeds: a.seeds + b.seeds,
    simulatedMs: a.simulatedMs + b.simulatedMs,
    events: a.events + b.events,
    found: [...a.found, ...b.found].sort((x, y) => x.seed - y.seed),
    reached: sum(a.reached, b.reached),
  }
}

function sum(a: Tally['reached'], b: Tally['reached']): Record<string, number> {
  const total: Record<string, number> = { ...a }
  for (const name in b) total[name] = (total[name] ?? 0) + (b[name] ?? 0)
  return total
}
