import { SHADES } from '../../testlog/rpc.ts'
import { shorten } from '../shared/text.ts'
import { arrowsOf } from './arrows.ts'
import { type Drawing, headCells, rowCells } from './cells.ts'
import { h, listen } from './dom.ts'
import { drawArrows, type Ink, type Line } from './draw.ts'
import type { Layout } from './layout.ts'
import {
  isNarrow,
  LIFELINE,
  type Look,
  linesOf,
  lookThatFits,
  rowHeightOf,
} from './look.ts'
import { NONE, positionNotAfter, type Timeline } from './timeline.ts'
import { count, counted, durationText, rowText, timeText } from './words.ts'

/** Rows are drawn so far beyond what is seen, so that a short scroll draws nothing. In px. */
const OVERSCAN = 500
/** From further away than this, rows are placed anew: small numbers stay exact. In px. */
const FARTHEST = 100_000
/** Rows on paper, some 60 pages of them. */
const MOST_PRINTED = 2000
const LOSS_CHARACTERS = 40

export interface TableActions {
  readonly select: (row: number) => void
  readonly scrolled: () => void
  /** The table has another size, and so perhaps another look. */
  readonly resized: () => void
}

/** What a search has found: which rows, and the text that stands out in them. */
export interface Found {
  readonly rows: Int32Array
  readonly text: string
}

/**
 * The table of events. Of a million rows only those in sight are elements of the page; the
 * messages between them are drawn on one canvas that scrolls with them.
 */
export class Table {
  readonly element: HTMLElement
  private timeline: Timeline
  private readonly actions: TableActions
  private layout: Layout
  private look: Look = 'columns'
  private hiddenServers: readonly number[] = []
  private found: Found = { rows: new Int32Array(), text: '' }
  private selected = NONE
  private pinned: ReadonlySet<number> = new Set()
  private first = 0
  private last = -1
  /** The rows that are elements now, by their positions, and the y that theirs count from. */
  private readonly drawn = new Map<number, HTMLElement>()
  private origin = 0
  /** The width and the height of the table that rows were drawn for. */
  private drawnFor: readonly [number, number] = [0, 0]
  private readonly head = h('div', { class: 'head', role: 'row', 'aria-rowindex': 1 })
  private readonly body = h('div', { class: 'body', role: 'rowgroup' })
  private readonly canvas = h('canvas', { 'aria-hidden': 'true' })
  private readonly sheet = h('div', { class: 'sheet' }, this.body, this.canvas)
  private readonly space = h('div', { class: 'space' }, this.sheet)

  constructor(timeline: Timeline, layout: Layout, actions: TableActions) {
    this.timeline = timeline
    this.layout = layout
    this.actions = actions
    const headGroup = h('div', { role: 'rowgroup', class: 'headgroup' }, this.head)
    this.element = h(
      'div',
      {
        class: 'table',
        role: 'grid',
        tabindex: 0,
        'aria-label': 'Events in the order of the log',
        'aria-readonly': 'true',
      },
      headGroup,
      this.space,
    )
    this.element.addEventListener('scroll', () => this.onScroll(), { passive: true })
    listen(this.body, { onclick: (event) => this.onClick(event) })
    new ResizeObserver(() => this.onResize()).observe(this.element)
    window.addEventListener('beforeprint', () => this.print())
    window.addEventListener('afterprint', () => this.refresh())
  }

  /** The look in which the texts can be read, and how high the rows of a look are. */
  get lookThatFits(): Look {
    const kinds = this.lanes.map((lane) => this.timeline.header.lanes[lane]?.kind)
    return lookThatFits(
      this.element.clientWidth,
      kinds.map((kind = 'test') => kind),
    )
  }

  rowHeightOf(look: Look): number {
    return rowHeightOf(look, this.linesOfSentence)
  }

  private get linesOfSentence(): number {
    return linesOf(this.element.clientWidth)
  }

  /** Takes another stretch of the run; it is seen from the next `show` on. */
  update(timeline: Timeline): void {
    this.timeline = timeline
  }

