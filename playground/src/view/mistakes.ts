import { button, h } from 'tools/viz/page/dom'
import type { Variant } from './variant.ts'

/** What is changed in the code, above the cluster that has it. */
export class VariantCard {
  readonly element = h('section', { class: 'mistake', 'aria-label': 'What was changed' })
  private shown: Variant | null = null
  private readonly leave: HTMLButtonElement
  private readonly edit: HTMLButtonElement
  private readonly toBreak: HTMLButtonElement

  constructor(actions: {
    readonly leave: () => void
    readonly edit: () => void
    readonly toBreak: () => void
  }) {
    this.leave = button('Leave', actions.leave)
    this.edit = button('Edit it', actions.edit)
    this.toBreak = button('Run until it breaks', actions.toBreak, { class: 'primary' })
  }

  render(variant: Variant): void {
    if (variant === this.shown) return
    this.shown = variant
    const { title, story, note, difference, text } = variant
    this.edit.hidden = text === null
    this.element.replaceChildren(
      h('h3', {}, title),
      ...(story === '' ? [] : [h('p', {}, story)]),
      h('p', { class: 'note' }, note),
      differenceLines(difference, 'What was changed'),
      h('div', { class: 'row' }, this.toBreak, this.edit, this.leave),
    )
  }
}

/** A diff, without what says where it is. */
export function differenceLines(difference: string, label: string): HTMLElement {
  const lines = difference
    .split('\n')
    .filter((line) => !/^(---|\+\+\+|@@|\\)/.test(line))
  const rows = lines.map((line) => {
    const kind = line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : ''
    return h('span', { class: `line ${kind}` }, `${line}\n`)
  })
  const code = h('pre', { tabindex: 0, class: 'difference' }, h('code', {}, ...rows))
  code.setAttribute('role', 'group')
  code.setAttribute('aria-label', label)
  return code
}
