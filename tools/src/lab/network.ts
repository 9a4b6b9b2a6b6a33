import type { Rpc } from '../testlog/event.ts'
import type { Clock } from './clock.ts'
import { jsonLength, SlowLink, type Transport } from './costs.ts'
import { between, type Random } from './random.ts'

/** What an unreliable network does to a message: chances from 0 to 1, times in ms. */
export interface NetworkFaults {
  readonly loss: number
  readonly duplication: number
  readonly longDelay: number
  readonly longDelayMs: readonly [min: number, max: number]
}

export const RELIABLE: NetworkFaults = {
  loss: 0,
  duplication: 0,
  longDelay: 0,
  longDelayMs: [0, 0],
}

/** Long delays let messages overtake each other by more than an election timeout. */
export const UNRELIABLE: NetworkFaults = {
  loss: 0.1,
  duplication: 0.1,
  longDelay: 0.1,
  longDelayMs: [10, 400],
}

/**
 * What RAFT_UNRELIABLE_RPC means to readers of the Go original: one call in ten is lost, one
 * in ten late. A call is two messages.
 */
export const UNRELIABLE_RPC: NetworkFaults = {
  loss: 0.05,
  duplication: 0,
  longDelay: 0.05,
  longDelayMs: [75, 75],
}

/** How long a message takes in the simulated world, in ms. */
const LATENCY_MS = [1, 5] as const

type Arrive = (args: Rpc['args']) => void

/**
 * What lies between the servers. It carries every message, request or reply, in the
 * simulated world and over real sockets alike, and does to it what the faults say.
 */
export class Network {
  faults = RELIABLE
  /** Sent so far: requests, and bytes of requests and replies as JSON. */
  requests = 0
  bytes = 0

  private readonly disconnected = new Set<number>()
  private readonly cuts = new Set<string>()
  private groups: readonly (readonly number[])[] | null = null
  private readonly callsLeft = new Map<number, number>()
  private readonly slowLinks = new Map<string, SlowLink>()

  private readonly clock: Clock
  private readonly random: Random
  private readonly latencyMs: readonly [number, number]
  private readonly transport: Transport
  private readonly onDrop: (rpc: Rpc, reason: string) => void
  private readonly onTravel: (rpc: Rpc, delayMs: number) => void

  constructor(options: {
    readonly clock: Clock
    readonly random: Random
    /** False where real sockets take the time that they take. */
    readonly simulated: boolean
    /** How long a message takes then; 1 to 5 ms unless it is said. */
    readonly latencyMs?: readonly [min: number, max: number] | undefined
    /** What slow links carry; 'calls' unless it is said. */
    readonly transport?: Transport | undefined
    readonly onDrop: (rpc: Rpc, reason: string) => void
    /** A message is on its way, and will get there unless its link is cut meanwhile. */
    readonly onTravel?: ((rpc: Rpc, delayMs: number) => void) | undefined
  }) {
    this.clock = options.clock
    this.random = options.random
    this.latencyMs = options.simulated ? (options.latencyMs ?? LATENCY_MS) : [0, 0]
    this.transport = options.transport ?? 'calls'
    this.onDrop = options.onDrop
    this.onTravel = options.onTravel ?? (() => {})
  }

  /** Cuts a server off from all others, or lets it back. */
  disconnect(id: number): void {
    this.disconnected.add(id)
  }

  reconnect(id: number): void {
    this.disconnected.delete(id)
  }

  isConnected(id: number): boolean {
    return !this.disconnected.has(id)
  }

  /** Cuts one direction of one link. */
  cut(from: number, to: number): void {
    this.cuts.add(`${from}>${to}`)
  }

  mend(from: number, to: number): void {
    this.cuts.delete(`${from}>${to}`)
  }

  /** Groups that cannot reach each other. A client is in none of them, and reaches all. */
  partition(groups: readonly (readonly number[])[]): void {
    this.groups = groups
  }

  /** Undoes partitions and cut links; servers that were disconnected stay so. */
  heal(): void {
    this.groups = null
    this.cuts.clear()
  }

