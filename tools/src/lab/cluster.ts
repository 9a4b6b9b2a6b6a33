import type { Logger } from 'pino'
import type { Fault, Rpc } from '../testlog/event.ts'
import { type Clock, realClock, VirtualClock } from './clock.ts'
import {
  Costs,
  type DiskSpeed,
  type MachineSpeed,
  type Transport,
  takingTime,
} from './costs.ts'
import {
  type AppliedEntry,
  Invariants,
  InvariantViolation,
  type RaftState,
} from './invariants.ts'
import { Machine } from './machine.ts'
import { copyOf, Network, type NetworkFaults, RELIABLE } from './network.ts'
import { type Random, randomStreams } from './random.ts'
import type { Storage } from './storage.ts'

/** What the laboratory must know of a ConsensusModule, of whichever part. */
export interface ServerUnderTest extends RaftState {
  start(): void
  stop(): void
  trace(event: string, message: string, fields?: object): void
}

/** What the world gives to a server: the constructor's options that it has to say. */
export interface Surroundings {
  readonly id: number
  readonly peers: SimulatedPeer[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Part 2 on: where committed entries go. */
  readonly apply: (entry: AppliedEntry) => void
}

type Handler = (args: unknown) => unknown
// biome-ignore lint/suspicious/noExplicitAny: the parts' messages differ, and stay their own
type Call = (args: any, onReply: (reply: any) => void) => void

/** Another server, reached through the simulated network. */
export interface SimulatedPeer {
  readonly id: number
  readonly requestVote: Call
  readonly appendEntries: Call
}

export interface ClusterOptions {
  readonly size: number
  readonly seed: number
  readonly network: 'simulated' | 'grpc'
  /** How the part's servers talk, which matters on slow links: 'calls' if it is not said. */
  readonly transport?: Transport
  readonly logger: (clock: Clock) => Logger
  /** Bends a server's luck: it draws its election timeouts from what this returns. */
  readonly luck?: (random: Random) => Random
  readonly onApply?: (id: number, entry: AppliedEntry) => void
  /** Something happened on a machine, and broke no invariant. */
  readonly onEvent?: (id: number) => void
  /** A machine lost power; what its disk had not synced is at risk. */
  readonly onCrash?: (id: number) => void
  /** A server has sent a message, whatever becomes of it. */
  readonly onSend?: (rpc: Rpc) => void
  /** A message is on its way, for somebody who draws it. */
  readonly onTravel?: (rpc: Rpc, delayMs: number) => void
}

/**
 * A cluster and the world around it: time, the network, the machines, and the invariants
 * that are checked after every event. In the simulated world all of it follows from the
 * seed; over real sockets the same faults act on the messages, and time is real.
 */
export class Cluster<S extends ServerUnderTest> {
  readonly clock: Clock
  readonly network: Network
  readonly logger: Logger
  readonly random: Random
  readonly ids: readonly number[]
  /** The first invariant that did not hold, and the reason why nothing more is done. */
  violation: InvariantViolation | null = null

  private readonly invariants = new Invariants()
  private readonly machines = new Map<number, Machine>()
  private readonly costs: readonly Costs[]
  private readonly servers = new Map<number, S>()
  private readonly serverRandom: readonly Random[]
  private readonly options: ClusterOptions
  private readonly virtualClock: VirtualClock | null
  private rpcsSent = 0

  constructor(options: ClusterOptions) {
    if (!Number.isInteger(options.size) || options.size < 1) {
      throw new RangeError(`a cluster has 1 server or more, not ${options.size}`)
    }
    this.options = options
    this.ids = Array.from({ length: options.size }, (_, id) => id)
    this.costs = this.ids.map(() => new Costs())
    this.virtualClock = options.network === 'simulated' ? new VirtualClock() : null
    this.clock = this.virtualClock ?? realClock
    this.logger = options.logger(this.clock)
    const nextStream = randomStreams(options.seed)
    this.random = nextStream()
    this.network = new Network({
      clock: this.clock,
      random: nextStream(),
      simulated: this.virtualClock !== null,
      transport: options.transport,
      onDrop: (rpc, reason) => this.traceDrop(rpc, reason),
      onTravel: options.onTravel,
    })
    const luck = options.luck ?? ((random) => random)
    this.serverRandom = this.ids.map(() => luck(nextStream()))
  }

