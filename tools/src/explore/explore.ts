import { Tinypool } from 'tinypool'
import { compileWorker } from './bundle.ts'
import type { DrawOptions } from './schedule.ts'
import type { Batch, Tally } from './worker.ts'

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

/** Searches with several cores. What it finds does not depend on how many they are. */
export class Explorer {
  readonly jobs: number
  private readonly pool: Tinypool

  static async create(jobs: number): Promise<Explorer> {
    return new Explorer(jobs, await compileWorker())
  }

  private constructor(jobs: number, worker: string) {
    this.jobs = jobs
    this.pool = new Tinypool({ filename: worker, minThreads: jobs, maxThreads: jobs })
  }

  /**
   * Goes through the seeds; unless it is to keep going, up to the first one that breaks
   * something. `found` is in the order of the seeds.
   */
  async search(search: Search, onProgress?: (tally: Tally) => void): Promise<Tally> {
    const end = search.from + search.seeds
    let next = search.from
    let stopAt = end
    let tally: Tally = { seeds: 0, simulatedMs: 0, events: 0, found: [], reached: {} }
    const work = async () => {
      while (next < stopAt) {
        const from = next
        next = Math.min(from + BATCH_SEEDS, end)
        const { code, draw, keepGoing } = search
        const batch: Batch = { code, from, count: next - from, draw, keepGoing }
        const result: Tally = await this.pool.run(batch)
        tally = add(tally, result)
        // Seeds below the first one found must still be run: one of them may be first.
        const first = tally.found[0]
        if (first && !keepGoing) stopAt = Math.min(stopAt, first.seed)
        onProgress?.(tally)
      }
    }
    await Promise.all(Array.from({ length: this.jobs }, work))
    return search.keepGoing ? tally : { ...tally, found: tally.found.slice(0, 1) }
  }

  async close(): Promise<void> {
    await this.pool.destroy()
  }
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
