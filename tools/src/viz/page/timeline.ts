import { KNOWN_EVENTS, type KnownEvent } from '../../testlog/event.ts'
import {
  type FaultSpan,
  FLAG,
  type Header,
  type OperationSpan,
  type OutsiderSpan,
  ROLES,
} from '../shared/format.ts'
import type { Data, Texts } from './decode.ts'

/** No row: what was looked for is not in the log. */
export const NONE = -1

export const EVENT = Object.fromEntries(
  KNOWN_EVENTS.map((name, number) => [name, number]),
) as Record<KnownEvent, number>

/** What a message does. Other events that have one speak of it, and do not move it. */
const MOVES: ReadonlySet<number> = new Set([EVENT.send, EVENT.receive, EVENT.drop])

const LEADER = ROLES.indexOf('Leader')
const DEAD = ROLES.indexOf('Dead')
const CANDIDATE = ROLES.indexOf('Candidate')

/** A client hardly waits for more at once. */
const MOST_AT_ONCE = 50

/** State of Figure 2 as the log tells it: what a part does not have is missing. */
export interface ServerState {
  readonly votedFor?: number | null
  readonly commitIndex?: number
  readonly lastApplied?: number
  readonly firstLogIndex?: number
  readonly lastLogIndex?: number
  readonly members?: readonly number[]
  readonly nextIndex?: Readonly<Record<string, number>>
  readonly matchIndex?: Readonly<Record<string, number>>
  readonly [name: string]: unknown
}

/** What a server is after a row. */
export interface Snapshot {
  readonly role: number
  readonly term: number
  readonly state: ServerState
  /** The last entry of its log, a node of the tree of logs; 0 is the empty log. */
  readonly log: number
}

export interface LogEntry {
  readonly node: number
  readonly index: number
  readonly term: number
  readonly command: string
}

/** A leader that was deposed and does not know it: since when, and by whom. */
export interface Deposed {
  readonly fromRow: number
  /** The row at which it has another role or term, or the number of rows. */
  readonly toRow: number
  /** The lane that leads the higher term, and that term. */
  readonly by: number
  readonly term: number
}

export type MarkKind = 'leader' | 'election' | 'fault' | 'commit' | 'failure'

/** A run as rows in the order of the log, and what can be asked of it. Knows no page. */
export class Timeline {
  readonly header: Header
  readonly rows: number
  /** In ms since the first event, by row. */
  readonly times: Float64Array
  readonly lane: Uint8Array
  readonly event: Uint8Array
  readonly role: Uint8Array
  readonly term: Int32Array
  readonly text: Int32Array
  readonly rpc: Int32Array
  readonly method: Uint8Array
  readonly peer: Int32Array
  readonly flags: Uint8Array
  readonly rawLength: Int32Array
  readonly texts: Texts
  /** The row before of the same lane. */
  readonly previousInLane: Int32Array
  /** Of what is sent: where it first arrived or was lost. Of an arrival: what was sent. */
  readonly otherEnd: Int32Array
  /** Rows by lane, in order. */
  readonly laneRows: readonly Int32Array[]
  /** The rows that are worth going to, in order. */
  readonly marks: Readonly<Record<MarkKind, number[]>>
  /** By lane: the rows at which its role or term changed. */
  readonly changes: readonly number[][]

  private readonly deposedByLane: readonly Deposed[][]
  private readonly state: Int32Array
  private readonly states: Texts
  private readonly commands: Texts
  private readonly stateRows: readonly Int32Array[]
  private readonly logRows: readonly number[][]
  private readonly logHeads: readonly number[][]
  private readonly nodes: Readonly<
    Record<'parent' | 'index' | 'term' | 'command', Int32Array>
  >
  private readonly spansByLane: readonly FaultSpan[][]
  private readonly operationsByLane: readonly OperationSpan[][]
  /** By lane: the rows at which its operations begin. */
  private readonly invocations: readonly number[][]
  private readonly parsedStates = new Map<number, ServerState>()

