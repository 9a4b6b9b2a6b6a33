/**
 * A history: what clients asked for, what they were answered, and in which order both
 * happened. It says nothing of servers.
 */

/** Part of what an operation asks for: it is carried out only if this holds. */
export type Condition = { readonly version: number } | { readonly absent: true }

/** What a client knows of an answer. What is missing here, it did not learn. */
export interface Answer {
  /** What a get found; null for nothing. Of a list: pairs of key and value. */
  readonly value?: unknown
  /** Of what was found or written. */
  readonly version?: number | undefined
  /** What stood there before a change; null for nothing. */
  readonly previous?: unknown
  /** Whether the condition did hold. */
  readonly held?: boolean
}

export interface Operation {
  readonly process: string
  readonly f: string
  /** Of a list: the prefix that it asks for. */
  readonly key: string
  /**
   * What is to be written; of a compare-and-set: what is expected, and the new value; of a
   * list: how many at most, if that is said.
   */
  readonly value: unknown
  readonly condition: Condition | null
  /** When it was invoked and when it returned, as places in the history. */
  readonly invokedAt: number
  /** Infinity when the outcome is unknown: it may take effect at any later time, or never. */
  readonly returnedAt: number
  /** Null when the outcome is unknown. */
  readonly answer: Answer | null
}

/** A read that asks for what one server has applied, and is content with what is old. */
export interface StaleRead extends Operation {
  /** Which server answered it, in which of its lives; null when that is not known. */
  readonly life: string | null
}

export interface History {
  /** In the order of their invocations; those that were certainly not carried out left out. */
  readonly operations: readonly Operation[]
  /** Those that were answered. They have a rule of their own. */
  readonly staleReads: readonly StaleRead[]
  /** What says nothing of the service: what was not done, and reads without an answer. */
  readonly others: readonly Operation[]
  /** By place in the history, from 1 on: when that was, in ms, where it is known. */
  readonly times: readonly (number | undefined)[]
  /** What a key holds before anything is written to it. */
  readonly initial: unknown
}