  /** Shows other rows, or the same ones at other places or in another look. */
  show(
    layout: Layout,
    look: Look,
    hiddenServers: readonly number[],
    found: Found,
  ): void {
    this.layout = layout
    this.found = found
    this.look = look
    this.hiddenServers = hiddenServers
    this.element.dataset.look = look
    this.element.classList.toggle('narrow', isNarrow(this.element.clientWidth))
    this.element.style.setProperty('--row', `${layout.rowHeight}px`)
    this.element.style.setProperty('--lines', String(this.linesOfSentence))
    this.element.setAttribute('aria-rowcount', String(layout.count + 1))
    this.space.style.setProperty('--height', `${layout.scrollHeight}px`)
    this.renderHead()
    this.refresh()
  }

  setSelected(row: number, pinned: ReadonlySet<number>): void {
    this.selected = row
    this.pinned = pinned
    this.refresh()
  }

  refresh(): void {
    this.last = -1
    this.drawnFor = [this.element.clientWidth, this.element.clientHeight]
    this.onScroll()
  }

  /** The height at the middle of what is seen, under the header. */
  get viewportHeight(): number {
    return Math.max(0, this.element.clientHeight - this.head.offsetHeight)
  }

  /** The y of the layout at the top of what is seen. */
  get y(): number {
    return this.layout.fromScroll(this.element.scrollTop, this.viewportHeight)
  }

  /** The first and the last row in sight. */
  get inSight(): [number, number] {
    const first = this.layout.positionAt(this.y)
    const last = this.layout.positionAt(this.y + this.viewportHeight - 1)
    return [this.layout.rows[first] ?? 0, this.layout.rows[last] ?? 0]
  }

  scrollTo(y: number): void {
    this.element.scrollTop = this.layout.toScroll(y, this.viewportHeight)
  }

  /** Brings a row into sight: to the middle, unless it is in sight already. */
  reveal(row: number): void {
    const position = Math.max(0, this.layout.positionOf(row))
    const top = this.layout.top(position)
    const { rowHeight } = this.layout
    const margin = 2 * rowHeight
    const isInSight =
      top >= this.y + margin && top + rowHeight + margin <= this.y + this.viewportHeight
    if (!isInSight) this.scrollTo(Math.max(0, top - this.viewportHeight / 2))
  }

  /** Paper does not scroll: all rows from the first in sight on, up to a limit. */
  private print(): void {
    const first = this.layout.positionAt(this.y)
    this.last = -1
    this.renderRows(first, Math.min(this.layout.count, first + MOST_PRINTED) - 1)
    const from = count((this.layout.rows[this.first] ?? 0) + 1)
    const to = count((this.layout.rows[this.last] ?? 0) + 1)
    this.element.dataset.printed = `events ${from} to ${to} of ${count(this.timeline.rows)}`
  }

  /** An observer tells of the first size, too, which is the one that was drawn for. */
  private onResize(): void {
    const { clientWidth, clientHeight } = this.element
    const [width, height] = this.drawnFor
    if (clientWidth !== width || clientHeight !== height) this.actions.resized()
  }

  private onClick(event: MouseEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[data-row]')
    if (row) this.actions.select(Number(row.dataset.row))
  }

  private onScroll(): void {
    const { layout } = this
    const y = this.y
    const first = layout.positionAt(y - OVERSCAN)
    const last = layout.positionAt(y + this.viewportHeight + OVERSCAN)
    const isFar = Math.abs(layout.top(first) - layout.top(this.first)) > OVERSCAN / 2
    if (this.last === -1 || isFar || (last === layout.count - 1 && this.last < last)) {
      this.renderRows(first, Math.min(last, layout.count - 1))
    }
    const scrollTop = layout.height === layout.scrollHeight ? y : this.element.scrollTop
    const top = scrollTop - y + this.origin
    this.sheet.style.setProperty('--top', `${top}px`)
    this.actions.scrolled()
  }

  private get lanes(): number[] {
    return this.timeline.header.lanes
      .map((_, lane) => lane)
      .filter((lane) => !this.isHidden(lane))
  }