  constructor({ header, columns, tables }: Data) {
    const u8 = (name: string) => columns[name] as Uint8Array
    const i32 = (name: string) => columns[name] as Int32Array
    const texts = (name: string) => tables[name] as Texts
    this.header = header
    this.rows = header.rows
    this.lane = u8('lane')
    this.event = u8('event')
    this.role = u8('role')
    this.term = i32('term')
    this.text = i32('text')
    this.rpc = i32('rpc')
    this.method = u8('method')
    this.peer = i32('peer')
    this.flags = u8('flags')
    this.rawLength = i32('rawLength')
    this.state = i32('state')
    this.texts = texts('texts')
    this.states = texts('states')
    this.commands = texts('commands')
    this.nodes = {
      parent: i32('nodeParent'),
      index: i32('nodeIndex'),
      term: i32('nodeTerm'),
      command: i32('nodeCommand'),
    }
    this.times = timesFrom(i32('elapsed'))
    this.laneRows = this.rowsByLane(() => true)
    this.stateRows = this.rowsByLane((row) => this.state[row] !== 0)
    this.previousInLane = this.linkLanes()
    this.otherEnd = this.linkMessages()
    this.changes = this.findChanges()
    this.marks = this.findMarks()
    this.deposedByLane = this.findDeposed()
    const logs = this.logsByLane(i32('logRow'), u8('logLane'), i32('logHead'))
    this.logRows = logs.rows
    this.logHeads = logs.heads
    this.operationsByLane = header.lanes.map((_, lane) =>
      header.operations.filter((operation) => operation.lane === lane),
    )
    this.invocations = this.operationsByLane.map((spans) =>
      spans.map(({ fromRow }) => fromRow),
    )
    this.spansByLane = header.lanes.map((_, lane) =>
      header.faults.filter((fault) => fault.lane === lane),
    )
  }

  eventName(row: number): string {
    return this.header.events[this.event[row] ?? 0] ?? 'note'
  }

  has(row: number, flag: number): boolean {
    return ((this.flags[row] ?? 0) & flag) !== 0
  }

  isServer(lane: number): boolean {
    return this.header.lanes[lane]?.kind === 'server'
  }

  /** The lane of whom a message is for, a server or a client; NONE if it has none. */
  laneOfNode(id: number): number {
    return this.header.lanes.findIndex((lane) => lane.kind !== 'test' && lane.id === id)
  }

  laneOfServer(id: number): number {
    return this.header.lanes.findIndex(
      (lane) => lane.kind === 'server' && lane.id === id,
    )
  }

  /** The index of a log's first entry: the Go original counts from 0. */
  get first(): number {
    return this.header.source === 'go' ? 0 : 1
  }

  /** Whether there is a log to show: part 1 has none. */
  get hasLogs(): boolean {
    return this.nodes.index.length > 1
  }

  /** The last row of a lane that is not after `row`. */
  lastInLane(lane: number, row: number): number {
    return lastNotAfter(this.laneRows[lane] ?? [], row)
  }

  /** What the server of a lane is after `row`. */
  snapshot(lane: number, row: number): Snapshot {
    const last = this.lastInLane(lane, row)
    const log = this.logAt(lane, row)
    if (last === NONE) return { role: 0, term: 0, state: {}, log }
    const term = this.term[last] ?? 0
    const role = this.roleAt(lane, row)
    const state = this.isCrashed(lane, row) ? {} : this.stateAt(lane, row)
    return { role, term, state, log }
  }

  /** The faults that a lane is under after `row`, and those that end there. */
  faultsAt(lane: number, row: number): FaultSpan[] {
    const spans = this.spansByLane[lane] ?? []
    return spans.filter(({ fromRow, toRow }) => fromRow <= row && row <= toRow)
  }

  /** Whether a lane's server is no member of the cluster after `row`, and why. */
  outsiderAt(lane: number, row: number): OutsiderSpan | null {
    const isIt = (span: OutsiderSpan) =>
      span.lane === lane && span.fromRow <= row && row < span.toRow
    return this.header.outsiders.find(isIt) ?? null
  }

  /** Whether a lane's server is started later, to join those that are there. */
  isToCome(lane: number, row: number): boolean {
    const isNew = this.header.outsiders.some(
      (span) => span.lane === lane && span.kind === 'new',
    )
    return isNew && this.lastInLane(lane, row) === NONE
  }

  /** Where its lane begins or ends to be a member's: what to say there. */
  standingChangedAt(lane: number, row: number): string | null {
    const spans = this.header.outsiders.filter((span) => span.lane === lane)
    const begun = spans.find(({ fromRow }) => fromRow === row)
    if (begun) return STANDINGS[begun.kind]
    return spans.some(({ toRow }) => toRow === row) ? 'a member' : null
  }

  /** What a lane's client waits for at `row`, invocation and return included. */
  operationsAt(lane: number, row: number): OperationSpan[] {
    const spans = this.operationsByLane[lane] ?? []
    const last = positionNotAfter(this.invocations[lane] ?? [], row)
    return spans
      .slice(Math.max(0, last + 1 - MOST_AT_ONCE), last + 1)
      .filter(({ toRow }) => row <= toRow)
  }

