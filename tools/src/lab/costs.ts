/**
 * Costs: what bytes and work take of the simulated world's time. They take none, until a
 * link, a machine or a disk is made slow.
 */
import type { Rpc } from '../testlog/event.ts'
import type { Clock } from './clock.ts'

/**
 * How the servers of a part talk, which decides what a slow link does to their messages.
 *
 * 'calls', parts 1 and 2: each message is a call of its own. All that are on their way
 * share the link, and a call that is not through by its deadline is given up.
 *
 * 'stream', part 3 on: entries go one message after the other, and are never given up.
 * What is short and urgent gets ahead of them between two pieces, as the part's server.ts
 * and stream.ts have it: votes, replies, and heartbeats that do not follow on entries which
 * still wait; those would find a hole.
 */
export type Transport = 'calls' | 'stream'

/** The deadline of a call in parts 1 and 2, in ms: what their server.ts has. */
const CALL_DEADLINE_MS = 500

/** A long message goes in pieces that take so long, in ms. */
const PIECE_MS = 10

/** A message that waits for its turn on a slow link. */
interface Freight {
  readonly rpc: Rpc
  /** What is left of it. */
  bytes: number
  readonly depart: () => void
  readonly giveUp: (reason: string) => void
}

/** One direction of a link that lets through so many bytes a second. */
export class SlowLink {
  bytesPerSecond: number
  private readonly clock: Clock
  private readonly transport: Transport
  /** By the time they came; `urgent` goes first. */
  private urgent: Waiting[] = []
  private waiting: Waiting[] = []
  private timer: unknown = null

  constructor(bytesPerSecond: number, clock: Clock, transport: Transport) {
    this.bytesPerSecond = bytesPerSecond
    this.clock = clock
    this.transport = transport
  }

  get keepsOrder(): boolean {
    return this.transport === 'stream'
  }

  get bytesWaiting(): number {
    return Math.round(this.waiting.reduce((sum, { bytes }) => sum + bytes, 0))
  }

  get messagesWaiting(): number {
    return this.urgent.length + this.waiting.length
  }

  carry(freight: Freight): void {
    const line = this.mayOvertake(freight.rpc) ? this.urgent : this.waiting
    line.push({ ...freight, since: this.clock.now() })
    if (this.timer === null) this.sendPiece()
  }

  /** The link is no longer slow: what waited leaves at once. */
  open(): void {
    const all = [...this.urgent, ...this.waiting]
    this.clear()
    for (const { depart } of all) depart()
  }

  /** The sender is gone, and so is what had not left it. */
  clear(): void {
    this.clock.clearTimeout(this.timer)
    this.timer = null
    this.urgent = []
    this.waiting = []
  }

  private mayOvertake({ kind, args }: Rpc): boolean {
    if (this.transport === 'calls') return false
    if (kind === 'reply') return true
    if (!Array.isArray(args.entries)) return !isPiece(args)
    const first = this.waiting[0]?.rpc.args
    const place = !first || isPiece(first) ? 0 : Number(first.prevLogIndex)
    const isBefore = !first || Number(args.prevLogIndex) <= place
    return args.entries.length === 0 && isBefore
  }

  private sendPiece(): void {
    this.timer = null
    if (this.transport === 'calls') this.giveUpLate()
    const line = this.urgent.length > 0 ? this.urgent : this.waiting
    const [next] = line
    if (!next) return
    const bytes = Math.min(next.bytes, (this.bytesPerSecond * PIECE_MS) / 1000)
    this.timer = this.clock.setTimeout(
      () => {
        next.bytes -= bytes
        line.shift()
        if (next.bytes <= 0) next.depart()
        else if (this.transport === 'stream') line.unshift(next)
        else line.push(next)
        this.sendPiece()
      },
      (bytes / this.bytesPerSecond) * 1000,
    )
  }

  private giveUpLate(): void {
    const latest = this.clock.now() - CALL_DEADLINE_MS
    const late = this.waiting.filter(({ since }) => since < latest)
    if (late.length === 0) return
    this.waiting = this.waiting.filter(({ since }) => since >= latest)
    for (const { giveUp } of late) giveUp('not through in time')
  }
}

/** Of a snapshot: it stands before all entries. */
function isPiece(args: Rpc['args']): boolean {
  return args.offset !== undefined
}

interface Waiting extends Freight {
  /** When it began to wait, in ms. */
  readonly since: number
}

/** How much a machine does in a second; all that it is not told about takes no time. */
export interface MachineSpeed {
  /** Of messages, read or written. */
  readonly bytesPerSecond?: number
  /** Taken from a message, or applied. */
  readonly entriesPerSecond?: number
}

export interface DiskSpeed {
  readonly bytesPerSecond?: number
  /** How long a sync takes, in ms. */
  readonly syncMs?: number
}

/** What work takes on one server's machine and disk, in ms. It outlives crashes. */
export class Costs {
  machine: MachineSpeed | null = null
  disk: DiskSpeed | null = null

  /** To read a message or to write it. */
  ofMessage(rpc: Rpc): number {
    return this.machine ? this.ofHandling(jsonLength(rpc.args), entriesIn(rpc)) : 0
  }

  ofHandling(bytes: number, entries: number): number {
    const { bytesPerSecond, entriesPerSecond } = this.machine ?? {}
    return timeOf(bytes, bytesPerSecond) + timeOf(entries, entriesPerSecond)
  }

  /**
   * What a storage's method is given, and whether it waits for the disk to have it. Where
   * entries go takes no room: only the entries do.
   */
  ofSaving(args: readonly unknown[], isSync: boolean): number {
    if (!this.disk) return 0
    const saved = args.find(Array.isArray) ?? args
    const bytes = args.length > 0 ? jsonLength(saved) : 0
    return this.ofWriting(bytes) + (isSync ? this.ofSync() : 0)
  }

  ofWriting(bytes: number): number {
    return timeOf(bytes, this.disk?.bytesPerSecond)
  }

  ofSync(): number {
    return this.disk?.syncMs ?? 0
  }
}

function timeOf(amount: number, perSecond = Number.POSITIVE_INFINITY): number {
  return (amount / perSecond) * 1000
}

function entriesIn({ args }: Rpc): number {
  return Array.isArray(args.entries) ? args.entries.length : 0
}

/** As many characters as JSON.stringify would write, where nothing has to be escaped. */
export function jsonLength(value: unknown): number {
  if (typeof value === 'string') return value.length + 2
  if (typeof value !== 'object' || value === null) return String(value).length
  // What stands around and between the values: brackets, commas, keys with their quotes.
  let length = 1
  if (Array.isArray(value)) {
    for (const item of value) length += jsonLength(item) + 1
    return Math.max(length, 2)
  }
  const fields = value as Record<string, unknown>
  for (const key in fields) length += key.length + 4 + jsonLength(fields[key])
  return Math.max(length, 2)
}
