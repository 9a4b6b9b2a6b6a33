import { h } from 'tools/viz/page/dom'
import type { Excerpt } from '../sim/excerpt.ts'
import { explain } from '../sim/explain.ts'
import type { Part } from '../sim/part.ts'
import type { PlayEvent } from '../sim/simulation.ts'
import { sentenceOf, timeText } from './words.ts'

/** Why the last thing happened: the rule, and the line of code that follows it. */
export class Explanation {
  readonly element = h('section', {
    class: 'explanation',
    'aria-label': 'What happened, and why',
  })
  private shown: PlayEvent | null = null
  private readonly sourceHref: (file: string, line: number) => string

  constructor(sourceHref: (file: string, line: number) => string) {
    this.sourceHref = sourceHref
  }

  render(event: PlayEvent | null, part: Part): void {
    if (event !== null && event === this.shown) return
    this.shown = event
    if (!event) {
      const hint = 'Press play, or step: here stands the rule by which things happen.'
      this.element.replaceChildren(h('h3', {}, 'Why'), h('p', { class: 'note' }, hint))
      return
    }
    const { title, text, paper, excerpt } = explain(event, part)
    const time = h('span', { class: 'time' }, timeText(event.time))
    this.element.replaceChildren(
      h('h3', {}, title),
      h('p', { class: 'what' }, time, ` ${sentenceOf(event)}`),
      h('p', {}, text),
      ...(paper === null ? [] : [h('p', { class: 'note' }, `The paper: ${paper}.`)]),
      ...(excerpt === null ? [] : this.code(excerpt, part.difference)),
    )
  }

  private code(excerpt: Excerpt, difference: string | null): HTMLElement[] {
    const { file, symbol, lines, firstLine, markedLine } = excerpt
    const line = markedLine ?? firstLine
    const where = `${file}, line ${line}`
    // What was changed stands in no file.
    const link =
      difference === null
        ? h('a', { href: this.sourceHref(file, line) }, where)
        : `${where}, ${difference}`
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
