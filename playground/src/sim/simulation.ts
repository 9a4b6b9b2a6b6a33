import type { VirtualClock } from 'tools/lab/clock'
import { buttonsAt, press } from 'tools/lab/faults/buttons'
import { begin, end } from 'tools/lab/faults/index'
import type { Machine } from 'tools/lab/machine'
import type { Surroundings } from 'tools/lab/part'
import { InvariantViolation } from 'tools/lab/rules/rule'
import type { View } from 'tools/lab/view'
import { World } from 'tools/lab/world'
import type { Rpc, TestLogLine } from 'tools/testlog/event'
import { type Action, MAX_TIME_MS, type Setup } from './action.ts'
import { LATENCY_MS, type Part, partOf, TIMING } from './part.ts'
import { type ElectionTimer, WatchedClock } from './watched-clock.ts'

type Logger = Surroundings['logger']

/** A line of the test log, which here stays in memory. */
export type PlayEvent = Omit<TestLogLine, 'test'>

/** A message on its way, or one that was lost. Times in ms of simulated time. */
export interface Flight {
  readonly rpc: Rpc
  readonly sentAt: number
  readonly arrivesAt: number
  /** Where and when it was lost: at once, or at the end of its way. */
  lostAt: number | null
}

/** What is true of a server now, and not to be read off its own state. */
export interface ServerCondition {
  readonly isCrashed: boolean
  readonly isPaused: boolean
  readonly isConnected: boolean
  readonly electionTimer: ElectionTimer | null
  /** Who voted for it in its term, itself included, while it is a candidate. */
  readonly votes: readonly number[]
}

/** How long one can still see where a message was lost, in ms of simulated time. */
export const LOST_LINGERS_MS = 60

/** One run of a cluster, forward only: what was, is had again by running it anew. */
export class Simulation {
  readonly setup: Setup
  readonly part: Part
  readonly events: PlayEvent[] = []
  flights: Flight[] = []
  /** The rule that was broken; nothing happens after it. */
  violation: InvariantViolation | null = null

  private readonly clock: VirtualClock
  private readonly world: World
  private readonly clocks = new Map<number, WatchedClock>()
  private readonly votes = new Map<number, Set<number>>()

  constructor(setup: Setup) {
    this.setup = setup
    this.part = partOf(setup.part)
    this.world = new World({
      part: this.part.lab,
      size: setup.servers,
      seed: setup.seed,
      timing: TIMING,
      latencyMs: LATENCY_MS,
      logger: () => this.recorder({}),
      build: (surroundings) => {
        const clock = new WatchedClock(surroundings.clock, TIMING.electionTimeout[0])
        this.clocks.set(surroundings.id, clock)
        return this.part.lab.build({ ...surroundings, clock })
      },
      onTravel: (rpc, delayMs) => this.setOff(rpc, delayMs),
    })
    this.clock = this.world.clock as VirtualClock
    this.world.startAll()
  }

  get now(): number {
    return this.clock.now()
  }

  get ids(): readonly number[] {
    return this.world.ids
  }

  get isOver(): boolean {
    return this.violation !== null || this.now >= MAX_TIME_MS
  }

  server(id: number): object {
    return this.world.server(id)
  }

  /** What the laboratory sees of it, and nobody else needs more. */
  view(id: number): View {
    return this.world.view(id)
  }

  condition(id: number): ServerCondition {
    const machine = this.machine(id)
    const { role } = this.view(id)
    return {
      isCrashed: machine.crashed,
      isPaused: machine.isPaused,
      isConnected: this.world.network.isConnected(id),
      electionTimer: this.clocks.get(id)?.electionTimer ?? null,
      votes: role === 'Candidate' ? [...(this.votes.get(id) ?? [])] : [],
    }
  }

  /** The faults that can begin or end there. */
  buttonsAt(id: number): ReturnType<typeof buttonsAt> {
    return buttonsAt(this.world, id)
  }

  hasLink(from: number, to: number): boolean {
    return this.world.network.hasLink(from, to)
  }

