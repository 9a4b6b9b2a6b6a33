import { h } from 'tools/viz/page/dom'
import source1 from '../../../part1/src/raft.ts?raw'
import source2 from '../../../part2/src/raft.ts?raw'
import source3 from '../../../part3/src/raft.ts?raw'
import { excerptOf } from '../sim/excerpt.ts'
import type { PartNumber } from '../sim/part.ts'
import { ruleNameFor, ruleOf } from '../sim/rules.ts'
import type { PlayEvent } from '../sim/simulation.ts'
import { sentenceOf, timeText } from './words.ts'

const SOURCES: Readonly<Record<PartNumber, string>> = {
  1: source1,
  2: source2,
  3: source3,
}

/** Why the last thing happened: the rule, and the line of code that follows it. */
export class Explanation {
  readonly element = h('section', {
    class: 'explanation',
    'aria-label': 'What happened, and why',
  })
  private shown: PlayEvent | null = null
  private readonly sourceHref: (part: PartNumber) => string

  constructor(sourceHref: (part: PartNumber) => string) {
    this.sourceHref = sourceHref
  }

  render(event: PlayEvent | null, part: PartNumber): void {
    if (event !== null && event === this.shown) return
    this.shown = event
    const name = event && ruleNameFor(event, part)
    if (!event || !name) {
      const hint = 'Press play, or step: here stands the rule by which things happen.'
      this.element.replaceChildren(h('h3', {}, 'Why'), h('p', { class: 'note' }, hint))
      return
    }
    const { title, text, paper, ...where } = ruleOf(name)
    this.element.replaceChildren(
      h('h3', {}, title),
      h(
        'p',
        { class: 'what' },
        h('span', { class: 'time' }, timeText(event.time)),
        ` ${sentenceOf(event)}`,
      ),
      h('p', {}, text),
      h('p', { class: 'note' }, `The paper: ${paper}.`),
      ...this.code(part, where.symbol, 'line' in where ? where.line : undefined),
    )
  }

  private code(part: PartNumber, symbol: string | null, line?: string): HTMLElement[] {
    if (symbol === null) return []
    const excerpt = excerptOf(SOURCES[part], symbol, line)
    if (!excerpt) return []
    const { lines, firstLine, markedLine } = excerpt
    const file = `part${part}/src/raft.ts`
    const link = h(
      'a',
      { href: this.sourceHref(part) },
      `${file}, line ${markedLine ?? firstLine}`,
    )
    const rows = lines.map((text, i) => {
      const number = firstLine + i
      const row = h(
        'span',
        { class: number === markedLine ? 'line marked' : 'line' },
        h('span', { class: 'number', 'aria-hidden': 'true' }, String(number)),
        `${text}\n`,
      )
      return row
    })
    const code = h('pre', { tabindex: 0 }, h('code', {}, ...rows))
    code.setAttribute('role', 'group')
    code.setAttribute('aria-label', `${symbol} in ${file}`)
    queueMicrotask(() => showMarked(code))
    return [h('p', { class: 'where' }, h('code', {}, symbol), ' in ', link), code]
  }
}

/** Brings the marked line into sight, without moving the page. */
function showMarked(code: HTMLElement): void {
  const marked = code.querySelector<HTMLElement>('.marked')
  if (marked) code.scrollTop = marked.offsetTop - code.clientHeight / 2
}
