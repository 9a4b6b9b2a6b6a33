import { isKnown } from 'tools/testlog/event'
import { button, h, listen } from 'tools/viz/page/dom'
import { isRoutine } from '../sim/rules.ts'
import type { PlayEvent, Run } from '../sim/simulation.ts'
import { sentenceOf, timeText } from './words.ts'

const SHOWN = 30

/** What happened, latest first; each of them can be asked why. */
export class Events {
  readonly element = h('section', { class: 'events', 'aria-label': 'What happened' })
  private readonly list = h('ol', { reversed: true })
  private readonly choose: (event: PlayEvent) => void
  private simulation: Run | null = null
  private seen = 0
  private showsRoutine = false
  private kept: PlayEvent[] = []

  constructor(choose: (event: PlayEvent) => void) {
    this.choose = choose
    const box = listen(h('input', { type: 'checkbox' }), {
      onchange: () => {
        this.showsRoutine = box.checked
        if (this.simulation) this.restart(this.simulation)
      },
    })
    const label = h('label', {}, box, ' heartbeats, too')
    this.list.tabIndex = 0
    this.list.setAttribute('aria-label', 'Events, latest first')
    this.element.append(
      h('div', { class: 'head' }, h('h3', {}, 'What happened'), label),
      this.list,
    )
  }

  render(simulation: Run): void {
    if (simulation !== this.simulation) this.restart(simulation)
    const { events } = simulation
    if (events.length === this.seen) return
    const fresh = events.slice(this.seen).filter((event) => this.isShown(event))
    this.seen = events.length
    if (fresh.length === 0) return
    this.kept = [...this.kept, ...fresh].slice(-SHOWN)
    this.list.replaceChildren(...this.kept.toReversed().map((event) => this.item(event)))
  }

  private restart(simulation: Run): void {
    this.simulation = simulation
    this.seen = 0
    this.kept = []
    this.list.replaceChildren()
    this.render(simulation)
  }

  private isShown(event: PlayEvent): boolean {
    return this.showsRoutine || !isRoutine(event)
  }

  private item(event: PlayEvent): HTMLElement {
    const time = h('span', { class: 'time' }, timeText(event.time))
    const entry = button('', () => this.choose(event), { 'data-event': event.event })
    entry.append(time, ' ')
    if (!isKnown(event.event) && event.client === undefined)
      entry.append(h('span', { class: 'kind' }, event.event), ' ')
    entry.append(sentenceOf(event))
    return h('li', {}, entry)
  }
}
