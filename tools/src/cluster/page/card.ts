import { button, h } from '../../viz/page/dom.ts'
import type { SeenServer } from '../seen.ts'
import type { Standing } from '../standing.ts'

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
  private readonly standing = h('span', { class: 'standing' })
  private readonly where = h('small')
  private readonly indexes = h('dl', { class: 'indexes' })
  private readonly kill: HTMLButtonElement
  private readonly stop: HTMLButtonElement
  private readonly block: HTMLButtonElement
  private readonly lead: HTMLButtonElement
  private readonly remove: HTMLButtonElement
  private readonly cuts = new LinkRow('Cut the link to', 'cut', 'mend')
  private readonly delays = new LinkRow('Slow it, to', 'slow', 'fast')
  private readonly act: Act
  private now: SeenServer | null = null

  constructor(id: number, hasMembers: boolean, act: Act) {
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
    this.lead = button('Let it lead', () => act({ act: 'lead', server }), {
      title: 'The leader hands over to this server',
    })
    this.remove = button('Remove', () => act({ act: 'remove', server }), {
      title: 'The leader removes this server from the cluster, for good',
    })
    const changes = hasMembers ? [this.lead, this.remove] : []
    const { badge, role, standing, where, kill, stop, block } = this
    this.element = h(
      'article',
      { class: 'card', 'aria-label': `Server ${id}`, 'data-server': id },
      h(
        'header',
        {},
        badge,
        h('h2', {}, `Server ${id}`),
        role,
        h('div', { class: 'where' }, where, standing),
      ),
      this.indexes,
      h('div', { class: 'do' }, kill, stop, block, ...changes),
      this.cuts.element,
      this.delays.element,
    )
  }

  /** @param others to whom it has links. */
  show(server: SeenServer, others: readonly number[]): void {
    this.now = server
    const { condition, status, isBlocked, address, pid, standing } = server
    const isDown = condition === 'is down' || condition === 'is gone'
    const role = isDown ? 'Dead' : (status?.role ?? 'Unknown')
    this.element.className = `card role-${role.toLowerCase()}`
    this.element.dataset.condition = isBlocked ? 'cut off' : condition
    this.badge.textContent = isDown ? '†' : (LETTERS[role] ?? '·')
    this.role.textContent = whatOf(server)
    this.showStanding(standing)
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
    this.lead.disabled = standing !== 'member' || role === 'Leader'
    this.remove.disabled = standing !== 'member'
    this.cuts.show(server.id, { others, on: server.cutTo, act: this.act })
    this.delays.show(server.id, { others, on: server.slowTo, act: this.act })
  }

  private showStanding(standing: Standing | null): void {
    this.standing.textContent = standing
    this.standing.hidden = standing === null
    this.standing.dataset.standing = standing ?? ''
  }
}

interface Links {
  readonly others: readonly number[]
  /** To whom the link is as the row says. */
  readonly on: readonly number[]
  readonly act: Act
}

/** A button for each link of a server, which begins something, and ends it. */
class LinkRow {
  readonly element: HTMLElement
  private readonly begin: string
  private readonly end: string
  private readonly toggles = new Map<number, HTMLButtonElement>()

  constructor(name: string, begin: string, end: string) {
    this.begin = begin
    this.end = end
    this.element = h('div', { class: 'links' }, h('span', {}, name))
  }

  show(from: number, { others, on, act }: Links): void {
    this.element.hidden = others.length === 0
    for (const [to, toggle] of this.toggles) {
      if (others.includes(to)) continue
      toggle.remove()
      this.toggles.delete(to)
    }
    for (const to of others) {
      const toggle = this.toggles.get(to) ?? this.add({ from, to }, act)
      toggle.setAttribute('aria-pressed', String(on.includes(to)))
    }
  }

  private add(link: { from: number; to: number }, act: Act): HTMLButtonElement {
    const { begin, end } = this
    const { from, to } = link
    const toggle: HTMLButtonElement = button(`→ ${to}`, () => {
      const isOn = toggle.getAttribute('aria-pressed') === 'true'
      act({ act: isOn ? end : begin, ...link })
    })
    toggle.setAttribute('aria-label', `${begin} the link from ${from} to ${to}`)
    toggle.dataset.link = `${begin} ${from} ${to}`
    this.element.append(toggle)
    this.toggles.set(to, toggle)
    return toggle
  }
}

function whatOf({ condition, ending, status, isBlocked }: SeenServer): string {
  if (condition === 'is gone') return `has ended (${ending})`
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
