import { UsageError } from '../cli/exit.ts'
import { type Progress, showProgress } from '../cli/progress.ts'
import { FAULTS } from '../lab/faults/index.ts'
import type { Part } from '../lab/index.ts'
import type { ExploreOptions } from './options.ts'
import type { DrawOptions, FaultKind, Schedule } from './schedule.ts'
import { APART_KINDS, FAULT_KINDS } from './schedule.ts'
import type { Tally } from './worker.ts'

/** What is drawn apart is asked of clusters that change. */
const CHANGES: readonly FaultKind[] = APART_KINDS

/** What to draw for a part: no more than it promises to bear. @throws UsageError */
export function drawOptionsFor(
  part: Part,
  options: Pick<ExploreOptions, 'duration' | 'servers' | 'faults' | 'lease'>,
): DrawOptions {
  const possible = FAULT_KINDS.filter((kind) =>
    kind === 'file' ? part.storage : (FAULTS[kind].appliesTo?.(part) ?? true),
  )
  const refused = options.faults?.filter((kind) => !possible.includes(kind)) ?? []
  const changes = refused.filter((kind) => CHANGES.includes(kind))
  if (changes.length > 0) {
    throw new UsageError(
      `the clusters of this part do not change; leave ${changes.join(',')} out of ` +
        '--faults, or take part7',
    )
  }
  if (refused.length > 0) {
    throw new UsageError(
      'this part has no storage, so it promises nothing about crashes, files and disks; ' +
        'leave them out of --faults, or take part3',
    )
  }
  if (options.lease && !part.leases) throw new UsageError(NO_LEASES)
  return {
    durationMs: Math.round(options.duration * 1000),
    servers: options.servers ?? null,
    kinds: options.faults ?? possible,
    hasCommands: part.submit !== undefined,
    bearsSlowness: part.transport === 'stream',
    ...(options.lease && part.leases && { leases: part.leases }),
  }
}

const NO_LEASES =
  'this part answers no reads in a lease; leave out --lease, or take part5 or a later one'

/** What a part promises nothing about it cannot break. @throws UsageError */
export function mustBear(part: Part, name: string, schedule: Schedule): void {
  const { faults, file, folder, lease } = schedule
  if (lease && !part.leases) throw new UsageError(NO_LEASES)
  const kinds = faults.filter(({ kind }) => FAULTS[kind].appliesTo?.(part) === false)
  const files = (file && !part.storage) || (folder && !part.storage?.openFolder)
  const [what = files ? 'files' : null] = kinds.map(({ kind }) => kind)
  if (what === null) return
  throw new UsageError(`${name} promises nothing about what this schedule has: ${what}`)
}

/** Says how far a search is. */
export function showSearch(what: string, seeds: number): Promise<Progress> {
  const counts = '{value} of {total} seeds, {rate}/s, {eta_formatted} left'
  return showProgress(`${what} {bar} ${counts}`, seeds)
}

/** How fast a search was: by the clock on the wall, and by the time that cores worked. */
export interface Speed extends Omit<Times, 'beganAt'> {
  readonly seedsPerSecond: number
  readonly simulatedSeconds: number
  readonly simulatedSecondsPerCoreSecond: number
  readonly eventsPerCoreSecond: number
}

/** How long a search took: by the clock on the wall, and of all cores. */
export interface Times {
  /** In ms since the epoch. */
  readonly beganAt: number
  readonly seconds: number
  readonly coreSeconds: number
}

/** Starts to measure; what it returns is called at the end. */
export function stopwatch(): () => Times {
  const beganAt = Date.now()
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  return () => {
    const seconds = (performance.now() - startedAt) / 1000
    // All threads of this process, with what they spend on compiling and collecting.
    const { user, system } = process.cpuUsage(cpuBefore)
    return { beganAt, seconds, coreSeconds: (user + system) / 1e6 }
  }
}

/** From when the first of several began to when the last was done. */
export function timesOfAll(all: readonly Times[]): Times {
  const beganAt = Math.min(...all.map((times) => times.beganAt))
  const endedAt = Math.max(...all.map((times) => times.beganAt + 1000 * times.seconds))
  const coreSeconds = all.reduce((sum, times) => sum + times.coreSeconds, 0)
  return { beganAt, seconds: (endedAt - beganAt) / 1000, coreSeconds }
}

export function speedOf(
  { seeds, events, simulatedMs }: Tally,
  { seconds, coreSeconds }: Times,
): Speed {
  const simulatedSeconds = simulatedMs / 1000
  return {
    seconds,
    coreSeconds,
    seedsPerSecond: seeds / seconds,
    simulatedSeconds,
    simulatedSecondsPerCoreSecond: simulatedSeconds / coreSeconds,
    eventsPerCoreSecond: events / coreSeconds,
  }
}
