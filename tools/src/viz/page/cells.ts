/** What stands in the table: its head, and the cells of a row, in either look. */
import { h } from './dom.ts'
import type { Look } from './look.ts'
import { EVENT, NONE, type Timeline } from './timeline.ts'
import { laneName, roleLetter, roleName, rowText, signOf, unknownKind } from './words.ts'

/** How the rows are drawn: which lanes, in which look, and which text stands out. */
export interface Drawing {
  readonly lanes: readonly number[]
  readonly look: Look
  /** What is searched for; empty for nothing. */
  readonly searched: string
}

/** The heads of the lanes, and in the look with lanes that of the sentences. */
export function headCells(timeline: Timeline, drawing: Drawing): HTMLElement[] {
  const { lanes, look } = drawing
  const cells = lanes.map((lane) => {
    const name = laneName(timeline, lane)
    if (look === 'columns') return headCell(name)
    const { kind = 'test', id, label = '' } = timeline.header.lanes[lane] ?? {}
    const text = kind === 'server' ? `S${label}` : label
    const isOneClient = kind === 'client' && id !== NONE
    // In a narrow lane there is room for three digits.
    const letter = isOneClient ? h('span', { class: 'roomy' }, 'c') : ''
    const cell = headCell(letter, text)
    cell.setAttribute('aria-label', name)
    cell.title = name
    return cell
  })
  return look === 'columns' ? cells : [...cells, headCell('What happened')]
}

function headCell(...texts: (HTMLElement | string)[]): HTMLElement {
  return h('div', { role: 'columnheader', class: 'cell' }, ...texts)
}

/** The cells of a row behind its time. */
export function rowCells(
  timeline: Timeline,
  row: number,
  drawing: Drawing,
): HTMLElement[] {
  const { lanes, look, searched } = drawing
  const cells = lanes.map((lane) => {
    const cell = laneCell(timeline, lane, row, look)
    if (timeline.lane[row] !== lane) return cell
    cell.classList.add('on')
    cell.append(
      h('span', { class: 'sign', 'aria-hidden': 'true' }, signOf(timeline, row)),
    )
    if (look === 'columns') addText(cell, timeline, row, searched)
    return cell
  })
  return look === 'columns' ? cells : [...cells, sentence(timeline, row, searched)]
}

/** In a column there is room for a few words; what the pointer rests on is said in full. */
function addText(
  cell: HTMLElement,
  timeline: Timeline,
  row: number,
  searched: string,
): void {
  const [text, gist, message] = rowText(timeline, row)
  cell.title = gist ? `${message}\n${gist}` : message
  cell.append(
    ...kindOf(timeline, row),
    h('span', { class: 'text' }, ...marked(text, searched)),
  )
  if (gist && !text.includes(gist))
    cell.append(h('span', { class: 'gist' }, ...marked(gist, searched)))
}

/** Who did what, in full. */
function sentence(timeline: Timeline, row: number, searched: string): HTMLElement {
  const [, gist, message] = rowText(timeline, row)
  const line = h(
    'p',
    { class: 'lines' },
    ...subjectOf(timeline, row),
    ...kindOf(timeline, row),
  )
  line.append(h('span', { class: 'text' }, ...marked(message, searched)))
  if (gist && !message.includes(gist))
    line.append(' ', h('span', { class: 'gist' }, ...marked(gist, searched)))
  return h('div', { role: 'gridcell', class: 'cell sentence' }, line)
}

/** A text with marks around what was searched for, in whatever case. */
function marked(text: string, searched: string): (HTMLElement | string)[] {
  if (searched === '') return [text]
  const [lowered, wanted] = [text.toLowerCase(), searched.toLowerCase()]
  // Where lower case is longer, places are not the same.
  if (lowered.length !== text.length) return [text]
  const pieces: (HTMLElement | string)[] = []
  let from = 0
  for (let at = lowered.indexOf(wanted); at !== -1; at = lowered.indexOf(wanted, from)) {
    const to = at + wanted.length
    pieces.push(text.slice(from, at), h('mark', {}, text.slice(at, to)))
    from = to
  }
  return [...pieces, text.slice(from)]
}

