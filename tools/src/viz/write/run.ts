import { KNOWN_EVENTS } from '../../testlog/event.ts'
import type { RunEvent, State } from '../shared/event.ts'
import {
  type Failure,
  type FaultSpan,
  FLAG,
  type Header,
  type Lane,
  type OperationSpan,
  type OutsiderSpan,
  ROLES,
  type Status,
  TEXT_SEPARATOR,
} from '../shared/format.ts'
import { type Packs, RawChunks } from './chunks.ts'
import { Column, type PackedColumns, pack, StringTable } from './columns.ts'
import { FaultSpans } from './faults.ts'
import { gistOf, shortTextOf } from './gist.ts'
import { LogTree } from './logs.ts'
import { Messages } from './messages.ts'
import { Operations } from './operations.ts'
import { Outsiders } from './outsiders.ts'

/** More columns than anyone could look at; the lines of further ids go to the TEST column. */
const MOST_SERVERS = 64
/** More kinds of events than a menu can hold. */
const MOST_KINDS = 100
const MICROSECONDS = 1000
const LARGEST = 2 ** 31 - 1

/** What a server was last known to be, while the lines are read. */
interface Server {
  readonly id: number
  /** Its number in the column `lane`, which is not its place in the table. */
  readonly lane: number
  role: number
  term: number
  state: State
  log: number
}

const LEADER = ROLES.indexOf('Leader')

const TEST_LANE = 0
const CLIENT_LANE = 1
const FIRST_SERVER_LANE = 2
/** Of more clients, those beyond share a lane. */
const MOST_CLIENTS = 20
const FIRST_CLIENT_LANE = FIRST_SERVER_LANE + MOST_SERVERS

/** One run of one test: takes its events one by one and keeps them in columns. */
export class Run {
  readonly test: string
  readonly source: Header['source']
  status: Status = 'unfinished'
  durationMs: number | null = null
  failure: Failure | null = null
  /** Lines of the input that are no events, as far as they belong to this run. */
  skipped = 0
  /** Where the page opens, if not where the test failed. */
  openAt: number | null = null

  readonly raw: RawChunks
  /** The highest term, and how often a server became leader. */
  terms = 0
  leaderChanges = 0
  private startLine: RunEvent | null = null
  private startTime = 0
  private lastTime = 0
  private failureRow: number | null = null
  private hasOtherClients = false
  /** By id: the number of the lane. */
  private readonly clients = new Map<number, number>()
  private readonly operations = new Operations()
  private readonly servers = new Map<number, Server>()
  private readonly messages = new Messages()
  private readonly logs = new LogTree()
  private readonly faults = new FaultSpans(() => [...this.servers.keys()])
  private readonly outsiders = new Outsiders()
  private readonly texts = new StringTable()
  private readonly states = new StringTable([''])
  private readonly kinds = new StringTable(KNOWN_EVENTS, MOST_KINDS)

  private readonly elapsed = new Column()
  private readonly lane = new Column()
  private readonly event = new Column()
  private readonly role = new Column()
  private readonly term = new Column()
  private readonly text = new Column()
  private readonly state = new Column()
  private readonly rpc = new Column()
  private readonly method = new Column()
  private readonly peer = new Column()
  private readonly flags = new Column()
  private readonly rawLength = new Column()
  private readonly logRow = new Column()
  private readonly logLane = new Column()
  private readonly logHead = new Column()

  constructor(test: string, source: Header['source'], packer: Packs) {
    this.test = test
    this.source = source
    this.raw = new RawChunks(packer)
  }

  get rows(): number {
    return this.event.length
  }

  get isStarted(): boolean {
    return this.startLine !== null
  }

  get part(): string | null {
    return this.startLine?.part ?? null
  }

  get replay(): string | null {
    return this.startLine?.replay ?? null
  }

