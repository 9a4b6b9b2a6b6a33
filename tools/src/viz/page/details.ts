import { FLAG } from '../shared/format.ts'
import { shorten, visible } from '../shared/text.ts'
import { button, h } from './dom.ts'
import { EVENT, NONE, type Snapshot, type Timeline } from './timeline.ts'
import { isLong, textWithMore, unfolding } from './unfold.ts'
import { laneName, roleName, timeText } from './words.ts'

export interface DetailActions {
  readonly select: (row: number) => void
  readonly togglePin: (row: number) => void
  readonly copy: (row: number) => void
  readonly line: (row: number) => Promise<string>
  readonly isPinned: (row: number) => boolean
}

/** All about one event: its fields, its RPC, and what it changed. */
export function details(
  timeline: Timeline,
  row: number,
  actions: DetailActions,
): HTMLElement {
  const raw = h('pre', { class: 'raw', tabindex: 0, 'aria-label': 'Raw log line' }, '…')
  const fields = h('div', { class: 'fields' })
  void actions.line(row).then((line) => {
    raw.replaceChildren(...textWithMore(line))
    fields.replaceChildren(fieldTable(line))
  })
  return h(
    'section',
    { class: 'details', 'aria-label': 'Selected event' },
    ...changes(timeline, row),
    ...rpcSection(timeline, row, actions),
    h('h3', {}, 'Fields'),
    fields,
    h('details', { class: 'raw-line' }, h('summary', {}, 'Raw log line'), raw),
    h(
      'p',
      { class: 'buttons' },
      button(actions.isPinned(row) ? 'Unpin (p)' : 'Pin (p)', () =>
        actions.togglePin(row),
      ),
      button('Copy raw lines (y)', () => actions.copy(row)),
    ),
  )
}

/** What a reader sees elsewhere on the page: not repeated among the fields. */
const SHOWN_ELSEWHERE = new Set(['level', 'test', 'server', 'event', 'rpc', 'state'])

/** More than anyone would read; the raw line has them all. */
const MOST_FIELDS = 500

function fieldTable(line: string): HTMLElement {
  const fields = parse(line)
  const rows = Object.entries(fields)
    .filter(([name]) => !SHOWN_ELSEWHERE.has(name))
    .slice(0, MOST_FIELDS)
    .map(([name, value]) => fieldRow(name, value))
  return h('dl', {}, ...rows.flat())
}

function fieldRow(name: string, value: unknown): HTMLElement[] {
  return [h('dt', {}, visible(name)), h('dd', {}, ...textOf(name, value))]
}

function textOf(name: string, value: unknown): (Node | string)[] {
  if (typeof value === 'string') return textWithMore(value)
  if (name !== 'error') return unfolding(value)
  // A stack is read line by line; the raw line has it as it is.
  return textWithMore(JSON.stringify(value, null, 1).replaceAll('\\n', '\n'))
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return { line }
  }
}

/** The states that the event touched, before and after, with what changed marked. */
function changes(timeline: Timeline, row: number): HTMLElement[] {
  const lanes = [timeline.lane[row] ?? 0]
  const peer = timeline.laneOfServer(timeline.peer[row] ?? NONE)
  if (peer !== NONE) lanes.push(peer)
  const tables = lanes
    .filter((lane) => timeline.isServer(lane))
    .map((lane) => changeTable(timeline, lane, row))
  return tables.length > 0 ? [h('h3', {}, 'Before and after'), ...tables] : []
}

