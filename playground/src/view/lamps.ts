import { h } from 'tools/viz/page/dom'
import type { Simulation } from '../sim/simulation.ts'

interface Rule {
  /** As the laboratory names it. */
  readonly name: string
  readonly text: string
  /** Whether it speaks of logs, which part 1 has not. */
  readonly ofLogs: boolean
}

const RULES: readonly Rule[] = [
  { name: 'Election Safety', text: 'at most one leader in a term', ofLogs: false },
  { name: 'One Vote per Term', text: 'a vote that is given stays given', ofLogs: false },
  { name: 'Monotonic Term', text: 'a server’s term never falls', ofLogs: false },
  {
    name: 'Leader Append-Only',
    text: 'a leader removes nothing from its log',
    ofLogs: true,
  },
  {
    name: 'Log Matching',
    text: 'logs with the same entry are the same up to it',
    ofLogs: true,
  },
  {
    name: 'Leader Completeness',
    text: 'what is committed is in the log of every later leader',
    ofLogs: true,
  },
  {
    name: 'State Machine Safety',
    text: 'no two servers apply different commands at an index',
    ofLogs: true,
  },
  { name: 'Monotonic Commit', text: 'what is committed stays so', ofLogs: true },
]

/** The rules of Figure 3, and whether they hold: they are checked after every event. */
export class Lamps {
  readonly element = h('section', {
    class: 'lamps',
    'aria-label': 'The rules of Figure 3',
  })
  private shown = ''

  render({ part, violation }: Simulation): void {
    const key = `${part.number} ${violation?.message ?? ''}`
    if (key === this.shown) return
    this.shown = key
    const rules = RULES.filter(({ ofLogs }) => !ofLogs || part.hasLog)
    const items = rules.map(({ name, text }) => {
      const isBroken = violation?.invariant === name
      return h(
        'li',
        { class: isBroken ? 'broken' : 'holds' },
        h('span', { class: 'lamp', 'aria-hidden': 'true' }, isBroken ? '✗' : '✓'),
        h('strong', {}, name),
        h('span', { class: 'unseen' }, isBroken ? ' is broken: ' : ' holds: '),
        h('span', { class: 'text' }, text),
      )
    })
    const message = violation
      ? h('p', { class: 'alarm', role: 'alert' }, violation.message)
      : null
    this.element.replaceChildren(
      h('h3', {}, violation ? 'A rule is broken' : 'The rules hold'),
      h('ul', {}, ...items),
      ...(message ? [message] : []),
    )
  }
}
