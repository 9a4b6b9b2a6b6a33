import { button, h, listen } from './dom.ts'
import {
  type Filtered,
  type Filters,
  NO_FILTERS,
  REASONS,
  type Reason,
} from './filter.ts'
import type { Spacing } from './layout.ts'
import type { Look } from './look.ts'
import type { MarkKind, Timeline } from './timeline.ts'
import { count } from './words.ts'

export interface ToolbarActions {
  readonly setFilters: (filters: Partial<Filters>) => void
  readonly setSpacing: (spacing: Spacing) => void
  readonly setLook: (look: Look) => void
  /** To the next event that the search has found, or the one before. */
  readonly step: (direction: 1 | -1) => void
  readonly go: (kind: MarkKind, direction: 1 | -1) => void
  readonly help: () => void
}

/** All that the toolbar shows of what was chosen in it or elsewhere. */
export interface Shown {
  readonly filters: Filters
  readonly filtered: Filtered
  readonly spacing: Spacing
  readonly look: Look
  /** What else is to be said of the overview. */
  readonly note: string
}

const JUMPS: readonly (readonly [MarkKind, string])[] = [
  ['leader', 'leader'],
  ['fault', 'fault'],
  ['commit', 'commit'],
  ['failure', 'failure'],
]

/** Search, filters, jumps, and how much of the run they leave to see. */
export class Toolbar {
  readonly element: HTMLElement
  readonly search: HTMLInputElement
  private timeline: Timeline
  private readonly actions: ToolbarActions
  private readonly onlyFound: HTMLInputElement
  private readonly hits: HTMLElement
  private readonly found = h('span', { role: 'status' })
  private readonly heartbeats: HTMLInputElement
  private readonly toScale: HTMLInputElement
  private readonly inLanes: HTMLInputElement
  private boxes: {
    box: HTMLInputElement
    isHidden: (f: Filters) => boolean
  }[] = []
  private readonly menus = h('span', { class: 'menus' })
  private readonly jumps = h('span', { class: 'jumps' })
  private readonly status = h('p', { class: 'count', role: 'status' })

  constructor(timeline: Timeline, actions: ToolbarActions) {
    this.timeline = timeline
    this.actions = actions
    this.search = h('input', {
      type: 'search',
      placeholder: 'Search (/)',
      'aria-label': 'Search the events for a text',
      title: 'A text, or a field of the line such as leaderCommit:4',
    })
    listen(this.search, {
      oninput: () => actions.setFilters({ text: this.search.value }),
      onkeydown: (event) => {
        if (event.key === 'Enter') actions.step(event.shiftKey ? -1 : 1)
      },
    })
    this.onlyFound = this.checkbox(() => {
      actions.setFilters({ onlyFound: this.onlyFound.checked })
    })
    this.hits = h(
      'span',
      { class: 'hits jump', role: 'group', 'aria-label': 'What the search has found' },
      button('‹', () => actions.step(-1), { 'aria-label': 'Previous found event' }),
      this.found,
      button('›', () => actions.step(1), { 'aria-label': 'Next found event' }),
      label(this.onlyFound, 'Only these'),
    )
    this.heartbeats = this.checkbox(() => {
      actions.setFilters({ hideHeartbeats: this.heartbeats.checked })
    })
    this.toScale = this.checkbox(() => {
      actions.setSpacing(this.toScale.checked ? 'time' : 'even')
    })
    this.inLanes = this.checkbox(() => {
      actions.setLook(this.inLanes.checked ? 'lanes' : 'columns')
    })
    this.element = h(
      'div',
      { class: 'toolbar', role: 'toolbar', 'aria-label': 'Filters and jumps' },
      this.search,
      this.hits,
      this.menus,
      label(this.heartbeats, 'Hide heartbeats'),
      label(this.toScale, 'Time to scale'),
      label(this.inLanes, 'Lanes'),
      this.jumps,
      button('?', actions.help, { 'aria-label': 'Keys', title: 'Keys (?)' }),
      this.status,
    )
    this.offer()
    document.addEventListener('pointerdown', ({ target }) => {
      if (!(target as Element).closest('.menu')) this.closeMenus()
    })
  }

  /** Offers what there is in another stretch of the run, when nobody is about to choose. */
  update(timeline: Timeline): void {
    this.timeline = timeline
    const { activeElement } = document
    const isInUse =
      this.menus.querySelector('details[open]') !== null ||
      this.menus.contains(activeElement) ||
      this.jumps.contains(activeElement)
    if (!isInUse) this.offer()
  }

  /** What can be left out, and gone to. */
  private offer(): void {
    this.boxes = []
    const menus = [this.serverMenu(), this.methodMenu(), this.eventMenu()]
    this.menus.replaceChildren(...menus.filter((menu) => menu !== null))
    this.jumps.replaceChildren(...this.jumpButtons())
  }

