import { button, h, listen } from 'tools/viz/page/dom'
import { type Deed, MAX_COMMAND_LENGTH } from '../sim/action.ts'
import type { Request, Run } from '../sim/simulation.ts'
import { setText } from './svg.ts'

/** Older ones have scrolled by. */
const SHOWN = 8

/** Where commands are typed: to the leader, or to the client of a part that has one. */
export class Console {
  readonly element = h('section', {
    class: 'console',
    'aria-label': 'What the cluster is asked for',
  })
  private readonly act: (deed: Deed) => void
  private readonly addressee: () => number
  private readonly command = field('Command')
  private readonly submit = button('Submit', () => this.submitCommand())
  private readonly what = h('select')
  private readonly key = field('Key')
  private readonly value = field('Value')
  private readonly hold = button('Hold back', () => this.holdOrRelease())
  private readonly answers = h('ol', { class: 'answers', tabindex: 0 })
  private readonly toLeader: HTMLElement
  private readonly toClient: HTMLElement
  private shown = ''
  private commands = 0
  private simulation: Run | null = null

  constructor(act: (deed: Deed) => void, addressee: () => number) {
    this.act = act
    this.addressee = addressee
    this.what.setAttribute('aria-label', 'What the client asks for')
    this.answers.setAttribute('aria-label', 'What the client asked, latest first')
    this.value.value = '1'
    this.key.value = 'x'
    this.toLeader = h('div', { class: 'row submit' }, this.command, this.submit)
    const ask = button('Ask', () => this.ask())
    const parts = [this.what, this.key, this.value, ask, this.hold]
    const row = h('div', { class: 'row submit' }, ...parts)
    this.toClient = h('div', { class: 'asking' }, row, this.answers)
    listen(this.what, { onchange: () => this.showValue() })
    for (const [input, send] of [
      [this.command, () => this.submitCommand()],
      [this.key, () => this.ask()],
      [this.value, () => this.ask()],
    ] as const) {
      listen(input, {
        onkeydown: ({ key }) => {
          if (key === 'Enter') send()
        },
      })
    }
    this.element.append(this.toClient, this.toLeader)
    this.nameCommand()
  }

  render(simulation: Run): void {
    if (simulation.part !== this.simulation?.part) this.show(simulation)
    this.simulation = simulation
    this.element.hidden = !simulation.part.hasLog
    setText(this.submit, `Submit to server ${this.addressee()}`)
    this.renderHold(simulation.answersHeld)
    this.renderAnswers(simulation.requests)
  }

  submitCommand(): void {
    const command = this.command.value.trim()
    if (command === '') return
    this.act({ do: 'submit', server: this.addressee(), command })
    this.nameCommand()
  }

  private show({ part }: Run): void {
    const asks = Object.keys(part.lab.clients?.asks ?? {})
    this.toClient.hidden = asks.length === 0
    this.toLeader.hidden = asks.length > 0
    this.what.replaceChildren(...asks.map((what) => h('option', { value: what }, what)))
    this.showValue(part.lab.clients?.asks)
  }

  /** Some of what can be asked comes with a value. */
  private showValue(asks = this.simulation?.part.lab.clients?.asks): void {
    this.value.hidden = (asks?.[this.what.value]?.length ?? 0) < 2
  }

  private ask(): void {
    const [what, key] = [this.what.value, this.key.value.trim()]
    const value = this.value.hidden ? '' : this.value.value
    if (key !== '') this.act({ do: 'ask', what, key, value })
  }

  private holdOrRelease(): void {
    const isHeld = (this.simulation?.answersHeld ?? null) !== null
    this.act({ do: isHeld ? 'release' : 'hold' })
  }

  private renderHold(held: number | null): void {
    const word = held === null ? 'Hold back' : `Release ${held}`
    const what = held === null ? ' the leader’s answers' : ' answers'
    setText(this.hold, word)
    this.hold.setAttribute('aria-label', word + what)
    this.hold.title = word + what
  }

  private renderAnswers(requests: readonly Request[]): void {
    const text = JSON.stringify(requests.slice(-SHOWN))
    if (text === this.shown) return
    this.shown = text
    const latest = requests.slice(-SHOWN).toReversed()
    const items = latest.map((request) => {
      const { f, key, value, outcome } = request
      const asked = [f, key, ...(value === undefined ? [] : [JSON.stringify(value)])]
      const word = outcome ?? 'waits'
      return h(
        'li',
        {},
        h('code', { class: 'asked' }, asked.join(' ')),
        h('span', { class: `outcome ${word.replace(' ', '-')}` }, word),
        h('span', { class: 'time' }, answerText(request)),
      )
    })
    const hint = h(
      'li',
      { class: 'hint' },
      'A client of the part’s own code: it finds the leader. What it asks is done, not done, or unknown.',
    )
    this.answers.replaceChildren(...(items.length > 0 ? items : [hint]))
  }

  private nameCommand(): void {
    this.commands += 1
    this.command.value = `x=${this.commands}`
  }
}

function field(label: string): HTMLInputElement {
  const input = h('input', { type: 'text', maxlength: MAX_COMMAND_LENGTH })
  input.setAttribute('aria-label', label)
  return input
}

function answerText({ f, outcome, answer }: Request): string {
  if (outcome !== 'done') return ''
  if (answer.held === false) return 'the condition did not hold'
  const was = f === 'get' ? answer.value : answer.previous
  const text = was === null || was === undefined ? 'nothing' : JSON.stringify(was)
  return f === 'get' ? `found ${text}` : `before: ${text}`
}