  private get drawing(): Drawing {
    return { lanes: this.lanes, look: this.look, searched: this.found.text }
  }

  private isFound(row: number): boolean {
    const { rows } = this.found
    return rows[positionNotAfter(rows, row)] === row
  }

  private isHidden(lane: number): boolean {
    const { kind, id } = this.timeline.header.lanes[lane] ?? { kind: 'test', id: NONE }
    return kind === 'server' && this.hiddenServers.includes(id)
  }

  private renderHead(): void {
    const { lanes, timeline } = this
    const time = h('div', { role: 'columnheader', class: 'cell time' }, 'ms')
    const cells = headCells(timeline, this.drawing)
    this.head.replaceChildren(time, ...cells)
    this.element.setAttribute('aria-colcount', String(cells.length + 1))
    const servers = lanes.filter((lane) => timeline.isServer(lane)).length
    const others = lanes.length - servers
    this.element.style.setProperty('--others', String(others))
    this.element.style.setProperty('--servers', String(Math.max(servers, 1)))
    this.element.style.setProperty('--lanes', String(lanes.length))
  }

  /** Draws the rows from one position to another; those that are drawn already stay. */
  private renderRows(first: number, last: number): void {
    const { layout, drawing, drawn } = this
    const isFar = Math.abs(layout.top(first) - this.origin) > FARTHEST
    if (this.last === -1 || isFar) {
      this.origin = layout.top(first)
      drawn.clear()
      this.body.replaceChildren()
    }
    for (const [position, element] of drawn) {
      if (position >= first && position <= last) continue
      element.remove()
      drawn.delete(position)
    }
    const firstKept = drawn.size > 0 ? Math.max(first, this.first) : first
    const above: HTMLElement[] = []
    const below: HTMLElement[] = []
    for (let position = first; position <= last; position += 1) {
      if (drawn.has(position)) continue
      const element = this.rowElement(position, drawing)
      element.style.setProperty('--y', `${layout.top(position) - this.origin}px`)
      element.style.setProperty('--below', `${layout.spaceBelow(position)}px`)
      drawn.set(position, element)
      if (position < firstKept) above.push(element)
      else below.push(element)
    }
    this.body.prepend(...above)
    this.body.append(...below)
    this.first = first
    this.last = last
    this.markActive()
    this.drawMessages(drawing.lanes)
  }

  private markActive(): void {
    const position = this.layout.positionOf(this.selected)
    const isDrawn =
      this.drawn.has(position) && this.layout.rows[position] === this.selected
    if (isDrawn)
      this.element.setAttribute('aria-activedescendant', `row-${this.selected}`)
    else this.element.removeAttribute('aria-activedescendant')
  }

  private rowElement(position: number, drawing: Drawing): HTMLElement {
    const { timeline, layout } = this
    const row = layout.rows[position] ?? 0
    const idle = layout.breakBefore(position)
    const element = h(
      'div',
      {
        id: `row-${row}`,
        class: 'row',
        role: 'row',
        'aria-rowindex': position + 2,
        'aria-selected': row === this.selected ? 'true' : 'false',
        'data-row': row,
        'data-event': timeline.eventName(row),
        ...(idle > 0 && { 'data-break': this.breakText(position, idle) }),
        ...(this.isFound(row) && { 'data-found': true }),
        ...(this.pinned.has(row) && { 'data-pinned': true }),
        ...(timeline.marks.failure.includes(row) && { 'data-failure': true }),
      },
      h('div', { role: 'gridcell', class: 'cell time' }, this.timeOf(row)),
    )
    element.append(...rowCells(timeline, row, drawing))
    return element
  }

  /** Nothing happened in that time, or nothing that the filters let through. */
  private breakText(position: number, idleMs: number): string {
    const { rows } = this.layout
    const hidden = (rows[position] ?? 0) - (rows[position - 1] ?? 0) - 1
    const time = durationText(idleMs)
    return hidden > 0 ? `${time}, ${counted(hidden, 'event')} hidden` : `${time} idle`
  }

  private timeOf(row: number): string {
    return timeText(this.timeline.times[row] ?? 0)
  }