  /** Says what is shown and what is not, and why. */
  show({ filters, filtered, spacing, look, note }: Shown): void {
    if (this.search.value !== filters.text) this.search.value = filters.text
    this.onlyFound.checked = filters.onlyFound
    this.hits.hidden = filters.text === ''
    this.heartbeats.checked = filters.hideHeartbeats
    this.toScale.checked = spacing === 'time'
    this.inLanes.checked = look === 'lanes'
    for (const { box, isHidden } of this.boxes) box.checked = !isHidden(filters)
    const shown = filtered.rows.length
    const text = `${count(shown)} of ${count(this.timeline.rows)} events`
    const hidden = REASONS.filter((reason) => filtered.hidden[reason] > 0).map(
      (reason) => hiddenText(reason, filtered.hidden[reason], filters),
    )
    this.status.replaceChildren(h('b', {}, text))
    if (hidden.length > 0) {
      this.status.append(
        ` · hidden: ${hidden.join(', ')} `,
        button('Show all', () => {
          this.actions.setFilters({ ...NO_FILTERS, text: filters.text })
        }),
      )
    }
    if (note) this.status.append(` · ${note}`)
  }

  /** Which of the events that were found is the selected one. */
  showFound({ found, foundHidden }: Filtered, selected: number): void {
    const at = found.indexOf(selected)
    const which = at === -1 ? '' : `${count(at + 1)} of `
    const more = foundHidden > 0 ? `, ${count(foundHidden)} hidden` : ''
    this.found.textContent = `${which}${count(found.length)} found${more}`
  }

  closeMenus(): void {
    for (const menu of this.element.querySelectorAll('details')) menu.open = false
  }

  private checkbox(onchange: () => void): HTMLInputElement {
    return listen(h('input', { type: 'checkbox' }), { onchange })
  }

  private serverMenu(): HTMLElement {
    const ids = this.timeline.header.lanes
      .filter(({ kind }) => kind === 'server')
      .map(({ id }) => id)
    return this.menu('Servers', ids, (id) => `Server ${id}`, 'servers')
  }

  private methodMenu(): HTMLElement | null {
    const methods = this.timeline.header.methods.filter(Boolean)
    if (methods.length === 0) return null
    return this.menu('RPCs', methods, (method) => method, 'methods')
  }

  private eventMenu(): HTMLElement {
    const present = new Set(this.timeline.event)
    const { events } = this.timeline.header
    const names = events.filter((_, number) => present.has(number))
    return this.menu('Events', names, (name) => name, 'events')
  }

  private menu<T extends string | number>(
    title: string,
    values: readonly T[],
    nameOf: (value: T) => string,
    key: 'servers' | 'methods' | 'events',
  ): HTMLElement {
    const isHidden = (value: T) => (filters: Filters) =>
      (filters[key] as readonly (string | number)[]).includes(value)
    const boxes = values.map((value) => {
      const box = this.checkbox(() => change())
      this.boxes.push({ box, isHidden: isHidden(value) })
      return { box, value }
    })
    const change = () => {
      const hidden = boxes.filter(({ box }) => !box.checked).map(({ value }) => value)
      this.actions.setFilters({ [key]: hidden })
    }
    const rows = boxes.map(({ box, value }) => label(box, nameOf(value)))
    return h(
      'details',
      { class: 'menu', name: 'menu' },
      h('summary', {}, title),
      h('div', { class: 'choices' }, ...rows),
    )
  }

  private jumpButtons(): HTMLElement[] {
    const groups = JUMPS.filter(([kind]) => this.timeline.marks[kind].length > 0)
    return groups.map(([kind, name]) => {
      const go = (direction: 1 | -1) => () => this.actions.go(kind, direction)
      return h(
        'span',
        { class: 'jump', role: 'group', 'aria-label': `Jump to ${name}` },
        button('‹', go(-1), { 'aria-label': `Previous ${name}` }),
        h(
          'span',
          {},
          `${name} `,
          h('small', {}, count(this.timeline.marks[kind].length)),
        ),
        button('›', go(1), { 'aria-label': `Next ${name}` }),
      )
    })
  }
}

function label(box: HTMLInputElement, text: string): HTMLElement {
  return h('label', {}, box, ` ${text}`)
}

function hiddenText(reason: Reason, rows: number, filters: Filters): string {
  const names: Record<Reason, string> = {
    heartbeats: 'of heartbeats',
    servers: `of server ${filters.servers.join(', ')}`,
    methods: `of ${filters.methods.join(', ')}`,
    events: `of ${filters.events.join(', ')} events`,
    text: `without “${filters.text}”`,
  }
  return `${count(rows)} ${names[reason]}`
}
