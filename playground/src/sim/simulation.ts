import type { VirtualClock } from 'tools/lab/clock'
import { buttonsAt, press } from 'tools/lab/faults/buttons'
import { begin, cause, end } from 'tools/lab/faults/index'
import { mustBeLinearizable } from 'tools/lab/linearizable'
import type { Machine } from 'tools/lab/machine'
import type { Place, Surroundings } from 'tools/lab/part'
import { InvariantViolation } from 'tools/lab/rules/rule'
import type { View } from 'tools/lab/view'
import { World } from 'tools/lab/world'
import type { Role, Rpc, TestLogLine } from 'tools/testlog/event'
import type { STANDINGS } from 'tools/viz/page/timeline'
import { type Action, MAX_TIME_MS, MOST_SERVERS, type Setup } from './action.ts'
import type { Part } from './part.ts'
import { mustWork, PEACE_MS } from './peace.ts'
import { LATENCY_MS, TIMING } from './timing.ts'
import { nextTurn } from './turn.ts'
import { type ElectionTimer, WatchedClock } from './watched-clock.ts'

type Logger = Surroundings['logger']

/** A line of the test log, which here stays in memory. */
export type PlayEvent = Omit<TestLogLine, 'test'> & { readonly was?: Role }

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

/** What can be asked about the cluster itself. */
export interface Changes {
  readonly canAdd: boolean
  /** Of one server. */
  readonly canRemove: boolean
  readonly canLead: boolean
}

/** What somebody asked the cluster for, and what came of it. */
export interface Request {
  readonly f: string
  readonly key: string
  readonly value?: unknown
  readonly at: number
  /** Null while the client waits. */
  outcome: Outcome | null
  /** What a read found, or what the operation replaced. */
  answer: Readonly<Record<string, unknown>>
}

/** The words of the chapter of part 4. */
type Outcome = 'done' | 'not done' | 'unknown'

/** Servers that do more than this are talking without end. */
const MAX_EVENTS = 20_000
const MAX_EVENTS_PER_MS = 20

/** Election timers, when they are spread: so far apart that the first one wins. In ms. */
const FIRST_TIMEOUT_MS = 100
const BETWEEN_TIMEOUTS_MS = 150
/** When all of them fire at one moment: so soon. */
const COMMON_TIMEOUT_MS = 100

/** In bytes a second: nothing gets through while anybody watches. */
const ALMOST_0 = 1e-6

/** How long one can still see where a message was lost, in ms of simulated time. */
export const LOST_LINGERS_MS = 60

interface Client {
  readonly id: number
  readonly ask: (operation: object) => Promise<void>
}

/** What is seen of a run, and done to it, wherever it goes on. */
export type Run = Pick<Simulation, Exclude<keyof Simulation, 'server'>>

/** One run of a cluster, forward only: what was, is had again by running it anew. */
export class Simulation {
  readonly setup: Setup
  readonly part: Part
  readonly events: PlayEvent[] = []
  flights: Flight[] = []
  /** What was asked by the client, oldest first. */
  readonly requests: Request[] = []
  /** The rule that was broken; nothing happens after it. */
  violation: InvariantViolation | null = null

  private readonly clock: VirtualClock
  private readonly world: World
  private readonly clocks = new Map<number, WatchedClock>()
  private readonly votes = new Map<number, Set<number>>()
  /** As the last line of each server said. */
  private readonly roles = new Map<number, Role>()
  /** Whoever was a member of the cluster at some time. */
  private readonly wereMembers = new Set<number>()
  private client: Client | null = null
  /** On this way, answers are held back. */
  private held: { readonly server: number; readonly client: number } | null = null
  private lastCandidacy: { readonly server: number; readonly at: number } | null = null
  /** So many things were done; whoever waits for peace sees whether more came. */
  private performed = 0

