import { UsageError } from '../cli/exit.ts'
import { type Progress, showProgress } from '../cli/progress.ts'
import { FAULTS } from '../lab/faults/index.ts'
import type { Part } from '../lab/index.ts'
import type { ExploreOptions } from './options.ts'
import type { DrawOptions, Schedule } from './schedule.ts'
import { FAULT_KINDS } from './schedule.ts'
import type { Tally } from './worker.ts'

/** What to draw for a part: no more than it promises to bear. @throws UsageError */
export function drawOptionsFor(
  part: Part,
  options: Pick<ExploreOptions, 'duration' | 'servers' | 'faults'>,
): DrawOptions {
  const possible = FAULT_KINDS.filter((kind) =>
    kind === 'file' ? part.storage : (FAULTS[kind].appliesTo?.(part) ?? true),
  )
  if (options.faults?.some((kind) => !possible.includes(kind))) {
    throw new UsageError(
      'this part has no storage, so it promises nothing about crashes, files and disks; ' +
        'leave them out of --faults, or take part3',
    )
  }
  return {
    durationMs: Math.round(options.duration * 1000),
    servers: options.servers ?? null,
    kinds: options.faults ?? possible,
    hasCommands: part.submit !== undefined,
    bearsSlowness: part.transport === 'stream',
  }
}

/** What a part promises nothing about it cannot break. @throws UsageError */
export function mustBear(part: Part, name: string, { faults, file }: Schedule): void {
  const kinds = faults.filter(({ kind }) => FAULTS[kind].appliesTo?.(part) === false)
  const [what = file && !part.storage ? 'files' : null] = kinds.map(({ kind }) => kind)
  if (what === null) return
  throw new UsageError(`${name} promises nothing about what this schedule has: ${what}`)
}

/** Says how far a search is. */
export function showSearch(what: string, seeds: number): Promise<Progress> {
  const counts = '{value} of {total} seeds, {rate}/s, {eta_formatted} left'
  return showProgress(`${what} {bar} ${counts}`, seeds)
}

/** How fast a search was: by the clock on the wall, and by the time that cores worked. */
export interface Speed {
  readonly seconds: number
  readonly coreSeconds: number
  readonly seedsPerSecond: number
  readonly simulatedSeconds: number
  readonly simulatedSecondsPerCoreSecond: number
  readonly eventsPerCoreSecond: number
}

/** Starts to measure; what it returns is called at the end. */
export function stopwatch(): (tally: Tally) => Speed {
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  return (tally) => {
    const seconds = (performance.now() - startedAt) / 1000
    // All threads of this process, with what they spend on compiling and collecting.
    const { user, system } = process.cpuUsage(cpuBefore)
    const coreSeconds = (user + system) / 1e6
    const simulatedSeconds = tally.simulatedMs / 1000
    return {
      seconds,
      coreSeconds,
      seedsPerSecond: tally.seeds / seconds,
      simulatedSeconds,
      simulatedSecondsPerCoreSecond: simulatedSeconds / coreSeconds,
      eventsPerCoreSecond: tally.events / coreSeconds,
    }
  }
}
