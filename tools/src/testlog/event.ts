/**
 * The test log: one JSON object a line, written by pino. Every reader of it (the timeline,
 * the terminal, the tests) knows it by these types, and takes nothing from the prose in `msg`.
 */

export type Role = 'Follower' | 'Candidate' | 'Leader' | 'Dead'

/** The kinds of events that readers have a sign or a use for, in the order of a menu. */
export const KNOWN_EVENTS = [
  'note',
  'test-start',
  'test-end',
  'role',
  'timer',
  'send',
  'receive',
  'drop',
  'submit',
  'append',
  'truncate',
  'commit',
  'apply',
  'persist',
  'fault',
  'check',
  'start',
  'vote',
  'progress',
  'invoke',
  'return',
  'snapshot',
] as const

export type KnownEvent = (typeof KNOWN_EVENTS)[number]

const KNOWN: ReadonlySet<unknown> = new Set(KNOWN_EVENTS)

export function isKnown(event: unknown): event is KnownEvent {
  return KNOWN.has(event)
}

/** Any other word is a kind, too: it is shown with its word and its fields. */
export type EventName = KnownEvent | (string & {})

/** What every line can have, and what is shown of an RPC or of a state by itself. */
const COMMON: ReadonlySet<string> = new Set([
  ...['level', 'pid', 'hostname', 'time', 'test', 'server', 'client', 'event', 'term'],
  // The last two are readers' own words.
  ...['role', 'state', 'rpc', 'msg', 'fromClient', 'was'],
])

/** The fields that tell what happened, on a line of whatever kind. */
export function ownFields(line: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(line).filter(([name]) => !COMMON.has(name)))
}

/** Carried out; certainly not, now or ever; nobody knows. */
export type Outcome = 'done' | 'not done' | 'unknown'

/** One message between two servers; `id` is the same where it is sent and where it arrives. */
export interface Rpc {
  readonly id: string
  readonly method: string
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
  /** Above 1 when the log begins after a snapshot. */
  readonly firstLogIndex?: number
  readonly lastLogIndex?: number
  readonly lastLogTerm?: number
  /** The ids in the configuration that is in force at this server (section 6). */
  readonly members?: readonly number[]
  /** On leaders: by the peer's id. */
  readonly nextIndex?: Readonly<Record<string, number>>
  readonly matchIndex?: Readonly<Record<string, number>>
}

/** An entry of Raft's log as the `append` event shows it. */
export interface LoggedEntry {
  readonly index: number
  readonly term: number
  readonly command: unknown
  /** In an entry that changes who is in the cluster. */
  readonly configuration?: LoggedConfiguration
}

export interface LoggedConfiguration {
  readonly members: readonly { readonly id: number; readonly address?: unknown }[]
}

/**
 * What the laboratory did to the cluster. Readers have words of their own for some kinds; a
 * fault of any other kind lasts, at its place, until a line that says `over`.
 */
export interface Fault {
  readonly kind: string
  /** Where: at a server, on the way from one to another; without both, everywhere. */
  readonly peer?: number
  readonly from?: number
  readonly to?: number
  readonly over?: true
  /** A few words for where it begins, or ends. */
  readonly label?: string
  /** On partition: who still reaches whom. */
  readonly groups?: readonly (readonly number[])[]
  /** On drop-calls: how many requests still get through. */
  readonly after?: number
  /** On clock: how many times as fast as real time it runs. */
  readonly rate?: number
  /** On slow-link, slow-machine and slow-disk. What is not named takes no time. */
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
  /** On a client's lines. */
  readonly client?: number
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
  /**
   * On truncate: the first index removed. On submit and apply: the entry's. On persist: the
   * last index that is durable, or absent when the term and the vote were kept.
   */
  readonly index?: number
  /** On submit and apply. */
  readonly command?: unknown
  /** On progress: what a leader knows of a peer's log, and what it sends next. */
  readonly peer?: number
  readonly matchIndex?: number
  readonly nextIndex?: number
  readonly fault?: Fault
  /** On return: what the client knows about its request. */
  readonly outcome?: Outcome
  /** On invoke and return: what a client asks for, by name, and the key or the prefix. */
  readonly f?: string
  readonly key?: string
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
