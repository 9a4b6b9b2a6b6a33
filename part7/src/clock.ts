import type { Clock } from './raft.ts'

interface Timer {
  cancel(): void
}

/** The machine's own time, which no one sets: ms since this process began. */
export const realClock: Clock = {
  now: () => performance.now(),
  setTimeout(callback, ms): Timer {
    if (ms === 0) {
      // "As soon as this turn is over"; Node would make 1 ms of it.
      const immediate = setImmediate(callback)
      return { cancel: () => clearImmediate(immediate) }
    }
    const timer = setTimeout(callback, ms)
    return { cancel: () => clearTimeout(timer) }
  },
  clearTimeout(timer) {
    if (timer) (timer as Timer).cancel()
  },
}
