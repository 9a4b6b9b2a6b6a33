import type { Role } from '../../testlog/event.ts'
import type { AppliedEntry, Entry, SnapshotsView, View } from '../view.ts'
import {
  type Complaint,
  InvariantViolation,
  type Rule,
  type Watched,
  type Watcher,
} from './rule.ts'

type Hook = keyof Watcher
type Tell = (server: Seen, index: number, entry: Entry) => Complaint

/** One rule, as far as it wants to be told of one kind of thing. */
interface Listener {
  readonly rule: string
  readonly tell: Tell
}

/**
 * Looks at the servers after every event on one of them, finds out what has changed, and
 * tells the rules. The work is in proportion to the change, not to the length of the logs.
 */
export class Referee {
  private readonly servers = new Map<number, Seen>()
  private readonly listeners: Record<Hook, Listener[]> = {
    changed: [],
    removed: [],
    added: [],
    advanced: [],
    committed: [],
    elected: [],
    applied: [],
    denied: [],
  }

  constructor(rules: readonly Pick<Rule, 'name' | 'watch'>[]) {
    for (const rule of rules) {
      const watcher = rule.watch(this.servers)
      for (const hook of Object.keys(watcher) as Hook[]) {
        this.listeners[hook].push({ rule: rule.name, tell: watcher[hook] as Tell })
      }
    }
  }

  /** Looks at a server to which something happened. @throws InvariantViolation */
  observe(id: number, view: View): void {
    const server = this.seen(id, view)
    if (server.isAsBefore) return
    const { hasChanged, isElected } = server
    if (hasChanged) tell(this.listeners.changed, server)
    this.compareLogs(server)
    if (server.hasAdvanced) this.tellCommitted(server)
    if (isElected) tell(this.listeners.elected, server)
    server.remember()
  }

  /** A server hands a command to its state machine. @throws InvariantViolation */
  applied(id: number, view: View, entry: AppliedEntry): void {
    const server = this.seen(id, view)
    // A snapshot stands for all that was applied before it.
    const snapshotIndex = view.snapshots?.lastIndex ?? view.firstIndex - 1
    server.lastApplied = Math.max(server.lastApplied, snapshotIndex)
    tell(this.listeners.applied, server, entry.index, entry)
    server.lastApplied = entry.index
    tell(this.listeners.committed, server, entry.index, entry)
  }

  /** A client is told that an entry will not be applied. @throws InvariantViolation */
  denied(id: number, view: View, index: number, term: number): void {
    tell(this.listeners.denied, this.seen(id, view), index, { term, command: null })
  }

  /** A server came back from a crash: what was volatile begins anew, the rest does not. */
  restarted(id: number): void {
    this.servers.get(id)?.forget()
  }

  /** Compares whole logs with what was seen of them: no change went unnoticed. */
  audit(id: number, view: View): void {
    this.observe(id, view)
    const server = this.seen(id, view)
    for (let index = view.firstIndex; index <= view.lastIndex; index += 1) {
      if (server.entryAt(index) === view.entryAt(index)) continue
      throw new InvariantViolation(
        'Log Matching',
        `server ${id} changed entry ${index} in the middle of its log`,
      )
    }
  }

  private seen(id: number, view: View): Seen {
    let server = this.servers.get(id)
    if (!server) {
      server = new Seen(id, view)
      this.servers.set(id, server)
    }
    server.now = view
    return server
  }

  private tellCommitted(server: Seen): void {
    const { now } = server
    tell(this.listeners.advanced, server)
    const first = Math.max(server.commitIndex + 1, now.firstIndex)
    for (let index = first; index <= now.commitIndex; index += 1) {
      tell(this.listeners.committed, server, index, now.entryAt(index))
    }
  }

