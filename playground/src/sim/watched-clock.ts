import type { Clock } from 'tools/lab/clock'

/** The election timer of a server, as it runs. In ms of simulated time. */
export interface ElectionTimer {
  readonly startedAt: number
  readonly dueAt: number
}

/**
 * A server's clock, with an eye on its election timer: the one timer that is set for so
 * long. What it shows is for people; and it can make the timer fire before its time.
 */
export class WatchedClock implements Clock {
  private readonly clock: Clock
  private readonly leastMs: number
  private running: (ElectionTimer & { timer: unknown; callback: () => void }) | null =
    null

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
    const timer = this.clock.setTimeout(() => {
      this.running = null
      callback()
    }, ms)
    const startedAt = this.clock.now()
    this.running = { startedAt, dueAt: startedAt + ms, timer, callback }
    return timer
  }

  clearTimeout(timer: unknown): void {
    if (timer === this.running?.timer) this.running = null
    this.clock.clearTimeout(timer)
  }

  /** The clock leaps to where the election timer is due. False when none is running. */
  fireElectionTimer(): boolean {
    if (!this.running) return false
    const { timer, callback } = this.running
    this.clearTimeout(timer)
    callback()
    return true
  }
}
