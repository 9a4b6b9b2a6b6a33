import { between, type Random } from '../random.ts'

/** What a fault is drawn with: chance, and what the schedule is like. */
export class Dice {
  readonly random: Random
  readonly servers: number
  /** All commands of the schedule together, in bytes; some messages where there are none. */
  readonly loadBytes: number

  constructor(random: Random, servers: number, loadBytes = 0) {
    this.random = random
    this.servers = servers
    this.loadBytes = loadBytes
  }

  /** The first one more often: aimed at the leader, it is the leader. */
  server(firstShare = 0.6): number {
    return this.random() < firstShare ? 0 : Math.floor(this.random() * this.servers)
  }

  /** Another one than `id`. */
  other(id: number): number {
    return (id + 1 + Math.floor(this.random() * (this.servers - 1))) % this.servers
  }

  /** A number with two decimals. */
  between(min: number, max: number): number {
    return Math.round(between(this.random, min, max) * 100) / 100
  }
}

/** Some of the values, in their order. */
export function someOf<T>(random: Random, values: readonly T[], count: number): T[] {
  const left = [...values.keys()]
  while (left.length > count) left.splice(Math.floor(random() * left.length), 1)
  return left.map((i) => values[i] as T)
}
