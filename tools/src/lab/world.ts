import type { Logger } from 'pino'
import type { Fault as FaultLine, Rpc } from '../testlog/event.ts'
import { type Clock, realClock, VirtualClock } from './clock.ts'
import { Costs } from './costs.ts'
import { CrashMoments } from './crash-moments.ts'
import { withWrites } from './disk.ts'
import { History } from './history.ts'
import { Machine } from './machine.ts'
import { Messages, type Node } from './messages.ts'
import { Network, type NetworkFaults, RELIABLE } from './network.ts'
import { Operator } from './operator.ts'
import type { Disk, Part, Place, Server, Surroundings, Timing } from './part.ts'
import { Passage } from './passage.ts'
import { peerClassOf } from './peer.ts'
import { type Random, randomStreams } from './random.ts'
import { RULES } from './rules/index.ts'
import { Referee } from './rules/referee.ts'
import { InvariantViolation } from './rules/rule.ts'
import { SERVICE_RULES } from './rules/services.ts'
import { SIGHTS } from './sights.ts'
import type { AppliedEntry, View } from './view.ts'

export interface WorldOptions<S extends Server> {
  readonly part: Part<S>
  readonly size: number
  readonly seed: number
  /** 'simulated' if it is not said. */
  readonly network?: 'simulated' | 'grpc'
  /** How long a message takes in the simulated world, in ms: 1 to 5 if it is not said. */
  readonly latencyMs?: readonly [min: number, max: number]
  readonly logger: (clock: Clock) => Logger
  readonly timing?: Timing | undefined
  /** Reads are answered in a lease, where the part has leases. */
  readonly lease?: boolean | undefined
  /** Rules that are not checked, by their names: a scenario shows what comes of that. */
  readonly except?: readonly string[] | undefined
  /** Builds a server as the part does, and more: one on real sockets, say. */
  readonly build?: ((surroundings: Surroundings) => S) | undefined
  /** Opens a storage in place of the part's simulated disk. */
  readonly openStorage?: ((id: number) => object) | undefined
  /** Bends a server's luck: it draws its election timeouts from what this returns. */
  readonly luck?: ((random: Random) => Random) | undefined
  /** Before and after every write to a disk; may throw a PowerFailure. */
  readonly onWrite?: ((id: number) => void) | undefined
  /** Waits until promises are settled, where Node's own way is not to be had. */
  readonly nextTurn?: () => Promise<void>
  /** Something happened on a machine, and broke no rule. */
  readonly onEvent?: (id: number) => void
  /** A server has sent a message, whatever becomes of it. */
  readonly onSend?: (rpc: Rpc) => void
  /** A message is on its way, for somebody who draws it. */
  readonly onTravel?: (rpc: Rpc, delayMs: number) => void
}

/** A server in one of its lives. */
interface ServerNode<S> extends Node {
  readonly server: S
  readonly view: View
}

/** What a server keeps over its lives. */
interface Home {
  readonly random: Random
  readonly costs: Costs
  readonly disk: Disk | null
  lives: number
}

/** Clients are numbered from here on: no cluster is so large. */
const FIRST_CLIENT = 100

/** Nobody waits longer for a client, in ms: it is far beyond the deadlines of any. */
const MOST_MS = 60_000

/** A method that stands for an RPC: it returns the answer, a promise of it, or calls. */
type Handler = (args: unknown, onReply: (reply: unknown) => void) => unknown

/**
 * Servers, clients, and the world around them: time, the network, machines and disks, and
 * the rules that are checked after every event. In the simulated world all of it follows
 * from the seed; over real sockets the same faults act on the messages, and time is real.
 */
export class World<S extends Server = Server> {
  readonly part: Part<S>
  readonly clock: Clock
  readonly network: Network
  readonly logger: Logger
  readonly random: Random
  readonly ids: number[]
  /** Those of the servers that were there at first. */
  readonly founders: readonly number[]
  readonly history = new History()
  readonly crashes = new CrashMoments((id) => this.crash(id))
  /** Who changes the cluster, where that can be done. */
  readonly operator = new Operator(this as unknown as World)
  /** The servers that crashed, and do not come back by themselves. */
  readonly lost = new Set<number>()
  /** What makes the network unreliable, by the fault that does. */
  readonly disturbances = new Map<object, Partial<NetworkFaults>>()
  /** The first rule that did not hold, and the reason why nothing more is done. */
  violation: InvariantViolation | null = null