function changeTable(timeline: Timeline, lane: number, row: number): HTMLElement {
  const before = fieldsOf(timeline, timeline.snapshot(lane, row - 1))
  const after = fieldsOf(timeline, timeline.snapshot(lane, row))
  const names = [...new Set([...before.keys(), ...after.keys()])]
  const rows = names.map((name) => {
    const [was = '–', is = '–'] = [before.get(name), after.get(name)]
    const isSame = was === is
    const now = h('td', {}, isSame ? '' : h('ins', {}, is))
    return h(
      'tr',
      { class: isSame ? 'same' : 'changed' },
      h('th', { scope: 'row' }, name),
      h('td', {}, isSame ? was : h('del', {}, was)),
      now,
    )
  })
  const head = [laneName(timeline, lane), 'before', 'after']
  return h(
    'table',
    { class: 'changes' },
    h('thead', {}, h('tr', {}, ...head.map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, ...rows),
  )
}

function fieldsOf(timeline: Timeline, { role, term, state, log }: Snapshot) {
  const fields = new Map([
    ['role', roleName(role)],
    ['currentTerm', String(term)],
  ])
  for (const [name, value] of Object.entries(state)) {
    fields.set(
      name,
      typeof value === 'object' && value !== null ? mapText(value) : `${value}`,
    )
  }
  if (timeline.hasLogs && log > 0) {
    const { index, term, command } = timeline.entry(log)
    fields.set('last entry', `${index}: ${command} (term ${term})`)
  }
  return fields
}

function mapText(value: object): string {
  if (Array.isArray(value)) return value.join(', ') || '–'
  const pairs = Object.entries(value).map(([id, index]) => `${id}: ${index}`)
  return pairs.length > 0 ? pairs.join(', ') : '–'
}

/** The rows of the event's RPC, request and reply, each a step to go to. */
function rpcSection(
  timeline: Timeline,
  row: number,
  actions: DetailActions,
): HTMLElement[] {
  const rpc = timeline.rpc[row] ?? 0
  if (rpc === 0) return []
  const rows: number[] = []
  for (let at = 0; at < timeline.rows; at += 1)
    if (timeline.rpc[at] === rpc) rows.push(at)
  const sentAt = timeline.times[rows[0] ?? 0] ?? 0
  const method = timeline.header.methods[timeline.method[row] ?? 0] ?? ''
  const steps = rows.map((step) =>
    rpcStep(timeline, step, step === row, sentAt, actions),
  )
  const isGuess = rows.some((step) => timeline.has(step, FLAG.guess))
  const guess = h(
    'p',
    { class: 'guess' },
    'The log has no message ids: which lines belong together is a guess.',
  )
  return [
    h('h3', {}, visible(method)),
    ...(isGuess ? [guess] : []),
    h('ol', { class: 'rpc' }, ...steps),
  ]
}

function rpcStep(
  timeline: Timeline,
  row: number,
  isSelected: boolean,
  sentAt: number,
  actions: DetailActions,
): HTMLElement {
  const kind = timeline.has(row, FLAG.reply) ? 'reply' : 'request'
  const verb = VERBS[timeline.event[row] ?? 0] ?? timeline.eventName(row)
  const lane = laneName(timeline, timeline.lane[row] ?? 0)
  const after = timeText((timeline.times[row] ?? 0) - sentAt)
  const step = h('li', {})
  const go = button(`${kind} ${verb}, ${lane}`, () => actions.select(row), {
    ...(isSelected && { 'aria-current': 'true' }),
  })
  const args = h('code', {})
  void actions.line(row).then((line) => {
    const { rpc } = parse(line) as { rpc?: { args?: unknown } }
    if (rpc?.args !== undefined) args.replaceChildren(...argsOf(rpc.args))
    else args.textContent = visible(shorten(line, 300))
  })
  step.append(go, h('small', {}, ` +${after} ms`), args)
  return step
}

const VERBS: Readonly<Record<number, string>> = {
  [EVENT.send]: 'sent',
  [EVENT.receive]: 'received',
  [EVENT.drop]: 'lost',
}

/** Short arguments as they are; of long ones each on a line, to be unfolded. */
function argsOf(args: unknown): (Node | string)[] {
  if (!isLong(args) || typeof args !== 'object' || args === null) {
    return [visible(JSON.stringify(args).replaceAll(/"(\w+)":/g, ' $1: '))]
  }
  return Object.entries(args).map(([name, value]) =>
    h('div', {}, `${visible(name)}: `, ...unfolding(value)),
  )
}
