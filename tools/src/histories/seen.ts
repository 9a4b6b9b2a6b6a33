/**
 * A set of what a search has been through: which operations were put in order, and the state
 * that they led to. One table of numbers, since there can be tens of millions.
 *
 * Which operations, is told by a hash of 64 bits, drawn at random for each operation. Two
 * sets that share one would end the search too early in one of some 10^6 histories that take
 * ten million steps.
 */
export class Seen {
  private table = new Uint32Array(3 * MIN_SLOTS)
  private slots = MIN_SLOTS
  private count = 0
  private readonly limit: number

  /** @param limit of members; there is no room for more. */
  constructor(limit: number) {
    this.limit = limit
  }

  get isFull(): boolean {
    return this.count >= this.limit
  }

  /** Adds a member; false when it was there. `state` counts from 0. */
  add(low: number, high: number, state: number): boolean {
    if (2 * this.count >= this.slots) this.grow()
    const isNew = this.put(low >>> 0, high >>> 0, state + 1)
    if (isNew) this.count += 1
    return isNew
  }

  private put(low: number, high: number, mark: number): boolean {
    const { table, slots } = this
    let slot = (Math.imul(low ^ Math.imul(mark, FACTOR), FACTOR) >>> 0) % slots
    for (;;) {
      const at = 3 * slot
      if (table[at + 2] === 0) break
      if (table[at] === low && table[at + 1] === high && table[at + 2] === mark)
        return false
      slot = slot + 1 === slots ? 0 : slot + 1
    }
    table.set([low, high, mark], 3 * slot)
    return true
  }

  private grow(): void {
    const old = this.table
    this.slots *= 2
    this.table = new Uint32Array(3 * this.slots)
    for (let at = 0; at < old.length; at += 3) {
      const mark = old[at + 2] as number
      if (mark !== 0) this.put(old[at] as number, old[at + 1] as number, mark)
    }
  }
}

const MIN_SLOTS = 1024
/** 2^32 divided by the golden ratio: it spreads neighbours. */
const FACTOR = 0x9e3779b1
