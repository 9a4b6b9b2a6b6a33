/** What keys do: those of RaftScope, and a few that it lacks. */
import { button, h } from 'tools/viz/page/dom'

/** As a browser names it, and what it does, in a few words. */
const KEYS = [
  { keys: [' ', '.'], shown: 'space', does: 'play, pause' },
  { keys: ['ArrowRight'], shown: '→', does: 'one event on' },
  { keys: ['ArrowLeft'], shown: '←', does: 'one event back' },
  { keys: ['+', '='], shown: '+', does: 'faster' },
  { keys: ['-'], shown: '−', does: 'slower' },
  { keys: ['c'], shown: 'C', does: 'a command for the leader' },
  { keys: ['r'], shown: 'R', does: 'the leader crashes and restarts' },
  { keys: ['t'], shown: 'T', does: 'spread the election timers' },
  { keys: ['a'], shown: 'A', does: 'align them: a split vote' },
  { keys: ['b'], shown: 'B', does: 'bring everything back' },
  { keys: ['l'], shown: 'L', does: 'a scene of logs that differ' },
  { keys: ['f'], shown: 'F', does: 'forget what comes later' },
  { keys: ['?'], shown: '?', does: 'these keys' },
] as const

export type Key = (typeof KEYS)[number]['shown']

/** The key of ours that was pressed, if it was meant for us. */
export function keyOf(event: KeyboardEvent, element: HTMLElement): Key | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null
  const target = event.target as Element
  const isElsewhere = target !== document.body && !element.contains(target)
  if (isElsewhere || target.matches('input, select, textarea')) return null
  if (target.closest('dialog')) return null
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key
  // A button that has the focus is pressed by the space bar.
  if (pressed === ' ' && target.matches('button, a, summary, [role=button]')) return null
  return (
    KEYS.find(({ keys }) => (keys as readonly string[]).includes(pressed))?.shown ?? null
  )
}

/** The ones that are used most, in a line. */
const IN_SHORT: readonly (readonly [Key, string])[] = [
  ['space', 'play'],
  ['←', 'back'],
  ['→', 'step'],
  ['C', 'command'],
  ['R', 'restart leader'],
  ['T', 'spread timers'],
  ['A', 'align timers'],
  ['B', 'bring back'],
  ['?', 'all keys'],
]

export function keyLine(): HTMLElement {
  const words = IN_SHORT.flatMap(([key, does]) => [h('kbd', {}, key), ` ${does}   `])
  return h('p', { class: 'keys' }, ...words)
}

export class KeyHelp {
  readonly element = h('dialog', { class: 'key-help', 'aria-label': 'Keys' })

  constructor() {
    const rows = KEYS.map(({ shown, does }) =>
      h('div', {}, h('dt', {}, h('kbd', {}, shown)), h('dd', {}, does)),
    )
    this.element.append(
      h('h3', {}, 'Keys'),
      h('p', { class: 'note' }, 'As in RaftScope, where it has them.'),
      h('dl', {}, ...rows),
      button('Close', () => this.element.close()),
    )
  }

  open(): void {
    this.element.showModal()
  }
}
