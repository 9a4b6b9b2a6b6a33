import { atEnd } from './ending.ts'

export interface Progress {
  update(done: number): void
  stop(): void
}

/**
 * Says on stderr how far a long work is, if a person is there to see it, from the first
 * update on; it is gone when the work is over.
 *
 * @param format as cli-progress has it; `{rate}` is how much was done in a second.
 */
export async function showProgress(format: string, total: number): Promise<Progress> {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  // Loaded when there is something to show: most runs are over sooner.
  const { Presets, SingleBar } = await import('cli-progress')
  const options = { format, clearOnComplete: true, hideCursor: true }
  const bar = new SingleBar(options, Presets.shades_classic)
  const startedAt = performance.now()
  const stop = () => bar.stop()
  // Also when somebody stops the work: the bar has hidden the cursor.
  const forget = atEnd(stop)
  return {
    update(done) {
      if (!bar.isActive) bar.start(total, 0, { rate: 0 })
      const rate = Math.round((done * 1000) / (performance.now() - startedAt))
      bar.update(done, { rate })
    },
    stop() {
      forget()
      stop()
    },
  }
}
