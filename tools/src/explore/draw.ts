import { between, logBetween, pick, type Random, randomStreams } from '../lab/random.ts'
import { drawFileStory } from './file.ts'
import {
  type ClusterFaultKind,
  type CrashMoment,
  type DrawOptions,
  type Fault,
  type Schedule,
  SLOW_KINDS,
  type SlowKind,
} from './schedule.ts'
import { withSlowness } from './slowness.ts'

/** The kinds that are drawn by temper. */
type TemperKind = Exclude<ClusterFaultKind, SlowKind>

/** Sizes of clusters, the likelier the more often they stand here. */
const SIZES = [1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7] as const

/** Clocks within what the paper's timing requirement leaves room for. */
const SLOWEST = 0.6
const FASTEST = 1.9

/** How many election timeouts there are to draw from: 0 stands for no limit. */
const TIMEOUTS = [0, 0, 0, 1, 2, 5] as const

/** What the faults of one schedule have in common. */
interface Temper {
  readonly kinds: readonly TemperKind[]
  readonly faultGapMs: number
  readonly commandGapMs: number
  /** How long a fault lasts. */
  readonly minMs: number
  readonly maxMs: number
  /** How often a fault is aimed at the leader. */
  readonly aim: number
}

/** What takes a leader out of its office, if it lasts for an election timeout. */
const DEPOSING: readonly TemperKind[] = ['crash', 'pause', 'disconnect', 'partition']

/** How often a schedule is a chase after one leader after the other. */
const CHASE_CHANCE = 0.25

/** Real files take their time: a few seeds are enough to know them well. */
const FILE_CHANCE = 0.2

/**
 * Draws a schedule. Faults that come evenly hardly ever meet, so every seed has a temper of
 * its own: which kinds of faults, how dense, for how long, and how many commands.
 */
export function drawSchedule(seed: number, options: DrawOptions): Schedule {
  const nextStream = randomStreams(seed)
  const random = nextStream()
  const servers = options.servers ?? pick(random, SIZES)
  const { durationMs } = options
  const kinds = options.kinds.filter(
    (kind): kind is TemperKind =>
      kind !== 'file' && !SLOW_KINDS.some((slow) => slow === kind),
  )
  const temper = random() < CHASE_CHANCE ? chase(random, kinds) : medley(random, kinds)
  const draw = new Draw(random, servers, temper)
  const faultTimes =
    temper.kinds.length > 0 ? times(random, temper.faultGapMs, durationMs) : []
  const faults = faultTimes.map((atMs) => draw.fault(pick(random, temper.kinds), atMs))
  const ending = draw.ending(kinds, durationMs)
  const hasFile = options.kinds.includes('file') && random() < FILE_CHANCE
  const commandsAtMs = times(random, temper.commandGapMs, durationMs)
  const schedule = {
    seed: Math.floor(random() * 2 ** 32),
    servers,
    durationMs,
    timeouts: pick(random, TIMEOUTS),
    faults: [...faults, ...ending].sort((a, b) => a.atMs - b.atMs),
    commandsAtMs: options.hasCommands ? commandsAtMs : [],
    file: hasFile ? drawFileStory(random) : null,
  }
  // By chance of its own: what is drawn above is the same with it and without.
  return withSlowness(schedule, nextStream(), options)
}

/** A few kinds of faults more often than many. */
function medley(random: Random, kinds: readonly TemperKind[]): Temper {
  const few = Math.min(random(), random()) * kinds.length
  const minMs = pick(random, [2, 20, 100])
  return {
    kinds: someOf(random, kinds, 1 + Math.floor(few)),
    faultGapMs: logBetween(random, 60, 1500),
    commandGapMs: logBetween(random, 15, 2000),
    minMs,
    maxMs: logBetween(random, 2 * minMs, 2000),
    aim: pick(random, [0, 0.5, 1]),
  }
}

