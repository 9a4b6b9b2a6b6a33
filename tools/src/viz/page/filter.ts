import { FLAG } from '../shared/format.ts'
import type { Timeline } from './timeline.ts'

/** What is searched for, and what is to be left out of the table. */
export interface Filters {
  /** Events with this in their text are found; empty for none. */
  readonly text: string
  /** Events that are not found are not shown. */
  readonly onlyFound: boolean
  readonly hideHeartbeats: boolean
  /** Ids of servers, names of methods and of events that are not shown. */
  readonly servers: readonly number[]
  readonly methods: readonly string[]
  readonly events: readonly string[]
}

/** Why events are hidden: the first reason that holds, in this order. */
export const REASONS = ['heartbeats', 'servers', 'methods', 'events', 'text'] as const

export type Reason = (typeof REASONS)[number]

export interface Filtered {
  /** The rows that are shown, in order. */
  readonly rows: Int32Array
  /** Those of them that the search has found, and how many it found that are not shown. */
  readonly found: Int32Array
  readonly foundHidden: number
  readonly hidden: Readonly<Record<Reason, number>>
}

export const NO_FILTERS: Filters = {
  text: '',
  onlyFound: false,
  hideHeartbeats: false,
  servers: [],
  methods: [],
  events: [],
}

/** Before anything was filtered. */
export const NOTHING_SHOWN: Filtered = {
  rows: new Int32Array(),
  found: new Int32Array(),
  foundHidden: 0,
  hidden: { heartbeats: 0, servers: 0, methods: 0, events: 0, text: 0 },
}

/** Heartbeats drown the rest from here on: a share of the rows, in a run of some length. */
const DROWNING_SHARE = 0.4
const DROWNING_ROWS = 60

/** The filters a run opens with: without its heartbeats, where they are most of it. */
export function firstFilters(timeline: Timeline): Filters {
  let heartbeats = 0
  for (const flags of timeline.flags) if (flags & FLAG.heartbeat) heartbeats += 1
  const drown =
    timeline.rows > DROWNING_ROWS && heartbeats > DROWNING_SHARE * timeline.rows
  return { ...NO_FILTERS, hideHeartbeats: drown }
}

/**
 * @param foundRows a 1 for each row whose raw line has the text in its fields, when the text
 *   asks for these; the text of the rows is searched otherwise.
 */
export function applyFilters(
  timeline: Timeline,
  filters: Filters,
  foundRows: Uint8Array | null = null,
): Filtered {
  const { lanes, methods, events } = timeline.header
  const laneHidden = lanes.map(
    ({ kind, id }) => kind === 'server' && filters.servers.includes(id),
  )
  const methodHidden = methods.map((name) => filters.methods.includes(name))
  const foundTexts =
    filters.text && !foundRows ? timeline.texts.find(filters.text) : null
  const isFound = (row: number) =>
    (foundRows?.[row] ?? foundTexts?.[timeline.text[row] ?? 0]) === 1
  const isSearch = foundRows !== null || foundTexts !== null
  const eventHidden = events.map((name) => filters.events.includes(name))
  const hidden = { heartbeats: 0, servers: 0, methods: 0, events: 0, text: 0 }
  const rows = new Int32Array(timeline.rows)
  const found = new Int32Array(isSearch ? timeline.rows : 0)
  let shown = 0
  let foundShown = 0
  let foundInAll = 0
  for (let row = 0; row < timeline.rows; row += 1) {
    const isHit = isSearch && isFound(row)
    if (isHit) foundInAll += 1
    const isHeartbeat = ((timeline.flags[row] ?? 0) & FLAG.heartbeat) !== 0
    if (filters.hideHeartbeats && isHeartbeat) hidden.heartbeats += 1
    else if (laneHidden[timeline.lane[row] ?? 0]) hidden.servers += 1
    else if (methodHidden[timeline.method[row] ?? 0]) hidden.methods += 1
    else if (eventHidden[timeline.event[row] ?? 0]) hidden.events += 1
    else if (filters.onlyFound && isSearch && !isHit) hidden.text += 1
    else {
      rows[shown] = row
      shown += 1
      if (!isHit) continue
      found[foundShown] = row
      foundShown += 1
    }
  }
  return {
    rows: rows.subarray(0, shown),
    found: found.subarray(0, foundShown),
    foundHidden: foundInAll - foundShown,
    hidden,
  }
}

/**
 * `leaderCommit:4`, or `leaderCommit=4` as in the terminal, asks for the field of a line, as
 * JSON has it; null for other texts.
 */
export function fieldQuery(text: string): string | null {
  const [, name, value] = /^"?(\w+)"?[:=]\s*(\S.*)?$/.exec(text.trim()) ?? []
  if (name === undefined) return null
  return `"${name}":${value ?? ''}`
}