  /** Lets only so much through, in one direction of one link. */
  slow(from: number, to: number, bytesPerSecond: number): void {
    const link = this.slowLink(from, to)
    if (link) link.bytesPerSecond = bytesPerSecond
    else {
      const slow = new SlowLink(bytesPerSecond, this.clock, this.transport)
      this.slowLinks.set(`${from}>${to}`, slow)
    }
  }

  /** Bytes take no time any more. */
  fast(from: number, to: number): void {
    const link = this.slowLink(from, to)
    this.slowLinks.delete(`${from}>${to}`)
    link?.open()
  }

  slowLink(from: number, to: number): SlowLink | undefined {
    return this.slowLinks.size > 0 ? this.slowLinks.get(`${from}>${to}`) : undefined
  }

  /** Loses the requests of a server after the next `count` of them. */
  dropCallsAfter(id: number, count: number): void {
    this.callsLeft.set(id, count)
  }

  keepCalls(id: number): void {
    this.callsLeft.delete(id)
  }

  /** A server is gone, and what had not left it yet. */
  forget(id: number): void {
    for (const [link, slow] of this.slowLinks) {
      if (link.startsWith(`${id}>`)) slow.clear()
    }
  }

  /** Whether links lead from one server to another, whoever is disconnected from them. */
  hasLink(from: number, to: number): boolean {
    if (this.cuts.size > 0 && this.cuts.has(`${from}>${to}`)) return false
    const { groups } = this
    if (groups === null) return true
    const home = groups.find((group) => group.includes(from))
    return home ? home.includes(to) || !isIn(groups, to) : true
  }

  canReach(from: number, to: number): boolean {
    return this.isConnected(from) && this.isConnected(to) && this.hasLink(from, to)
  }

  /** Takes a message along; `arrive` gets a copy of it once, more often, or never. */
  carry(rpc: Rpc, arrive: Arrive): void {
    const copy = copyOf(rpc.args)
    const bytes = jsonLength(copy)
    this.bytes += bytes
    if (rpc.kind === 'request') this.requests += 1
    const reason = this.reasonToDrop(rpc)
    if (reason !== null) {
      this.onDrop(rpc, reason)
      return
    }
    this.deliver(rpc, copy, bytes, arrive)
    if (this.random() < this.faults.duplication) {
      this.deliver(rpc, copyOf(copy), bytes, arrive)
    }
  }

  private reasonToDrop(rpc: Rpc): string | null {
    if (!this.canReach(rpc.from, rpc.to)) return 'no link'
    if (rpc.kind === 'request') {
      const left = this.callsLeft.get(rpc.from)
      if (left === 0) return 'call dropped'
      if (left !== undefined) this.callsLeft.set(rpc.from, left - 1)
    }
    return this.random() < this.faults.loss ? 'lost' : null
  }

  private deliver(rpc: Rpc, args: Rpc['args'], bytes: number, arrive: Arrive): void {
    const late = this.random() < this.faults.longDelay
    const [min, max] = late ? this.faults.longDelayMs : this.latencyMs
    const link = this.slowLink(rpc.from, rpc.to)
    const drawnMs = between(this.random, min, max)
    // What waits in line keeps its order on the way, too.
    const delayMs = link?.keepsOrder && !late ? min : drawnMs
    const land = () => {
      // A link that was cut meanwhile takes along what was on it.
      if (this.canReach(rpc.from, rpc.to)) arrive(args)
      else this.onDrop(rpc, 'link cut on the way')
    }
    if (!link) this.depart(rpc, delayMs, land)
    else {
      const depart = () => this.depart(rpc, delayMs, land)
      link.carry({ rpc, bytes, depart, giveUp: (reason) => this.onDrop(rpc, reason) })
    }
  }

  private depart(rpc: Rpc, delayMs: number, land: () => void): void {
    this.onTravel(rpc, delayMs)
    // Without a delay of its own, a message takes the time that its socket takes.
    if (delayMs === 0) land()
    else this.clock.setTimeout(land, delayMs)
  }
}

function isIn(groups: readonly (readonly number[])[], id: number): boolean {
  return groups.some((group) => group.includes(id))
}

/** A message is plain data: what JSON can say. Copied so, it takes a third of the time. */
export function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyOf) as T
  const copy: Record<string, unknown> = {}
  for (const key in value) copy[key] = copyOf(value[key])
  return copy as T
}
