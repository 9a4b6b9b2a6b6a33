import TinyQueue from 'tinyqueue'

/** Time as a server sees it. All times in ms. */
export interface Clock {
  now(): number
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

interface Timer {
  readonly time: number
  /** Orders the timers of one instant: first set, first called. */
  readonly order: number
  callback: (() => void) | null
}

/**
 * Time that passes only when nothing is left to do at the present instant: an hour of it
 * costs what happens in it. It starts at 0.
 */
export class VirtualClock implements Clock {
  private time = 0
  private timersSet = 0
  private readonly timers = new TinyQueue<Timer>(
    [],
    (a, b) => a.time - b.time || a.order - b.order,
  )

  now(): number {
    return this.time
  }

  setTimeout(callback: () => void, ms: number): Timer {
    this.timersSet += 1
    // Whole microseconds: finer than anything here needs, and a log that can be read.
    const time = Math.round((this.time + ms) * 1000) / 1000
    const timer = { time, order: this.timersSet, callback }
    this.timers.push(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    if (timer) (timer as Timer).callback = null
  }

  /** Lets `ms` pass, and everything happen that is due in it. */
  advance(ms: number): void {
    this.advanceTo(this.time + ms)
  }

  /** The same up to a time: exactly, however many steps lead there. */
  advanceTo(end: number): void {
    while (this.step(end));
    this.time = end
  }

  /** Lets the next thing happen if it is due by `end`; false when there is none. */
  step(end: number): boolean {
    let timer = this.timers.peek()
    while (timer && timer.callback === null) {
      this.timers.pop()
      timer = this.timers.peek()
    }
    if (!timer?.callback || timer.time > end) return false
    this.timers.pop()
    this.time = timer.time
    timer.callback()
    return true
  }
}

interface RealTimer {
  cancel(): void
}

/** The machine's own time: ms since the epoch, with fractions. */
export const realClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  setTimeout(callback, ms): RealTimer {
    if (ms === 0) {
      // "As soon as this turn is over"; Node would make 1 ms of it.
      const immediate = setImmediate(callback)
      return { cancel: () => clearImmediate(immediate) }
    }
    const timer = setTimeout(callback, ms)
    return { cancel: () => clearTimeout(timer) }
  },
  clearTimeout(timer) {
    if (timer) (timer as RealTimer).cancel()
  },
}
