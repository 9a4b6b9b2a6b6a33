import { h, listen } from './dom.ts'
import { NONE, positionNotAfter, type Timeline } from './timeline.ts'
import { TimeScale } from './timescale.ts'
import { count, durationText, roleName, timeText } from './words.ts'

/** All in px. */
const TERMS_HEIGHT = 18
const LANE_HEIGHT = 11
const MARKS_HEIGHT = 16
const MARK_WIDTH = 9
const GAP = 3

interface OverviewActions {
  /** The person points at a time of the run. */
  readonly goTo: (row: number) => void
}

/** The whole run in one strip: terms and their leaders, elections, faults, failures. */
export class Overview {
  readonly element: HTMLElement
  private timeline: Timeline
  private readonly actions: OverviewActions
  private scale: TimeScale
  private isCompressed: boolean
  private inSight: readonly [number, number] = [0, 0]
  private found: Int32Array = new Int32Array()
  private readonly canvas = h('canvas', { 'aria-hidden': 'true' })
  private readonly frame = h('div', { class: 'frame' })
  private readonly strip: HTMLElement

  constructor(timeline: Timeline, compress: boolean, actions: OverviewActions) {
    this.timeline = timeline
    this.actions = actions
    this.scale = new TimeScale(timeline.times, compress)
    this.isCompressed = compress
    this.strip = h(
      'div',
      {
        class: 'strip',
        role: 'slider',
        tabindex: 0,
        'aria-label': 'Overview of the run: move through time',
        'aria-valuemin': 1,
      },
      this.canvas,
      this.frame,
    )
    this.element = h('div', { class: 'overview' })
    this.measure()
    this.listenToPointer()
    this.listenToKeys()
    new ResizeObserver(() => this.draw()).observe(this.strip)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
      this.draw(),
    )
  }

  /** Shows another stretch of the run. */
  update(timeline: Timeline): void {
    this.timeline = timeline
    this.found = new Int32Array()
    this.measure()
    this.setCompressed(this.isCompressed)
  }

  /** What hangs on how many servers and events there are. */
  private measure(): void {
    this.strip.style.height = `${this.height}px`
    this.strip.setAttribute('aria-valuemax', String(Math.max(this.timeline.rows, 1)))
    this.element.replaceChildren(this.names(), this.strip)
  }

  setCompressed(compress: boolean): void {
    this.isCompressed = compress
    this.scale = new TimeScale(this.timeline.times, compress)
    this.draw()
    this.setInSight(this.inSight)
  }

  /** Marks what a search has found, all over the run. */
  setFound(rows: Int32Array): void {
    if (rows.length === 0 && this.found.length === 0) return
    this.found = rows
    this.draw()
  }

  /** Frames the rows that the table shows. */
  setInSight(rows: readonly [number, number]): void {
    this.inSight = rows
    const [first, last] = rows
    const left = 100 * this.placeOf(first)
    const right = 100 * this.placeOf(last)
    this.frame.style.left = `${left}%`
    this.frame.style.width = `max(6px, ${Math.max(0, right - left)}%)`
    this.strip.setAttribute('aria-valuenow', String(first + 1))
    const time = timeText(this.timeline.times[first] ?? 0)
    const where = `event ${count(first + 1)} of ${count(this.timeline.rows)}, ${time} ms`
    this.strip.setAttribute('aria-valuetext', where)
  }

  private get serverLanes(): number[] {
    return this.timeline.header.lanes
      .map((_, lane) => lane)
      .filter((lane) => this.timeline.isServer(lane))
  }

  private get height(): number {
    const lanes = this.serverLanes.length * LANE_HEIGHT
    return TERMS_HEIGHT + GAP + lanes + GAP + MARKS_HEIGHT
  }

  /** What the rows of the strip are, at its left. */
  private names(): HTMLElement {
    const name = (text: string, height: number) => {
      const element = h('div', {}, text)
      element.style.height = `${height}px`
      return element
    }
    const lanes = this.serverLanes.map((lane) =>
      name(this.timeline.header.lanes[lane]?.label ?? '', LANE_HEIGHT),
    )
    const names = [
      name('Terms', TERMS_HEIGHT + GAP),
      ...lanes,
      name('Marks', MARKS_HEIGHT),
    ]
    return h('div', { class: 'names', 'aria-hidden': 'true' }, ...names)
  }

  private placeOf(row: number): number {
    return this.scale.place(this.timeline.times[row] ?? 0)
  }

  private listenToPointer(): void {
    const goTo = (event: PointerEvent) => {
      const { left, width } = this.strip.getBoundingClientRect()
      const place = Math.min(1, Math.max(0, (event.clientX - left) / width))
      const time = this.scale.time(place)
      this.actions.goTo(Math.max(0, positionNotAfter(this.timeline.times, time)))
    }
    listen(this.strip, {
      onpointerdown: (event) => {
        this.strip.setPointerCapture(event.pointerId)
        goTo(event)
      },
      onpointermove: (event) => {
        if (this.strip.hasPointerCapture(event.pointerId)) goTo(event)
      },
    })
  }

  private listenToKeys(): void {
    const steps: Record<string, number> = {
      ArrowLeft: -0.01,
      ArrowRight: 0.01,
      ArrowDown: -0.01,
      ArrowUp: 0.01,
      PageDown: -0.1,
      PageUp: 0.1,
      Home: Number.NEGATIVE_INFINITY,
      End: Number.POSITIVE_INFINITY,
    }
    this.strip.addEventListener('keydown', (event) => {
      const step = steps[event.key]
      if (step === undefined) return
      event.preventDefault()
      event.stopPropagation()
      const { rows } = this.timeline
      const by = Math.sign(step) * Math.max(1, Math.abs(step) * rows)
      const row = Math.round(this.inSight[0] + by)
      this.actions.goTo(Math.min(rows - 1, Math.max(0, row)))
    })
  }

  private draw(): void {
    const { canvas, strip } = this
    const ratio = window.devicePixelRatio || 1
    const width = strip.clientWidth
    canvas.width = Math.max(1, Math.round(width * ratio))
    canvas.height = Math.round(this.height * ratio)
    canvas.style.width = `${width}px`
    canvas.style.height = `${this.height}px`
    const context = canvas.getContext('2d')
    if (!context) return
    context.scale(ratio, ratio)
    context.clearRect(0, 0, width, this.height)
    this.drawTerms(context, width)
    this.drawRoles(context, width)
    this.drawFaults(context, width)
    this.drawBreaks(context, width)
    this.drawTermNames(context, width)
    this.drawMarks(context, width)
    this.drawFound(context, width)
  }

  private color(name: string): string {
    return getComputedStyle(this.strip).getPropertyValue(name).trim()
  }

  /** A band from each term's first row on. */
  private drawTerms(context: CanvasRenderingContext2D, width: number): void {
    const colors = [0, 1, 2, 3, 4, 5].map((n) => this.color(`--term-${n}`))
    for (const { term, x0, x1 } of this.termBands(width)) {
      context.fillStyle = colors[term % colors.length] ?? ''
      context.fillRect(x0, 0, Math.max(x1 - x0, 0.5), TERMS_HEIGHT)
    }
  }

  /** The number of each term where there is room, over the breaks. */
  private drawTermNames(context: CanvasRenderingContext2D, width: number): void {
    context.font = '600 11px Symbols, system-ui, sans-serif'
    context.textBaseline = 'middle'
    context.fillStyle = this.color('--on-term')
    for (const { term, x0, x1 } of this.termBands(width)) {
      const label = x1 - x0 > 60 ? `term ${term}` : `${term}`
      if (x1 - x0 < context.measureText(label).width + 6) continue
      context.fillText(label, x0 + 4, TERMS_HEIGHT / 2 + 1)
    }
  }

  private termBands(width: number): { term: number; x0: number; x1: number }[] {
    const starts = this.termStarts()
    return starts.map(({ row, term }, i) => {
      const next = starts[i + 1]
      const x1 = next ? this.placeOf(next.row) * width : width
      return { term, x0: this.placeOf(row) * width, x1 }
    })
  }

  /** Where a term begins for the cluster: when the first server is in it. */
  private termStarts(): { row: number; term: number }[] {
    const rows = this.timeline.changes.flat().sort((a, b) => a - b)
    const starts = [{ row: 0, term: 0 }]
    let highest = 0
    for (const row of rows) {
      const term = this.timeline.term[row] ?? 0
      if (term <= highest) continue
      highest = term
      starts.push({ row, term })
    }
    return starts
  }

  private drawRoles(context: CanvasRenderingContext2D, width: number): void {
    for (const [i, lane] of this.serverLanes.entries()) {
      const y = TERMS_HEIGHT + GAP + i * LANE_HEIGHT
      const rows = this.timeline.changes[lane] ?? []
      for (const [j, row] of rows.entries()) {
        const role = roleName(this.timeline.roleAt(lane, row)).toLowerCase()
        const x0 = this.placeOf(row) * width
        const next = rows[j + 1]
        const x1 = next === undefined ? width : this.placeOf(next) * width
        context.fillStyle = this.color(`--strip-${role}`)
        // By height, too, so that a leader is one without its colour.
        const inset = role === 'leader' ? 0 : role === 'candidate' ? 1.5 : 3
        const height = LANE_HEIGHT - 1 - 2 * inset
        context.fillRect(x0, y + inset, Math.max(x1 - x0, 1), height)
      }
    }
  }

  private drawFaults(context: CanvasRenderingContext2D, width: number): void {
    context.strokeStyle = this.color('--ink-lost')
    context.lineWidth = 1.5
    for (const { lane, fromRow, toRow } of this.timeline.header.faults) {
      const at = this.serverLanes.indexOf(lane)
      const x0 = this.placeOf(fromRow) * width
      const x1 = toRow >= this.timeline.rows ? width : this.placeOf(toRow) * width
      const y =
        at === NONE
          ? TERMS_HEIGHT + 1
          : TERMS_HEIGHT + GAP + at * LANE_HEIGHT + LANE_HEIGHT - 1.5
      context.setLineDash([3, 2])
      context.beginPath()
      context.moveTo(x0, y)
      context.lineTo(Math.max(x1, x0 + 2), y)
      context.stroke()
    }
    context.setLineDash([])
  }

  private drawMarks(context: CanvasRenderingContext2D, width: number): void {
    const y = this.height - MARKS_HEIGHT / 2
    const { election, leader, fault, failure } = this.timeline.marks
    // What tells most comes first; no sign is drawn over another.
    const taken = new Uint8Array(Math.ceil(width) + 1)
    const draw = (rows: readonly number[], color: string, sign: string) => {
      context.fillStyle = color
      for (const row of rows) {
        const x = Math.min(Math.max(this.placeOf(row) * width, 5), width - 5)
        if (taken[Math.round(x)] === 1) continue
        context.fillText(sign, x, y)
        taken.fill(
          1,
          Math.max(0, Math.round(x) - MARK_WIDTH),
          Math.round(x) + MARK_WIDTH,
        )
      }
    }
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    context.font = '700 15px Symbols, system-ui, sans-serif'
    draw(failure, this.color('--ink-lost'), '✖')
    context.font = '11px Symbols, system-ui, sans-serif'
    draw(leader, this.color('--ink-append'), '★')
    draw(election, this.color('--ink-vote'), '△')
    draw(fault, this.color('--ink-lost'), '⚡')
    context.textAlign = 'start'
  }

  /** A line through the lanes at each hit; hits that fall on one pixel are one. */
  private drawFound(context: CanvasRenderingContext2D, width: number): void {
    context.fillStyle = this.color('--found')
    let last = -1
    let lines = 0
    for (const row of this.found) {
      const x = Math.min(Math.round(this.placeOf(row) * width), width - 1)
      if (x === last) continue
      context.fillRect(x, TERMS_HEIGHT, 1.5, this.height - TERMS_HEIGHT)
      last = x
      lines += 1
    }
    this.canvas.dataset.found = String(lines)
  }

  private drawBreaks(context: CanvasRenderingContext2D, width: number): void {
    context.strokeStyle = this.color('--surface')
    context.lineWidth = 3
    for (const { at } of this.scale.breaks) {
      const x = (at / this.scale.length) * width
      context.beginPath()
      for (let y = 0, side = 1; y <= this.height; y += 5, side = -side) {
        context.lineTo(x + 2 * side, y)
      }
      context.stroke()
    }
  }

  /** Idle time that the strip leaves out, in words. */
  get note(): string {
    const { breaks } = this.scale
    if (breaks.length === 0) return ''
    const ms = breaks.reduce((sum, { ms }) => sum + ms, 0)
    return `${durationText(ms)} of idle time is compressed`
  }
}
