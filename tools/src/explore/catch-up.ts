import { jsonLength } from '../lab/costs.ts'
import { type Entry, InvariantViolation, type Rpc, type World } from '../lab/index.ts'

/** How much longer than its bytes need a server may take to catch up, … */
const TIME_FACTOR = 2
/** … and how long however little they need: some heartbeats and round trips, in ms. */
const TIME_SLACK_MS = 2_000
/** How often what a server lacks may be sent to it: a heartbeat can overtake entries. */
const BYTES_FACTOR = 3
/** The last command, and what stands around it. In bytes. */
const BYTES_SLACK = 2_000

/**
 * A leader leads all others, nothing is lost any more, and some lag. Two rules bind what
 * the leader does about that, from part 3 on: they get what they lack in the time that its
 * bytes need, and hardly more than that. Part 2 could keep neither: each of its heartbeats
 * carries all that has not been answered, so a link that takes longer for it than from one
 * heartbeat to the next is full for ever.
 */
export class CatchUp {
  private readonly world: World
  private readonly leader: number
  private readonly startedAt: number
  /** By server: the bytes of the leader's entries that it lacked when this began. */
  private readonly lacked = new Map<number, number>()
  /** By server: the bytes that waited on its link then, and of entries sent since. */
  private readonly sent = new Map<number, number>()
  /** Of the whole log: it may wait on a link a second time, before this began. */
  private readonly logBytes: number
  /** The last entry of the leader's log when this began. */
  private readonly lastIndex: number
  private readonly limitMs: number

  constructor(world: World, leader: number, members: readonly number[]) {
    this.world = world
    this.leader = leader
    this.startedAt = world.clock.now()
    this.lastIndex = world.view(leader).lastIndex
    this.logBytes = jsonLength(this.entriesAfter(0))
    const followers = members.filter((id) => id !== leader)
    const needed = followers.map((id) => {
      const entries = this.lackedBy(id)
      this.lacked.set(id, jsonLength(entries) + this.snapshotBytesFor(id))
      this.sent.set(id, world.network.slowLink(leader, id)?.bytesWaiting ?? 0)
      return this.timeFor(id, entries.length)
    })
    this.limitMs = TIME_SLACK_MS + TIME_FACTOR * Math.max(0, ...needed)
  }

  /** When all must have what they lack. */
  get endsAt(): number {
    return this.startedAt + this.limitMs
  }

  noteSent(rpc: Rpc): void {
    const { entries } = rpc.args
    if (!Array.isArray(entries) || entries.length === 0) return
    this.sent.set(rpc.to, (this.sent.get(rpc.to) ?? 0) + jsonLength(rpc.args))
  }

  /** @throws InvariantViolation when a server was sent too much, or waits for too long. */
  check(): void {
    // A busy leader takes late what was offered before, and clients end what they began.
    const taken = jsonLength(this.entriesAfter(this.lastIndex))
    for (const [id, sent] of this.sent) {
      const lacked = this.lacked.get(id)
      if (lacked === undefined) continue
      if (sent <= BYTES_FACTOR * (lacked + taken) + this.logBytes + BYTES_SLACK) continue
      throw new InvariantViolation(
        'Bounded Bytes',
        `server ${id} lacked ${lacked} bytes of the log of server ${this.leader}, ` +
          `and was sent ${sent}`,
      )
    }
    if (this.world.clock.now() <= this.endsAt) return
    throw new InvariantViolation(
      'Catching Up',
      `after ${inSeconds(this.limitMs)} s under leader ${this.leader} not everyone has caught up; ` +
        'the bytes that were lacking do not need as long',
    )
  }

  /** How long a server's bytes need on their way, and for being written and stored. */
  private timeFor(id: number, entries: number): number {
    const { network } = this.world
    const bytes = this.lacked.get(id) ?? 0
    const link = network.slowLink(this.leader, id)
    const onLink = link ? ((link.bytesWaiting + bytes) / link.bytesPerSecond) * 1000 : 0
    const handling = [this.leader, id].map((each) => {
      const costs = this.world.costsOf(each)
      const syncs = (entries + 1) * costs.ofSync()
      return costs.ofHandling(bytes, 2 * entries) + costs.ofWriting(bytes) + syncs
    })
    return handling.reduce((sum, ms) => sum + ms, onLink)
  }

  /** The entries of the leader's log from where another log goes wrong, or ends. */
  private lackedBy(id: number): Entry[] {
    const log = this.world.view(id)
    const leaders = this.world.view(this.leader)
    let same = Math.min(log.lastIndex, leaders.lastIndex)
    // By Log Matching, one entry of the same term means that all before it are the same.
    while (same > 0 && log.entryAt(same)?.term !== leaders.entryAt(same)?.term) same -= 1
    return this.entriesAfter(same)
  }

  /** Who lacks what the leader's log has no more gets its state instead. */
  private snapshotBytesFor(id: number): number {
    const { firstIndex, state } = this.world.view(this.leader)
    const isNeeded = this.world.view(id).lastIndex < firstIndex - 1
    return isNeeded ? jsonLength(state) : 0
  }

  /** Those that its log has no more are remembered here: they may still be on their way. */
  private entriesAfter(index: number): Entry[] {
    const view = this.world.view(this.leader)
    const { firstIndex, lastIndex } = view
    const applied = this.world.history.appliedBy(this.leader)
    const before = applied.filter(
      (entry) => entry.index > index && entry.index < firstIndex,
    )
    const first = Math.max(index + 1, firstIndex)
    const count = Math.max(0, lastIndex - first + 1)
    return [
      ...before,
      ...Array.from({ length: count }, (_, i) => view.entryAt(first + i) as Entry),
    ]
  }
}

function inSeconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
