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
    if (this.crashed) return
    if (this.paused) {
      this.held.push(event)
      return
    }
    try {
      event()
    } catch (error) {
      if (!(error instanceof PowerFailure)) throw error
      this.onPowerFailure()
      return
    }
    this.afterEvent()
  }

  /** From now on the machine's clock runs so fast: 2 is twice as fast as the world's. */
  setClockRate(rate: number): void {
    this.rateSince = { world: this.worldClock.now(), own: this.clock.now() }
    this.clockRate = rate
  }

  get isUp(): boolean {
    return !this.crashed && !this.paused
  }

  pause(): void {
    this.paused = true
  }

  /** What came meanwhile is handled at once, in order: timers that fired, and messages. */
  resume(): void {
    this.paused = false
    const held = this.held
    this.held = []
    for (const event of held) this.run(event)
  }
}
