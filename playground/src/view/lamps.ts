import { RULES } from 'tools/lab/rules/index'
import { h } from 'tools/viz/page/dom'
import type { Run } from '../sim/simulation.ts'

/** The rules of Figure 3 and those of the part: they are checked after every event. */
export class Lamps {
  readonly element = h('details', { class: 'lamps' })
  private shown = ''

  render({ part, violation }: Run): void {
    const key = `${part.number} ${violation?.message ?? ''}`
    if (key === this.shown) return
    this.shown = key
    const all = [...RULES, ...(part.lab.rules ?? [])]
    const rules = all.filter(({ ofLogs }) => !ofLogs || part.hasLog)
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
    const sign = h(
      'span',
      { class: 'lamp', 'aria-hidden': 'true' },
      violation ? '✗' : '✓',
    )
    const word = violation
      ? `${violation.invariant} is broken`
      : `All ${rules.length} rules hold`
    this.element.classList.toggle('broken', violation !== null)
    this.element.replaceChildren(
      h('summary', {}, sign, ` ${word}`),
      h('ul', {}, ...items),
    )
  }
}
