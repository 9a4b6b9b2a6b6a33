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
