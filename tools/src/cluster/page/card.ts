import { button, h } from '../../viz/page/dom.ts'
import type { SeenServer } from '../seen.ts'

type Act = (action: object) => void

const LETTERS: Readonly<Record<string, string>> = {
  Leader: 'L',
  Candidate: 'C',
  Follower: 'F',
}

/** One server: what it is, and what can be done to it. */
export class Card {
  readonly element: HTMLElement
  private readonly badge = h('b', { class: 'badge', 'aria-hidden': 'true' })
  private readonly role = h('span', { class: 'what' })
  private readonly where = h('small')
  private readonly indexes = h('dl', { class: 'indexes' })
  private readonly kill: HTMLButtonElement
  private readonly stop: HTMLButtonElement
  private readonly block: HTMLButtonElement
  private readonly cuts = new Map<number, HTMLButtonElement>()
  private readonly delays = new Map<number, HTMLButtonElement>()
  private readonly act: Act
  private now: SeenServer | null = null

  constructor(id: number, others: readonly number[], act: Act) {
    this.act = act
    const server = id
    this.kill = button('', () =>
      act({ act: this.now?.condition === 'is down' ? 'restart' : 'kill', server }),
    )
    this.stop = button('', () =>
      act({ act: this.now?.condition === 'stands still' ? 'continue' : 'stop', server }),
    )
    this.block = button('', () =>
      act({ act: this.now?.isBlocked ? 'unblock' : 'block', server }),
    )
    for (const to of others) {
      this.cuts.set(to, this.link(id, to, 'cut', 'mend'))
      this.delays.set(to, this.link(id, to, 'slow', 'fast'))
    }
    this.element = h(
      'article',
      { class: 'card', 'aria-label': `Server ${id}`, 'data-server': id },
      h('header', {}, this.badge, h('h2', {}, `Server ${id}`), this.role, this.where),
      this.indexes,
      h('div', { class: 'do' }, this.kill, this.stop, this.block),
      this.linkRow('Cut the link to', this.cuts),
      this.linkRow('Slow it, to', this.delays),
    )
  }

  show(server: SeenServer): void {
    this.now = server
    const { condition, status, isBlocked, address, pid, cutTo, slowTo } = server
    const isDown = condition === 'is down'
    const role = isDown ? 'Dead' : (status?.role ?? 'Unknown')
    this.element.className = `card role-${role.toLowerCase()}`
    this.element.dataset.condition = isBlocked ? 'cut off' : condition
    this.badge.textContent = isDown ? '†' : (LETTERS[role] ?? '·')
    this.role.textContent = whatOf(server)
    this.where.textContent = `${address}${pid === null ? '' : ` · pid ${pid}`}`
    this.indexes.replaceChildren(
      ...pair('last entry', status?.log.last),
      ...pair('committed', status?.commitIndex),
      ...pair('applied', status?.lastApplied),
    )
    label(this.kill, isDown ? 'Restart' : 'Kill −9')
    label(this.stop, condition === 'stands still' ? 'Continue' : 'Stop')
    label(this.block, isBlocked ? 'Let back' : 'Cut off')
    this.stop.disabled = isDown
    this.block.disabled = condition !== 'runs'
    for (const [to, toggle] of this.cuts) press(toggle, cutTo.includes(to))
    for (const [to, toggle] of this.delays) press(toggle, slowTo.includes(to))
  }

  private link(from: number, to: number, begin: string, end: string): HTMLButtonElement {
    const toggle: HTMLButtonElement = button(`→ ${to}`, () => {
      const isOn = toggle.getAttribute('aria-pressed') === 'true'
      this.act({ act: isOn ? end : begin, from, to })
    })
    toggle.setAttribute('aria-label', `${begin} the link from ${from} to ${to}`)
    toggle.dataset.link = `${begin} ${from} ${to}`
    return toggle
  }

  private linkRow(
    name: string,
    toggles: ReadonlyMap<number, HTMLButtonElement>,
  ): HTMLElement | null {
    if (toggles.size === 0) return null
    return h('div', { class: 'links' }, h('span', {}, name), ...toggles.values())
  }
}

function whatOf({ condition, status, isBlocked }: SeenServer): string {
  if (condition === 'is down') return 'is down'
  if (condition === 'stands still') return 'stands still'
  if (!status) return 'starts'
  const { role, term } = status
  return `${role}, term ${term}${isBlocked ? ', cut off' : ''}`
}

function pair(name: string, value: number | undefined): HTMLElement[] {
  return [h('dt', {}, name), h('dd', {}, value === undefined ? '–' : String(value))]
}

/** Unchanged, it keeps the pointer and the focus that are on it. */
function label(element: HTMLButtonElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

function press(element: HTMLButtonElement, isOn: boolean): void {
  element.setAttribute('aria-pressed', String(isOn))
}
