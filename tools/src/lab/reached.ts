import type { Part } from './part.ts'

/** A place that a search must come to, or it does not search where it says it does. */
interface Mark {
  readonly appliesTo: (part: Part) => boolean
  count: number
}

/**
 * By name. Of the whole thread: a part is compiled with a copy of this module in it, and
 * what it marks belongs to what the laboratory marks.
 */
const marks: Map<string, Mark> = inThread(Symbol.for('raft marks'), () => new Map())

/** Says that a place must be visited. @returns what to call there. */
export function mark(name: string, appliesTo = (_part: Part) => true): () => void {
  const made = marks.get(name) ?? { appliesTo, count: 0 }
  marks.set(name, made)
  return () => {
    made.count += 1
  }
}

/** How often each place was visited since this was last asked, by the mark's name. */
export function takeVisits(part: Part): Record<string, number> {
  const visits: Record<string, number> = {}
  for (const [name, made] of marks) {
    if (made.appliesTo(part)) visits[name] = made.count
    made.count = 0
  }
  return visits
}

function inThread<T>(key: symbol, make: () => T): T {
  const all = globalThis as unknown as Record<symbol, T | undefined>
  const value = all[key] ?? make()
  all[key] = value
  return value
}
