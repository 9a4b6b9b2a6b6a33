import { button, h } from './dom.ts'
import type { Command } from './keys.ts'

const KEY_NAMES: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  PageDown: 'Page ↓',
  PageUp: 'Page ↑',
  Escape: 'Esc',
}

/** A window over the page with all keys in it. */
export function helpDialog(commands: readonly Command[]): HTMLDialogElement {
  const rows = commands.flatMap(({ keys, does }) => [
    h('dt', {}, ...keys.flatMap((key) => [h('kbd', {}, KEY_NAMES[key] ?? key), ' '])),
    h('dd', {}, does),
  ])
  const dialog = h('dialog', { class: 'help', 'aria-label': 'Keys' })
  dialog.append(
    h('h2', {}, 'Keys'),
    h('dl', {}, ...rows),
    button('Close', () => dialog.close()),
  )
  return dialog
}

/** What the colours, letters and lines mean, for someone who sees them for the first time. */
export function legend(chapter: string | null): HTMLElement {
  const role = (name: string, letter: string, text: string) => [
    h('dt', {}, h('span', { class: `cell lane role-${name} on sample` }, chip(letter))),
    h('dd', {}, text),
  ]
  const sign = (text: string, meaning: string) => [
    h('dt', { class: 'line-sign' }, text),
    h('dd', {}, meaning),
  ]
  return h(
    'details',
    { class: 'legend' },
    h('summary', {}, 'What am I looking at?'),
    h(
      'p',
      {},
      'Time runs downwards. Every server has a column, and its colour is the role the server ' +
        'has at that time. The letter and number in a cell are its role and its term, ' +
        'Raft’s clock: whoever hears of a higher term follows in it.',
    ),
    h(
      'dl',
      {},
      ...role('follower', 'F1', 'Follower: waits to hear from a leader.'),
      ...role(
        'candidate',
        'C2',
        'Candidate: heard none, and asks for votes in a new term.',
      ),
      ...role(
        'leader',
        'L2',
        'Leader: a majority voted for it; it sends AppendEntries.',
      ),
      ...role('dead', '†2', 'Dead: stopped or crashed.'),
      ...sign('──▸', 'A message, from where it is sent to where it arrives.'),
      ...sign('╌╌▸', 'A reply. Dotted: the log does not say, and this is a guess.'),
      ...sign('─✕', 'A message that was lost.'),
      ...sign('──○', 'A message of which the log tells no arrival.'),
      ...sign('△ ★ ⚡ ✖', 'In the strip: election, new leader, fault, failure.'),
    ),
    chapter === null
      ? null
      : h(
          'p',
          {},
          h('a', { href: chapter }, 'Read the chapter'),
          ' that this run is from.',
        ),
  )
}

function chip(text: string): HTMLElement {
  return h('span', { class: 'chip' }, text)
}