  add(event: RunEvent, line: Buffer): void {
    const row = this.rows
    if (event.event === 'test-start') this.begin(event)
    const server = this.serverOf(event)
    if (server) this.update(row, server, event)
    this.pushRow(event, server)
    this.raw.add(line)
    this.rawLength.push(line.length)
    if (event.fault) this.addFault(row, event.fault)
    this.operations.add(row, event)
    if (event.event === 'test-end') this.end(event)
    if (event.isFailure || event.invariant !== undefined) this.failureRow ??= row
  }

  /** The test's result, from its last line or from elsewhere. */
  setResult(status: Status, durationMs: number | null, failure: Failure | null): void {
    this.status = status
    this.durationMs = durationMs
    this.failure = failure
  }

  /** Everything but the raw lines, ready to be packed; nothing can be added afterwards. */
  finish(): { header: Header; packed: PackedColumns } {
    this.raw.flush()
    const lanes = this.lanesInOrder()
    const packed = this.packColumns(lanes)
    const header: Header = {
      test: this.test,
      status: this.status,
      failure: this.failure,
      durationMs: this.durationMs ?? null,
      part: this.part,
      seed: this.startLine?.seed ?? null,
      network: this.startLine?.network ?? null,
      replay: this.replay,
      source: this.source,
      startTime: this.startTime,
      lanes: lanes.map(({ lane }) => lane),
      events: this.kinds.strings,
      methods: this.messages.methods.strings,
      rows: this.rows,
      faults: this.faultSpans(lanes),
      outsiders: this.outsiderSpans(lanes),
      operations: this.operationSpans(lanes),
      chunkRows: this.raw.rows,
      skipped: this.skipped,
      openAt: this.openingRow(),
      columns: packed.columns,
      tables: packed.tables,
    }
    return { header, packed }
  }

  private begin(event: RunEvent): void {
    this.startLine ??= event
    const count = Math.min(event.servers ?? 0, MOST_SERVERS)
    for (let id = 0; id < count; id += 1) this.server(id)
  }

  private end({ status, durationMs, error }: RunEvent): void {
    const failure = error
      ? { message: error.message, stack: error.stack ? String(error.stack) : null }
      : null
    this.setResult(status ?? 'unfinished', durationMs ?? null, failure)
  }

  private serverOf(event: RunEvent): Server | null {
    if (event.server === undefined) return null
    if (this.servers.size >= MOST_SERVERS) return this.servers.get(event.server) ?? null
    return this.server(event.server)
  }

  private server(id: number): Server {
    let server = this.servers.get(id)
    if (!server) {
      const lane = FIRST_SERVER_LANE + this.servers.size
      server = { id, lane, role: 0, term: 0, state: {}, log: 0 }
      this.servers.set(id, server)
    }
    return server
  }

  private update(row: number, server: Server, event: RunEvent): void {
    if (event.role === 'Leader' && server.role !== LEADER) this.leaderChanges += 1
    if (event.role) server.role = ROLES.indexOf(event.role)
    if (event.term !== undefined) server.term = Math.min(event.term, LARGEST)
    this.terms = Math.max(this.terms, server.term)
    if (event.state) {
      server.state = { ...server.state, ...event.state }
      this.outsiders.add(row, server.id, event.state)
    }
    if (event.entries) this.setLog(row, server, this.appended(server.log, event))
    if (event.event === 'truncate' && event.index !== undefined) {
      this.setLog(row, server, this.logs.before(server.log, event.index))
    }
    if (event.event === 'snapshot') this.setLog(row, server, this.brought(server))
  }

  /** What a server has after an event about a snapshot, which may have brought it there. */
  private brought({ log, state }: Server): number {
    const { lastLogIndex, lastLogTerm } = state
    if (lastLogIndex === undefined || lastLogTerm === undefined) return log
    if (this.logs.endsWith(log, lastLogIndex, lastLogTerm)) return log
    return this.logs.endingWith(lastLogIndex, lastLogTerm)
  }

  /** The Go original prints whole logs; an empty one is news, too. */
  private appended(head: number, { entries = [] }: RunEvent): number {
    return this.logs.append(this.source === 'go' ? 0 : head, entries)
  }