  private readonly options: WorldOptions<S>
  private readonly messages: Messages
  private readonly referee: Referee
  private readonly virtualClock: VirtualClock | null
  private readonly passage: Passage | null
  private readonly nextStream: () => Random
  private readonly homes: Home[]
  /** By id: the present life of each. Clients' ids begin at FIRST_CLIENT. */
  private readonly servers: ServerNode<S>[] = []
  private readonly clients: Node[] = []

  constructor(options: WorldOptions<S>) {
    const { part, size, seed, network = 'simulated' } = options
    if (!Number.isInteger(size) || size < 1) {
      throw new RangeError(`a cluster has 1 server or more, not ${size}`)
    }
    this.part = part
    this.options = options
    this.ids = Array.from({ length: size }, (_, id) => id)
    this.founders = [...this.ids]
    this.virtualClock = network === 'simulated' ? new VirtualClock() : null
    this.passage = this.virtualClock && new Passage(this.virtualClock, options.nextTurn)
    this.clock = this.virtualClock ?? realClock
    this.logger = options.logger(this.clock)
    this.nextStream = randomStreams(seed)
    this.random = this.nextStream()
    this.network = new Network({
      clock: this.clock,
      random: this.nextStream(),
      simulated: this.virtualClock !== null,
      latencyMs: options.latencyMs,
      transport: part.transport,
      onDrop: (rpc, reason) => this.messages.noteDrop(rpc, reason),
      onTravel: options.onTravel,
    })
    this.messages = new Messages({
      network: this.network,
      logger: this.logger,
      node: (id) => this.node(id),
      onSend: options.onSend,
      onPromise: () => this.passage?.settleSoon(),
      isOnce: ({ from, method }) =>
        from >= FIRST_CLIENT && !part.clients?.mayRepeat?.includes(method),
    })
    this.homes = this.ids.map(() => this.newHome())
    const rules = [
      ...RULES,
      ...(part.clients ? SERVICE_RULES : []),
      ...(part.rules ?? []),
      ...SIGHTS,
    ]
    const { except = [] } = options
    this.referee = new Referee(rules.filter(({ name }) => !except.includes(name)))
  }

  /** Puts all servers into the world, and starts them. */
  startAll(): void {
    for (const id of this.ids) this.boot(id)
    for (const id of this.ids) this.run(id)
  }

  /** Puts a server on a machine of its own, with what its disk has. */
  boot(id: number): S {
    const { part } = this
    const home = this.home(id)
    home.lives += 1
    const { random, costs } = home
    const machine = new Machine({
      clock: this.clock,
      afterEvent: () => {
        this.check(id)
        if (node.promised > 0) this.passage?.settleSoon()
      },
      onPowerFailure: () => this.crash(id),
    })
    const { timing, lease, build = part.build } = this.options
    const surroundings: Surroundings = {
      id,
      peers: this.ids.filter((to) => to !== id).map((to) => this.peer(id, to) as never),
      members: this.founders.includes(id) ? this.founders : [],
      peerTo: (to) => this.peer(id, to) as never,
      clock: machine.clock,
      random,
      logger: this.logger.child({ server: id }),
      ...(timing && { timing }),
      ...(lease && { lease }),
      storage: this.storage(id, machine) as never,
      apply: (entry) => this.applied(id, machine, entry),
      denied: (index, term) => {
        this.guard(() => this.referee.denied(id, this.view(id), index, term))
      },
    }
    const server = build(surroundings)
    const handlers = server as unknown as Record<string, Handler>
    const node: ServerNode<S> = {
      machine,
      costs,
      server,
      view: part.view(server),
      take: (method, args, onReply) =>
        handlers[part.rpcs[method] ?? part.clients?.rpcs[method] ?? '']?.(args, onReply),
      trace: (event, message, fields) => server.trace(event, message, fields),
      promised: 0,
    }
    this.servers[id] = node
    return server
  }

  /** A server that is new, with an empty disk, for `boot` to begin. @returns its id. */
  found(): number {
    const id = this.ids.length
    this.ids.push(id)
    this.homes.push(this.newHome())
    return id
  }

  /** Starts a server that was booted. */
  run(id: number): void {
    this.machine(id).run(() => this.server(id).start())
  }