  private compareLogs(server: Seen): void {
    const { now } = server
    const { lastIndex } = now
    server.dropBefore(now.firstIndex)
    let kept = Math.min(server.lastIndex, lastIndex)
    while (kept >= now.firstIndex && server.entryAt(kept) !== now.entryAt(kept))
      kept -= 1
    if (kept < server.lastIndex) {
      tell(this.listeners.removed, server, kept + 1)
      server.dropAfter(kept)
    }
    for (let index = kept + 1; index <= lastIndex; index += 1) {
      const entry = now.entryAt(index) as Entry
      tell(this.listeners.added, server, index, entry)
      server.add(entry)
    }
  }
}

const NONE = { term: 0, command: null }

/** @throws InvariantViolation when a rule complains. */
function tell(
  listeners: readonly Listener[],
  server: Seen,
  index = 0,
  entry: Entry = NONE,
): void {
  for (const { rule, tell } of listeners) {
    const complaint = tell(server, index, entry)
    if (complaint !== undefined) throw new InvariantViolation(rule, complaint)
  }
}

/** What a server looked like when it was last observed. */
class Seen implements Watched {
  readonly id: number
  now: View
  readonly before = this
  term = 0
  votedFor: number | null = null
  role: Role = 'Dead'
  commitIndex = 0
  /** What it was seen to apply, and what it says of that. */
  lastApplied = 0
  private shownApplied = 0
  snapshots: SnapshotsView | undefined
  private firstIndex = 1
  /** The same entries as in its log, by reference. */
  private entries: Entry[] = []

  constructor(id: number, view: View) {
    this.id = id
    this.now = view
  }

  /** After most events: they are heartbeats and answers to them. */
  get isAsBefore(): boolean {
    const { now, entries } = this
    const { lastIndex } = now
    return (
      !this.hasChanged &&
      !this.hasAdvanced &&
      lastIndex === this.lastIndex &&
      now.firstIndex === this.firstIndex &&
      (entries.length === 0 || now.entryAt(lastIndex) === entries.at(-1))
    )
  }

  get hasChanged(): boolean {
    const { term, votedFor, role } = this.now
    return term !== this.term || votedFor !== this.votedFor || role !== this.role
  }

  get hasAdvanced(): boolean {
    const { commitIndex, lastApplied, snapshots } = this.now
    return (
      commitIndex !== this.commitIndex ||
      lastApplied !== this.shownApplied ||
      !areSame(snapshots, this.snapshots)
    )
  }

  get isElected(): boolean {
    const { term, role } = this.now
    return role === 'Leader' && !(this.role === 'Leader' && this.term === term)
  }

  get lastIndex(): number {
    return this.firstIndex + this.entries.length - 1
  }

  entryAt(index: number): Entry | undefined {
    return this.entries[index - this.firstIndex]
  }

  add(entry: Entry): void {
    this.entries.push(entry)
  }

  dropAfter(index: number): void {
    this.entries.length = index - this.firstIndex + 1
  }

  /** What a snapshot took the place of. */
  dropBefore(firstIndex: number): void {
    if (firstIndex <= this.firstIndex) return
    this.entries = this.entries.slice(firstIndex - this.firstIndex)
    this.firstIndex = firstIndex
  }

  remember(): void {
    this.term = this.now.term
    this.votedFor = this.now.votedFor
    this.role = this.now.role
    this.commitIndex = this.now.commitIndex
    this.shownApplied = this.now.lastApplied
    this.snapshots = this.now.snapshots && { ...this.now.snapshots }
  }

  /** What is volatile is lost. The term and the vote outlive a crash. */
  forget(): void {
    this.role = 'Dead'
    this.firstIndex = 1
    this.entries = []
    this.commitIndex = 0
    this.lastApplied = 0
    this.shownApplied = 0
    this.snapshots = undefined
  }
}

function areSame(a: SnapshotsView | undefined, b: SnapshotsView | undefined): boolean {
  return (
    a?.lastIndex === b?.lastIndex &&
    a?.isTaking === b?.isTaking &&
    a?.isArriving === b?.isArriving &&
    a?.isSending === b?.isSending
  )
}
