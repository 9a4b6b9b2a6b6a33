/** A history as this repository writes it: one row an event. */
import { check, type Finding } from './check.ts'
import { HistoryBuilder, type HistoryEvent } from './events.ts'
import type { Condition, History } from './history.ts'

/** An operation is invoked, or it returns: in Jepsen's words. */
export interface HistoryRow {
  /** Carried out; certainly not, now or ever; nobody knows. */
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  /** Does one thing at a time. After an unknown outcome it does nothing more. */
  readonly process: number | string
  /** What is asked for, by name. */
  readonly f: string
  /** Of a list: the prefix. */
  readonly key: string
  /** In ms; what counts is the order of the rows. */
  readonly time?: number | undefined
  /** What is written, or was found. */
  readonly value?: unknown
  readonly if?: Condition | undefined
  /** Whether the condition held. */
  readonly held?: boolean | undefined
  readonly version?: number | null | undefined
  readonly previous?: unknown
  /** A read of what one server has applied. */
  readonly stale?: true | undefined
  /** Who answered a stale read, and in which of its lives. */
  readonly server?: number | undefined
  readonly life?: number | undefined
}

export function eventOfRow(row: HistoryRow): HistoryEvent {
  const { process, if: asked, held, stale, server, life, ...event } = row
  const { type, f, key, value, version, previous, time } = event
  const found = f === 'get' || f === 'read' || f === 'list' ? { value } : { previous }
  return {
    ...{ type, f, key, value, time, process: `${process}` },
    condition: asked ?? null,
    stale: stale ? { life: life === undefined ? null : `${server}.${life}` } : null,
    answer: {
      ...found,
      ...(version != null && { version }),
      ...(held !== undefined && { held }),
    },
  }
}

/** @throws HistoryError when a row does not follow on those before it. */
export function historyOf(rows: readonly HistoryRow[]): History {
  const builder = new HistoryBuilder()
  for (const row of rows) builder.add(eventOfRow(row))
  return builder.finish(null)
}

/**
 * Whether a service's clients saw what can be explained, key by key. It gives up after so
 * many steps, whatever time they take: the same history has the same verdict.
 */
export function checkHistory(history: History): Finding {
  const limits = { deadline: Number.POSITIVE_INFINITY, maxSteps: MAX_STEPS }
  return check(history, { model: 'kv', split: true, limits })
}

/** A hundred times what those of the laboratory take; some 200 MB. */
const MAX_STEPS = 4_000_000
