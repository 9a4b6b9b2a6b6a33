import type { DrawOptions } from './draw.ts'
import type { ExploreOptions } from './options.ts'
import type { Part } from './part.ts'
import { FAULT_KINDS, type FaultKind } from './schedule.ts'
import { UsageError } from './usage.ts'
import type { Tally } from './worker.ts'

/** What to draw for a part: no more than it promises to bear. @throws UsageError */
export function drawOptionsFor(
  part: Part,
  options: Pick<ExploreOptions, 'duration' | 'servers' | 'faults'>,
): DrawOptions {
  const lacking: readonly FaultKind[] = part.MemoryStorage ? [] : ['crash', 'file']
  if (options.faults?.some((kind) => lacking.includes(kind))) {
    throw new UsageError(
      'this part has no storage, so it promises nothing about crashes and files; ' +
        'leave them out of --faults, or take part3',
    )
  }
  const kinds = options.faults ?? FAULT_KINDS
  return {
    durationMs: Math.round(options.duration * 1000),
    servers: options.servers ?? null,
    kinds: kinds.filter((kind) => !lacking.includes(kind)),
    hasCommands: 'submit' in part.ConsensusModule.prototype,
  }
}

/** How fast a search was. Rates are per core: they do not grow with the machine. */
export interface Speed {
  readonly seconds: number
  readonly simulatedSeconds: number
  readonly simulatedSecondsPerSecond: number
  readonly eventsPerSecond: number
  readonly seedsPerSecond: number
}

export function speedOf(tally: Tally, wallMs: number, jobs: number): Speed {
  const seconds = wallMs / 1000
  const simulatedSeconds = tally.simulatedMs / 1000
  return {
    seconds,
    simulatedSeconds,
    simulatedSecondsPerSecond: simulatedSeconds / seconds / jobs,
    eventsPerSecond: tally.events / seconds / jobs,
    seedsPerSecond: tally.seeds / seconds,
  }
}
