import { realClock, type VirtualClock } from './clock.ts'

/**
 * How virtual time passes: from event to event, and between two of them code that awaits
 * goes on until it waits for the next. So such code is as deterministic as the rest.
 */
export class Passage {
  private readonly clock: VirtualClock
  private readonly nextTurn: () => Promise<void>
  /** Code that awaits has run: what it waits for may go on before time does. */
  private mustSettle = false
  private sleepers = 0
  /** What ends the wait of those for whom time passes as long as nobody sleeps. */
  private readonly waiting = new Set<(error: unknown) => void>()
  private isDriving = false
  private hasEnded = false
  private isFrozen = false

  /** `nextTurn` comes when all promises that can be settled are. */
  constructor(clock: VirtualClock, nextTurn: () => Promise<void> = afterThisTurn) {
    this.clock = clock
    this.nextTurn = nextTurn
  }

  /** Something has happened that code may have awaited. */
  settleSoon(): void {
    this.mustSettle = true
  }

  /** Lets `ms` pass. */
  async sleep(ms: number): Promise<void> {
    await this.passTo(this.clock.now() + ms)
  }

  /** Lets time pass up to `end`: exactly, however many steps lead there. */
  async passTo(end: number): Promise<void> {
    this.sleepers += 1
    try {
      do {
        if (this.mustSettle) await this.settle()
      } while (this.runTo(end))
      if (!this.isFrozen) this.clock.advanceTo(end)
    } finally {
      this.sleepers -= 1
      this.drive()
    }
  }

  /** Lets the next thing happen that is due by `end`; false when there is none. */
  async step(end: number): Promise<boolean> {
    if (this.mustSettle) await this.settle()
    return !this.isFrozen && this.clock.step(end)
  }

  /** Lets time pass until a promise is settled, unless somebody sleeps meanwhile. */
  waitFor<T>(promise: Promise<T>): Promise<T> {
    // What is waited for has begun, and may have more to do at this instant.
    this.settleSoon()
    return new Promise((resolve, reject) => {
      this.waiting.add(reject)
      this.drive()
      promise.then(resolve, reject).finally(() => this.waiting.delete(reject))
    })
  }

  /** Time has come to its end: code that awaits stays where it is. */
  end(): void {
    this.waiting.clear()
    this.hasEnded = true
  }

  /** From now on no time passes. */
  freeze(): void {
    this.isFrozen = true
  }

  /** Up to `end`, or to an event after which promises must settle: then true. */
  private runTo(end: number): boolean {
    while (!this.isFrozen && this.clock.step(end)) {
      if (this.mustSettle) return true
    }
    return false
  }

  /** Until nothing is left to do at this instant but to wait for an event. */
  private async settle(): Promise<void> {
    this.mustSettle = false
    await this.nextTurn()
  }

  private drive(): void {
    if (this.isDriving || this.hasEnded || this.waiting.size === 0) return
    this.isDriving = true
    this.driveOn().catch((error) => {
      for (const reject of this.waiting) reject(error)
    })
  }

  private async driveOn(): Promise<void> {
    try {
      // Whoever is about to sleep has the first say.
      await this.nextTurn()
      while (!this.hasEnded && this.waiting.size > 0 && this.sleepers === 0) {
        if (this.mustSettle) await this.settle()
        else if (!this.runTo(Number.POSITIVE_INFINITY)) return
      }
    } finally {
      this.isDriving = false
    }
  }
}

function afterThisTurn(): Promise<void> {
  return new Promise((resolve) => realClock.setTimeout(() => resolve(), 0))
}
