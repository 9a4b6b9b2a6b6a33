import { parseTestLogLine } from '../viz/read/ndjson.ts'
import type { RunEvent } from '../viz/shared/event.ts'

/** An event, and the line of the test log that tells it. */
export interface Line {
  readonly event: RunEvent
  readonly bytes: Buffer
}

interface Waiting extends Line {
  readonly arrivedAt: number
}

/** So long, in ms, a line waits for lines of other processes that belong before it. */
const HOLD_MS = 100

/**
 * Makes one log of those of several processes. Each has its lines in order; between
 * processes they go by time, but nothing arrives before it was sent, whatever the clocks say.
 */
export class Merge {
  private readonly queues = new Map<string, Waiting[]>()
  /** By message: how many lines that tell of its sending still wait. */
  private readonly unsent = new Map<string, number>()
  private readonly onLine: (line: Line) => void

  constructor(onLine: (line: Line) => void) {
    this.onLine = onLine
  }

  /** Takes a line; what is none of the test log is left out. @param now in ms. */
  add(source: string, bytes: Buffer, now: number): void {
    const event = parseTestLogLine(bytes)
    if (!event) return
    const queue = this.queues.get(source)
    const line = { event, bytes, arrivedAt: now }
    if (queue) queue.push(line)
    else this.queues.set(source, [line])
    if (event.event === 'send') this.count(event, 1)
  }

  /** Passes on what has waited long enough. */
  flush(now: number): void {
    const heads = new Heads(this.queues)
    for (;;) {
      const next = heads.first((line) => !this.waitsForItsSending(line))
      if (!next || next.line.arrivedAt > now - HOLD_MS) break
      heads.take(next.source)
      if (next.line.event.event === 'send') this.count(next.line.event, -1)
      this.onLine(next.line)
    }
    heads.settle()
  }

  private waitsForItsSending({ event }: Line): boolean {
    return event.event === 'receive' && (this.unsent.get(messageOf(event)) ?? 0) > 0
  }

  private count(event: RunEvent, by: number): void {
    const message = messageOf(event)
    const count = (this.unsent.get(message) ?? 0) + by
    if (count > 0) this.unsent.set(message, count)
    else this.unsent.delete(message)
  }
}

function messageOf({ rpc }: RunEvent): string {
  return `${rpc?.id} ${rpc?.kind}`
}

/** The first line of each queue, without moving the others up each time. */
class Heads {
  private readonly queues: Map<string, Waiting[]>
  private readonly taken = new Map<string, number>()

  constructor(queues: Map<string, Waiting[]>) {
    this.queues = queues
  }

  /** The earliest of them that may come; or the earliest at all, if each waits for another. */
  first(
    mayCome: (line: Line) => boolean,
  ): { readonly source: string; readonly line: Waiting } | null {
    let found: { source: string; line: Waiting } | null = null
    let earliest: { source: string; line: Waiting } | null = null
    for (const [source, queue] of this.queues) {
      const line = queue[this.taken.get(source) ?? 0]
      if (!line) continue
      if (!earliest || line.event.time < earliest.line.event.time) {
        earliest = { source, line }
      }
      const isSooner = !found || line.event.time < found.line.event.time
      if (isSooner && mayCome(line)) found = { source, line }
    }
    return found ?? earliest
  }

  take(source: string): void {
    this.taken.set(source, (this.taken.get(source) ?? 0) + 1)
  }

  /** What was taken is gone. */
  settle(): void {
    for (const [source, count] of this.taken) this.queues.get(source)?.splice(0, count)
  }
}
