import type { Clock } from 'tools/lab/clock'

/** The election timer of a server, as it runs. In ms of simulated time. */
export interface ElectionTimer {
  readonly startedAt: number
  readonly dueAt: number
}

interface Running extends ElectionTimer {
  /** What the server knows it by, and what the world does. */
  readonly handle: object
  readonly timer: unknown
  readonly callback: () => void
}

/**
 * A server's clock, with an eye on its election timer: the one timer that is set for so
 * long. What it shows is for people; and it can make the timer fire at another time.
 */
export class WatchedClock implements Clock {
  private readonly clock: Clock
  private readonly leastMs: number
  private running: Running | null = null

  constructor(clock: Clock, leastElectionTimeoutMs: number) {
    this.clock = clock
    this.leastMs = leastElectionTimeoutMs
  }

  get electionTimer(): ElectionTimer | null {
    if (!this.running) return null
    const { startedAt, dueAt } = this.running
    return { startedAt, dueAt }
  }

  now(): number {
    return this.clock.now()
  }

  setTimeout(callback: () => void, ms: number): unknown {
    if (ms < this.leastMs) return this.clock.setTimeout(callback, ms)
    const handle = {}
    this.watch(handle, callback, ms)
    return handle
  }

  clearTimeout(timer: unknown): void {
    if (this.running === null || timer !== this.running.handle) {
      this.clock.clearTimeout(timer)
      return
    }
    this.clock.clearTimeout(this.running.timer)
    this.running = null
  }

  /** The clock leaps to where the election timer is due. False when none is running. */
  fireElectionTimer(): boolean {
    if (!this.running) return false
    const { handle, callback } = this.running
    this.clearTimeout(handle)
    callback()
    return true
  }

  /** The election timer, if one is running, will fire in so many ms. */
  setElectionTimer(ms: number): void {
    if (!this.running) return
    const { handle, callback } = this.running
    this.clearTimeout(handle)
    this.watch(handle, callback, ms)
  }

  private watch(handle: object, callback: () => void, ms: number): void {
    const timer = this.clock.setTimeout(() => {
      this.running = null
      callback()
    }, ms)
    const startedAt = this.clock.now()
    this.running = { handle, startedAt, dueAt: startedAt + ms, timer, callback }
  }
}