  isCrashed(lane: number, row: number): boolean {
    return this.faultsAt(lane, row).some(
      ({ kind, toRow }) => kind === 'crash' && row < toRow,
    )
  }

  /** The role of a lane after `row`. */
  roleAt(lane: number, row: number): number {
    const last = this.lastInLane(lane, row)
    if (last === NONE) return 0
    return this.isCrashed(lane, row) ? DEAD : (this.role[last] ?? 0)
  }

  /** Who has deposed the leader of a lane, which has not heard of it at `row`. */
  deposedAt(lane: number, row: number): Deposed | null {
    const spans = this.deposedByLane[lane] ?? []
    const span = spans.find(({ fromRow, toRow }) => fromRow <= row && row < toRow)
    return span && this.roleAt(lane, row) === LEADER ? span : null
  }

  /** The last entry of a log after `row`, as a node of the tree. */
  logAt(lane: number, row: number): number {
    const rows = this.logRows[lane] ?? []
    const at = positionNotAfter(rows, row)
    return at === NONE ? 0 : (this.logHeads[lane]?.[at] ?? 0)
  }

  /** The entries of a log from index `from` to index `to`, as far as it has them. */
  entries(head: number, from: number, to: number): LogEntry[] {
    const entries: LogEntry[] = []
    for (let node = head; node > 0; node = this.nodes.parent[node] ?? 0) {
      const index = this.nodes.index[node] ?? 0
      if (index < from) break
      if (index <= to) entries.push(this.entry(node))
    }
    return entries.reverse()
  }

  entry(node: number): LogEntry {
    return {
      node,
      index: this.nodes.index[node] ?? 0,
      term: this.nodes.term[node] ?? 0,
      command: this.commands.get(this.nodes.command[node] ?? 0),
    }
  }

  private stateAt(lane: number, row: number): ServerState {
    const stateRow = lastNotAfter(this.stateRows[lane] ?? [], row)
    if (stateRow === NONE) return {}
    const number = this.state[stateRow] ?? 0
    let state = this.parsedStates.get(number)
    if (!state) {
      state = JSON.parse(this.states.get(number)) as ServerState
      this.parsedStates.set(number, state)
    }
    return state
  }

  private rowsByLane(isWanted: (row: number) => boolean): Int32Array[] {
    const counts = this.header.lanes.map(() => 0)
    for (let row = 0; row < this.rows; row += 1) {
      const lane = this.lane[row] ?? 0
      if (isWanted(row)) counts[lane] = (counts[lane] ?? 0) + 1
    }
    const lists = counts.map((count) => new Int32Array(count))
    counts.fill(0)
    for (let row = 0; row < this.rows; row += 1) {
      if (!isWanted(row)) continue
      const lane = this.lane[row] ?? 0
      const at = counts[lane] ?? 0
      const list = lists[lane]
      if (list) list[at] = row
      counts[lane] = at + 1
    }
    return lists
  }

  private linkLanes(): Int32Array {
    const previous = new Int32Array(this.rows)
    const last = new Int32Array(this.header.lanes.length).fill(NONE)
    for (let row = 0; row < this.rows; row += 1) {
      const lane = this.lane[row] ?? 0
      previous[row] = last[lane] ?? NONE
      last[lane] = row
    }
    return previous
  }

  /**
   * Ties each arrival to what was sent. A message can arrive twice; and where several
   * processes write one log, an arrival can stand before its sending.
   */
  private linkMessages(): Int32Array {
    const ends = new Int32Array(this.rows).fill(NONE)
    let rpcs = 0
    for (const rpc of this.rpc) rpcs = Math.max(rpcs, rpc)
    const sent = new Int32Array(2 * (rpcs + 1)).fill(NONE)
    const early = new Map<number, number>()
    const repeats = new Map<number, number[]>()
    const link = (from: number, arrival: number) => {
      ends[arrival] = from
      if (ends[from] === NONE) ends[from] = arrival
    }
    for (let row = 0; row < this.rows; row += 1) {
      const rpc = this.rpc[row] ?? 0
      if (rpc === 0 || !MOVES.has(this.event[row] ?? 0)) continue
      const key = 2 * rpc + (this.has(row, FLAG.reply) ? 1 : 0)
      if (this.event[row] === EVENT.send) {
        if (sent[key] === NONE) sent[key] = row
        else repeats.set(key, [...(repeats.get(key) ?? []), row])
        const arrival = early.get(key)
        if (arrival !== undefined && early.delete(key)) link(row, arrival)
        continue
      }
      let from = sent[key] ?? NONE
      // A request that arrived twice is answered twice, and the answers arrive in turn.
      if (from !== NONE && ends[from] !== NONE) from = repeats.get(key)?.shift() ?? from
      if (from === NONE) early.set(key, row)
      else link(from, row)
    }
    return ends
  }