  /** Puts a server on a machine of its own; `build` makes it from what the world gives. */
  boot(id: number, build: (surroundings: Surroundings) => S): S {
    const machine = new Machine({
      clock: this.clock,
      afterEvent: () => this.check(id),
      onPowerFailure: () => this.crash(id),
    })
    const server = build({
      id,
      peers: this.ids.filter((to) => to !== id).map((to) => this.peer(id, to)),
      clock: machine.clock,
      random: this.serverRandom[id] as Random,
      logger: this.logger.child({ server: id }),
      apply: (entry) => this.applied(id, machine, entry),
    })
    this.machines.set(id, machine)
    this.servers.set(id, server)
    return server
  }

  /** Starts a server that was booted. */
  start(id: number): void {
    this.machine(id).run(() => this.server(id).start())
  }

  server(id: number): S {
    this.mustHave(id)
    return this.servers.get(id) as S
  }

  machine(id: number): Machine {
    this.mustHave(id)
    return this.machines.get(id) as Machine
  }

  /** Lets `ms` pass: at once in virtual time. @throws InvariantViolation */
  async sleep(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`${ms} ms cannot pass: it must be a number from 0 on`)
    }
    if (this.virtualClock) this.virtualClock.advance(ms)
    else await new Promise((resolve) => setTimeout(resolve, ms))
    if (this.violation) throw this.violation
  }

  /** The same for a world that is simulated, without a turn of the real event loop. */
  advance(ms: number): void {
    this.virtualClock?.advance(ms)
  }

  /** Carries a message, and hands it over on the machine it is for, when that can take it. */
  carry(rpc: Rpc, arrive: (args: Rpc['args']) => void): void {
    // Over sockets nobody else looks at the sender after what it did; here it is done.
    if (!this.virtualClock) this.check(rpc.from)
    this.options.onSend?.(rpc)
    const sender = this.machine(rpc.from)
    sender.work(this.costsOf(rpc.from).ofMessage(rpc))
    if (!sender.isBusy) this.send(rpc, arrive)
    else {
      const sent = { ...rpc, args: copyOf(rpc.args) }
      sender.afterWork(() => this.send(sent, arrive))
    }
  }

  private send(rpc: Rpc, arrive: (args: Rpc['args']) => void): void {
    this.network.carry(rpc, (args) => {
      const machine = this.machine(rpc.to)
      if (machine.crashed) this.traceDrop(rpc, 'server is down')
      else {
        machine.run(() => {
          machine.work(this.costsOf(rpc.to).ofMessage(rpc))
          arrive(args)
        })
      }
    })
  }

  crash(id: number): void {
    this.machine(id).crashed = true
    this.server(id).stop()
    this.network.forget(id)
    this.fault({ kind: 'crash', peer: id }, `server ${id} crashes`)
    this.options.onCrash?.(id)
  }

  /** Says that a server which crashed is to be booted again. */
  noteRestart(id: number): void {
    if (!this.machine(id).crashed) {
      throw new Error(`server ${id} runs: it can restart after a crash`)
    }
    this.fault({ kind: 'restart', peer: id }, `server ${id} restarts`)
    this.invariants.restarted(id)
  }

  pause(id: number): void {
    this.machine(id).pause()
    this.fault({ kind: 'pause', peer: id }, `server ${id} stands still`)
  }

  resume(id: number): void {
    this.fault({ kind: 'resume', peer: id }, `server ${id} goes on`)
    this.machine(id).resume()
  }

  setClockRate(id: number, rate: number): void {
    this.machine(id).setClockRate(rate)
    this.fault({ kind: 'clock', peer: id, rate }, `the clock of ${id} runs at ${rate}`)
  }

  disconnect(id: number): void {
    this.mustHave(id)
    this.network.disconnect(id)
    this.fault({ kind: 'disconnect', peer: id }, `server ${id} is disconnected`)
  }

  reconnect(id: number): void {
    this.mustHave(id)
    this.network.reconnect(id)
    this.fault({ kind: 'reconnect', peer: id }, `server ${id} is connected again`)
  }

  cut(from: number, to: number): void {
    this.mustHave(from, to)
    this.network.cut(from, to)
    this.fault({ kind: 'cut', from, to }, `nothing gets from ${from} to ${to}`)
  }

  mend(from: number, to: number): void {
    this.mustHave(from, to)
    this.network.mend(from, to)
    this.fault({ kind: 'mend', from, to }, `messages get from ${from} to ${to} again`)
  }

  partition(groups: readonly (readonly number[])[]): void {
    this.mustHave(...groups.flat())
    this.network.partition(groups)
    const text = groups.map((group) => `{${group.join(', ')}}`).join(' | ')
    this.fault({ kind: 'partition', groups }, `the network falls apart: ${text}`)
  }

  heal(): void {
    this.network.heal()
    this.fault({ kind: 'heal' }, 'the network is whole again')
  }

  dropCallsAfter(id: number, count: number): void {
    this.mustHave(id)
    this.network.dropCallsAfter(id, count)
    const text = `the requests of ${id} are lost after ${count} more`
    this.fault({ kind: 'drop-calls', peer: id, after: count }, text)
  }

  keepCalls(id: number): void {
    this.mustHave(id)
    this.network.keepCalls(id)
    this.fault({ kind: 'keep-calls', peer: id }, `the requests of ${id} are kept again`)
  }

  /** From now on bytes take time on one direction of a link. See costs.ts. */
  slowLink(from: number, to: number, bytesPerSecond: number): void {
    this.mustHave(from, to)
    this.mustBeSlow({ bytesPerSecond })
    this.network.slow(from, to, bytesPerSecond)
    const text = `${bytesPerSecond} bytes a second get from ${from} to ${to}`
    this.fault({ kind: 'slow-link', from, to, bytesPerSecond }, text)
  }

  fastLink(from: number, to: number): void {
    this.mustHave(from, to)
    this.network.fast(from, to)
    const text = `the link from ${from} to ${to} is as fast as before`
    this.fault({ kind: 'fast-link', from, to }, text)
  }

  /** From now on a server's work keeps its machine busy, also in its later lives. */
  slowMachine(id: number, speed: MachineSpeed): void {
    this.mustHave(id)
    this.mustBeSlow(speed)
    this.costsOf(id).machine = speed
    const text = `the machine of ${id} is slow: ${listed(speed)}`
    this.fault({ kind: 'slow-machine', peer: id, ...speed }, text)
  }

  fastMachine(id: number): void {
    this.mustHave(id)
    this.costsOf(id).machine = null
    const text = `the machine of ${id} is as fast as before`
    this.fault({ kind: 'fast-machine', peer: id }, text)
  }

  /** From now on what a server writes keeps it waiting, also in its later lives. */
  slowDisk(id: number, speed: DiskSpeed): void {
    this.mustHave(id)
    this.mustBeSlow(speed)
    this.costsOf(id).disk = speed
    const text = `the disk of ${id} is slow: ${listed(speed)}`
    this.fault({ kind: 'slow-disk', peer: id, ...speed }, text)
  }

  fastDisk(id: number): void {
    this.mustHave(id)
    this.costsOf(id).disk = null
    this.fault({ kind: 'fast-disk', peer: id }, `the disk of ${id} is as fast as before`)
  }

  /** What work costs a server. */
  costsOf(id: number): Costs {
    return this.costs[id] as Costs
  }

  /** A storage on a server's disk: its writes take the time that the disk takes. */
  onDiskOf<State, Entry>(
    id: number,
    storage: Storage<State, Entry>,
  ): Storage<State, Entry> {
    return takingTime(storage, this.costsOf(id), (ms) => this.machine(id).work(ms))
  }

  setFaults(faults: NetworkFaults): void {
    this.network.faults = faults
    if (faults === RELIABLE) this.fault({ kind: 'reliable' }, 'the network is reliable')
    else this.fault({ kind: 'unreliable' }, 'the network is unreliable')
  }

  /** One line of the test log by the laboratory itself. */
  note(event: string, message: string, fields: object = {}): void {
    this.logger.info({ event, ...fields }, message)
  }

  fault(fault: Fault, message: string): void {
    this.note('fault', message, { fault })
  }

  /** Looks once more at every server, at its whole log. @throws InvariantViolation */
  audit(): void {
    for (const [id, server] of this.servers) {
      this.guard(() => this.invariants.audit(id, server))
    }
    if (this.violation) throw this.violation
  }

  private mustHave(...ids: number[]): void {
    const stranger = ids.find((id) => !this.servers.has(id))
    if (stranger === undefined) return
    throw new RangeError(`there is no server ${stranger} in this cluster`)
  }

  private mustBeSlow(speed: MachineSpeed & DiskSpeed): void {
    if (!this.virtualClock) {
      throw new Error(
        'only simulated links, machines and disks can be slow: ' +
          'leave out --network grpc, or give the scenario { network: "simulated" }',
      )
    }
    for (const [what, value] of Object.entries(speed)) {
      if (value > 0 && value < Number.POSITIVE_INFINITY) continue
      throw new RangeError(`${what} is ${value}; it can be any number above 0`)
    }
  }

  private check(id: number): void {
    this.guard(() => this.invariants.observe(id, this.server(id)))
    this.options.onEvent?.(id)
  }

  private applied(id: number, machine: Machine, entry: AppliedEntry): void {
    if (machine.crashed) return
    machine.work(this.costsOf(id).ofHandling(0, 1))
    this.guard(() => this.invariants.applied(id, entry, this.server(id).currentTerm))
    this.options.onApply?.(id, entry)
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

  private peer(from: number, to: number): SimulatedPeer {
    const call = (method: string, handler: string): Call => {
      return (args, onReply) => this.call(from, to, method, handler, args, onReply)
    }
    return {
      id: to,
      requestVote: call('RequestVote', 'requestVote'),
      appendEntries: call('AppendEntries', 'appendEntries'),
    }
  }

  private call(
    from: number,
    to: number,
    method: string,
    handler: string,
    args: Rpc['args'],
    onReply: (reply: unknown) => void,
  ): void {
    const caller = this.machine(from)
    this.rpcsSent += 1
    const request: Rpc = {
      id: `${this.rpcsSent}`,
      method,
      kind: 'request',
      from,
      to,
      args,
    }
    this.trace(from, 'send', request)
    this.carry(request, (args) => {
      this.trace(to, 'receive', request)
      const server = this.server(to) as unknown as Record<string, Handler>
      const answer = server[handler]?.(args)
      if (!answer) return
      const reply = answer as Rpc['args']
      const response: Rpc = {
        ...request,
        kind: 'reply',
        from: to,
        to: from,
        args: reply,
      }
      this.trace(to, 'send', response)
      this.carry(response, (reply) => {
        if (caller.crashed) return // It restarted, and no longer knows that it asked.
        this.trace(from, 'receive', response)
        onReply(reply)
      })
    })
  }

  private traceDrop(rpc: Rpc, reason: string): void {
    this.trace(rpc.from, 'drop', rpc, reason)
  }

  /** What happens to a message, told by the server that it happens to. */
  private trace(id: number, event: MessageEvent, rpc: Rpc, reason?: string): void {
    if (!this.logger.isLevelEnabled('info')) return
    const fields = reason === undefined ? { rpc } : { rpc, reason }
    this.server(id).trace(event, describe(event, rpc, reason), fields)
  }
}

function listed(speed: MachineSpeed & DiskSpeed): string {
  const { bytesPerSecond, entriesPerSecond, syncMs } = speed
  const parts = [
    bytesPerSecond === undefined ? '' : `${bytesPerSecond} bytes a second`,
    entriesPerSecond === undefined ? '' : `${entriesPerSecond} entries a second`,
    syncMs === undefined ? '' : `${syncMs} ms for a sync`,
  ]
  return parts.filter(Boolean).join(', ')
}

type MessageEvent = 'send' | 'receive' | 'drop'

function describe(event: MessageEvent, rpc: Rpc, reason = ''): string {
  const { method, kind, from, to } = rpc
  const what = kind === 'request' ? method : `the answer to ${method}`
  if (event === 'receive') return `receives ${what} from ${from}`
  if (event === 'drop') return `${what} to ${to} is lost: ${reason}`
  return kind === 'request' ? `sends ${method} to ${to}` : `answers ${method} of ${to}`
}
