/**
 * KeyValueService: stands between clients and the ConsensusModule. It gives what a client
 * wants changed to the log, and answers when that entry is applied. A read needs no place
 * in the log: it is answered once the leader has confirmed that it leads, from a state
 * that has all that was done before the read came (section 8).
 *
 * Every answer is one of three kinds. Done: it was carried out, and this came of it. Not
 * done: it certainly was not and never will be, so it is safe to repeat. Unknown: it may
 * have been carried out, or may still be. To say "not done" where "unknown" is true is the
 * mistake that loses data: the client repeats what was done already.
 *
 * No socket, and nothing that waits: a client is a callback. So the same code serves HTTP,
 * and clients of the simulated world.
 */

import type { Read } from './kv.ts'
import type { AppliedEntry, Clock, Command, Report } from './raft.ts'
import {
  type Entry,
  faultOf,
  type Request,
  type Result,
  type SessionLimits,
  Sessions,
  toCommand,
  toEntry,
} from './sessions.ts'
import type { Restoration } from './snapshots.ts'

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
  readIndex(onIndex: (index: number) => void): void
}

export interface Limits {
  /** Entries that were taken and are not applied yet, … */
  readonly entries: number
  /** … and how long their commands are, in characters. */
  readonly length: number
  /** Reads that are not answered yet. */
  readonly reads: number
}

const DEFAULT_LIMITS: Limits = { entries: 10_000, length: 64_000_000, reads: 10_000 }
const DEFAULT_TIMEOUT_MS = 5_000
/** Of a snapshot, in characters: so much is quickly made, written, and sent. */
const DEFAULT_PIECE_LENGTH = 128_000

export interface KeyValueServiceOptions {
  readonly clock: Clock
  /** Asked for late: the ConsensusModule, for its part, is given this service's methods. */
  readonly consensus: () => Consensus
  /** A client that has waited for so long is told "unknown". */
  readonly timeoutMs?: number
  readonly limits?: Limits
  /** The same on all servers. */
  readonly sessionLimits?: SessionLimits
  /** Of a snapshot, in characters. */
  readonly pieceLength?: number
}

/** An entry of this server's log that is not applied yet. */
interface Taken {
  readonly entry: Entry
  readonly term: number
  readonly length: number
  /** Null once the client was answered, or has gone. The entry stays in the log. */
  client: Client | null
}

interface Client {
  readonly onAnswer: (answer: Answer) => void
  readonly timer: unknown
}

interface WaitingRead {
  readonly operation: Read
  /** What must be applied before it is answered; null until the leader has confirmed. */
  index: number | null
  client: Client | null
}

/** Where a read is answered: by the leader, or by any server, which asks the leader. */
export type Consistency = 'linearizable' | 'follower'

export class KeyValueService {
  private readonly clock: Clock
  private readonly consensus: () => Consensus
  private readonly timeoutMs: number
  private readonly limits: Limits
  private readonly sessionLimits: SessionLimits | undefined
  private readonly pieceLength: number

  private machine: Sessions
  private lastApplied = 0
  /** By index: what this server took in its present term as a leader. */
  private readonly taken = new Map<number, Taken>()
  private takenLength = 0
  private readonly reads = new Set<WaitingRead>()
  /** By index: those that wait for that entry to be applied. */
  private readonly readsAt = new Map<number, Set<WaitingRead>>()
  private clients = 0
  /** When this server was elected, by its clock. */
  private leadsSince = 0

  constructor(options: KeyValueServiceOptions) {
    this.clock = options.clock
    this.consensus = options.consensus
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.limits = options.limits ?? DEFAULT_LIMITS
    this.sessionLimits = options.sessionLimits
    this.pieceLength = options.pieceLength ?? DEFAULT_PIECE_LENGTH
    this.machine = new Sessions(this.sessionLimits)
  }

  /** How much there is: clients that wait, what they wait for, keys, and sessions. */
  gauge(): {
    readonly clients: number
    readonly entries: number
    readonly reads: number
    readonly keys: number
    readonly sessions: number
    readonly answerBytes: number
  } {
    const { sessions, bytes: answerBytes } = this.machine.gauge()
    return {
      clients: this.clients,
      entries: this.taken.size,
      reads: this.reads.size,
      keys: this.machine.store.size,
      sessions,
      answerBytes,
    }
  }

