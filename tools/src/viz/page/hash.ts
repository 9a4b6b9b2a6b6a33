import { type Filters, NO_FILTERS } from './filter.ts'
import type { Spacing } from './layout.ts'
import type { Look } from './look.ts'

/** What a colleague needs to see the same: all of it stands in the address's hash. */
export interface View {
  /** Rows, counted from 0. */
  readonly selected: number | null
  /** The first row in sight. */
  readonly top: number | null
  readonly pinned: readonly number[]
  readonly spacing: Spacing
  /** As it was chosen; null is the look that fits. */
  readonly look: Look | null
  readonly filters: Filters
}

/** Writes a view; what is as it is at first is left out, except heartbeats. */
export function writeHash(view: View): string {
  const { selected, top, pinned, spacing, look, filters } = view
  const fields = new URLSearchParams()
  if (selected !== null) fields.set('e', String(selected + 1))
  if (top !== null) fields.set('top', String(top + 1))
  if (pinned.length > 0) fields.set('pin', pinned.map((row) => row + 1).join(','))
  if (spacing === 'time') fields.set('space', 'time')
  if (look !== null) fields.set('look', look)
  fields.set('hb', filters.hideHeartbeats ? '0' : '1')
  if (filters.text) fields.set('q', filters.text)
  if (filters.onlyFound) fields.set('only', '1')
  if (filters.servers.length > 0) fields.set('hs', filters.servers.join(','))
  for (const method of filters.methods) fields.append('hm', method)
  if (filters.events.length > 0) fields.set('he', filters.events.join(','))
  return `#${fields}`
}

/** Reads a view, for a run of so many rows; what makes no sense is as if it were not there. */
export function readHash(hash: string, rows: number, first: Filters): View {
  const fields = new URLSearchParams(hash.replace(/^#/, ''))
  const row = (text: string | null) => {
    const number = Number(text)
    return Number.isInteger(number) && number >= 1 && number <= rows ? number - 1 : null
  }
  const list = (name: string) => fields.get(name)?.split(',').filter(Boolean) ?? []
  const heartbeats = fields.get('hb')
  return {
    selected: row(fields.get('e')),
    top: row(fields.get('top')),
    pinned: list('pin')
      .map(row)
      .filter((pin) => pin !== null),
    spacing: fields.get('space') === 'time' ? 'time' : 'even',
    look: lookOf(fields.get('look')),
    filters: {
      ...NO_FILTERS,
      text: fields.get('q') ?? '',
      onlyFound: fields.get('only') === '1',
      hideHeartbeats: heartbeats === null ? first.hideHeartbeats : heartbeats === '0',
      servers: list('hs').map(Number).filter(Number.isInteger),
      methods: fields.getAll('hm'),
      events: list('he'),
    },
  }
}

function lookOf(text: string | null): Look | null {
  return text === 'lanes' || text === 'columns' ? text : null
}