  private setLog(row: number, server: Server, head: number): void {
    if (head === server.log) return
    server.log = head
    this.logRow.push(row)
    this.logLane.push(server.lane)
    this.logHead.push(head)
  }

  private addFault(row: number, fault: NonNullable<RunEvent['fault']>): void {
    this.faults.add(row, fault)
    const { kind, peer = -1 } = fault
    const server = kind === 'crash' ? this.servers.get(peer) : undefined
    if (!server) return
    // What a crash leaves is on the disk; the server tells of it when it comes back.
    server.role = ROLES.indexOf('Dead')
    server.state = {}
    this.setLog(row, server, 0)
  }

  private pushRow(event: RunEvent, server: Server | null): void {
    this.pushTime(event.time)
    this.lane.push(this.laneOf(event, server))
    this.event.push(this.kinds.add(event.event))
    this.role.push(server?.role ?? 0)
    this.term.push(server?.term ?? 0)
    this.text.push(this.texts.add(this.textOf(event, server)))
    const hasState = server !== null && event.state !== undefined
    this.state.push(hasState ? this.states.add(JSON.stringify(server.state)) : 0)
    this.pushMessage(event)
  }

  private pushMessage(event: RunEvent): void {
    const { rpc } = event
    this.rpc.push(this.messages.numberOf(event))
    this.method.push(this.messages.methodOf(rpc))
    const isSender = event.event === 'send' || event.event === 'drop'
    this.peer.push(rpc ? (isSender ? rpc.to : rpc.from) : -1)
    const isFailure = event.isFailure || event.invariant !== undefined
    this.flags.push(
      (rpc?.kind === 'reply' ? FLAG.reply : 0) |
        (event.isGuess ? FLAG.guess : 0) |
        (isFailure ? FLAG.failure : 0),
    )
  }

  private pushTime(time: number): void {
    if (this.rows === 0) {
      this.startTime = time
      this.lastTime = 0
    }
    // From the start, not from the line before, so that rounding does not add up.
    const sinceStart = Math.round((time - this.startTime) * MICROSECONDS)
    const elapsed = sinceStart - this.lastTime
    const clamped = Math.max(-LARGEST, Math.min(LARGEST, elapsed))
    this.lastTime += clamped
    this.elapsed.push(clamped)
  }

  private laneOf(event: RunEvent, server: Server | null): number {
    if (server) return server.lane
    if (!event.fromClient) return TEST_LANE
    const own = this.laneOfClient(event)
    if (own === null) this.hasOtherClients = true
    return own ?? CLIENT_LANE
  }

  /** A client's own lane, if there is one for it. */
  private laneOfClient({ client }: RunEvent): number | null {
    if (client === undefined) return null
    const known = this.clients.get(client)
    if (known !== undefined || this.clients.size >= MOST_CLIENTS) return known ?? null
    const lane = FIRST_CLIENT_LANE + this.clients.size
    this.clients.set(client, lane)
    return lane
  }

  private textOf(event: RunEvent, server: Server | null): string {
    const isHomeless = server === null && event.server !== undefined
    const said = event.msg.replaceAll(TEXT_SEPARATOR, '␟')
    // In a lane of several clients, each says who it is.
    const isOneOfMany = event.client !== undefined && this.laneOfClient(event) === null
    const who = isHomeless
      ? `[${event.server}] `
      : isOneOfMany
        ? `client ${event.client}: `
        : ''
    const text = who + said
    const gist = gistOf(event, (index, term) => this.logs.changeAt(index, term))
    // The reader of another's log finds its words; ours says the same in fewer.
    const short = this.source === 'raft' ? shortTextOf(event) : null
    if (short !== null) return [short, gist, text].join(TEXT_SEPARATOR)
    return gist ? text + TEXT_SEPARATOR + gist : text
  }

