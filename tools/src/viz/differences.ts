/** Where two runs of one test first differ: in what happens, who leads, what is applied. */
import type { Timeline } from './page/timeline.ts'
import { laneName, rowText } from './page/words.ts'

export interface Difference {
  /** What is compared. */
  readonly what: string
  /** What it is in either run, and the row to look at. */
  readonly a: Side
  readonly b: Side
}

export interface Side {
  readonly text: string
  readonly row: number
}

/** The first differences of each kind, the finest first; none when the runs are the same. */
export function differencesOf(a: Timeline, b: Timeline): Difference[] {
  const kinds: [what: string, of: (run: Timeline) => Fact[]][] = [
    ['The first event that differs', eventsOf],
    ['Who leads', leadersOf],
    ['What is applied', appliedOf],
    ['How it ends', endOf],
  ]
  return kinds.flatMap(([what, factsOf]) => {
    const pair = firstDifference(factsOf(a), factsOf(b))
    if (!pair) return []
    const side = (fact: Fact | undefined, run: Timeline) =>
      fact
        ? { text: fact.text, row: fact.row }
        : { text: 'nothing more', row: run.rows - 1 }
    return [{ what, a: side(pair[0], a), b: side(pair[1], b) }]
  })
}

/** Something that a run tells; two runs agree on it when their keys are the same. */
interface Fact {
  readonly key: string
  readonly text: string
  readonly row: number
}

function firstDifference(a: readonly Fact[], b: readonly Fact[]) {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    if (a[i]?.key !== b[i]?.key) return [a[i], b[i]] as const
  }
  return null
}

/** Two seeds never take the same time: how long something took is no difference. */
const DURATION = /\d+(\.\d+)? ms/g

function eventsOf(run: Timeline): Fact[] {
  return Array.from({ length: run.rows }, (_, row) => {
    const text = said(run, row)
    return { key: run.eventName(row) + text.replace(DURATION, 'ms'), text, row }
  }).filter(({ row }) => !isFrame(run, row))
}

/** What says which run it is: its seed stands at the start, its length at the end. */
function isFrame(run: Timeline, row: number): boolean {
  return ['test-start', 'test-end'].includes(run.eventName(row))
}

function said(run: Timeline, row: number): string {
  const [, gist, message] = rowText(run, row)
  const lane = run.lane[row] ?? 0
  const name = run.isServer(lane) ? `${laneName(run, lane)}: ` : ''
  return gist && !message.includes(gist) ? `${name}${message}: ${gist}` : name + message
}

function leadersOf(run: Timeline): Fact[] {
  return run.marks.leader.map((row) => {
    const text = `${laneName(run, run.lane[row] ?? 0)} leads term ${run.term[row]}`
    return { key: text, text, row }
  })
}

/** Entry by entry, where the first server applied it. */
function appliedOf(run: Timeline): Fact[] {
  const facts: Fact[] = []
  for (let row = 0; row < run.rows; row += 1) {
    if (run.eventName(row) !== 'apply') continue
    const { state, log } = run.snapshot(run.lane[row] ?? 0, row)
    const index = state.lastApplied ?? 0
    if (index !== facts.length + run.first) continue
    const [entry] = run.entries(log, index, index)
    const text = `entry ${index}: ${entry?.command ?? '?'}`
    facts.push({ key: text, text, row })
  }
  return facts
}

function endOf(run: Timeline): Fact[] {
  const { status, failure, openAt } = run.header
  const [reason = ''] = failure?.message.split('\n') ?? []
  const text = reason ? `${status}: ${reason}` : status
  return [{ key: text, text, row: openAt ?? run.rows - 1 }]
}
