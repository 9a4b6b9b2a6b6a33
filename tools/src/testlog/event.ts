/**
 * The test log: one JSON object a line, written by pino. Every reader of it (the timeline,
 * the terminal, the tests) knows it by these types, and takes nothing from the prose in `msg`.
 */

export type Role = 'Follower' | 'Candidate' | 'Leader' | 'Dead'

export type EventName =
  | 'test-start'
  | 'test-end'
  | 'role'
  | 'timer'
  | 'send'
  | 'receive'
  | 'drop'
  | 'submit'
  | 'append'
  | 'truncate'
  | 'commit'
  | 'apply'
  | 'persist'
  | 'fault'
  | 'check'
  | 'note'

/** One message between two servers; `id` is the same where it is sent and where it arrives. */
export interface Rpc {
  readonly id: string
  readonly method: 'RequestVote' | 'AppendEntries' | (string & {})
  readonly kind: 'request' | 'reply'
  readonly from: number
  readonly to: number
  /** The message itself: the arguments of a request, the fields of a reply. */
  readonly args: Readonly<Record<string, unknown>>
}

/** A server's state after the event (Figure 2), as far as its part has it. */
export interface State {
  readonly votedFor?: number | null
  readonly commitIndex?: number
  readonly lastApplied?: number
  readonly lastLogIndex?: number
  readonly lastLogTerm?: number
  /** On leaders: by the peer's id. */
  readonly nextIndex?: Readonly<Record<string, number>>
  readonly matchIndex?: Readonly<Record<string, number>>
}

/** An entry of Raft's log as the `append` event shows it. */
export interface LoggedEntry {
  readonly index: number
  readonly term: number
  readonly command: unknown
}

/** What the laboratory did to the cluster. */
export type Fault =
  | { readonly kind: 'disconnect' | 'reconnect'; readonly peer: number }
  | { readonly kind: 'crash' | 'restart'; readonly peer: number }
  | { readonly kind: 'pause' | 'resume'; readonly peer: number }
  | { readonly kind: 'cut' | 'mend'; readonly from: number; readonly to: number }
  | { readonly kind: 'partition'; readonly groups: readonly (readonly number[])[] }
  | { readonly kind: 'heal' }
  | { readonly kind: 'reliable' | 'unreliable' }
  | { readonly kind: 'drop-calls'; readonly peer: number; readonly after: number }
  | { readonly kind: 'keep-calls'; readonly peer: number }
  | { readonly kind: 'clock'; readonly peer: number; readonly rate: number }
  | SlowLink
  | { readonly kind: 'fast-link'; readonly from: number; readonly to: number }
  | SlowServer
  | { readonly kind: 'fast-machine' | 'fast-disk'; readonly peer: number }

interface SlowLink {
  readonly kind: 'slow-link'
  readonly from: number
  readonly to: number
  readonly bytesPerSecond: number
}

/** What is not named takes no time. */
interface SlowServer {
  readonly kind: 'slow-machine' | 'slow-disk'
  readonly peer: number
  readonly bytesPerSecond?: number
  readonly entriesPerSecond?: number
  readonly syncMs?: number
}

export interface TestLogLine {
  /** In ms: since the epoch in real time, since the test's start in virtual time. */
  readonly time: number
  /** The test's full name; a line belongs to the test it names, wherever it stands. */
  readonly test: string
  readonly event: EventName
  readonly msg: string
  /** Absent on the harness's own lines, which show in the TEST column. */
  readonly server?: number
  /** On lines with a server: what is true after the event. */
  readonly term?: number
  readonly role?: Role
  readonly state?: State
  /** On send, receive and drop. */
  readonly rpc?: Rpc
  /** On drop: why the message was lost. */
  readonly reason?: string
  /** On append: the entries that the log now ends with; it keeps what stands before them. */
  readonly entries?: readonly LoggedEntry[]
  /** On truncate: the first index removed. On submit and apply: the entry's. */
  readonly index?: number
  /** On submit and apply. */
  readonly command?: unknown
  readonly fault?: Fault
  /** On check, when it failed: the invariant's name, and what broke it. */
  readonly invariant?: string
  /** On test-start. */
  readonly part?: string
  readonly seed?: number
  readonly network?: 'simulated' | 'grpc'
  readonly servers?: number
  /** On test-start: the command that replays the run. */
  readonly replay?: string
  /** On test-end. */
  readonly status?: 'pass' | 'fail' | 'skip'
  readonly durationMs?: number
  /** On a failed test-end: the assertion's message and stack. */
  readonly error?: { readonly message: string; readonly stack?: string }
}
