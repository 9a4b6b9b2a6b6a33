/** What fits in 32 bits. */
export const MAX_SEED = 2 ** 32 - 1

/** @returns null for a text that is no number from `least` to the largest seed. */
export function parseWholeNumber(text: string, least: number): number | null {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= MAX_SEED ? value : null
}

export function wholeNumbersFrom(least: number): string {
  return `a whole number from ${least} to ${MAX_SEED}`
}
