/**
 * Reads: when a leader may answer a read that has no place in the log (thesis, 6.4). It may
 * have been deposed, and not know it yet. So a majority must say that it leads, in answer
 * to messages that were sent after the read had come.
 *
 * These messages are counted in rounds. Each belongs to the latest round that had begun
 * when it was sent, and whoever answers it confirms that round and all before it. A read
 * waits for the next round to begin, and for that to be confirmed. So all that arrive
 * during a round share the one that follows.
 */

import type { Configurations } from './configuration.ts'

/** ReadIndex RPC, sent to the leader by a server that wants to answer a read itself. */
export interface ReadIndexArgs {
  readonly term: number
}

export interface ReadIndexReply {
  /** The entry that must be applied before the read is answered. */
  readonly index: number
}

export interface Round {
  readonly number: number
  /** By the leader's clock, in ms. */
  readonly beganAt: number
}

interface Read {
  /** The first round that began after it had come. */
  readonly round: number
  readonly index: number
  readonly onIndex: (index: number) => void
}

/** How much faster or slower than it should a clock may run, for leases to hold: 10 %. */
export const MAX_DRIFT = 0.1

/** The reads at a leader, in one term. */
export class Reads {
  /** The latest that has begun. */
  round: Round = { number: 0, beganAt: Number.NEGATIVE_INFINITY }
  /** The latest that a majority has confirmed. */
  confirmed = this.round

  private readonly id: number
  private readonly configurations: Configurations
  readonly firstIndex: number
  private leaseMs: number
  /** By server: the latest round that it has answered. */
  private readonly answered = new Map<number, Round>()
  private waiting: Read[] = []

  /**
   * @param id of the leader, which counts where it is a member.
   * @param firstIndex of this leader's own entries. Before one of them is committed, it
   * does not know how much of what stands before them is: the read must wait for it.
   * @param promisedMs for so long after they heard a leader the others elect no other
   * (4.2.3); 0 when they have not promised that.
   */
  constructor(
    id: number,
    configurations: Configurations,
    firstIndex: number,
    promisedMs: number,
  ) {
    this.id = id
    this.configurations = configurations
    this.firstIndex = firstIndex
    // By a clock that is slow, while theirs are fast.
    this.leaseMs = (promisedMs * (1 - MAX_DRIFT)) / (1 + MAX_DRIFT)
  }

  /** Rounds that have begun, and that no majority has answered. */
  get unconfirmed(): number {
    return this.round.number - this.confirmed.number
  }

  /** It has asked another server to lead (3.10): nobody's promise counts any more. */
  endLease(): void {
    this.leaseMs = 0
  }

  begin(now: number): void {
    this.round = { number: this.round.number + 1, beganAt: now }
    this.answered.set(this.id, this.round)
    this.settle()
  }

  /** Whether those who confirmed it last have promised to elect no other leader yet. */
  isLeased(now: number): boolean {
    return now < this.confirmed.beganAt + this.leaseMs
  }

  /**
   * A read has come.
   *
   * @param onIndex is told what must be applied before it is answered; at once in a lease.
   * @returns whether a round has to begin for it.
   */
  add(commitIndex: number, now: number, onIndex: Read['onIndex']): boolean {
    const index = Math.max(commitIndex, this.firstIndex)
    if (this.isLeased(now)) {
      onIndex(index)
      return false
    }
    this.waiting.push({ round: this.round.number + 1, index, onIndex })
    return this.waiting.length === 1 && this.round === this.confirmed
  }

  /**
   * A peer has answered a message of a round, whatever it said: it knows no later leader.
   *
   * @returns whether another round has to begin, for reads that came during this one.
   */
  confirm(peerId: number, round: Round): boolean {
    const known = this.answered.get(peerId)
    // Answers can be late, or come twice.
    if (known && known.number >= round.number) return false
    this.answered.set(peerId, round)
    return this.settle() && this.waiting.length > 0
  }

  /** @returns whether a majority confirms more than it did. */
  private settle(): boolean {
    const number = this.configurations.reachedByMajority(
      (id) => this.answered.get(id)?.number ?? 0,
    )
    if (number <= this.confirmed.number) return false
    const rounds = [...this.answered.values()]
    const confirmed = rounds.find((each) => each.number === number) as Round
    this.confirmed = confirmed
    const ready = this.waiting.filter(({ round }) => round <= confirmed.number)
    this.waiting = this.waiting.slice(ready.length)
    for (const { index, onIndex } of ready) onIndex(index)
    return true
  }
}