  private lanesInOrder(): { number: number; lane: Lane }[] {
    const lanes = [{ number: TEST_LANE, lane: lane('test', -1, 'TEST') }]
    if (this.hasOtherClients) {
      lanes.push({ number: CLIENT_LANE, lane: lane('client', -1, 'CLIENTS') })
    }
    for (const [id, number] of [...this.clients].sort(([a], [b]) => a - b)) {
      lanes.push({ number, lane: lane('client', id, `${id}`) })
    }
    const servers = [...this.servers.values()].sort((a, b) => a.id - b.id)
    for (const { id, lane: number } of servers) {
      lanes.push({ number, lane: lane('server', id, `${id}`) })
    }
    return lanes
  }

  private packColumns(lanes: { number: number }[]): PackedColumns {
    const placeOf = Int32Array.from({ length: FIRST_CLIENT_LANE + MOST_CLIENTS })
    for (const [place, { number }] of lanes.entries()) placeOf[number] = place
    const toPlaces = (column: Column) => column.toArray().map((n) => placeOf[n] ?? 0)
    const u8 = (values: Int32Array) => ({ type: 'u8' as const, values })
    const i32 = (column: Column) => ({ type: 'i32' as const, values: column.toArray() })
    const columns = {
      elapsed: i32(this.elapsed),
      lane: u8(toPlaces(this.lane)),
      event: u8(this.event.toArray()),
      role: u8(this.role.toArray()),
      term: i32(this.term),
      text: i32(this.text),
      state: i32(this.state),
      rpc: i32(this.rpc),
      method: u8(this.method.toArray()),
      peer: i32(this.peer),
      flags: u8(this.flagsWithHeartbeats()),
      rawLength: i32(this.rawLength),
      logRow: i32(this.logRow),
      logLane: u8(toPlaces(this.logLane)),
      logHead: i32(this.logHead),
      nodeParent: i32(this.logs.parents),
      nodeIndex: i32(this.logs.indexes),
      nodeTerm: i32(this.logs.terms),
      nodeCommand: i32(this.logs.commandOf),
    }
    const tables = {
      texts: this.texts,
      states: this.states,
      commands: this.logs.commands,
    }
    return pack(columns, tables)
  }

  /** Known only now: a later refusal makes a heartbeat worth seeing. */
  private flagsWithHeartbeats(): Int32Array {
    return this.flags.toArray().map((flags, row) => {
      const isRoutine = this.messages.isRoutine[this.rpc.at(row)]
      return isRoutine ? flags | FLAG.heartbeat : flags
    })
  }

  private faultSpans(lanes: { lane: Lane }[]): FaultSpan[] {
    return this.faults.finish(this.rows).map(({ place, ...span }) => {
      const lane = lanes.findIndex(
        ({ lane }) => lane.kind === 'server' && lane.id === place,
      )
      const { kind, label, endLabel, fromRow, toRow } = span
      return { lane: Math.max(lane, 0), kind, label, endLabel, fromRow, toRow }
    })
  }

  private outsiderSpans(lanes: { lane: Lane }[]): OutsiderSpan[] {
    return this.outsiders.finish(this.rows).flatMap(({ id, ...span }) => {
      const lane = lanes.findIndex(
        ({ lane }) => lane.kind === 'server' && lane.id === id,
      )
      return lane === -1 ? [] : [{ lane, ...span }]
    })
  }

  private operationSpans(lanes: { lane: Lane }[]): OperationSpan[] {
    return this.operations.finish(this.rows).flatMap(({ client, ...span }) => {
      const lane = lanes.findIndex(
        ({ lane }) => lane.kind === 'client' && lane.id === client,
      )
      return lane === -1 ? [] : [{ lane, ...span }]
    })
  }

  private openingRow(): number | null {
    if (this.openAt !== null) return Math.min(this.openAt, this.rows - 1)
    if (this.failureRow !== null) return this.failureRow
    return this.status === 'fail' && this.rows > 0 ? this.rows - 1 : null
  }
}

function lane(kind: Lane['kind'], id: number, label: string): Lane {
  return { kind, id, label }
}
