import { causeOf, effectsOf } from './causes.ts'
import { subjectOf } from './cells.ts'
import { button, h } from './dom.ts'
import { EVENT, NONE, type Timeline } from './timeline.ts'
import { fieldsOf, type Told, tell } from './told.ts'
import { count, laneName, rowText, timeText } from './words.ts'

/** Of what came of an event so many are listed; a turn of a leader can have hundreds. */
const MOST_EFFECTS = 12

export interface TellingActions {
  readonly select: (row: number) => void
  readonly line: (row: number) => Promise<string>
}

/** First of all what happened, in a sentence, and why it matters; then what led to what. */
export function telling(
  timeline: Timeline,
  row: number,
  actions: TellingActions,
): HTMLElement {
  const [, gist, message] = rowText(timeline, row)
  const time = timeText(timeline.times[row] ?? 0)
  const rest = gist && !message.includes(gist) ? `: ${gist}` : ''
  const why = h('div', { class: 'why' })
  void toldOf(timeline, row, actions).then((told) => {
    why.replaceChildren(...whyItMatters(told))
  })
  return h(
    'section',
    { class: 'telling', 'aria-label': 'What happened' },
    h('h2', {}, ...subjectOf(timeline, row), `${message}${rest}`),
    h(
      'p',
      { class: 'muted' },
      `${timeline.eventName(row)}, event ${count(row + 1)} at ${time} ms`,
    ),
    why,
    ...chain(timeline, row, actions),
  )
}

async function toldOf(
  timeline: Timeline,
  row: number,
  { line }: TellingActions,
): Promise<Told> {
  const cause = causeOf(timeline, row)
  // What is answered stands in the line of the request's arrival.
  const isAnswer = timeline.event[row] === EVENT.send && cause !== NONE
  const request = isAnswer ? fieldsOf(await line(cause)).args : null
  return tell(timeline, row, fieldsOf(await line(row)), request)
}

function whyItMatters({ rule, knew, counted }: Told): HTMLElement[] {
  const paragraphs: HTMLElement[] = []
  if (rule) {
    const { text, paper } = rule
    paragraphs.push(h('p', { class: 'rule' }, `${text} `, h('small', {}, `(${paper})`)))
  }
  if (knew.length > 0) paragraphs.push(h('p', { class: 'knew' }, knew.join(' ')))
  if (counted.length > 0) paragraphs.push(majority(counted))
  return paragraphs
}

/** A majority drawn: those that are counted filled. */
function majority(counted: Told['counted']): HTMLElement {
  const number = counted.filter(({ isIn }) => isIn).length
  const text = `${number} of ${counted.length}`
  const signs = counted.map(({ id, isIn }) =>
    h('span', { class: isIn ? 'in' : 'out' }, String(id)),
  )
  return h('p', { class: 'majority', role: 'img', 'aria-label': text }, ...signs)
}

/** Because of what, and what came of it: each a step to go to. */
function chain(
  timeline: Timeline,
  row: number,
  { select }: TellingActions,
): HTMLElement[] {
  const go = (to: number) => {
    const [, , message] = rowText(timeline, to)
    const later = (timeline.times[to] ?? 0) - (timeline.times[row] ?? 0)
    const sign = later < 0 ? '−' : '+'
    const name = laneName(timeline, timeline.lane[to] ?? 0)
    return h(
      'li',
      {},
      button(`${name}: ${message}`, () => select(to)),
      h('small', {}, ` ${sign}${timeText(Math.abs(later))} ms`),
    )
  }
  const cause = causeOf(timeline, row)
  const effects = effectsOf(timeline, row)
  const shown = effects.slice(0, MOST_EFFECTS).map(go)
  const more = effects.length - shown.length
  if (more > 0) shown.push(h('li', {}, `and ${count(more)} more`))
  return [
    ...(cause === NONE ? [] : [list('Because of (M)', [go(cause)])]),
    ...(shown.length === 0 ? [] : [list('What came of it (m)', shown)]),
  ]
}

function list(title: string, items: HTMLElement[]): HTMLElement {
  return h('div', { class: 'chain' }, h('h3', {}, title), h('ul', {}, ...items))
}
