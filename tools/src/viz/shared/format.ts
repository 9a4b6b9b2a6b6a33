/**
 * What a timeline's page holds: the writer fills it, the page's script reads it. It is laid
 * out in columns, a number a row, because a million objects would not fit in a browser.
 */
import type { Outcome } from '../../testlog/event.ts'

/** Position 0 is a role that nobody has told yet. */
export const ROLES = ['Unknown', 'Follower', 'Candidate', 'Leader', 'Dead'] as const

export type RoleName = (typeof ROLES)[number]

export type LaneKind = 'test' | 'client' | 'server'

/** A column of the table: the harness's own lines, a client's or some, or one server's. */
export interface Lane {
  readonly kind: LaneKind
  /** The server's or the client's id; -1 on the lane of the test, and on that of several clients. */
  readonly id: number
  readonly label: string
}

/** Bits of the column `flags`. */
export const FLAG = {
  /** The message is a reply. */
  reply: 1,
  /** Part of a heartbeat that tells nothing new, and is not refused. */
  heartbeat: 2,
  /** The log does not say which message this is: it was matched by what it looks like. */
  guess: 4,
  /** The event breaks the test: a violated invariant, a failed assertion. */
  failure: 8,
} as const

/** What the laboratory did to a server or to its links, for as long as it lasts. */
export interface FaultSpan {
  readonly kind: string
  /** Position in `lanes`; every fault of the network as a whole has the test's lane. */
  readonly lane: number
  /** A few words for the mark where it begins, and for the one where it ends. */
  readonly label: string
  readonly endLabel: string
  readonly fromRow: number
  /** The row that ended it, or the number of rows when nothing did. */
  readonly toRow: number
}

/** A server that is no member of the cluster, as it knows it itself, for as long as it is none. */
export interface OutsiderSpan {
  /** Position in `lanes`. */
  readonly lane: number
  /** It was started, and has no log; it gets the log; it was a member. */
  readonly kind: 'new' | 'learns' | 'gone'
  readonly fromRow: number
  /** The row at which it is something else, or the number of rows. */
  readonly toRow: number
}

/** What a client asked for, from its invocation to its return. */
export interface OperationSpan {
  /** Position in `lanes`. */
  readonly lane: number
  /** Unknown, too, when it has not returned. */
  readonly outcome: Outcome
  readonly fromRow: number
  /** The row of the return, or the number of rows when there was none. */
  readonly toRow: number
}

export interface Failure {
  readonly message: string
  readonly stack: string | null
}

export type Status = 'pass' | 'fail' | 'skip' | 'unfinished'

export interface ColumnSpec {
  readonly name: string
  readonly type: 'u8' | 'u32' | 'i32'
  readonly length: number
}

export interface TableSpec {
  readonly name: string
  /** In bytes of UTF-8; the lengths of its strings are a column of the same name. */
  readonly bytes: number
}

export interface Header {
  readonly test: string
  readonly status: Status
  readonly failure: Failure | null
  readonly durationMs: number | null
  readonly part: string | null
  readonly seed: number | null
  readonly network: string | null
  readonly replay: string | null
  /** Where the lines came from: this project's test log, or `go test -v`. */
  readonly source: 'raft' | 'go'
  /** The first event's time: ms since the epoch, or since the test's start. */
  readonly startTime: number
  readonly lanes: readonly Lane[]
  /** The names that the columns `event` and `method` count: known kinds come first. */
  readonly events: readonly string[]
  readonly methods: readonly string[]
  readonly rows: number
  readonly faults: readonly FaultSpan[]
  /** Empty where nobody joins or leaves. */
  readonly outsiders: readonly OutsiderSpan[]
  /** In the order of their invocations. */
  readonly operations: readonly OperationSpan[]
  /** How many rows' raw lines stand in each of the chunks that follow the columns. */
  readonly chunkRows: readonly number[]
  /** Lines of the input that are no events. */
  readonly skipped: number
  /** The row to open at, when the address does not say another. */
  readonly openAt: number | null
  readonly columns: readonly ColumnSpec[]
  readonly tables: readonly TableSpec[]
}

/** Between a row's words, what its fields add to them, and the message if it is longer. */
export const TEXT_SEPARATOR = '\u001f'