  /**
   * Has a change carried out, or what has to do with a session.
   *
   * @param onAnswer is called once, possibly before this returns. It must not call back.
   * @returns what to call when the client has gone: then there is no answer.
   * @throws RangeError when no server can carry out such an operation.
   */
  request(request: Request, onAnswer: (answer: Answer) => void): () => void {
    const fault = faultOf(request)
    if (fault) throw new RangeError(fault)
    const elapsed = Math.round(this.clock.now() - this.leadsSince)
    const entry: Entry = { ...request, elapsed }
    const command = toCommand(entry)
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
      entry,
      term,
      length: command.length,
      client: this.clientOf(onAnswer, () => {
        this.answer(taken, unknown(`it was not decided within ${this.timeoutMs} ms`))
      }),
    }
    this.taken.set(index, taken)
    this.takenLength += command.length
    return () => this.forgetClient(taken)
  }

  /**
   * Answers a read with all that was done before it came, and writes nothing.
   *
   * @param onAnswer and what is returned: as for a request.
   * @throws RangeError when no server can carry out such an operation.
   */
  read(
    operation: Read,
    consistency: Consistency,
    onAnswer: (answer: Answer) => void,
  ): () => void {
    const fault = faultOf(operation)
    if (fault) throw new RangeError(fault)
    const refusal = this.refusalOf(consistency)
    if (refusal) {
      onAnswer(refusal)
      return () => {}
    }
    const read: WaitingRead = {
      operation,
      index: null,
      client: this.clientOf(onAnswer, () => {
        this.endRead(read, notDone(`no leader confirmed it in ${this.timeoutMs} ms`))
      }),
    }
    this.reads.add(read)
    this.consensus().readIndex((index) => this.confirm(read, index))
    return () => this.endRead(read, null)
  }

  /**
   * Answers a read from what this server has applied: a past state, and on one that has
   * just started, one that is long past.
   */
  readStale(operation: Read): { readonly result: Result; readonly lastApplied: number } {
    const fault = faultOf(operation)
    if (fault) throw new RangeError(fault)
    const result = this.machine.store.apply(operation, 0)
    return { result, lastApplied: this.lastApplied }
  }

  /** What the state machine holds, as text: equal where the same was applied. */
  digest(): string {
    return this.machine.digest()
  }

  /** What a snapshot is to say of this state: `snapshot` of a StateMachine. */
  snapshot(): Iterator<string> {
    return this.machine.snapshot(this.pieceLength)[Symbol.iterator]()
  }

  /** Puts another state together beside the one there is: `restore` of a StateMachine. */
  restore(): Restoration {
    const machine = new Sessions(this.sessionLimits)
    return {
      add: (piece) => machine.restore(piece, this.machine),
      end: (index) => {
        this.machine = machine
        this.lastApplied = index
        // Reads that wait for an entry which the snapshot stands for.
        for (const at of [...this.readsAt.keys()])
          if (at <= index) this.answerReadsAt(at)
      },
    }
  }

  /** Takes a committed entry: `apply` of the ConsensusModule. */
  apply({ index, term, command }: AppliedEntry): void {
    const taken = this.taken.get(index)
    // The index alone says nothing. Where another leader's entry has taken the place of
    // ours, it is that one which was applied.
    const isOurs = taken?.term === term
    const entry = isOurs ? taken.entry : toEntryOrNull(command)
    const result = entry && this.machine.apply(entry, index, term)
    this.lastApplied = index
    this.answerReadsAt(index)
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
   * Reads have changed nothing; those that no leader has confirmed can be asked anew.
   */
  onChange({ isLeader, role }: Report): void {
    for (const read of this.reads) {
      if (role === 'Dead') this.endRead(read, notDone('this server stops'))
      else if (read.index === null) this.endRead(read, notDone('the leader is another'))
    }
    if (isLeader) {
      this.leadsSince = this.clock.now()
      return
    }
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

  private refusalOf(consistency: Consistency): Answer | null {
    const { isLeader, leaderId } = this.consensus().report()
    if (!isLeader && consistency === 'linearizable') {
      return notDone('this server is not the leader', leaderId)
    }
    if (leaderId === null) return notDone('this server knows no leader')
    if (this.reads.size < this.limits.reads) return null
    return notDone('too many reads wait to be answered')
  }

  /** A leader has said what must be applied; it may say so twice. */
  private confirm(read: WaitingRead, index: number): void {
    if (!this.reads.has(read) || read.index !== null) return
    read.index = index
    if (index <= this.lastApplied) this.answerRead(read)
    else {
      const others = this.readsAt.get(index) ?? new Set()
      this.readsAt.set(index, others.add(read))
    }
  }

  private answerReadsAt(index: number): void {
    const reads = this.readsAt.get(index)
    if (!reads) return
    this.readsAt.delete(index)
    for (const read of reads) this.answerRead(read)
  }

  private answerRead(read: WaitingRead): void {
    const result = this.machine.store.apply(read.operation, 0)
    this.endRead(read, { outcome: 'done', result })
  }

  /** @param answer null when the client has gone. */
  private endRead(read: WaitingRead, answer: Answer | null): void {
    const { client } = read
    this.reads.delete(read)
    if (read.index !== null) this.readsAt.get(read.index)?.delete(read)
    this.forgetClient(read)
    if (answer) client?.onAnswer(answer)
  }

  private clientOf(onAnswer: Client['onAnswer'], onTimeout: () => void): Client {
    this.clients += 1
    return { onAnswer, timer: this.clock.setTimeout(onTimeout, this.timeoutMs) }
  }

  private answer(taken: Taken, answer: Answer): void {
    const { client } = taken
    this.forgetClient(taken)
    client?.onAnswer(answer)
  }

  private forgetClient(waiting: { client: Client | null }): void {
    if (!waiting.client) return
    this.clock.clearTimeout(waiting.client.timer)
    waiting.client = null
    this.clients -= 1
  }
}

/** Null where there is nothing to do. */
function toEntryOrNull(command: Command | null): Entry | null {
  return command === null ? null : toEntry(command)
}

function notDone(reason: string, leaderId: number | null = null): Answer {
  return { outcome: 'not done', reason, leaderId }
}

function unknown(reason: string): Answer {
  return { outcome: 'unknown', reason }
}
