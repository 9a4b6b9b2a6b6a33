import { SingleBar } from 'cli-progress'

export interface Progress {
  update(done: number): void
  stop(): void
}

/** Says on stderr how far long work is, if a person is there to see it. */
export function showProgress(what: string, total: number, unit = 'seeds'): Progress {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const bar = new SingleBar({
    format: `${what} {bar} {value} of {total} ${unit}, {rate}/s, {eta_formatted} left`,
    clearOnComplete: true,
    hideCursor: true,
  })
  const startedAt = performance.now()
  bar.start(total, 0, { rate: 0 })
  return {
    update(done) {
      const rate = Math.round((done * 1000) / (performance.now() - startedAt))
      bar.update(done, { rate })
    },
    stop: () => bar.stop(),
  }
}
