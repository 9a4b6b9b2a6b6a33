import { positionNotAfter } from './timeline.ts'

/** How rows stand under each other: one below the other, or as far apart as in time. */
export type Spacing = 'even' | 'time'

/** All in px. */
const BREAK_HEIGHT = 22
/** What scrolls is no taller than this; a browser ends the page at about 17 million. */
const MOST_SCROLLED = 15_000_000

/** With nothing to see for so long, time was idle. In ms. */
export const IDLE_MS = 20
const PX_PER_MS = 6

/** Where each visible row stands. Positions are px from the top of the first row. */
export class Layout {
  readonly count: number
  /** The height of all rows, and the height that is scrolled: less, if that is too much. */
  readonly height: number
  readonly scrollHeight: number
  readonly rows: Int32Array
  readonly spacing: Spacing
  /** All rows are as high. */
  readonly rowHeight: number
  private readonly tops: Float64Array
  private readonly times: Float64Array

  constructor(
    rows: Int32Array,
    times: Float64Array,
    spacing: Spacing,
    rowHeight: number,
  ) {
    this.rows = rows
    this.rowHeight = rowHeight
    this.times = times
    this.count = rows.length
    this.spacing = spacing
    this.tops = new Float64Array(rows.length + 1)
    let top = 0
    for (let i = 0; i < rows.length; i += 1) {
      top += this.space(i)
      this.tops[i] = top
      top += this.rowHeight
    }
    this.tops[rows.length] = top
    this.height = top
    this.scrollHeight = Math.min(top, MOST_SCROLLED)
  }

  /** The idle time before the row at a position that is shown as a break, or 0. In ms. */
  breakBefore(position: number): number {
    if (this.spacing === 'time') return 0
    const gap = this.gap(position)
    return gap >= IDLE_MS ? gap : 0
  }

  top(position: number): number {
    return this.tops[position] ?? 0
  }

  /** From the end of the row at a position to the next one, where time is to scale. */
  spaceBelow(position: number): number {
    if (this.spacing === 'even') return 0
    return this.top(position + 1) - this.top(position) - this.rowHeight
  }

  /** The position of the row at a height. */
  positionAt(y: number): number {
    const position = positionNotAfter(this.tops.subarray(0, this.count), y)
    return Math.max(0, position)
  }

  /** The position of a row, or of the last one before it that is shown; -1 for none. */
  positionOf(row: number): number {
    return positionNotAfter(this.rows, row)
  }

  /** From what the browser scrolls to where that is among the rows, and back. */
  fromScroll(scrollTop: number, viewport: number): number {
    return scrollTop * this.scale(viewport)
  }

  toScroll(y: number, viewport: number): number {
    return y / this.scale(viewport)
  }

  private scale(viewport: number): number {
    if (this.height === this.scrollHeight) return 1
    return (this.height - viewport) / (this.scrollHeight - viewport)
  }

  private gap(position: number): number {
    if (position === 0) return 0
    const before = this.times[this.rows[position - 1] ?? 0] ?? 0
    return (this.times[this.rows[position] ?? 0] ?? 0) - before
  }

  private space(position: number): number {
    if (this.spacing === 'even') return this.breakBefore(position) > 0 ? BREAK_HEIGHT : 0
    return Math.max(0, this.gap(position) * PX_PER_MS - this.rowHeight)
  }
}