  private drawMessages(lanes: readonly number[]): void {
    const { canvas, layout } = this
    const base = layout.top(this.first)
    const height = layout.top(this.last) + layout.rowHeight - base
    const cells = [...this.head.children].slice(1, 1 + lanes.length) as HTMLElement[]
    const last = cells.at(-1)
    const width = last ? last.offsetLeft + last.offsetWidth : 0
    const ratio = window.devicePixelRatio || 1
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(Math.max(height, 1) * ratio)
    canvas.style.top = `${base - this.origin}px`
    canvas.style.width = `${width}px`
    canvas.style.height = `${Math.max(height, 1)}px`
    const context = canvas.getContext('2d')
    if (!context) return
    context.scale(ratio, ratio)
    const lines = this.linesInSight(lanes, cells, base)
    const rpc = this.selected === NONE ? 0 : (this.timeline.rpc[this.selected] ?? 0)
    drawArrows(context, lines, inkOf(this.element), rpc)
    canvas.dataset.arrows = String(lines.length)
    canvas.dataset.lost = String(
      lines.filter(({ arrow }) => arrow.end === 'lost').length,
    )
  }

  /** The messages of the rows that are drawn, between lanes whose heads are these. */
  private linesInSight(
    lanes: readonly number[],
    heads: readonly HTMLElement[],
    base: number,
  ): Line[] {
    const { timeline, layout } = this
    const rows = layout.rows.subarray(this.first, this.last + 1)
    const xs = new Map<number, number>()
    // A lane has no words that a cross could cover, and no room for those of a loss.
    const hasWords = this.look === 'columns'
    const wordsWidth = hasWords ? (heads.at(-1)?.offsetWidth ?? 0) : 0
    for (const [i, lane] of lanes.entries()) {
      xs.set(lane, (heads[i]?.offsetLeft ?? 0) + LIFELINE[this.look])
    }
    const lines: Line[] = []
    for (const arrow of arrowsOf(timeline, rows)) {
      const x0 = xs.get(arrow.fromLane)
      const x1 = xs.get(arrow.toLane)
      const from = layout.positionOf(arrow.fromRow)
      const to = layout.positionOf(arrow.toRow)
      const isShown =
        layout.rows[from] === arrow.fromRow && layout.rows[to] === arrow.toRow
      if (x0 === undefined || x1 === undefined || !isShown) continue
      const y = (position: number) => layout.top(position) - base + layout.rowHeight / 2
      const isLost = arrow.end === 'lost'
      const label = isLost && hasWords ? lossLabel(timeline, arrow.toRow) : ''
      lines.push({
        arrow,
        x0,
        y0: y(from),
        x1: endOf(arrow.end, x0, x1, wordsWidth),
        y1: y(to) + (arrow.end === 'unknown' ? layout.rowHeight / 2 - 2 : 0),
        label,
      })
    }
    return lines
  }
}

/**
 * What is not known to arrive is drawn a little way, towards where it was sent. What is lost
 * gets half of its way, and beyond the cell of the event, whose words its cross would cover.
 */
function endOf(end: string, x0: number, x1: number, wordsWidth: number): number {
  if (end === 'unknown') return x0 + (x1 - x0) * 0.3
  if (end !== 'lost') return x1
  const x = x0 + (x1 - x0) * 0.55
  return x1 > x0 ? Math.max(x, x0 + wordsWidth) : x
}

/** What happened to a message that was lost, in a few words. */
function lossLabel(timeline: Timeline, row: number): string {
  const [, reason] = rowText(timeline, row)
  return reason ? shorten(reason, LOSS_CHARACTERS) : 'lost'
}

function inkOf(element: HTMLElement): Ink {
  const style = getComputedStyle(element)
  const color = (name: string) => style.getPropertyValue(name).trim()
  return {
    vote: color('--ink-vote'),
    append: color('--ink-append'),
    others: Array.from({ length: SHADES }, (_, n) => color(`--ink-other-${n}`)),
    lost: color('--ink-lost'),
    paper: color('--surface'),
  }
}
