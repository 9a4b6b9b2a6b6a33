import type {
  EventName,
  Fault,
  LoggedEntry,
  Role,
  Rpc,
  State,
  TestLogLine,
} from '../../testlog/event.ts'

/** A line of a test log, of this project or of others, as the timeline takes it. */
export interface RunEvent extends TestLogLine {
  /** The line is a client's, which has no column of its own among the servers. */
  readonly fromClient?: boolean
  /** The message's id was not in the log: it is the reader's guess. */
  readonly isGuess?: boolean
  /** An assertion that failed here. */
  readonly isFailure?: boolean
}

export type { EventName, Fault, LoggedEntry, Role, Rpc, State, TestLogLine }
