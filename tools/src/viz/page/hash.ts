import { type Filters, NO_FILTERS } from './filter.ts'
import type { Spacing } from './layout.ts'

/** What a colleague needs to see the same: all of it stands in the address's hash. */
export interface View {
  /** Rows, counted from 0. */
  readonly selected: number | null
  /** The first row in sight. */
  readonly top: number | null
  readonly pinned: readonly number[]
  readonly spacing: Spacing
  readonly filters: Filters
}

/** Writes a view; what is as it is at first is left out, except heartbeats. */
export function writeHash({ selected, top, pinned, spacing, filters }: View): string {
  const fields = new URLSearchParams()
  if (selected !== null) fields.set('e', String(selected + 1))
  if (top !== null) fields.set('top', String(top + 1))
  if (pinned.length > 0) fields.set('pin', pinned.map((row) => row + 1).join(','))
  if (spacing === 'time') fields.set('space', 'time')
  fields.set('hb', filters.hideHeartbeats ? '0' : '1')
  if (filters.text) fields.set('q', filters.text)
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
    filters: {
      ...NO_FILTERS,
      text: fields.get('q') ?? '',
      hideHeartbeats: heartbeats === null ? first.hideHeartbeats : heartbeats === '0',
      servers: list('hs').map(Number).filter(Number.isInteger),
      methods: fields.getAll('hm'),
      events: list('he'),
    },
  }
}
