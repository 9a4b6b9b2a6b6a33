/** How far somebody is with the puzzles, kept in their browser. */
import { z } from 'zod/mini'

const KEY = 'raft-puzzles'

const count = z.int().check(z.gte(0))

const attemptSchema = z.strictObject({
  state: z.enum(['open', 'solved', 'given up']),
  hints: count,
  tries: count,
})

const progressSchema = z.strictObject({
  /** The number of the puzzle at hand. */
  current: z.nullable(count),
  /** By the puzzles' numbers. */
  attempts: z.record(z.string().check(z.regex(/^\d+$/)), attemptSchema),
})

export type Attempt = Readonly<z.infer<typeof attemptSchema>>
export type Progress = z.infer<typeof progressSchema>

/** What was never tried. */
export const UNTRIED: Attempt = { state: 'open', hints: 0, tries: 0 }

/** Begins anew where nothing was kept, or something else. */
export function readProgress(storage: Storage | null): Progress {
  try {
    return progressSchema.parse(JSON.parse(storage?.getItem(KEY) ?? ''))
  } catch {
    return { current: null, attempts: {} }
  }
}

export function keepProgress(storage: Storage | null, progress: Progress): void {
  try {
    storage?.setItem(KEY, JSON.stringify(progress))
  } catch {
    // Full, or forbidden: then it is kept as long as the page is open.
  }
}

/** The next one to open: one that was never tried, or else one that is still open. */
export function nextOf(
  numbers: readonly number[],
  { current, attempts }: Progress,
): number | null {
  const others = numbers.filter((number) => number !== current)
  const untried = others.find((number) => attempts[number] === undefined)
  const setAside = others.find((number) => attempts[number]?.state === 'open')
  const own = attempts[String(current)]?.state === 'open' ? current : null
  return untried ?? setAside ?? own
}
