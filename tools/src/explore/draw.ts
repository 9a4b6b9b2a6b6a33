import { between, type Random, randomStreams } from '../lab/random.ts'
import type { CrashMoment, Fault, FaultKind, Schedule } from './schedule.ts'

export interface DrawOptions {
  readonly durationMs: number
  /** As many as this, or from 1 to 7 when null. */
  readonly servers: number | null
  /** The kinds of faults that may occur. */
  readonly kinds: readonly FaultKind[]
  readonly hasCommands: boolean
}

/** Sizes of clusters, the likelier the more often they stand here. */
const SIZES = [1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7] as const

/** How many election timeouts there are to draw from: 0 stands for no limit. */
const TIMEOUTS = [0, 0, 0, 1, 2, 5] as const

/**
 * Draws a schedule. Faults that come evenly hardly ever meet, so every seed has a temper of
 * its own: which kinds of faults, how dense, for how long, and how many commands.
 */
export function drawSchedule(seed: number, options: DrawOptions): Schedule {
  const random = randomStreams(seed)()
  const draw = new Draw(random, options.servers ?? pick(random, SIZES))
  const { durationMs } = options
  const kinds = someOf(random, options.kinds)
  const faultGapMs = logBetween(random, 60, 1000)
  const commandGapMs = logBetween(random, 15, 800)
  const timeouts = pick(random, TIMEOUTS)
  const faults: Fault[] = []
  if (kinds.length > 0) {
    for (const atMs of times(random, faultGapMs, durationMs)) {
      faults.push(draw.fault(pick(random, kinds), atMs))
    }
  }
  return {
    seed: Math.floor(random() * 2 ** 32),
    servers: draw.servers,
    durationMs,
    timeouts,
    faults,
    commandsAtMs: options.hasCommands ? times(random, commandGapMs, durationMs) : [],
  }
}

class Draw {
  readonly servers: number
  private readonly random: Random
  /** How long a fault lasts at most: in some schedules they are all short. */
  private readonly maxMs: number
  /** How often a fault is aimed at the leader. */
  private readonly aim: number

  constructor(random: Random, servers: number) {
    this.random = random
    this.servers = servers
    this.maxMs = logBetween(random, 20, 2000)
    this.aim = random()
  }

  fault(kind: FaultKind, atMs: number): Fault {
    const timed = { atMs, ...this.duration(kind), ...this.aimed() }
    switch (kind) {
      case 'crash':
        return { ...timed, kind, server: this.server(), moment: this.moment() }
      case 'pause':
      case 'disconnect':
        return { ...timed, kind, server: this.server() }
      case 'cut':
        return { ...timed, kind, from: this.server(), to: this.server() }
      case 'partition':
        return { ...timed, kind, groups: this.groups() }
      case 'loss':
      case 'duplication':
        return { ...timed, kind, chance: this.round(between(this.random, 0.02, 0.5)) }
      case 'delay':
        return {
          ...timed,
          kind,
          chance: this.round(between(this.random, 0.02, 0.5)),
          maxMs: Math.round(logBetween(this.random, 10, 600)),
        }
      case 'clock':
        return { ...timed, kind, server: this.server(), rate: this.rate() }
    }
  }

  private duration(kind: FaultKind): { forMs?: number } {
    const outlives = kind === 'crash' || kind === 'disconnect' || kind === 'clock'
    if (outlives && this.random() < 0.04) return {}
    return { forMs: Math.max(1, Math.round(logBetween(this.random, 2, this.maxMs))) }
  }

  private aimed(): { fromLeader?: true } {
    return this.random() < this.aim ? { fromLeader: true } : {}
  }

  private moment(): CrashMoment {
    const chance = this.random()
    if (chance < 0.2) return { on: 'time' }
    if (chance < 0.4) return { on: 'vote' }
    if (chance < 0.6) return { on: 'append' }
    return { on: 'write', count: 1 + Math.floor(this.random() * 6) }
  }

  /** Low ids more often, so that with `fromLeader` it is the leader more often. */
  private server(): number {
    return Math.floor(Math.min(this.random(), this.random()) * this.servers)
  }

  /** Two groups, or sometimes three; the first server is in the first one. */
  private groups(): number[][] {
    const count = this.random() < 0.2 ? 3 : 2
    const groups: number[][] = Array.from({ length: count }, () => [])
    for (let id = 0; id < this.servers; id += 1) {
      const group = id === 0 ? 0 : Math.floor(this.random() * count)
      groups[group]?.push(id)
    }
    return groups.filter((group) => group.length > 0)
  }

  /** Within what the paper's timing requirement leaves room for. */
  private rate(): number {
    const rate = this.random() < 0.5 ? [0.6, 0.9] : [1.2, 1.9]
    return this.round(between(this.random, rate[0] as number, rate[1] as number))
  }

  private round(value: number): number {
    return Math.round(value * 100) / 100
  }
}

function times(random: Random, gapMs: number, durationMs: number): number[] {
  const result: number[] = []
  let atMs = random() * 2 * gapMs
  while (atMs < durationMs) {
    result.push(Math.round(atMs))
    atMs += random() * 2 * gapMs
  }
  return result
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T
}

function someOf<T>(random: Random, values: readonly T[]): T[] {
  const chosen = values.filter(() => random() < 0.4)
  return chosen.length > 0 || values.length === 0 ? chosen : [pick(random, values)]
}

/**
 * A number between `min` and `max`, as likely between 1 and 2 times `min` as between 2 and
 * 4 times. By doubling, since powers with fractions may differ between versions of Node.
 */
function logBetween(random: Random, min: number, max: number): number {
  let doublings = 1
  while (min * 2 ** doublings < max) doublings += 1
  const low = min * 2 ** Math.floor(random() * doublings)
  return between(random, low, Math.min(2 * low, max))
}
