/**
 * Snapshots: what takes the place of a log's beginning (section 7; thesis, chapter 5). A
 * server takes one of its own state machine, a leader sends one to a follower that lacks
 * what the leader's log has no more, and that follower gets it. All three go in pieces, of
 * which each is short work: nothing else has to wait for a snapshot, however long it is.
 */
import type { Command, LogEntry, Position } from './raft.ts'
import type { SnapshotReader, SnapshotWriter, Storage } from './storage.ts'

/** InstallSnapshot RPC, sent to followers that lack what the leader's log has no more. */
export interface InstallSnapshotArgs {
  readonly term: number
  readonly leaderId: number
  /** The snapshot stands for all entries up to this one. */
  readonly lastIncludedIndex: number
  readonly lastIncludedTerm: number
  /** Where `data` stands in it. */
  readonly offset: number
  readonly data: string
  /** Whether this is the last piece. */
  readonly done: boolean
}

export interface InstallSnapshotReply {
  /** The follower's term, for a leader that is behind to step down by. */
  readonly term: number
  /** Whether the follower has all that the snapshot stands for, … */
  readonly installed: boolean
  /** … or else how much of the snapshot it has: there the next piece begins. */
  readonly received: number
}

/** The state machine's half. */
export interface StateMachine {
  /** What it holds now, in pieces, whatever it applies while they are asked for. */
  readonly snapshot: () => Iterator<string>
  /** Begins to put a state together that is to take the place of its own. */
  readonly restore: () => Restoration
}

export interface Restoration {
  /** The next piece. */
  add(piece: string): void
  /** It is complete: from now on the state machine holds what that entry left. */
  end(index: number): void
}

/** So much is applied at least before a snapshot is taken, in characters, … */
const MIN_LENGTH = 4_000_000
/** … and so many times as much as the last one is long. */
const FACTOR = 4
/** The share of what is applied between two snapshots that the log keeps after one. */
const TAIL_SHARE = 0.25
/** What an entry adds to its command: as much work as so many characters. */
const ENTRY_OVERHEAD = 150

/** Between two pieces that are taken, others have their turns: so long at least, in ms, … */
const PAUSE_MS = 2
/** … and so many times as long as the last piece took. */
const PAUSE_FACTOR = 4

/** One of this server's own state machine. */
interface Taking {
  readonly last: Position
  readonly pieces: Iterator<string>
  readonly file: SnapshotWriter
}

/** One that a leader sends. */
interface Arriving {
  /** The leader's. */
  readonly term: number
  readonly last: Position
  readonly file: SnapshotWriter
  readonly state: Restoration
}

/** One that a follower is sent: the same one until its end. */
interface Sending {
  readonly snapshot: SnapshotReader
  /** So much of it has arrived. */
  received: number
}

/** How long to wait, in ms, after a piece that took so many. */
export function pauseAfter(tookMs: number): number {
  return PAUSE_MS + PAUSE_FACTOR * tookMs
}

export class Snapshots {
  /** The latest stands for all entries up to this one. */
  last: Position = { index: 0, term: 0 }
  /** How long it is, in the units of the storage. */
  length = 0

  private readonly storage: Storage
  private readonly stateMachine: StateMachine
  private readonly minLength: number
  /** What was applied since one was begun, in characters. */
  private appliedLength = 0
  private taking: Taking | null = null
  private readonly waiting: ((lastIndex: number | null) => void)[] = []
  private arriving: Arriving | null = null
  /** By peer. */
  private readonly sending = new Map<number, Sending>()

  constructor(storage: Storage, stateMachine: StateMachine, minLength = MIN_LENGTH) {
    this.storage = storage
    this.stateMachine = stateMachine
    this.minLength = minLength
  }

  /** Gives the state machine what it had in an earlier life, as far as there is one. */
  recover(): void {
    const snapshot = this.storage.openSnapshot()
    if (!snapshot) return
    const state = this.stateMachine.restore()
    for (let offset = 0; offset < snapshot.length; ) {
      const { data, end } = snapshot.read(offset)
      state.add(data)
      offset = end
    }
    snapshot.close()
    state.end(snapshot.last.index)
    this.note(snapshot.last, snapshot.length)
  }

  noteApplied(command: Command | null): void {
    this.appliedLength += lengthOf(command)
  }

  /**
   * What must be applied before another one is taken, in characters. A snapshot costs as
   * much as it is long (thesis, 5.1.3). So the larger the state is, the more is applied
   * before the next one: snapshots are a fifth of all that is written, at most, and the log
   * on the disk takes some four times as much as they do.
   */
  get threshold(): number {
    return Math.max(this.minLength, FACTOR * this.length)
  }

  get isDue(): boolean {
    return this.appliedLength >= this.threshold && !this.taking
  }

  get isTaking(): boolean {
    return this.taking !== null
  }

  get isArriving(): boolean {
    return this.arriving !== null
  }

  get isSending(): boolean {
    return this.sending.size > 0
  }