  constructor(setup: Setup, part: Part) {
    this.setup = setup
    this.part = part
    this.world = new World({
      part: this.part.lab,
      size: setup.servers,
      seed: setup.seed,
      timing: TIMING,
      latencyMs: LATENCY_MS,
      logger: () => this.recorder({}),
      build: (surroundings) => {
        const clock = new WatchedClock(surroundings.clock, TIMING.electionTimeout)
        this.clocks.set(surroundings.id, clock)
        return this.part.lab.build({ ...surroundings, clock })
      },
      onTravel: (rpc, delayMs) => this.setOff(rpc, delayMs),
      onEvent: () => this.mustNotTalkForEver(),
      nextTurn,
    })
    this.clock = this.world.clock as VirtualClock
    this.guardNow(() => this.world.startAll())
    this.awaitPeace()
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

  /** Whether it could take a snapshot now; null in a part that has none. */
  canTakeSnapshot(id: number): boolean | null {
    if (!this.part.lab.takeSnapshot) return null
    const { snapshots, lastApplied } = this.view(id)
    if (!snapshots || !this.machine(id).isUp) return false
    return !snapshots.isTaking && lastApplied > snapshots.lastIndex
  }

  /** Null in a part whose clusters stay what they are. */
  changesAt(id: number): Changes | null {
    if (!this.part.lab.members) return null
    const { leader } = this
    const isLed = leader !== null && this.machine(leader).isUp
    const isMember = this.members.includes(id)
    return {
      canAdd: isLed && this.ids.length < MOST_SERVERS,
      canRemove: isLed && isMember && this.members.length > 1,
      canLead: isLed && isMember && leader !== id,
    }
  }

  /** Those in the cluster, as the leader has it; without one, all. */
  get members(): readonly number[] {
    const { leader } = this
    const members = leader === null ? undefined : this.view(leader).members
    return members ?? this.ids
  }

  /** What a server is that is no member, by its own log; null for a member. */
  standing(id: number): keyof typeof STANDINGS | null {
    const { members, lastIndex } = this.view(id)
    if (!members || members.includes(id)) return null
    if (this.wereMembers.has(id)) return 'gone'
    return lastIndex > 0 ? 'learns' : 'new'
  }

  hasLink(from: number, to: number): boolean {
    return this.world.network.hasLink(from, to)
  }

  /** The one that leads in the highest term: whom a client would find, after a while. */
  get leader(): number | null {
    return this.world.leader()
  }

  /** The client's id in the world; null until it has asked for something. */
  get clientId(): number | null {
    return this.client?.id ?? null
  }

  /** So many answers to the client are held back now; null when they arrive. */
  get answersHeld(): number | null {
    if (!this.held) return null
    const { server, client } = this.held
    return this.world.network.slowLink(server, client)?.messagesWaiting ?? 0
  }

  /** Lets everything happen that is due by `time`. */
  async runTo(time: number): Promise<void> {
    const end = Math.min(time, MAX_TIME_MS)
    await this.guard(() => this.world.passTo(end))
    this.forgetFlights()
  }

  /** Lets the next thing happen that shows, and what else is due at that instant. */
  async step(end: number): Promise<boolean> {
    const before = this.events.length
    await this.guard(async () => {
      while (this.events.length === before && (await this.world.step(end)));
      await this.world.passTo(this.now)
    })
    this.forgetFlights()
    return this.events.length > before
  }

  perform(action: Action): void {
    if (this.isOver) return
    this.guardNow(() => this.carryOut(action))
    this.performed += 1
    this.awaitPeace()
  }

  private carryOut(action: Action): void {
    switch (action.do) {
      case 'ask':
        this.ask(action)
        return
      case 'hold':
        this.holdAnswers()
        return
      case 'release':
        this.releaseAnswers()
        return
      case 'add':
        if (this.part.lab.members) cause(this.world, { kind: 'add-server' })
        return
      case 'align':
        this.world.note('fault', 'all election timers will fire at one moment')
        this.setTimers(() => COMMON_TIMEOUT_MS)
        return
      case 'spread':
        this.world.note(
          'fault',
          'the election timers will fire one well after the other',
        )
        this.setTimers((i) => FIRST_TIMEOUT_MS + i * BETWEEN_TIMEOUTS_MS)
        return
      default:
        if (action.server < this.ids.length) this.carryOutAt(action)
    }
  }

  private carryOutAt(action: Extract<Action, { server: number }>): void {
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
      case 'snapshot':
        this.machine(server).run(() => {
          this.part.lab.takeSnapshot?.(this.world.server(server))
        })
        return
      case 'remove':
      case 'lead':
        this.change(action)
        return
      case 'cut':
      case 'mend':
        if (action.other < this.ids.length) this.changeLink(action)
        return
      default:
        press(this.world, action.do, server)
    }
  }

