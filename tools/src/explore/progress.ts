import { SingleBar } from 'cli-progress'
import type { Tally } from './worker.ts'

export interface Progress {
  update(tally: Tally): void
  stop(): void
}

/** Says on stderr how far a search is, if a person is there to see it. */
export function showProgress(what: string, seeds: number): Progress {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const bar = new SingleBar({
    format: `${what} {bar} {value} of {total} seeds, {rate}/s, {eta_formatted} left`,
    clearOnComplete: true,
    hideCursor: true,
  })
  const startedAt = performance.now()
  bar.start(seeds, 0, { rate: 0 })
  return {
    update(tally) {
      const rate = Math.round((tally.seeds * 1000) / (performance.now() - startedAt))
      bar.update(tally.seeds, { rate })
    },
    stop: () => bar.stop(),
  }
}