  private findChanges(): number[][] {
    const changes: number[][] = this.header.lanes.map(() => [])
    for (let row = 0; row < this.rows; row += 1) {
      const lane = this.lane[row] ?? 0
      if (this.isServer(lane) && (this.changesRole(row) || this.changesTerm(row))) {
        changes[lane]?.push(row)
      }
    }
    for (const { kind, lane, fromRow } of this.header.faults) {
      if (kind === 'crash') changes[lane]?.push(fromRow)
    }
    for (const rows of changes) rows.sort((a, b) => a - b)
    return changes
  }

  /** From each leader's first row on, whoever still leads a lower term is deposed. */
  private findDeposed(): Deposed[][] {
    const deposed: Deposed[][] = this.header.lanes.map(() => [])
    const reigns = this.marks.leader.map((row) => {
      const lane = this.lane[row] ?? 0
      const toRow = this.changes[lane]?.find((at) => at > row) ?? this.rows
      return { lane, row, toRow, term: this.term[row] ?? 0 }
    })
    for (const { lane, row, toRow, term } of reigns) {
      // The first that leads a higher term in its time; or before, if it won too late.
      const by = reigns.find((other) => other.term > term && other.row < toRow)
      if (!by) continue
      const fromRow = Math.max(row, by.row)
      deposed[lane]?.push({ fromRow, toRow, by: by.lane, term: by.term })
    }
    return deposed
  }

  changesTerm(row: number): boolean {
    const previous = this.previousInLane[row] ?? NONE
    return this.term[row] !== (previous === NONE ? 0 : this.term[previous])
  }

  changesRole(row: number): boolean {
    const previous = this.previousInLane[row] ?? NONE
    return this.role[row] !== (previous === NONE ? 0 : this.role[previous])
  }

  private findMarks(): Record<MarkKind, number[]> {
    const marks: Record<MarkKind, number[]> = {
      leader: [],
      election: [],
      fault: [],
      commit: [],
      failure: [],
    }
    for (let row = 0; row < this.rows; row += 1) {
      const event = this.event[row]
      if (this.has(row, FLAG.failure)) marks.failure.push(row)
      if (event === EVENT.fault) marks.fault.push(row)
      else if (event === EVENT.commit) marks.commit.push(row)
      if (this.role[row] === LEADER && this.changesRole(row)) marks.leader.push(row)
      if (this.role[row] !== CANDIDATE) continue
      if (this.changesRole(row) || this.changesTerm(row)) marks.election.push(row)
    }
    const { openAt, status } = this.header
    if (status === 'fail' && marks.failure.length === 0 && openAt !== null) {
      marks.failure.push(openAt)
    }
    return marks
  }

  private logsByLane(rows: Int32Array, lanes: Uint8Array, heads: Int32Array) {
    const byLane = {
      rows: this.header.lanes.map((): number[] => []),
      heads: this.header.lanes.map((): number[] => []),
    }
    for (const [i, row] of rows.entries()) {
      byLane.rows[lanes[i] ?? 0]?.push(row)
      byLane.heads[lanes[i] ?? 0]?.push(heads[i] ?? 0)
    }
    return byLane
  }
}

/** What servers are that are no members. */
export const STANDINGS: Readonly<Record<OutsiderSpan['kind'], string>> = {
  new: 'no member yet',
  learns: 'learns',
  gone: 'no member any more',
}

const MICROSECONDS = 1000

function timesFrom(elapsed: Int32Array): Float64Array {
  const times = new Float64Array(elapsed.length)
  let sum = 0
  for (let row = 0; row < elapsed.length; row += 1) {
    sum += elapsed[row] ?? 0
    times[row] = sum / MICROSECONDS
  }
  return times
}

/** The position of the last value that is not greater, in a list that rises. */
export function positionNotAfter(values: ArrayLike<number>, limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? 0) <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}

function lastNotAfter(values: ArrayLike<number>, limit: number): number {
  const position = positionNotAfter(values, limit)
  return position === NONE ? NONE : (values[position] ?? NONE)
}