  private change({ do: verb, server }: Action & { do: 'remove' | 'lead' }): void {
    if (!this.part.lab.members) return
    if (verb === 'remove') begin(this.world, { kind: 'remove-server', server })
    else begin(this.world, { kind: 'transfer', server })
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

  private setTimers(dueInMs: (i: number) => number): void {
    const running = this.ids.filter((id) => this.clocks.get(id)?.electionTimer)
    for (const [i, id] of running.entries()) {
      this.clocks.get(id)?.setElectionTimer(dueInMs(i))
    }
  }

  /** The part's own client asks, and finds the leader by itself. */
  private ask({ what, key, value }: Action & { do: 'ask' }): void {
    const operation = this.part.lab.clients?.asks?.[what]?.(key, value)
    if (!operation) return
    // What comes of it is told by its lines of the test log.
    void this.join()
      ?.ask(operation)
      .catch((error) => this.fail(error))
  }

  /** Those of the leader wait on their way: the link lets next to nothing through. */
  private holdAnswers(): void {
    const client = this.join()?.id
    const { leader: server } = this
    if (client === undefined || server === null || this.held) return
    this.world.note('fault', `answers of server ${server} to the client are held back`)
    this.world.network.slow(server, client, ALMOST_0)
    this.held = { server, client }
  }

  private releaseAnswers(): void {
    if (!this.held) return
    const { server, client } = this.held
    this.world.note('fault', `answers of server ${server} to the client are let through`)
    this.world.network.fast(server, client)
    this.held = null
  }

  private join(): Client | null {
    const { clients } = this.part.lab
    if (clients) this.client ??= this.newClient(clients)
    return this.client
  }

  private newClient(clients: NonNullable<Part['lab']['clients']>): Client {
    const place = this.world.join()
    // Time is in the hands of who watches; no client lets it pass.
    const until: Place['until'] = (promise) => {
      this.world.settleSoon()
      return promise
    }
    return { id: place.id, ask: clients.join({ ...place, until }) }
  }

  private submit(id: number, command: string): void {
    if (this.world.submit(id, command) !== null) return
    const text = `server ${id} does not lead: it takes no command`
    this.world.note('submit', text, { command })
  }

  private machine(id: number): Machine {
    return this.world.machine(id)
  }

  /** Left alone for a while, with nothing out of order, a cluster has to work. */
  private awaitPeace(): void {
    const { performed } = this
    this.clock.setTimeout(() => {
      if (this.performed !== performed || !this.isInOrder) return
      const ids = this.members
      const views = ids.map((id) => this.view(id))
      mustWork({ now: this.now, ids, views, lastCandidacy: this.lastCandidacy })
    }, PEACE_MS)
  }

  private get isInOrder(): boolean {
    return this.ids.every((id) => {
      const { isCrashed, isPaused, isConnected } = this.condition(id)
      const isLinked = this.ids.every((to) => to === id || this.hasLink(id, to))
      return !isCrashed && !isPaused && isConnected && isLinked
    })
  }

  private mustNotTalkForEver(): void {
    if (this.events.length <= MAX_EVENTS + MAX_EVENTS_PER_MS * this.now) return
    throw new InvariantViolation(
      'Bounded Work',
      'the servers send and send, and do not come to rest',
    )
  }

  /** A rule that is broken ends the run; it was logged as an event. */
  private async guard(happen: () => Promise<unknown>): Promise<void> {
    if (this.violation) return
    try {
      await happen()
    } catch (error) {
      this.fail(error)
    }
  }

  private guardNow(happen: () => void): void {
    if (this.violation) return
    try {
      happen()
    } catch (error) {
      this.fail(error)
    }
  }

  /** A part that throws is as wrong as one that breaks a rule. */
  private fail(error: unknown): void {
    if (this.violation) return
    this.world.freeze()
    if (error instanceof InvariantViolation) {
      this.violation = error
      if (this.events.at(-1)?.event === 'check') return
    } else {
      this.violation = new InvariantViolation('No Exceptions', threwText(error))
    }
    const { message, invariant } = this.violation
    this.world.note('check', message, { invariant })
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

  private record(line: PlayEvent): void {
    const { rpc, server, role } = line
    const was = server === undefined ? undefined : this.roles.get(server)
    const event = { ...line, ...(was && { was }) }
    this.events.push(event)
    if (server !== undefined && role) this.roles.set(server, role)
    const { members } = line.state ?? {}
    if (server !== undefined && members?.includes(server)) this.wereMembers.add(server)
    if (event.client !== undefined) this.noteRequest(event)
    if (event.event === 'drop' && rpc) this.lose(rpc)
    if (server === undefined) return
    if (event.event === 'role' && event.role === 'Candidate') {
      this.votes.set(server, new Set([server]))
      this.lastCandidacy = { server, at: event.time }
    }
    if (event.event === 'receive' && rpc?.args.voteGranted === true) {
      if (rpc.args.term === event.term) this.votes.get(server)?.add(rpc.from)
    }
  }

  private noteRequest(event: PlayEvent): void {
    const { f, key, value, outcome, answer } = event as PlayEvent & Partial<Request>
    if (f === undefined || key === undefined) return
    if (event.event === 'invoke') {
      const { time: at } = event
      this.requests.push({ f, key, value, at, outcome: null, answer: {} })
    }
    if (event.event !== 'return') return
    const asked = this.requests.find((request) => {
      const isIt = request.f === f && request.key === key && request.value === value
      return isIt && request.outcome === null
    })
    if (asked) Object.assign(asked, { outcome, answer: answer ?? {} })
    this.guardNow(() => mustBeLinearizable(this.world.history.clients.rows))
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

/** What was thrown, and, where the code is known by its files, at which line. */
function threwText(error: unknown): string {
  if (!(error instanceof Error)) return `a server threw ${error}`
  const [, place] = /\b(part\d+\/src\/[\w-]+\.ts:\d+)/.exec(error.stack ?? '') ?? []
  return `a server threw ${error.message}${place === undefined ? '' : `, at ${place}`}`
}
