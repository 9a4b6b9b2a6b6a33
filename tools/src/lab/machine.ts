import type { Clock } from './clock.ts'

/** Thrown in the middle of a server's work: its machine loses power at that instruction. */
export class PowerFailure extends Error {}

interface MachineTimer {
  callback: (() => void) | null
  worldTimer: unknown
}

/**
 * The machine a server runs on, for one life of that server. Whatever happens to the server
 * happens through `run`, so the machine can hold it back (a pause) or end it (a crash).
 */
export class Machine {
  crashed = false
  private paused = false
  private held: (() => void)[] = []
  /** When it will have done the work that it has begun, in the world's time. */
  private freeAt = 0
  private clockRate = 1
  /** When the clock took its rate: in the world's time, and in its own. */
  private rateSince = { world: 0, own: 0 }

  private readonly worldClock: Clock
  private readonly afterEvent: () => void
  private readonly onPowerFailure: () => void

  constructor(options: {
    readonly clock: Clock
    /** Called after everything that happens on the machine. */
    readonly afterEvent: () => void
    readonly onPowerFailure: () => void
  }) {
    this.worldClock = options.clock
    this.afterEvent = options.afterEvent
    this.onPowerFailure = options.onPowerFailure
  }

  /** The clock for the server: it stands still for it while the machine is paused. */
  readonly clock: Clock = {
    now: () => {
      const { world, own } = this.rateSince
      return own + (this.worldClock.now() - world) * this.clockRate
    },
    setTimeout: (callback, ms) => {
      // A timer that is due while the machine is paused can still be cleared.
      const timer: MachineTimer = { callback, worldTimer: null }
      const fire = () => this.run(() => timer.callback?.())
      timer.worldTimer = this.worldClock.setTimeout(fire, ms / this.clockRate)
      return timer
    },
    clearTimeout: (timer) => {
      if (!timer) return
      const { worldTimer } = timer as MachineTimer
      ;(timer as MachineTimer).callback = null
      this.worldClock.clearTimeout(worldTimer)
    },
  }

  /** One event in the server's life. */
  run(event: () => void): void {
    if (this.isReady && this.held.length === 0) this.handle(event)
    else if (!this.crashed) this.held.push(event)
  }

  private handle(event: () => void): void {
    try {
      event()
    } catch (error) {
      if (!(error instanceof PowerFailure)) throw error
      this.onPowerFailure()
      return
    }
    this.afterEvent()
    // What the event sends leaves before the next event begins.
    if (this.isBusy) this.whenFree(() => this.handleHeld())
  }

  /** From now on the machine's clock runs so fast: 2 is twice as fast as the world's. */
  setClockRate(rate: number): void {
    this.rateSince = { world: this.worldClock.now(), own: this.clock.now() }
    this.clockRate = rate
  }

  /** In an event: work that keeps the machine busy so long. What comes meanwhile waits. */
  work(ms: number): void {
    if (ms === 0) return
    const startsAt = Math.max(this.freeAt, this.worldClock.now())
    // Whole microseconds, as the world's time has them.
    this.freeAt = Math.ceil((startsAt + ms) * 1000) / 1000
  }

  /** Calls `act` at the end of the work so far, or never if the machine crashes before. */
  afterWork(act: () => void): void {
    if (this.isBusy) this.whenFree(act)
    else act()
  }

  private whenFree(act: () => void): void {
    const ms = this.freeAt - this.worldClock.now()
    this.worldClock.setTimeout(() => {
      if (!this.crashed) act()
    }, ms)
  }

  get isBusy(): boolean {
    return this.worldClock.now() < this.freeAt
  }

  private get isReady(): boolean {
    return !this.paused && !this.crashed && !this.isBusy
  }

  get isUp(): boolean {
    return !this.crashed && !this.paused
  }

  get isPaused(): boolean {
    return !this.crashed && this.paused
  }

  pause(): void {
    this.paused = true
  }

  /** What came meanwhile is handled at once, in order: timers that fired, and messages. */
  resume(): void {
    this.paused = false
    this.handleHeld()
  }

  private handleHeld(): void {
    while (this.isReady) {
      const event = this.held.shift()
      if (!event) return
      this.handle(event)
    }
  }
}
