import type { Clock } from 'tools/lab/clock'

/** The election timer of a server, as it runs. In ms of simulated time. */
export interface ElectionTimer {
  readonly startedAt: number
  readonly dueAt: number
}

interface Running extends ElectionTimer {
  readonly timer: unknown
  readonly callback: () => void
}

/**
 * A server's clock, with an eye on its election timer: it is known by how long it is set
 * for. What it shows is for people; and it can make the timer fire at another time.
 */
export class WatchedClock implements Clock {
  private readonly clock: Clock
  private readonly leastMs: number
  private readonly mostMs: number
  /** By what the server knows them by, the latest last. */
  private readonly running = new Map<unknown, Running>()

  constructor(clock: Clock, [leastMs, mostMs]: readonly [number, number]) {
    this.clock = clock
    this.leastMs = leastMs
    this.mostMs = mostMs
  }

  get electionTimer(): ElectionTimer | null {
    const [, running] = this.latest ?? []
    return running ? { startedAt: running.startedAt, dueAt: running.dueAt } : null
  }

  now(): number {
    return this.clock.now()
  }

  setTimeout(callback: () => void, ms: number): unknown {
    // A service on top of Raft has deadlines of its own, which are longer.
    if (ms < this.leastMs || ms > this.mostMs) return this.clock.setTimeout(callback, ms)
    const handle = {}
    this.watch(handle, callback, ms)
    return handle
  }

  clearTimeout(handle: unknown): void {
    const running = this.running.get(handle)
    this.running.delete(handle)
    this.clock.clearTimeout(running ? running.timer : handle)
  }

  /** The clock leaps to where the election timer is due. False when none is running. */
  fireElectionTimer(): boolean {
    const [handle, running] = this.latest ?? []
    if (!running) return false
    this.clearTimeout(handle)
    running.callback()
    return true
  }

  /** The election timer, if one is running, will fire in so many ms. */
  setElectionTimer(ms: number): void {
    const [handle, running] = this.latest ?? []
    if (!running) return
    this.clearTimeout(handle)
    this.watch(handle, running.callback, ms)
  }

  private get latest(): readonly [unknown, Running] | undefined {
    return [...this.running].at(-1)
  }

  private watch(handle: unknown, callback: () => void, ms: number): void {
    const timer = this.clock.setTimeout(() => {
      this.running.delete(handle)
      callback()
    }, ms)
    const startedAt = this.clock.now()
    this.running.set(handle, { startedAt, dueAt: startedAt + ms, timer, callback })
  }
}
