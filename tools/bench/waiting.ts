/** What benchmarks wait for, and what goes on meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchError } from './loads.ts'

/** Waits until `look` gives something else than null. @throws BenchError after `forMs`. */
export async function eventually<T>(
  failure: string,
  { everyMs, forMs }: { readonly everyMs: number; readonly forMs: number },
  look: () => Promise<T | null>,
): Promise<T> {
  const deadline = performance.now() + forMs
  while (performance.now() < deadline) {
    const found = await look()
    if (found !== null) return found
    await sleep(everyMs)
  }
  throw new BenchError(failure)
}

/**
 * Begins some work at every interval, at its time, however long that before it takes.
 *
 * @returns all that was begun, when `until` is settled.
 */
export async function atEvery<T>(
  intervalMs: number,
  until: Promise<unknown>,
  work: () => Promise<T>,
): Promise<readonly Promise<T>[]> {
  let isOver = false
  const over = until.finally(() => {
    isOver = true
  })
  const begun: Promise<T>[] = []
  const startedAt = performance.now()
  while (!isOver) {
    const dueMs = startedAt + begun.length * intervalMs
    await sleep(Math.max(0, dueMs - performance.now()))
    begun.push(work())
  }
  await over
  return begun
}