  /** Lets a client take part, whose code may await. */
  join(): Place {
    const id = FIRST_CLIENT + this.clients.length
    const random = this.nextStream()
    const logger = this.logger.child({ client: id })
    const machine = new Machine({
      clock: this.clock,
      afterEvent: () => this.passage?.settleSoon(),
      onPowerFailure: () => {},
    })
    this.clients.push({
      machine,
      costs: new Costs(),
      take: () => null,
      trace: (event, message, fields) => logger.info({ event, ...fields }, message),
      promised: 0,
    })
    this.passage?.settleSoon()
    return {
      id,
      clock: machine.clock,
      random,
      logger,
      servers: this.ids,
      history: this.history.clients,
      now: () => this.clock.now(),
      lifeOf: (id) => this.home(id).lives,
      send: (to, method, args, onReply) =>
        this.messages.call(id, to, method, args, onReply),
      carry: (way, server, arrive) => {
        const there = { method: 'HTTP', kind: 'request', from: id, to: server } as const
        const back = { ...there, kind: 'reply', from: server, to: id } as const
        const rpc = { ...(way === 'there' ? there : back), id: '', args: {} }
        this.messages.carry(rpc, arrive)
      },
      until: (promise) => this.until(promise),
    }
  }

  server(id: number): S {
    return this.serverNode(id).server
  }

  /** What the laboratory sees of a server in its present life. */
  view(id: number): View {
    return this.serverNode(id).view
  }

  machine(id: number): Machine {
    return this.node(id).machine
  }

  /** Who leads in the highest term; null when nobody does. */
  leader(): number | null {
    const leaders = this.ids.filter((id) => this.view(id).role === 'Leader')
    const [latest = null] = leaders.sort((a, b) => this.view(b).term - this.view(a).term)
    return latest
  }

  /** What work costs a server. */
  costsOf(id: number): Costs {
    return this.node(id).costs
  }

  /**
   * Gives a command to a server, as an event of its own there.
   *
   * @returns the entry's index, or null when the server does not take it, or not now.
   */
  submit(id: number, command: string): number | null {
    let index: number | null = null
    this.machine(id).run(() => {
      index = this.part.submit?.(this.server(id), command) ?? null
    })
    return index
  }

