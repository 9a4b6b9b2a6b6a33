import { Dice, someOf } from '../lab/faults/dice.ts'
import { FAULTS, type FaultName } from '../lab/faults/index.ts'
import { FASTEST } from '../lab/faults/servers.ts'
import type { Part } from '../lab/index.ts'
import { between, logBetween, pick, type Random, randomStreams } from '../lab/random.ts'
import { withClients, withOtherReads } from './clients.ts'
import { drawFileStory } from './file.ts'
import { drawFolderStory } from './folder.ts'
import { withLeases } from './leases.ts'
import {
  APART_KINDS,
  type DrawOptions,
  type Fault,
  type Schedule,
  TEMPER_KINDS,
} from './schedule.ts'
import { withCrashesAtSnapshots, withSlowness, withSome } from './sprinkle.ts'

/** Sizes of clusters, the likelier the more often they stand here. */
const SIZES = [1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7] as const

/** How many election timeouts there are to draw from: 0 stands for no limit. */
const TIMEOUTS = [0, 0, 0, 1, 2, 5] as const

/** What the faults of one schedule have in common. */
interface Temper {
  readonly kinds: readonly FaultName[]
  readonly faultGapMs: number
  readonly commandGapMs: number
  /** How long a fault lasts. */
  readonly minMs: number
  readonly maxMs: number
  /** How often a fault is aimed at the leader. */
  readonly aim: number
}

/** What deposes a leader, if it lasts for an election timeout. */
const DEPOSING: readonly FaultName[] = ['crash', 'pause', 'disconnect', 'partition']

/** What is drawn without an end, now and then. */
const LASTING: readonly FaultName[] = ['crash', 'clock']

/** How often a schedule is a chase after one leader after the other. */
const CHASE_CHANCE = 0.25

/** Real files take their time: a few seeds are enough to know them well. */
const FILE_CHANCE = 0.2
const FOLDER_CHANCE = 0.1

/**
 * Draws a schedule. Faults that come evenly hardly ever meet, so every seed has a temper of
 * its own: which kinds of faults, how dense, for how long, and how many commands.
 */
export function drawSchedule(
  seed: number,
  options: DrawOptions,
  part?: Pick<Part, 'clients' | 'takeSnapshot'>,
): Schedule {
  const nextStream = randomStreams(seed)
  const random = nextStream()
  const servers = options.servers ?? pick(random, SIZES)
  const { durationMs } = options
  const kinds = TEMPER_KINDS.filter((kind) => options.kinds.includes(kind))
  const temper = random() < CHASE_CHANCE ? chase(random, kinds) : medley(random, kinds)
  const draw = new Draw(random, servers, temper)
  const faultTimes =
    temper.kinds.length > 0 ? times(random, temper.faultGapMs, durationMs) : []
  const faults = faultTimes.map((atMs) => draw.fault(pick(random, temper.kinds), atMs))
  const ending = draw.ending(kinds, durationMs)
  const hasFile = options.kinds.includes('file') && random() < FILE_CHANCE
  const commandsAtMs = times(random, temper.commandGapMs, durationMs)
  const schedule: Schedule = {
    seed: Math.floor(random() * 2 ** 32),
    servers,
    durationMs,
    timeouts: pick(random, TIMEOUTS),
    faults: [...faults, ...ending].sort((a, b) => a.atMs - b.atMs),
    commandsAtMs: options.hasCommands ? commandsAtMs : [],
    file: hasFile ? drawFileStory(random) : null,
  }
  // By chances of their own: what is drawn above is the same with them and without.
  const slowed = withSlowness(schedule, nextStream(), options)
  const used = withUse(slowed, nextStream, part?.clients)
  const whole = APART_KINDS.reduce(
    (soFar, kind) => withSome(kind, soFar, nextStream(), options),
    used,
  )
  const leased = withLeases(whole, nextStream(), options)
  if (!part?.takeSnapshot) return leased
  const crashed = withCrashesAtSnapshots(leased, nextStream(), options)
  const story = nextStream()
  const hasFolder = options.kinds.includes('file') && story() < FOLDER_CHANCE
  return hasFolder ? { ...crashed, folder: drawFolderStory(story) } : crashed
}

/** Clients, where the part has them, and other reads, where they have these. */
function withUse(
  schedule: Schedule,
  nextStream: () => Random,
  clients: Part['clients'],
): Schedule {
  if (!clients) return schedule
  const busy = withClients(schedule, nextStream(), clients.draw)
  return clients.drawRead ? withOtherReads(busy, nextStream(), clients.drawRead) : busy
}

/** A few kinds of faults more often than many. */
function medley(random: Random, kinds: readonly FaultName[]): Temper {
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
function chase(random: Random, kinds: readonly FaultName[]): Temper {
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
  private readonly dice: Dice

  constructor(random: Random, servers: number, temper: Temper) {
    this.random = random
    this.servers = servers
    this.temper = temper
    this.dice = new Dice(random, servers)
  }

  /**
   * What stays when the other faults stop: sometimes a minority is gone for good, sometimes
   * a server whose clock runs fast comes back after it has missed something.
   */
  ending(kinds: readonly FaultName[], durationMs: number): Fault[] {
    const chance = this.random()
    const atMs = Math.round(durationMs * between(this.random, 0.6, 1))
    const server = this.dice.server()
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

  fault(kind: FaultName, atMs: number): Fault {
    const timed = { atMs, ...this.duration(kind), ...this.aimed() }
    return { ...timed, kind, ...FAULTS[kind].draw(this.dice) } as Fault
  }

  private duration(kind: FaultName): { forMs?: number } {
    const { minMs, maxMs } = this.temper
    if (LASTING.includes(kind) && this.random() < 0.03) return {}
    return { forMs: Math.round(logBetween(this.random, minMs, maxMs)) }
  }

  private aimed(): { fromLeader?: true } {
    return this.random() < this.temper.aim ? { fromLeader: true } : {}
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
