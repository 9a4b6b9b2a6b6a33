import { changeText, configurationIn } from 'tools/testlog/configuration'
import { h } from 'tools/viz/page/dom'
import type { Run } from '../sim/simulation.ts'

/** More entries than this do not help to see what goes on. */
const SHOWN = 40
const TERM_COLORS = 6

/** The logs of all servers under each other, so that their entries can be compared. */
export class Logs {
  readonly element = h('section', { class: 'logs', 'aria-label': 'The logs' })
  private shown = ''
  private readonly title: string

  constructor(title = 'Logs') {
    this.title = title
  }

  render(simulation: Run): void {
    const rows = simulation.ids.map((id) => {
      const view = simulation.view(id)
      const { commitIndex, firstIndex, lastIndex, term, role } = view
      const log = Array.from({ length: lastIndex }, (_, i) => view.entryAt(i + 1))
      return { id, log, commitIndex, firstIndex, term, role }
    })
    const text = JSON.stringify(rows)
    if (text === this.shown) return
    this.shown = text
    const longest = Math.max(...rows.map(({ log }) => log.length))
    const first = Math.max(0, longest - SHOWN)
    const columns = Array.from({ length: longest - first }, (_, i) => first + i + 1)
    const head = h(
      'tr',
      {},
      h('th', { scope: 'col' }, 'Server'),
      ...columns.map((index) => h('th', { scope: 'col' }, String(index))),
    )
    const body = rows.map(({ id, log, commitIndex, firstIndex }) => {
      const cells = columns.map((index) =>
        entryCell(
          log[index - 1],
          index <= commitIndex,
          index < firstIndex,
          changeIn(log, index),
        ),
      )
      return h('tr', {}, h('th', { scope: 'row' }, String(id)), ...cells)
    })
    const table = h('table', {}, h('thead', {}, head), h('tbody', {}, ...body))
    const note =
      longest === 0
        ? 'All logs are empty: submit a command to the leader.'
        : 'A command, and the term in which a leader took it. Full border: the server ' +
          'knows that it is committed.'
    const scroller = h('div', { class: 'scroller', tabindex: 0 }, table)
    scroller.setAttribute('role', 'group')
    scroller.setAttribute('aria-label', `${this.title}: entries by server`)
    this.element.replaceChildren(h('h3', {}, this.title), scroller, h('p', {}, note))
  }
}

/** What a client asked for, in the words in which it was asked. */
function commandText(command: unknown): string {
  const text = String(command)
  if (!text.startsWith('{"op":')) return text
  try {
    const { op, key, value } = JSON.parse(text) as Record<string, unknown>
    return [op, key, value].filter((word) => word !== undefined).join(' ')
  } catch {
    return text
  }
}

/** What an entry changes about the cluster; null when it is none of those. */
function changeIn(log: readonly (object | undefined)[], index: number): string | null {
  const configuration = configurationIn(log[index - 1] ?? {})
  if (!configuration) return null
  const before = log
    .slice(0, index - 1)
    .flatMap((entry) => configurationIn(entry ?? {}) ?? [])
  return changeText(
    configuration,
    before.at(-1)?.members.map(({ id }) => id),
  )
}

function entryCell(
  entry: { readonly term: number; readonly command: unknown } | undefined,
  isCommitted: boolean,
  isInSnapshot: boolean,
  change: string | null,
): HTMLElement {
  if (isInSnapshot) return h('td', { title: 'in its snapshot' }, '⛁')
  if (!entry) return h('td')
  const color = `entry term-${entry.term % TERM_COLORS}`
  return h(
    'td',
    {},
    h(
      'span',
      { class: `${color}${isCommitted ? ' committed' : ''}` },
      change ?? commandText(entry.command),
      h('small', {}, ` t${entry.term}`),
      h('span', { class: 'unseen' }, isCommitted ? ', committed' : ', not committed'),
    ),
  )
}
