import { within } from '../lab/faults/index.ts'
import type { Part } from '../lab/index.ts'
import { runSchedule, type Violation } from './run.ts'
import type { ClientPlan, Fault, Schedule } from './schedule.ts'

export interface Shrunk {
  readonly schedule: Schedule
  readonly violation: Violation
  /** How many schedules were tried. */
  readonly tries: number
}

/** The work to spend on a smaller schedule, in events: some ten seconds. */
const MAX_EVENTS = 2_500_000
/** What it takes to begin and end a run, counted in events. */
const EVENTS_PER_TRY = 500
/**
 * A schedule without one of its faults goes differently from there on: the luck of the
 * next seeds may lead back to the same violation.
 */
const SEEDS_TO_TRY = 4

/**
 * Makes a schedule smaller as long as it still breaks the same invariant: fewer servers,
 * fewer faults and commands, less time, shorter commands.
 */
export async function shrink(
  part: Part,
  schedule: Schedule,
  violation: Violation,
  maxEvents = MAX_EVENTS,
): Promise<Shrunk> {
  const shrinker = new Shrinker(part, schedule, violation, maxEvents)
  await shrinker.run()
  const { best, tries } = shrinker
  return { schedule: best, violation: shrinker.violation, tries }
}

class Shrinker {
  best: Schedule
  violation: Violation
  tries = 0
  private events = 0
  private readonly part: Part
  private readonly maxEvents: number

  constructor(part: Part, schedule: Schedule, violation: Violation, maxEvents: number) {
    this.part = part
    this.maxEvents = maxEvents
    this.best = schedule
    this.violation = violation
  }

  async run(): Promise<void> {
    let before: Schedule
    do {
      before = this.best
      await this.onlyTheFile()
      await this.onlyTheFolder()
      await this.fewerServers()
      await this.shorten()
      await this.beginEarlier()
      await this.fewer(this.best.faults, (faults) => ({ faults }))
      await this.fewer(this.best.commandsAtMs, (commandsAtMs) => ({ commandsAtMs }))
      await this.fewerClients()
      await this.accepts({ timeouts: 0 })
      await this.simplerFaults()
      await this.shorterCommands()
      if (this.best.lease) await this.accepts({ lease: false })
    } while (this.best !== before)
  }

  /** Takes a change on if the schedule still breaks the same invariant with it. */
  private async accepts(change: Partial<Schedule>): Promise<boolean> {
    const { seed } = this.best
    for (let i = 0; i < SEEDS_TO_TRY && this.events < this.maxEvents; i += 1) {
      const candidate = { ...this.best, ...change, seed: (seed + i) % 2 ** 32 }
      const { violation, events } = await runSchedule(this.part, candidate)
      this.tries += 1
      this.events += events + EVENTS_PER_TRY
      if (violation?.invariant !== this.violation.invariant) continue
      this.best = candidate
      this.violation = violation
      return true
    }
    return false
  }

  private async onlyTheFile(): Promise<void> {
    const { file } = this.best
    if (!file || (await this.accepts({ file: null }))) return
    await this.accepts({ servers: 1, faults: [], commandsAtMs: [] })
    await this.fewer(file.steps, (steps) => ({ file: { ...file, steps } }))
  }

  private async onlyTheFolder(): Promise<void> {
    const { folder } = this.best
    if (!folder || (await this.accepts({ folder: null }))) return
    await this.accepts({ servers: 1, faults: [], commandsAtMs: [] })
    await this.fewer(folder.steps, (steps) => ({ folder: { ...folder, steps } }))
  }

  private async fewerServers(): Promise<void> {
    for (let servers = 1; servers < this.best.servers; servers += 1) {
      const faults = this.best.faults.flatMap((fault) => within(fault, servers))
      if (await this.accepts({ servers, faults })) return
    }
  }

  /** What comes after the violation is not needed; nor, perhaps, all that comes before. */
  private async shorten(): Promise<void> {
    const end = Math.ceil(this.violation.atMs)
    if (end < this.best.durationMs) await this.accepts(until(this.best, end))
    for (let step = this.best.durationMs / 2; step >= 10; step /= 2) {
      const durationMs = Math.round(this.best.durationMs - step)
      if (durationMs > 0) await this.accepts(until(this.best, durationMs))
    }
  }

  /** Nothing happens before the first fault or command: less of that may do. */
  private async beginEarlier(): Promise<void> {
    const { faults, commandsAtMs, clients = [], durationMs } = this.best
    const first = Math.min(
      ...faults.map(({ atMs }) => atMs),
      ...commandsAtMs,
      ...clients.map(({ startsAtMs }) => startsAtMs),
      durationMs,
    )
    for (let step = first; step >= 10; step = Math.floor(step / 2)) {
      if (await this.accepts(earlier(this.best, step))) return
    }
  }

  /** Leaves out halves, quarters, and so on down to single items. */
  private async fewer<T>(
    all: readonly T[],
    change: (items: T[]) => Partial<Schedule>,
  ): Promise<void> {
    let items = [...all]
    let size = items.length
    while (size >= 1) {
      for (let at = 0; at < items.length; ) {
        const rest = items.toSpliced(at, size)
        if (await this.accepts(change(rest))) items = rest
        else at += size
      }
      size = Math.floor(size / 2)
    }
  }

  /** Fewer clients, and less that each asks for. */
  private async fewerClients(): Promise<void> {
    const { clients } = this.best
    if (!clients) return
    await this.fewer(clients, (clients) => ({ clients }))
    for (const [i] of (this.best.clients ?? []).entries()) {
      const all = this.best.clients ?? []
      const client = all[i] as ClientPlan
      await this.fewer(client.operations, (operations) => ({
        clients: all.with(i, { ...client, operations }),
      }))
    }
  }

  /** Shorter faults, on whatever server rather than on the leader. */
  private async simplerFaults(): Promise<void> {
    for (let i = 0; i < this.best.faults.length; i += 1) {
      const fault = this.best.faults[i] as Fault
      const forMs = fault.forMs && Math.ceil(fault.forMs / 2)
      if (forMs && forMs < fault.forMs) await this.replaceFault(i, { ...fault, forMs })
    }
  }

  private async shorterCommands(): Promise<void> {
    const { commandLength } = this.best
    if (!commandLength || (await this.accepts({ commandLength: 0 }))) return
    const half = Math.floor(commandLength / 2)
    if (half > 0) await this.accepts({ commandLength: half })
  }

  private replaceFault(i: number, fault: Fault): Promise<boolean> {
    return this.accepts({ faults: this.best.faults.with(i, fault) })
  }
}

/** The part of a schedule that falls before an end. */
function until(schedule: Schedule, durationMs: number): Partial<Schedule> {
  return {
    durationMs,
    faults: schedule.faults.filter(({ atMs }) => atMs < durationMs),
    commandsAtMs: schedule.commandsAtMs.filter((atMs) => atMs < durationMs),
    ...(schedule.clients && {
      clients: schedule.clients.filter(({ startsAtMs }) => startsAtMs < durationMs),
    }),
  }
}

function earlier(schedule: Schedule, ms: number): Partial<Schedule> {
  return {
    durationMs: schedule.durationMs - ms,
    faults: schedule.faults.map((fault) => ({ ...fault, atMs: fault.atMs - ms })),
    commandsAtMs: schedule.commandsAtMs.map((atMs) => atMs - ms),
    ...(schedule.clients && {
      clients: schedule.clients.map((client) => ({
        ...client,
        startsAtMs: client.startsAtMs - ms,
      })),
    }),
  }
}