  /**
   * @param onTaken is told the latest one's last index, when none is taken any more; null
   * when the server stops before.
   */
  whenTaken(onTaken: (lastIndex: number | null) => void): void {
    if (this.taking) this.waiting.push(onTaken)
    else onTaken(this.last.index)
  }

  /** The server stops: what it has written of one is left, as in a crash. */
  stop(): void {
    this.taking = null
    for (const onTaken of this.waiting.splice(0)) onTaken(null)
  }

  /** Begins one, of what the state machine has applied. */
  begin(last: Position): void {
    const pieces = this.stateMachine.snapshot()
    this.taking = { last, pieces, file: this.storage.beginSnapshot(last) }
    this.appliedLength = 0
  }

  /** Writes a piece of the one that was begun. @returns whether that was the end. */
  takeMore(): boolean {
    const { last, pieces, file } = this.taking as Taking
    const { value: piece, done } = pieces.next()
    if (!done) {
      file.write(piece)
      return false
    }
    this.taking = null
    // One that arrived meanwhile stands for more.
    if (last.index <= this.last.index) file.discard()
    else {
      file.end()
      this.note(last, file.length)
    }
    for (const onTaken of this.waiting.splice(0)) onTaken(this.last.index)
    return true
  }

  /** The first entry behind the latest that a follower may still need, if it is quick. */
  tailOf(baseIndex: number, log: readonly LogEntry[]): number {
    let room = TAIL_SHARE * this.threshold
    let first = this.last.index + 1
    while (first - 1 > baseIndex) {
      room -= lengthOf((log[first - 2 - baseIndex] as LogEntry).command)
      if (room < 0) break
      first -= 1
    }
    return first
  }

  /**
   * Takes a piece from a leader, if it follows on those that are here (Figure 13, steps 2
   * to 4). @returns whether all have come.
   */
  receive(args: InstallSnapshotArgs): boolean {
    // Without data, it only asks how much is here.
    if (args.data === '' && !args.done) return false
    const arriving = this.arrivingFor(args)
    if (!arriving || args.offset !== arriving.file.length) return false
    arriving.file.write(args.data)
    arriving.state.add(args.data)
    return args.done
  }

  /** How much is here of the snapshot that a piece belongs to. */
  receivedOf(args: InstallSnapshotArgs): number {
    return this.belongs(args) ? (this.arriving?.file.length ?? 0) : 0
  }

  /** All have come. They are made durable, and the state machine holds what they say. */
  install(): void {
    const { last, file, state } = this.arriving as Arriving
    this.arriving = null
    file.end()
    state.end(last.index)
    this.note(last, file.length)
  }

  /** There is another term: what its leader sends begins anew. */
  forgetArriving(): void {
    this.arriving?.file.discard()
    this.arriving = null
  }

  /** What a peer is to be sent next: as the arguments of InstallSnapshot. */
  pieceFor(peerId: number): Omit<InstallSnapshotArgs, 'term' | 'leaderId'> {
    const { snapshot, received: offset } = this.sendingTo(peerId)
    const { index: lastIncludedIndex, term: lastIncludedTerm } = snapshot.last
    const { data, end } = snapshot.read(offset)
    const done = end === snapshot.length
    return { lastIncludedIndex, lastIncludedTerm, offset, data, done }
  }

  noteReceived(peerId: number, received: number): void {
    this.sendingTo(peerId).received = received
  }

  /** A peer has got it, or is sent no more of it. */
  endSending(peerId: number): void {
    this.sending.get(peerId)?.snapshot.close()
    this.sending.delete(peerId)
  }

  private sendingTo(peerId: number): Sending {
    const sending = this.sending.get(peerId) ?? {
      snapshot: this.storage.openSnapshot() as SnapshotReader,
      received: 0,
    }
    this.sending.set(peerId, sending)
    return sending
  }

  /** Begun by a first piece, unless its leader has sent the beginning of a later one. */
  private arrivingFor(args: InstallSnapshotArgs): Arriving | null {
    const { term, lastIncludedIndex: index, lastIncludedTerm, offset } = args
    if (this.belongs(args)) return this.arriving
    const isLate = this.arriving?.term === term && index < this.arriving.last.index
    if (offset > 0 || isLate) return null
    this.forgetArriving()
    const last = { index, term: lastIncludedTerm }
    const file = this.storage.beginSnapshot(last)
    this.arriving = { term, last, file, state: this.stateMachine.restore() }
    return this.arriving
  }

  /** Whether a piece is of the snapshot that arrives: the same leader's, of the same state. */
  private belongs({ term, lastIncludedIndex }: InstallSnapshotArgs): boolean {
    const { arriving } = this
    return arriving?.term === term && arriving.last.index === lastIncludedIndex
  }

  private note(last: Position, length: number): void {
    this.last = last
    this.length = length
  }
}

/** Of a command in its entry, in characters. */
export function lengthOf(command: Command | null): number {
  return (command?.length ?? 0) + ENTRY_OVERHEAD
}
