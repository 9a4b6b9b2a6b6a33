import { h, listen } from '../../viz/page/dom.ts'
import { durationText } from '../../viz/page/words.ts'
import type { Answered } from '../seen.ts'
import { send } from './send.ts'

const OPERATIONS = ['put', 'get', 'append', 'delete'] as const
/** Of what was asked, the latest. */
const MOST_ANSWERS = 5

/** Asks the service for something, and shows which of the three kinds of answer came. */
export class Console {
  readonly element: HTMLElement
  private readonly op = choice('What to do', OPERATIONS)
  private readonly key = field('Key', 'color')
  private readonly value = field('Value', 'blue')
  private readonly server = choice('Which server is asked first', ['any server'])
  private readonly answers = h('ol', { class: 'answers', 'aria-live': 'polite' })

  constructor() {
    listen(this.op, { onchange: () => this.adapt() })
    const form = h(
      'form',
      { 'aria-label': 'Ask the service' },
      this.op,
      this.key,
      this.value,
      this.server,
      h('button', { type: 'submit' }, 'Ask'),
    )
    listen(form, {
      onsubmit: (event) => {
        event.preventDefault()
        void this.ask()
      },
    })
    this.element = h(
      'section',
      { class: 'console' },
      h('h2', {}, 'Ask'),
      form,
      this.answers,
    )
  }

  /** Lets a person choose among these servers. */
  offer(ids: readonly number[]): void {
    const [anyone, ...offered] = this.server.options
    const isSame = ids.every((id, i) => offered[i]?.value === String(id))
    if (!anyone || (isSame && ids.length === offered.length)) return
    const chosen = this.server.value
    const options = ids.map((id) => h('option', { value: id }, `server ${id}`))
    this.server.replaceChildren(anyone, ...options)
    // Whom it was about to ask may be gone.
    this.server.value = options.some(({ value }) => value === chosen)
      ? chosen
      : anyone.value
  }

  private adapt(): void {
    this.value.hidden = this.op.value === 'get' || this.op.value === 'delete'
  }

  private async ask(): Promise<void> {
    const [op, key, value] = [this.op.value, this.key.value, this.value.value]
    const server = this.server.selectedIndex === 0 ? null : Number(this.server.value)
    const what = `${op} ${key}${this.value.hidden ? '' : ` ${value}`}`
    const kind = h('b', { class: 'outcome' }, '…')
    const text = h('span', {}, 'waits')
    const row = h('li', {}, kind, h('code', {}, what), text)
    this.answers.prepend(row)
    while (this.answers.childElementCount > MOST_ANSWERS)
      this.answers.lastChild?.remove()
    try {
      const asked = { op, key, value, server }
      const { outcome, ms, text: said } = (await send('ask', asked)) as Answered
      kind.textContent = outcome
      kind.classList.add(`outcome-${outcome.replace(' ', '-')}`)
      // Its kind stands before it.
      const rest = said.startsWith(`${outcome}: `)
        ? said.slice(outcome.length + 2)
        : said
      text.textContent = `${rest} · ${durationText(ms)}`
    } catch (error) {
      kind.textContent = 'not asked'
      text.textContent = (error as Error).message
    }
  }
}

function choice(name: string, values: readonly string[]): HTMLSelectElement {
  const options = values.map((value) => h('option', { value }, value))
  return h('select', { 'aria-label': name }, ...options)
}

function field(name: string, value: string): HTMLInputElement {
  return h('input', {
    type: 'text',
    value,
    'aria-label': name,
    placeholder: name.toLowerCase(),
    autocomplete: 'off',
    spellcheck: 'false',
  })
}
