import { type Family, familyOf, shadeOf } from '../../testlog/rpc.ts'
import type { Header } from '../shared/format.ts'
import { visible } from '../shared/text.ts'
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
export function legend(
  chapter: string | null,
  { methods, lanes, outsiders }: Pick<Header, 'methods' | 'lanes' | 'outsiders'>,
): HTMLElement {
  const hasClients = lanes.some(({ kind, id }) => kind === 'client' && id !== -1)
  return h(
    'details',
    { class: 'legend' },
    h('summary', {}, 'What am I looking at?'),
    h(
      'div',
      {},
      h(
        'p',
        {},
        'Time runs downwards. Every server has a column, or a lane where columns are too ' +
          'narrow for words, and its colour is the role the server has at that time. The ' +
          'letter and number in a cell are its role and its term, Raft’s clock: whoever ' +
          'hears of a higher term follows in it.',
      ),
      h('dl', {}, ...cells(hasClients, outsiders.length > 0), ...lines(methods)),
      chapter === null
        ? null
        : h(
            'p',
            {},
            h('a', { href: chapter }, 'Read the chapter'),
            ' that this run is from.',
          ),
    ),
  )
}

function cells(hasClients: boolean, hasOutsiders: boolean): HTMLElement[] {
  const cell = (look: string, content: HTMLElement, meaning: string) => [
    h('dt', {}, h('span', { class: `cell lane ${look} sample` }, content)),
    h('dd', {}, meaning),
  ]
  const chip = (text: string, look = '') => h('span', { class: `chip ${look}` }, text)
  const cut = h('span', { class: 'mark' }, 'cut')
  return [
    ...cell('role-follower on', chip('F1'), 'Follower: waits to hear from a leader.'),
    ...cell(
      'role-candidate on',
      chip('C2'),
      'Candidate: heard none, and asks for votes in a new term.',
    ),
    ...cell(
      'role-leader on',
      chip('L2'),
      'Leader: a majority voted for it; it sends AppendEntries.',
    ),
    ...cell(
      'role-leader on deposed',
      chip('L1'),
      'Hatched: deposed, and does not know it yet. Another server leads a higher term.',
    ),
    ...cell('role-dead on', chip('†2'), 'Dead: stopped or crashed.'),
    ...cell('role-follower on', chip('F2', 'new-term'), 'The server enters this term.'),
    ...cell('role-leader on', chip('L2', 'new-role'), 'It has this role from here on.'),
    ...cell('role-follower broken', cut, 'As long as there is red: cut off, or down.'),
    ...(hasOutsiders
      ? cell(
          'role-follower on outsider',
          chip('F1'),
          'Pale: no member. It is new, or learns, or was removed, and counts in no majority.',
        )
      : []),
    ...(hasClients
      ? [
          ...cell(
            'operation outcome-done on',
            nothing(),
            'A client waits, and is answered.',
          ),
          ...cell(
            'operation outcome-not-done on',
            nothing(),
            'It was certainly not done.',
          ),
          ...cell(
            'operation outcome-unknown on',
            nothing(),
            'Nobody knows what came of it.',
          ),
        ]
      : []),
  ]
}

const nothing = () => h('span')

const ABOUT: Readonly<Record<Family, string>> = {
  vote: ', from where it is sent to where it arrives.',
  append: ': entries of the log, or a heartbeat.',
  other: ', another RPC.',
}

function lines(methods: readonly string[]): HTMLElement[] {
  const line = (look: string, text: string, meaning: string) => [
    h('dt', { class: `line-sign ${look}` }, text),
    h('dd', {}, meaning),
  ]
  const rpcs = methods.filter(Boolean).flatMap((method) => {
    const family = familyOf(method)
    const look = family === 'other' ? `other-${shadeOf(method)}` : family
    return line(look, '──▸', visible(method) + ABOUT[family])
  })
  return [
    ...rpcs,
    ...line('', '╌╌▸', 'A reply. Dotted: the log does not say, and this is a guess.'),
    ...line('lost', '─✕', 'A message that was lost.'),
    ...line('', '──○', 'A message of which the log tells no arrival.'),
    ...line('', '△ ★ ⚡ ✖', 'In the strip: election, new leader, fault, failure.'),
  ]
}
