/**
 * KeyValueService: stands between clients and the ConsensusModule. It gives a client's
 * operation to the log, and answers when that entry is applied (section 8).
 *
 * Every answer is one of three kinds. Done: it was carried out, and this came of it. Not
 * done: it certainly was not and never will be, so it is safe to repeat. Unknown: it may
 * have been carried out, or may still be. To say "not done" where "unknown" is true is the
 * mistake that loses data: the client repeats what was done already.
 *
 * No socket, and nothing that waits: a client is a callback. So the same code serves HTTP,
 * and clients of the simulated world.
 */

import {
  faultOf,
  isRead,
  KeyValueStore,
  type Operation,
  type Read,
  type Result,
  toCommand,
  toOperation,
} from './kv.ts'
import type { AppliedEntry, Clock, Command, Report } from './raft.ts'

export type Answer =
  | { readonly outcome: 'done'; readonly result: Result }
  | {
      readonly outcome: 'not done'
      readonly reason: string
      /** Who may do it instead: this server does not lead. Null when it is not known. */
      readonly leaderId: number | null
    }
  | { readonly outcome: 'unknown'; readonly reason: string }

/** What a service needs of a ConsensusModule. */
export interface Consensus {
  submit(command: Command): number | null
  report(): Report
}

export interface Limits {
  /** Entries that were taken and are not applied yet, … */
  readonly entries: number
  /** … and how long their commands are, in characters. */
  readonly length: number
}

const DEFAULT_LIMITS: Limits = { entries: 10_000, length: 64_000_000 }
const DEFAULT_TIMEOUT_MS = 5_000

export interface KeyValueServiceOptions {
  readonly clock: Clock
  /** Asked for late: the ConsensusModule, for its part, is given this service's methods. */
  readonly consensus: () => Consensus
  /** A client that has waited for so long is told "unknown". */
  readonly timeoutMs?: number
  readonly limits?: Limits
}

/** An entry of this server's log that is not applied yet. */
interface Taken {
  readonly operation: Operation
  readonly term: number
  readonly length: number
  /** Null once the client was answered, or has gone. The entry stays in the log. */
  client: Client | null
}

interface Client {
  readonly onAnswer: (answer: Answer) => void
  readonly timer: unknown
}

export class KeyValueService {
  private readonly clock: Clock
  private readonly consensus: () => Consensus
  private readonly timeoutMs: number
  private readonly limits: Limits

  private readonly store = new KeyValueStore()
  /** By index: what this server took in its present term as a leader. */
  private readonly taken = new Map<number, Taken>()
  private takenLength = 0
  private clients = 0

  constructor(options: KeyValueServiceOptions) {
    this.clock = options.clock
    this.consensus = options.consensus
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.limits = options.limits ?? DEFAULT_LIMITS
  }

  /** How much there is: clients that wait, entries not applied yet, keys. */
  gauge(): {
    readonly clients: number
    readonly entries: number
    readonly keys: number
  } {
    return { clients: this.clients, entries: this.taken.size, keys: this.store.size }
  }

  /**
   * Has an operation carried out, reads as well: what this server has applied may be old,
   * without its knowing. A place in the log is a place in the one order of all operations.
   *
   * @param onAnswer is called once, possibly before this returns. It must not call back.
   * @returns what to call when the client has gone: then there is no answer.
   * @throws RangeError when no server can carry out such an operation.
   */
  request(operation: Operation, onAnswer: (answer: Answer) => void): () => void {
    const fault = faultOf(operation)
    if (fault) throw new RangeError(fault)
    const command = toCommand(operation)
    const { isLeader, leaderId, term } = this.consensus().report()
    if (isLeader && !this.hasRoomFor(command)) {
      onAnswer(notDone('too many operations wait to be carried out'))
      return () => {}
    }
    const index = this.consensus().submit(command)
    if (index === null) {
      onAnswer(notDone('this server is not the leader', leaderId))
      return () => {}
    }
    const taken: Taken = {
      operation,
      term,
      length: command.length,
      client: {
        onAnswer,
        timer: this.clock.setTimeout(() => {
          this.answer(taken, unknown(`it was not decided within ${this.timeoutMs} ms`))
        }, this.timeoutMs),
      },
    }
    this.clients += 1
    this.taken.set(index, taken)
    this.takenLength += command.length
    return () => this.forgetClient(taken)
  }

  /**
   * Answers a read from what this server has applied: a past state, and on one that has
   * just started, one that is long past.
   */
  readStale(operation: Read): Result {
    const fault = faultOf(operation)
    if (fault) throw new RangeError(fault)
    return this.store.apply(operation, 0)
  }

  /** Takes a committed entry: `apply` of the ConsensusModule. */
  apply({ index, term, command }: AppliedEntry): void {
    const taken = this.taken.get(index)
    // The index alone says nothing. Where another leader's entry has taken the place of
    // ours, it is that one which was applied.
    const isOurs = taken?.term === term
    const operation = isOurs ? taken.operation : toOperation(command)
    // A read changes nothing, and on the other servers nobody waits for it.
    const result =
      isRead(operation) && !taken?.client ? null : this.store.apply(operation, index)
    if (!taken) return
    this.taken.delete(index)
    this.takenLength -= taken.length
    if (!isOurs) this.answer(taken, notDone('another entry was applied at its index'))
    else if (result) this.answer(taken, { outcome: 'done', result })
  }

  /**
   * Told of every change of role or term: `onChange` of the ConsensusModule. A server that
   * leads no more cannot say what becomes of what it took: others may have it, and commit
   * it, or may never have seen it. Nor can one that stops. So who waits is told at once.
   */
  onChange({ isLeader, role }: Report): void {
    if (isLeader) return
    const reason =
      role === 'Dead' ? 'this server stops' : 'this server is not the leader any more'
    const all = [...this.taken.values()]
    this.taken.clear()
    this.takenLength = 0
    for (const taken of all) this.answer(taken, unknown(reason))
  }

  /** What waits is bounded, or a leader without a majority would collect for ever. */
  private hasRoomFor(command: Command): boolean {
    const { entries, length } = this.limits
    return this.taken.size < entries && this.takenLength + command.length <= length
  }

  private answer(taken: Taken, answer: Answer): void {
    const { client } = taken
    this.forgetClient(taken)
    client?.onAnswer(answer)
  }

  private forgetClient(taken: Taken): void {
    if (!taken.client) return
    this.clock.clearTimeout(taken.client.timer)
    taken.client = null
    this.clients -= 1
  }
}

function notDone(reason: string, leaderId: number | null = null): Answer {
  return { outcome: 'not done', reason, leaderId }
}

function unknown(reason: string): Answer {
  return { outcome: 'unknown', reason }
}