/** Leader after leader is cut off, often with some followers, and comes back: figure 8. */
function chase(random: Random, kinds: readonly TemperKind[]): Temper {
  const deposing = kinds.filter((kind) => DEPOSING.includes(kind))
  const others = kinds.filter((kind) => !DEPOSING.includes(kind))
  return {
    kinds: [
      ...someOf(random, deposing, 1 + Math.floor(random() * deposing.length)),
      ...someOf(random, others, Math.floor(random() * 2)),
    ],
    faultGapMs: between(random, 200, 500),
    commandGapMs: between(random, 50, 500),
    minMs: 100,
    maxMs: between(random, 200, 800),
    aim: 1,
  }
}

class Draw {
  private readonly random: Random
  private readonly servers: number
  private readonly temper: Temper

  constructor(random: Random, servers: number, temper: Temper) {
    this.random = random
    this.servers = servers
    this.temper = temper
  }

  /**
   * What stays when the other faults stop: sometimes a minority is gone for good, sometimes
   * a server whose clock runs fast comes back after it has missed something.
   */
  ending(kinds: readonly TemperKind[], durationMs: number): Fault[] {
    const chance = this.random()
    const atMs = Math.round(durationMs * between(this.random, 0.6, 1))
    const server = this.server()
    if (chance < 0.25 && kinds.includes('disconnect')) {
      const small = Math.floor((this.servers - 1) / 2)
      const ids = Array.from({ length: this.servers }, (_, id) => id)
      const gone = someOf(this.random, ids, Math.ceil(this.random() * small))
      return gone.map((server) => ({ kind: 'disconnect', server, atMs }))
    }
    if (chance < 0.5 && kinds.includes('disconnect') && kinds.includes('clock')) {
      return [
        { kind: 'disconnect', server, atMs, forMs: durationMs },
        { kind: 'clock', server, atMs, rate: FASTEST },
      ]
    }
    return []
  }

  fault(kind: TemperKind, atMs: number): Fault {
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
          maxMs: Math.round(logBetween(this.random, 10, 2000)),
        }
      case 'clock':
        return { ...timed, kind, server: this.server(), rate: this.rate() }
    }
  }

  private duration(kind: TemperKind): { forMs?: number } {
    const { minMs, maxMs } = this.temper
    const outlives = kind === 'crash' || kind === 'clock'
    if (outlives && this.random() < 0.03) return {}
    return { forMs: Math.round(logBetween(this.random, minMs, maxMs)) }
  }

  private aimed(): { fromLeader?: true } {
    return this.random() < this.temper.aim ? { fromLeader: true } : {}
  }

  private moment(): CrashMoment {
    const chance = this.random()
    if (chance < 0.2) return { on: 'time' }
    if (chance < 0.4) return { on: 'vote' }
    if (chance < 0.6) return { on: 'append' }
    return { on: 'write', count: 1 + Math.floor(this.random() * 6) }
  }

  /** The first one more often: with `fromLeader` it is the leader. */
  private server(): number {
    return this.random() < 0.6 ? 0 : Math.floor(this.random() * this.servers)
  }

  /** The first server, who may be the leader, with a minority more often than not. */
  private groups(): number[][] {
    const others = Array.from({ length: this.servers - 1 }, (_, i) => i + 1)
    const small = Math.floor((this.servers - 1) / 2)
    const most = this.random() < 0.7 ? small : this.servers - 1
    const company = someOf(this.random, others, Math.floor(this.random() * most))
    const rest = others.filter((id) => !company.includes(id))
    if (this.random() < 0.8) return [[0, ...company], rest]
    const third = someOf(this.random, rest, Math.ceil(rest.length / 2))
    return [[0, ...company], rest.filter((id) => !third.includes(id)), third]
  }

  private rate(): number {
    const isSlow = this.random() < 0.5
    return this.round(between(this.random, isSlow ? SLOWEST : 1, isSlow ? 1 : FASTEST))
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

/** Some of the values, in their order. */
function someOf<T>(random: Random, values: readonly T[], count: number): T[] {
  const left = [...values.keys()]
  while (left.length > count) left.splice(Math.floor(random() * left.length), 1)
  return left.map((i) => values[i] as T)
}