  /** The one that leads in the highest term: whom a client would find, after a while. */
  get leader(): number | null {
    const leaders = this.ids
      .filter((id) => this.view(id).role === 'Leader')
      .sort((a, b) => this.view(b).term - this.view(a).term)
    return leaders[0] ?? null
  }

  /** Lets everything happen that is due by `time`. */
  runTo(time: number): void {
    const end = Math.min(time, MAX_TIME_MS)
    this.guard(() => this.clock.advanceTo(end))
    this.forgetFlights()
  }

  /**
   * Lets the next thing happen that shows, and what else is due at that instant. False when
   * there is none by `end`.
   */
  step(end: number): boolean {
    const before = this.events.length
    const hasMore = () => this.events.length === before && this.clock.step(end)
    this.guard(() => {
      while (hasMore());
      this.clock.advanceTo(this.now)
    })
    this.forgetFlights()
    return this.events.length > before
  }

  perform(action: Action): void {
    if (action.server >= this.ids.length || this.isOver) return
    this.guard(() => this.carryOut(action))
  }

  private carryOut(action: Action): void {
    const { server } = action
    switch (action.do) {
      case 'timeout': {
        const text = `the clock of server ${server} leaps: its time is up`
        this.world.note('fault', text)
        this.machine(server).run(() => void this.clocks.get(server)?.fireElectionTimer())
        return
      }
      case 'submit':
        this.submit(server, action.command)
        return
      case 'cut':
      case 'mend':
        if (action.other < this.ids.length) this.changeLink(action)
        return
      default:
        press(this.world, action.do, server)
    }
  }

  /** Both ways at once: one way is for tests. */
  private changeLink({
    do: verb,
    server,
    other,
  }: Action & { do: 'cut' | 'mend' }): void {
    for (const link of [
      { from: server, to: other },
      { from: other, to: server },
    ]) {
      if (verb === 'cut') begin(this.world, { kind: 'cut', ...link })
      else end(this.world, { kind: 'cut', ...link })
    }
  }

  private submit(id: number, command: string): void {
    if (this.world.submit(id, command) !== null) return
    const text = `server ${id} does not lead: it takes no command`
    this.world.note('submit', text, { command })
  }

  private machine(id: number): Machine {
    return this.world.machine(id)
  }

  /** A rule that is broken ends the run; it was logged as an event. */
  private guard(happen: () => void): void {
    if (this.violation) return
    try {
      happen()
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      this.violation = error
    }
  }

  /** What pino is to the servers elsewhere, as far as they use it. */
  private recorder(bindings: object): Logger {
    const recorder = {
      isLevelEnabled: () => true,
      child: (more: object) => this.recorder({ ...bindings, ...more }),
      info: (fields: Partial<PlayEvent>, msg: string) => {
        // In the world's constructor there is no clock yet, and nothing to say.
        this.record({ time: this.clock.now(), ...bindings, ...fields, msg } as PlayEvent)
      },
    }
    return recorder as unknown as Logger
  }

  private record(event: PlayEvent): void {
    this.events.push(event)
    const { rpc, server } = event
    if (event.event === 'drop' && rpc) this.lose(rpc)
    if (server === undefined) return
    if (event.event === 'role' && event.role === 'Candidate') {
      this.votes.set(server, new Set([server]))
    }
    if (event.event === 'receive' && rpc?.args.voteGranted === true) {
      if (rpc.args.term === event.term) this.votes.get(server)?.add(rpc.from)
    }
  }

  private setOff(rpc: Rpc, delayMs: number): void {
    const sentAt = this.now
    this.flights.push({ rpc, sentAt, arrivesAt: sentAt + delayMs, lostAt: null })
  }

  private lose(rpc: Rpc): void {
    const now = this.now
    const flight = this.flights.find(({ rpc: { id, kind } }) => {
      return id === rpc.id && kind === rpc.kind
    })
    if (flight) flight.lostAt = now
    else this.flights.push({ rpc, sentAt: now, arrivesAt: now, lostAt: now })
  }

  private forgetFlights(): void {
    this.flights = this.flights.filter(({ arrivesAt, lostAt }) => {
      return lostAt === null ? arrivesAt > this.now : lostAt + LOST_LINGERS_MS > this.now
    })
  }
}
