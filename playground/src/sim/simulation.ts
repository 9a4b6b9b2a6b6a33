import type { VirtualClock } from 'tools/lab/clock'
import { Cluster, type Surroundings } from 'tools/lab/cluster'
import { InvariantViolation } from 'tools/lab/invariants'
import type { Machine } from 'tools/lab/machine'
import type { Rpc, TestLogLine } from 'tools/testlog/event'
import { type Action, MAX_TIME_MS, type Setup } from './action.ts'
import {
  type Disk,
  LATENCY_MS,
  type Part,
  type PlayedServer,
  partOf,
  TIMING,
} from './part.ts'
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

const NETWORK = {
  loss: 0,
  duplication: 0,
  longDelay: 1,
  longDelayMs: LATENCY_MS,
}

/** One run of a cluster, forward only: what was, is had again by running it anew. */
export class Simulation {
  readonly setup: Setup
  readonly part: Part
  readonly events: PlayEvent[] = []
  flights: Flight[] = []
  /** The rule that was broken; nothing happens after it. */
  violation: InvariantViolation | null = null

  private readonly clock: VirtualClock
  private readonly cluster: Cluster<PlayedServer>
  private readonly clocks = new Map<number, WatchedClock>()
  private readonly disks = new Map<number, Disk>()
  private readonly votes = new Map<number, Set<number>>()

  constructor(setup: Setup) {
    this.setup = setup
    this.part = partOf(setup.part)
    this.cluster = new Cluster({
      size: setup.servers,
      seed: setup.seed,
      network: 'simulated',
      logger: () => this.recorder({}),
      onCrash: (id) => this.disks.get(id)?.crash(this.cluster.random),
      onTravel: (rpc, delayMs) => this.setOff(rpc, delayMs),
    })
    this.clock = this.cluster.clock as VirtualClock
    this.cluster.network.faults = NETWORK
    for (const id of this.ids) {
      if (this.part.newDisk) this.disks.set(id, this.part.newDisk())
      this.boot(id)
    }
    for (const id of this.ids) this.cluster.start(id)
  }

  get now(): number {
    return this.clock.now()
  }

  get ids(): readonly number[] {
    return this.cluster.ids
  }

  get isOver(): boolean {
    return this.violation !== null || this.now >= MAX_TIME_MS
  }

  server(id: number): PlayedServer {
    return this.cluster.server(id)
  }

  condition(id: number): ServerCondition {
    const machine = this.machine(id)
    const { role } = this.server(id)
    return {
      isCrashed: machine.crashed,
      isPaused: !machine.crashed && !machine.isUp,
      isConnected: this.cluster.network.isConnected(id),
      electionTimer: this.clocks.get(id)?.electionTimer ?? null,
      votes: role === 'Candidate' ? [...(this.votes.get(id) ?? [])] : [],
    }
  }

  hasLink(from: number, to: number): boolean {
    return this.cluster.network.hasLink(from, to)
  }

  /** The one that leads in the highest term: whom a client would find, after a while. */
  get leader(): number | null {
    const leaders = this.ids
      .filter((id) => this.server(id).role === 'Leader')
      .sort((a, b) => this.server(b).currentTerm - this.server(a).currentTerm)
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
    const { cluster } = this
    const id = action.server
    const machine = this.machine(id)
    switch (action.do) {
      case 'timeout':
        cluster.note('fault', `the clock of server ${id} leaps: its time is up`)
        machine.run(() => void this.clocks.get(id)?.fireElectionTimer())
        return
      case 'submit':
        this.submit(id, action.command)
        return
      case 'crash':
        if (!machine.crashed) cluster.crash(id)
        return
      case 'restart':
        if (machine.crashed) this.restart(id)
        return
      case 'pause':
        if (machine.isUp) cluster.pause(id)
        return
      case 'resume':
        if (!machine.crashed && !machine.isUp) cluster.resume(id)
        return
      case 'disconnect':
        cluster.disconnect(id)
        return
      case 'reconnect':
        cluster.reconnect(id)
        return
      default:
        if (action.other < this.ids.length) this.changeLink(action)
    }
  }

  /** Both ways at once: one way is for tests. */
  private changeLink(action: Action & { do: 'cut' | 'mend' }): void {
    const { server, other } = action
    if (action.do === 'cut') {
      this.cluster.cut(server, other)
      this.cluster.cut(other, server)
    } else {
      this.cluster.mend(server, other)
      this.cluster.mend(other, server)
    }
  }

  private submit(id: number, command: string): void {
    let index: number | null = null
    this.machine(id).run(() => {
      index = this.server(id).submit?.(command) ?? null
    })
    if (index !== null) return
    const text = `server ${id} does not lead: it takes no command`
    this.cluster.note('submit', text, { command })
  }

  private restart(id: number): void {
    this.cluster.noteRestart(id)
    this.boot(id)
    this.cluster.start(id)
  }

  private boot(id: number): void {
    this.cluster.boot(id, (surroundings) => {
      const clock = new WatchedClock(surroundings.clock, TIMING.electionTimeout[0])
      this.clocks.set(id, clock)
      return this.part.build({ ...surroundings, clock }, this.disks.get(id) ?? null)
    })
  }

  private machine(id: number): Machine {
    return this.cluster.machine(id)
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
        // In the cluster's constructor there is no clock yet, and nothing to say.
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
