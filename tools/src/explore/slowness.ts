import { between, logBetween, pick, type Random } from '../lab/random.ts'
import {
  type DrawOptions,
  type Fault,
  type Schedule,
  SLOW_KINDS,
  type SlowKind,
} from './schedule.ts'

/** How often bytes and work take time, where there are other faults to draw. */
const CHANCE = 0.2

/** Commands of so many characters, the shorter ones more often. */
const COMMAND_LENGTH = [100, 50_000] as const
/** What part 1 has instead: the characters of a message. */
const MESSAGE_LENGTH = 100

/** However slow, heartbeats and votes get through in time: the paper asks for that (5.6). */
const LEAST_BYTES_PER_SECOND = { link: 20_000, machine: 100_000, disk: 20_000 } as const

/** How often nothing else happens, so that the slow links of a leader stay its own. */
const CALM_CHANCE = 0.5

/** How often all commands come together, at one time in the second half. */
const BURST_CHANCE = 0.5

/** How long one link takes for all commands together, in ms. */
const LAG_MS = [2_000, 20_000] as const
/** How long the machine or the disk of one server works for all of them. */
const WORK_MS = [10, 400] as const
/** How long a sync takes. A vote waits for three; the fastest clock gives it 80 ms. */
const SYNC_MS = [1, 20] as const

/** Adds to some of the schedules what makes bytes and work take time. */
export function withSlowness(
  schedule: Schedule,
  random: Random,
  options: DrawOptions,
): Schedule {
  const possible = SLOW_KINDS.filter((kind) => options.kinds.includes(kind))
  const kinds = possible.filter((kind) => kind !== 'slow-link' || schedule.servers > 1)
  const chance = possible.length === options.kinds.length ? 1 : CHANCE
  if (random() >= chance || kinds.length === 0) return schedule
  const length = Math.round(logBetween(random, ...COMMAND_LENGTH))
  const draw = new SlowDraw(random, schedule, options, length)
  const count = 1 + Math.floor(random() * 3)
  const slow = Array.from({ length: count }, () => draw.fault(pick(random, kinds)))
  const others = random() < CALM_CHANCE ? [] : schedule.faults
  const faults = [...others, ...slow].sort((a, b) => a.atMs - b.atMs)
  if (!options.hasCommands) return { ...schedule, faults }
  const burstAtMs = Math.round(schedule.durationMs * between(random, 0.5, 1))
  const isBurst = random() < BURST_CHANCE
  const commandsAtMs = schedule.commandsAtMs.map((atMs) => (isBurst ? burstAtMs : atMs))
  return { ...schedule, faults, commandsAtMs, commandLength: length }
}

class SlowDraw {
  private readonly random: Random
  private readonly schedule: Schedule
  private readonly options: DrawOptions
  /** Of a command, or where there are none of a message. */
  private readonly length: number

  constructor(
    random: Random,
    schedule: Schedule,
    options: DrawOptions,
    commandLength: number,
  ) {
    this.random = random
    this.schedule = schedule
    this.options = options
    this.length = options.hasCommands ? commandLength : MESSAGE_LENGTH
  }

  fault(kind: SlowKind): Fault {
    const timed = { ...this.time(), ...(this.random() < 0.7 && { fromLeader: true }) }
    const { servers } = this.schedule
    switch (kind) {
      case 'slow-link': {
        const from = this.server()
        const to = (from + 1 + Math.floor(this.random() * (servers - 1))) % servers
        const bytesPerSecond = this.rate(LAG_MS, LEAST_BYTES_PER_SECOND.link)
        return { ...timed, kind, from, to, bytesPerSecond }
      }
      case 'slow-machine': {
        const bytesPerSecond = this.rate(WORK_MS, LEAST_BYTES_PER_SECOND.machine)
        const entriesPerSecond = Math.round(logBetween(this.random, 1_000, 100_000))
        return {
          ...timed,
          kind,
          server: this.server(),
          bytesPerSecond,
          entriesPerSecond,
        }
      }
      case 'slow-disk': {
        const bytesPerSecond = this.rate(WORK_MS, LEAST_BYTES_PER_SECOND.disk)
        const syncMs = Math.round(logBetween(this.random, ...SYNC_MS))
        return { ...timed, kind, server: this.server(), bytesPerSecond, syncMs }
      }
    }
  }

  /** Most of them stay when the other faults stop, where the part bears that. */
  private time(): { atMs: number; forMs?: number } {
    const { durationMs } = this.schedule
    const atMs = Math.round(durationMs * between(this.random, 0.1, 0.5))
    const lasts = this.random() < 0.7
    if (lasts && this.options.bearsSlowness) return { atMs }
    return { atMs, forMs: Math.round(logBetween(this.random, 100, durationMs)) }
  }

  /** In bytes a second, so that all commands together take between so many ms. */
  private rate(takesMs: readonly [min: number, max: number], least: number): number {
    const bytes = this.length * Math.max(this.schedule.commandsAtMs.length, 1)
    const rate = (bytes * 1000) / logBetween(this.random, ...takesMs)
    return Math.round(Math.max(rate, least))
  }

  private server(): number {
    return this.random() < 0.7 ? 0 : Math.floor(this.random() * this.schedule.servers)
  }
}