  /**
   * Lets `ms` pass: at once in virtual time. Where code awaits, what it waits for goes on
   * between two events. @throws InvariantViolation
   */
  async sleep(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`${ms} ms cannot pass: it must be a number from 0 on`)
    }
    if (this.passage) await this.passage.sleep(ms)
    else await new Promise((resolve) => setTimeout(resolve, ms))
    if (this.violation) throw this.violation
  }

  /**
   * Lets time pass until a promise is settled: what a client does, or several at once.
   *
   * @throws when it is still open after `limitMs` of virtual time.
   */
  async until<T>(promise: Promise<T>, limitMs = MOST_MS): Promise<T> {
    if (!this.passage) return promise
    let timer: unknown
    const late = new Promise<never>((_, reject) => {
      const error = `what was waited for has not come in ${limitMs} ms`
      timer = this.clock.setTimeout(() => {
        reject(new Error(error))
        this.passage?.settleSoon()
      }, limitMs)
    })
    const end = () => this.clock.clearTimeout(timer)
    return this.passage.waitFor(Promise.race([promise, late]).finally(end))
  }

  /** Lets the simulated world go on up to a time, as `sleep` does. */
  async passTo(time: number): Promise<void> {
    await this.passage?.passTo(time)
  }

  /** Lets the next thing happen there that is due by `end`; false when there is none. */
  async step(end: number): Promise<boolean> {
    return (await this.passage?.step(end)) ?? false
  }

  /** Code that awaits has begun something, and comes to its first wait before time goes on. */
  settleSoon(): void {
    this.passage?.settleSoon()
  }

  /** Nothing happens any more, for somebody who looks at what did. */
  freeze(): void {
    this.passage?.freeze()
  }

  /** The run is over, and clients that have not come to their end never will. */
  end(): void {
    this.passage?.end()
  }

  /** The same for a simulated world where no code awaits, within this turn. */
  advance(ms: number): void {
    this.virtualClock?.advance(ms)
  }

  crash(id: number): void {
    this.machine(id).crashed = true
    this.server(id).stop()
    this.network.forget(id)
    this.lost.add(id)
    this.fault({ kind: 'crash', peer: id }, `server ${id} crashes`)
    this.home(id).disk?.crash(this.random)
    this.crashes.struck(id)
  }

  /** A server that crashed gets a new life, which `run` begins. */
  reboot(id: number): void {
    if (!this.machine(id).crashed) {
      throw new Error(`server ${id} runs: it can restart after a crash`)
    }
    this.fault({ kind: 'restart', peer: id }, `server ${id} restarts`)
    this.lost.delete(id)
    this.referee.restarted(id)
    this.history.noteRestart(id)
    this.boot(id)
  }

  /** The simulated network does what the faults say. */
  setFaults(faults: NetworkFaults): void {
    this.network.faults = faults
    if (faults === RELIABLE) this.fault({ kind: 'reliable' }, 'the network is reliable')
    else this.fault({ kind: 'unreliable' }, 'the network is unreliable')
  }

  /** One line of the test log by the laboratory itself. */
  note(event: string, message: string, fields: object = {}): void {
    this.logger.info({ event, ...fields }, message)
  }

  fault(fault: FaultLine, message: string): void {
    this.note('fault', message, { fault })
  }

  /** Looks once more at every server, at its whole log. @throws InvariantViolation */
  audit(): void {
    for (const id of this.ids) {
      this.guard(() => this.referee.audit(id, this.view(id)))
    }
    if (this.violation) throw this.violation
  }

  /** @throws when bytes and work cannot be made to cost time here. */
  mustBeSimulated(): void {
    if (this.virtualClock) return
    throw new Error(
      'only simulated links, machines and disks can be slow: ' +
        'leave out --network grpc, or give the scenario { network: "simulated" }',
    )
  }

  /** A message over real sockets: the same faults act on it. */
  carry(rpc: Rpc, arrive: (args: Rpc['args']) => void): void {
    // Nobody else looks at the sender after what it did; in virtual time it is done.
    this.check(rpc.from)
    this.messages.carry(rpc, arrive)
  }

  private node(id: number): Node {
    const node = this.servers[id] ?? this.clients[id - FIRST_CLIENT]
    if (node) return node
    throw noServer(id)
  }

  private serverNode(id: number): ServerNode<S> {
    const node = this.servers[id]
    if (node) return node
    throw noServer(id)
  }

  private newHome(): Home {
    const { luck = (random: Random) => random, openStorage, part } = this.options
    return {
      random: luck(this.nextStream()),
      costs: new Costs(),
      disk: openStorage ? null : (part.storage?.newDisk() ?? null),
      lives: 0,
    }
  }

  private home(id: number): Home {
    return this.homes[id] as Home
  }

  /** @throws RangeError when one of them is not here. */
  mustHave(...ids: readonly number[]): void {
    for (const id of ids) this.node(id)
  }

  private check(id: number): void {
    const view = this.view(id)
    this.guard(() => this.referee.observe(id, view))
    this.options.onEvent?.(id)
    this.crashes.afterEvent(id, view)
  }

  private applied(id: number, machine: Machine, entry: AppliedEntry): void {
    if (machine.crashed) return
    const { costs, view } = this.serverNode(id)
    machine.work(costs.ofHandling(0, 1))
    this.guard(() => this.referee.applied(id, view, entry))
    this.history.noteApplied(id, entry)
  }

  /** In real time nobody is there to catch what a timer throws: the violation is kept. */
  private guard(check: () => void): void {
    if (this.violation) return
    try {
      check()
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      this.violation = error
      this.note('check', error.message, { invariant: error.invariant })
      if (this.virtualClock) throw error
    }
  }

  private storage(id: number, machine: Machine): object | undefined {
    const { openStorage, onWrite } = this.options
    if (openStorage) return openStorage(id)
    const { disk, costs } = this.home(id)
    if (!disk) return undefined
    const { syncs } = this.part.storage as NonNullable<Part['storage']>
    const instant = (done: string | null) => {
      this.crashes.atWrite(id, done)
      onWrite?.(id)
    }
    const before = (name: string, args: readonly unknown[]) => {
      machine.work(costs.ofSaving(args, syncs.includes(name)))
      instant(null)
    }
    return withWrites(disk, before, instant)
  }

  /** Another server as a server sees it: a method for each RPC of the part. */
  private peer(from: number, to: number): object {
    return new (peerClassOf(this.part.rpcs))(this.messages, from, to)
  }
}

/** What it is called in the test log's sentences. */
export function nameOf(id: number): string {
  return id < FIRST_CLIENT ? `server ${id}` : `client ${id}`
}

function noServer(id: number): RangeError {
  return new RangeError(`there is no server ${id} in this cluster`)
}
