import { mersenne } from 'pure-rand/generator/mersenne'
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'

/** A number in [0, 1), as Math.random gives, but the same ones again for the same seed. */
export type Random = () => number

/**
 * Independent streams of chance from one seed: each server and the network draw from their
 * own, so that one more draw by one of them changes nothing for the others.
 */
export function randomStreams(seed: number): () => Random {
  const seeds = mersenne(seed)
  return () => {
    const state = [seeds.next(), seeds.next(), seeds.next(), seeds.next()]
    const generator = xoroshiro128plusFromState(state)
    return () => (generator.next() >>> 0) / 2 ** 32
  }
}

/** A number between `min` and `max`. */
export function between(random: Random, min: number, max: number): number {
  return min + random() * (max - min)
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T
}

/**
 * A number between `min` and `max`, as likely between 1 and 2 times `min` as between 2 and
 * 4 times. By doubling, since powers with fractions may differ between versions of Node.
 */
export function logBetween(random: Random, min: number, max: number): number {
  let doublings = 1
  while (min * 2 ** doublings < max) doublings += 1
  const low = min * 2 ** Math.floor(random() * doublings)
  return between(random, low, Math.min(2 * low, max))
}
