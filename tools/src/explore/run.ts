import type { Logger } from 'pino'
import { aimed, cause } from '../lab/faults/index.ts'
import {
  type Clock,
  InvariantViolation,
  type Part,
  type Random,
  silentLogger,
  World,
} from '../lab/index.ts'
import { HistoryViolation, mustBeLinearizable } from '../lab/linearizable.ts'
import { Clients } from './clients.ts'
import { runFileStory, writeSomething } from './file.ts'
import { runFolderStory } from './folder.ts'
import { Recovery } from './recovery.ts'
import type { Fault, Schedule } from './schedule.ts'

export interface Violation {
  /** The rule that was broken, in the paper's words. */
  readonly invariant: string
  readonly message: string
  readonly atMs: number
}

/** What its clients saw, where that is what broke the rule. */
export type Seen = HistoryViolation['checked'] | null

export interface Outcome {
  readonly violation: Violation | null
  readonly seen: Seen
  readonly simulatedMs: number
  /** What happened on the servers; the rules were checked after each. */
  readonly events: number
}

/** Runs a schedule, the same each time. */
export async function runSchedule(
  part: Part,
  schedule: Schedule,
  logger: (clock: Clock) => Logger = () => silentLogger,
): Promise<Outcome> {
  watchStrays()
  try {
    const run = new Run(part, schedule, logger)
    const found = (await run.run()) ?? fileViolation(part, schedule)
    const atMs = run.world.clock.now()
    const violation = found ?? (await strayViolation(atMs))
    return { violation, seen: run.seen, simulatedMs: atMs, events: run.events }
  } finally {
    unwatchStrays()
  }
}

/** What a part lets fall where nobody catches it: outside of virtual time. */
const strays: unknown[] = []
const noteStray = (error: unknown) => void strays.push(error)
let watching = 0

/** From now on in this thread, also between schedules. */
export function watchStrays(): void {
  watching += 1
  if (watching > 1) return
  process.on('unhandledRejection', noteStray)
  process.on('uncaughtException', noteStray)
}

function unwatchStrays(): void {
  watching -= 1
  if (watching > 0) return
  process.off('unhandledRejection', noteStray)
  process.off('uncaughtException', noteStray)
}

async function strayViolation(atMs: number): Promise<Violation | null> {
  // Promises are looked at, and timers of the machine that are due have their say.
  await new Promise((resolve) => setImmediate(resolve))
  const [error] = strays.splice(0)
  if (error === undefined) return null
  const { invariant, message } = asViolation(error)
  const where = 'in a promise that nobody waits for, or in a timer of the machine'
  return { invariant, message: `${message}; ${where}`, atMs }
}

/** What becomes of a file has no time of its own. */
function fileViolation(part: Part, schedule: Schedule): Violation | null {
  const { file, folder, durationMs } = schedule
  const { openFile, openFolder } = part.storage ?? {}
  try {
    if (file && openFile) runFileStory(openFile, file)
    if (folder && openFolder) runFolderStory(openFolder, folder)
    return null
  } catch (error) {
    // On a full disk every part loses what it writes.
    writeSomething()
    const { invariant, message } = asViolation(error)
    return { invariant, message, atMs: durationMs }
  }
}

/** Servers that do more than this are talking without end. */
const MAX_EVENTS = 20_000
const MAX_EVENTS_PER_MS = 20

/** A cluster that goes through a schedule. */
class Run {
  readonly world: World
  events = 0
  seen: Seen = null
  private readonly schedule: Schedule
  private readonly recovery: Recovery
  private readonly clients: Clients
  /** What ends the faults that are in force, in the order in which they began. */
  private readonly inForce = new Map<Fault, () => void>()
  private commands = 0

  constructor(part: Part, schedule: Schedule, logger: (clock: Clock) => Logger) {
    this.schedule = schedule
    this.world = new World({
      part,
      size: schedule.servers,
      seed: schedule.seed,
      lease: schedule.lease,
      logger,
      luck: (random) => this.luck(random),
      onEvent: () => this.countEvent(),
      onSend: (rpc) => this.recovery.noteSent(rpc),
    })
    this.recovery = new Recovery(this.world, this.inForce)
    this.clients = new Clients(this.world)
  }

  async run(): Promise<Violation | null> {
    const { world } = this
    try {
      world.startAll()
      for (const { atMs, act } of this.agenda()) {
        await world.sleep(atMs - world.clock.now())
        act()
      }
      this.clients.stop()
      await this.recovery.run(this.commands)
      await this.clients.end()
      world.audit()
      mustBeLinearizable(world.history.clients.rows)
      return null
    } catch (error) {
      const { invariant, message } = asViolation(error)
      if (error instanceof HistoryViolation) this.seen = error.checked
      const atMs = world.clock.now()
      if (!world.violation) world.note('check', message, { invariant })
      return { invariant, message, atMs }
    } finally {
      world.end()
    }
  }

  private agenda(): { atMs: number; act: () => void }[] {
    const { faults, commandsAtMs, clients = [], durationMs } = this.schedule
    const agenda = [
      ...faults.map((fault) => ({ atMs: fault.atMs, act: () => this.begin(fault) })),
      ...commandsAtMs.map((atMs) => ({ atMs, act: () => this.offerCommand() })),
      ...clients.map((client) => ({
        atMs: client.startsAtMs,
        act: () => this.clients.start(client),
      })),
      { atMs: durationMs, act: () => {} },
    ]
    return agenda.sort((a, b) => a.atMs - b.atMs)
  }

  private luck(random: Random): Random {
    const { timeouts } = this.schedule
    if (timeouts === 0) return random
    return () => {
      const value = random()
      return this.recovery.hasBegun ? value : Math.floor(value * timeouts) / timeouts
    }
  }

  /** A client that does not know who leads: it asks everyone, each for something else. */
  private offerCommand(): void {
    this.commands += 1
    const { commandLength = 0 } = this.schedule
    for (const id of this.world.ids) {
      const command = `${this.commands}.${id}`.padEnd(commandLength, '.')
      if (this.world.machine(id).isUp) this.world.submit(id, command)
    }
  }

  private begin(fault: Fault): void {
    const undo = cause(this.world, fault.fromLeader ? this.fromLeader(fault) : fault)
    if (!undo) return
    const end = () => {
      if (this.inForce.delete(fault)) undo()
    }
    this.inForce.set(fault, end)
    if (fault.forMs !== undefined) this.world.clock.setTimeout(end, fault.forMs)
  }

  private fromLeader(fault: Fault): Fault {
    const leader = this.world.leader() ?? 0
    return aimed(fault, (id) => (id + leader) % this.schedule.servers)
  }

  private countEvent(): void {
    this.events += 1
    const limit = MAX_EVENTS + MAX_EVENTS_PER_MS * this.world.clock.now()
    if (this.events <= limit) return
    throw new InvariantViolation(
      'Bounded Work',
      `the servers handled ${this.events} messages and timers, and have not come to rest`,
    )
  }
}

function asViolation(error: unknown): InvariantViolation {
  if (error instanceof InvariantViolation) return error
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new InvariantViolation('No Exceptions', `a server threw ${text}`)
}