/** Whose row it is, to begin a sentence with: in short where there is little room. */
export function subjectOf(timeline: Timeline, row: number): (HTMLElement | string)[] {
  const { kind, id, label } = timeline.header.lanes[timeline.lane[row] ?? 0] ?? {}
  if (label === undefined || kind === 'test' || id === NONE) return []
  const [first, more] = kind === 'server' ? ['S', 'erver '] : ['C', 'lient ']
  const rest = h('span', { class: 'roomy' }, more)
  // What is said of a loss begins with the message.
  const colon = timeline.event[row] === EVENT.drop ? ':' : ''
  return [h('b', {}, first, rest, label, colon), ' ']
}

/** The word for a kind of event that has no sign. */
function kindOf(timeline: Timeline, row: number): (HTMLElement | string)[] {
  const kind = unknownKind(timeline, row)
  return kind === null ? [] : [h('span', { class: 'kind' }, kind), ' ']
}

/** What a client waits for is a bar, from its invocation to its return. */
function markOperations(
  cell: HTMLElement,
  timeline: Timeline,
  lane: number,
  row: number,
): void {
  const operations = timeline.operationsAt(lane, row)
  // Of several at once, the one that lasts longest.
  const [longest] = operations.toSorted((a, b) => b.toRow - a.toRow)
  if (!longest) return
  const { outcome, toRow } = longest
  cell.classList.add('lane', 'operation', `outcome-${outcome.replace(' ', '-')}`)
  if (operations.every(({ fromRow }) => fromRow === row)) cell.classList.add('begins')
  if (toRow === row) cell.classList.add('ends')
}

/** A server's cell has the colour of its role; that of the test has none. */
function laneCell(
  timeline: Timeline,
  lane: number,
  row: number,
  look: Look,
): HTMLElement {
  const cell = h('div', { role: 'gridcell', class: 'cell' })
  if (!timeline.isServer(lane)) {
    markOperations(cell, timeline, lane, row)
    return cell
  }
  const role = timeline.roleAt(lane, row)
  cell.classList.add('lane', `role-${roleName(role).toLowerCase()}`)
  if (timeline.deposedAt(lane, row)) cell.classList.add('deposed')
  const outsider = timeline.outsiderAt(lane, row)
  if (outsider) cell.classList.add('outsider')
  if (timeline.isToCome(lane, row)) cell.classList.add('to-come')
  const standing = timeline.standingChangedAt(lane, row)
  if (standing) cell.append(standingMark(standing, look))
  for (const fault of timeline.faultsAt(lane, row)) {
    if (row < fault.toRow) cell.classList.add('broken', `fault-${fault.kind}`)
    const isEdge = row === fault.fromRow || row === fault.toRow
    if (isEdge) cell.append(faultMark(fault, row === fault.toRow, look))
  }
  if (timeline.lane[row] === lane) cell.append(chip(timeline, row, role))
  return cell
}

/** Where a fault begins or ends: in a lane by a sign, as its sentence says it in words. */
function faultMark(
  { label, endLabel }: { readonly label: string; readonly endLabel: string },
  isEnd: boolean,
  look: Look,
): HTMLElement {
  const text = isEnd ? endLabel : label
  const mark = h('span', { class: `mark ${isEnd ? 'ends' : 'begins'}` })
  mark.textContent = look === 'columns' ? text : isEnd ? '✓' : '⚡'
  mark.title = text
  return mark
}

/** It learns, is a member from here on, or is none any more. */
function standingMark(text: string, look: Look): HTMLElement {
  const mark = h('span', { class: 'mark standing' })
  mark.textContent = look === 'columns' ? text : text === 'a member' ? '●' : '○'
  mark.title = text
  return mark
}

/** Role and term after the event, and whether they are new. */
function chip(timeline: Timeline, row: number, role: number): HTMLElement {
  const term = timeline.term[row] ?? 0
  const element = h('span', { class: 'chip' }, `${roleLetter(role)}${term}`)
  element.title = `${roleName(role)} in term ${term}`
  if (timeline.changesTerm(row)) element.classList.add('new-term')
  if (timeline.changesRole(row)) element.classList.add('new-role')
  return element
}
