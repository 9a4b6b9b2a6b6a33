import type { AppliedEntry } from './view.ts'

/** A command that was offered to a server, and the index that it got there, or null. */
export interface Offer {
  readonly atMs: number
  readonly to: number
  readonly command: string
  readonly index: number | null
}

/** What was asked of a cluster, and what came of it. */
export class History {
  readonly offers: Offer[] = []
  private readonly applied = new Map<number, AppliedEntry[]>()

  noteOffer(offer: Offer): void {
    this.offers.push(offer)
  }

  noteApplied(id: number, entry: AppliedEntry): void {
    const applied = this.applied.get(id)
    if (applied) applied.push(entry)
    else this.applied.set(id, [entry])
  }

  /** A server begins a new life, and its state machine with it. */
  noteRestart(id: number): void {
    this.applied.delete(id)
  }

  /** What a server handed to its state machine in this life, in order. */
  appliedBy(id: number): readonly AppliedEntry[] {
    return this.applied.get(id) ?? []
  }
}
