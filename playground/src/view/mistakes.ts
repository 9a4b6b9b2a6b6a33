import { button, h, listen } from 'tools/viz/page/dom'
import type { Mistake } from '../sim/gallery.ts'

/** Where a mistake of the gallery is chosen. What it shows is loaded when it is opened. */
export class MistakeChooser {
  readonly element = h('dialog', {
    class: 'chooser',
    'aria-label': 'Choose a mistake',
  })
  private readonly choose: (mistake: Mistake) => void
  private readonly list = h('div', { class: 'list', tabindex: 0 }, 'Loading …')
  private readonly filter = h('input', { type: 'search', placeholder: 'Filter' })
  private mistakes: readonly Mistake[] = []

  constructor(choose: (mistake: Mistake) => void) {
    this.choose = choose
    this.filter.setAttribute('aria-label', 'Filter the mistakes')
    this.list.setAttribute('role', 'group')
    this.list.setAttribute('aria-label', 'Mistakes')
    listen(this.filter, { oninput: () => this.fill() })
    listen(this.element, {
      onclick: ({ target }) => {
        if (target === this.element) this.element.close()
      },
    })
    const close = button('Close', () => this.element.close())
    this.element.append(
      h('div', { class: 'head' }, h('h3', {}, 'Break it'), this.filter, close),
      h(
        'p',
        { class: 'note' },
        'One change to the code of a part, as somebody has made it. It runs beside the part ' +
          'as it stands, until a rule breaks.',
      ),
      this.list,
    )
  }

  async open(load: () => Promise<readonly Mistake[]>): Promise<void> {
    this.element.showModal()
    this.mistakes = await load()
    this.fill()
  }

  private fill(): void {
    const words = this.filter.value.toLowerCase()
    const shown = this.mistakes.filter(({ name, title, story, breaks }) =>
      `${name} ${title} ${story} ${breaks}`.toLowerCase().includes(words),
    )
    const groups = [...new Set(shown.map(({ group }) => group))]
    this.list.replaceChildren(
      ...groups.map((group) => {
        const items = shown.filter((mistake) => mistake.group === group)
        return h(
          'section',
          {},
          h('h4', {}, group),
          h('ul', {}, ...items.map((mistake) => this.item(mistake))),
        )
      }),
      ...(shown.length === 0 ? [h('p', { class: 'note' }, 'None is called so.')] : []),
    )
  }

  private item(mistake: Mistake): HTMLElement {
    const { title, part, run } = mistake
    const where = h('span', { class: 'where' }, `part ${part}`)
    const note = run === null ? h('span', { class: 'where' }, 'try it yourself') : null
    const choose = button('', () => {
      this.element.close()
      this.choose(mistake)
    })
    choose.append(h('span', {}, title), where, ...(note ? [note] : []))
    return h('li', {}, choose)
  }
}

/** What the mistake is, above the cluster that has it. */
export class MistakeCard {
  readonly element = h('section', { class: 'mistake', 'aria-label': 'The mistake' })
  private shown: Mistake | null = null
  private readonly leave: HTMLButtonElement
  private readonly toBreak: HTMLButtonElement

  constructor(actions: { readonly leave: () => void; readonly toBreak: () => void }) {
    this.leave = button('Leave', actions.leave)
    this.toBreak = button('Run until it breaks', actions.toBreak, { class: 'primary' })
  }

  render(mistake: Mistake): void {
    if (mistake === this.shown) return
    this.shown = mistake
    const { title, story, breaks, diff, run } = mistake
    const lines = diff.split('\n').filter((line) => !/^(---|\+\+\+|@@)/.test(line))
    const rows = lines.map((line) => {
      const kind = line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : ''
      return h('span', { class: `line ${kind}` }, `${line}\n`)
    })
    const code = h('pre', { tabindex: 0 }, h('code', {}, ...rows))
    code.setAttribute('role', 'group')
    code.setAttribute('aria-label', 'What was changed')
    const hint =
      run === null
        ? 'No run of this page was found in which a rule breaks: it takes a disk, or slow links, that it does not have. Try.'
        : ''
    this.element.replaceChildren(
      h('h3', {}, title),
      h('p', {}, story),
      h('p', { class: 'note' }, `Breaks ${breaks}. ${hint}`),
      code,
      h('div', { class: 'row' }, this.toBreak, this.leave),
    )
  }
}
