/** The picture of a history: who asked for what, and the order that explains the answers. */
import type { Bar, Picture } from '../../histories/picture.ts'
import { h, listen } from './dom.ts'
import { type HistoryLayout, layOut } from './history-layout.ts'

/** In px, as style.css has them. */
const STATES_HEIGHT = 58
const LANE_HEIGHT = 52
const POINT_Y = 36
const POINT_RADIUS = 9

const OUTCOMES = {
  done: 'done',
  'not done': 'not-done',
  unknown: 'unknown',
  stale: 'stale',
} as const

const HEADS = ['', 'process', 'operation', 'state after it']

export class HistoryPage {
  private readonly picture: Picture
  private readonly layout: HistoryLayout
  /** By bar: its step, if it has one. */
  private readonly stepOf: ReadonlyMap<number, number>
  /** The bars that the order ends before. */
  private readonly deadEnds: readonly number[]
  private readonly buttons: readonly HTMLButtonElement[]
  private readonly rows: readonly HTMLElement[]
  private readonly cursor = h('div', { class: 'cursor', 'aria-hidden': 'true' })
  private readonly details = h('section', { class: 'details', 'aria-live': 'polite' })
  private readonly list = h('div', { class: 'steps' })
  private readonly scroller = h('div', { class: 'scroller' })

  /** @param room in px, before anything must be scrolled. */
  constructor(picture: Picture, room: number) {
    this.picture = picture
    const { bars, stuck } = picture
    this.deadEnds = stuck.filter((bar) => bars[bar]?.outcome !== 'stale')
    const ruler = document.createElement('canvas').getContext('2d')
    const { fontFamily } = getComputedStyle(document.body)
    const width = (text: string, weight: number) => {
      if (!ruler) return 8 * text.length
      ruler.font = `${weight} 13px ${fontFamily}`
      return ruler.measureText(text).width
    }
    this.layout = layOut(
      { ...picture, deadEnds: this.deadEnds },
      room,
      ({ asks, told }) => width(asks, 400) + width(` → ${told}`, 650) + 24,
      (state) => width(state, 400) + 18,
    )
    this.stepOf = new Map(picture.steps.map(({ bar }, step) => [bar, step]))
    this.buttons = picture.bars.map((bar, number) => this.barButton(bar, number))
    this.rows = picture.steps.map((step) => this.stepRow(step.bar))
  }

  mount(root: HTMLElement): void {
    const { title, verdict, summary } = this.picture
    root.append(
      h(
        'header',
        {},
        h(
          'div',
          { class: 'banner' },
          h(
            'h1',
            {},
            h('span', { class: `status ${statusOf(verdict)}` }, verdict),
            ` ${title}`,
          ),
          h('p', { class: 'facts' }, summary),
          legend(this.picture),
        ),
      ),
      this.chart(),
      h('div', { class: 'explained' }, this.details, this.orderList()),
    )
    const first = this.picture.stuck[0] ?? this.picture.steps.at(-1)?.bar ?? 0
    if (this.picture.bars.length > 0) this.select(first)
    const x = this.layout.bars[first]?.left ?? 0
    const isAtEnd = this.picture.stuck.length > 0
    this.scroller.scrollLeft = isAtEnd ? x - this.scroller.clientWidth / 3 : 0
    if (isAtEnd) this.list.scrollTop = this.list.scrollHeight
  }

  private chart(): HTMLElement {
    const { lanes } = this.picture
    const { width } = this.layout
    const names = lanes.map((name) =>
      h('div', { class: 'lane-name' }, `process ${name}`),
    )
    const field = h('div', { class: 'field' }, this.cursor, ...this.buttons)
    field.style.width = `${width}px`
    field.style.height = `${STATES_HEIGHT + lanes.length * LANE_HEIGHT}px`
    field.prepend(...this.stateBoxes(), ...this.tickMarks(), ...stripes(lanes.length))
    field.append(this.orderLine())
    this.scroller.append(
      h(
        'div',
        { class: 'names' },
        h('div', { class: 'lane-name top' }, 'state'),
        ...names,
      ),
      field,
    )
    this.scroller.setAttribute('tabindex', '-1')
    return h(
      'div',
      { class: 'chart', role: 'region', 'aria-label': 'Operations' },
      this.scroller,
    )
  }

  private barButton(bar: Bar, number: number): HTMLButtonElement {
    const { left, width } = this.layout.bars[number] ?? { left: 0, width: 0 }
    const isStuck = this.picture.stuck.includes(number)
    const kinds = ['bar', OUTCOMES[bar.outcome]]
    if (isStuck) kinds.push('stuck')
    if (number === this.picture.newer) kinds.push('newer')
    const button = h(
      'button',
      { type: 'button', class: kinds.join(' ') },
      h(
        'span',
        { class: 'words' },
        bar.asks,
        h('b', {}, bar.outcome === 'not done' ? '' : ` → ${bar.told}`),
      ),
    )
    button.style.left = `${left}px`
    button.style.width = `${width}px`
    button.style.top = `${STATES_HEIGHT + bar.lane * LANE_HEIGHT + 3}px`
    const select = () => this.select(number)
    return listen(button, {
      onmouseenter: select,
      onfocus: select,
      onkeydown: (event) => this.go(event, number),
    })
  }

  /** Left and right go along the order. */
  private go(event: KeyboardEvent, number: number): void {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (by === undefined) return
    const order = [...this.picture.steps.map(({ bar }) => bar), ...this.deadEnds]
    const next = order[order.indexOf(number) + by]
    if (next === undefined) return
    event.preventDefault()
    const button = this.buttons[next]
    button?.focus({ preventScroll: true })
    button?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }

  /** What the service holds, from step to step. */
  private stateBoxes(): HTMLElement[] {
    const { steps } = this.picture
    const { points, width, deadEnds } = this.layout
    const end = deadEnds.length > 0 ? Math.max(...deadEnds) : width
    const changes = steps.flatMap(({ before, after }, step) =>
      before === after ? [] : [{ x: points[step] ?? 0, state: after }],
    )
    const all = [{ x: 0, state: steps[0]?.before ?? '' }, ...changes]
    return all.map(({ x, state }, i) => {
      const box = h('div', { class: 'state' }, h('span', {}, state))
      box.title = state
      box.style.left = `${x}px`
      box.style.width = `${(all[i + 1]?.x ?? Math.max(end, x + 20)) - x}px`
      return box
    })
  }

  private tickMarks(): HTMLElement[] {
    return this.layout.ticks.map(({ x, ms }) => {
      const tick = h('div', { class: 'tick', 'aria-hidden': 'true' }, inMs(ms))
      tick.style.left = `${x}px`
      return tick
    })
  }

  /** The order as a line from point to point, and where it ends. */
  private orderLine(): SVGElement {
    const { steps, bars } = this.picture
    const { points, width } = this.layout
    const svg = svgElement('svg', { class: 'order-line', 'aria-hidden': 'true', width })
    const yOf = (bar: number) =>
      STATES_HEIGHT + (bars[bar]?.lane ?? 0) * LANE_HEIGHT + POINT_Y
    const way = steps.map(({ bar }, step) => `${points[step]},${yOf(bar)}`)
    svg.append(svgElement('polyline', { points: way.join(' ') }))
    for (const [i, bar] of this.deadEnds.entries()) {
      const [x = 0, y] = [this.layout.deadEnds[i], yOf(bar)]
      const [from = `${x},${y}`] = way.slice(-1)
      svg.append(
        svgElement('polyline', { class: 'dead-end', points: `${from} ${x},${y}` }),
        svgElement('path', { class: 'dead-end', d: crossAt(x, y) }),
      )
    }
    for (const [step, { bar, number }] of steps.entries()) {
      const [x, y] = [points[step] ?? 0, yOf(bar)]
      const label = svgElement('text', { x, y: y + 4 })
      label.textContent = `${number}`
      const half = Math.max(POINT_RADIUS, 3.5 * label.textContent.length + 4)
      const place = { x: x - half, y: y - POINT_RADIUS, rx: POINT_RADIUS }
      const size = { width: 2 * half, height: 2 * POINT_RADIUS }
      svg.append(svgElement('rect', { ...place, ...size }), label)
    }
    return svg
  }

  private orderList(): HTMLElement {
    const isWhole = this.deadEnds.length === 0
    const title = isWhole ? 'The order' : 'The longest order'
    const ends = this.deadEnds.map((bar) => this.stepRow(bar))
    const heads = HEADS.map((text) => h('span', {}, text))
    this.list.append(h('div', { class: 'step head' }, ...heads), ...this.rows, ...ends)
    return h('section', { class: 'order' }, h('h2', {}, title), this.list)
  }

  private stepRow(bar: number): HTMLElement {
    const step = this.picture.steps[this.stepOf.get(bar) ?? -1]
    const { asks = '', told = '', lane = 0 } = this.picture.bars[bar] ?? {}
    const row = h(
      'button',
      { type: 'button', class: step ? 'step' : 'step stuck' },
      h('span', { class: 'place' }, step ? `${step.number}` : '✗'),
      h('span', { class: 'who' }, `${this.picture.lanes[lane]}`),
      h('span', { class: 'what' }, asks, h('b', {}, ` → ${told}`)),
      h('span', { class: 'after' }, step ? step.after : ''),
    )
    const show = () => {
      this.select(bar)
      this.buttons[bar]?.scrollIntoView({ block: 'nearest', inline: 'center' })
    }
    return listen(row, { onclick: show, onfocus: () => this.select(bar) })
  }

  private select(number: number): void {
    for (const [i, button] of this.buttons.entries()) {
      button.classList.toggle('selected', i === number)
    }
    const step = this.stepOf.get(number)
    for (const [i, row] of this.rows.entries())
      row.classList.toggle('selected', i === step)
    const dead = this.layout.deadEnds[this.deadEnds.indexOf(number)]
    const x = step === undefined ? dead : this.layout.points[step]
    this.cursor.hidden = x === undefined
    this.cursor.style.left = `${x ?? 0}px`
    this.details.replaceChildren(...this.detailsOf(number))
  }

  private detailsOf(number: number): HTMLElement[] {
    const { bars, steps } = this.picture
    const bar = bars[number] as Bar
    const step = steps[this.stepOf.get(number) ?? -1]
    const isStuck = this.deadEnds.includes(number)
    const before = step?.before ?? (isStuck ? (steps.at(-1)?.after ?? 'nothing') : null)
    return [
      h('h2', {}, bar.detail),
      h('p', { class: 'muted' }, timesOf(bar)),
      ...(before === null ? [] : [transition(before, bar, step?.after ?? null)]),
      h('p', {}, this.placeOf(number)),
    ]
  }

  /** What becomes of an operation in the order. */
  private placeOf(number: number): string {
    const { bars, steps, stuck, newer } = this.picture
    const { outcome } = bars[number] as Bar
    const step = steps[this.stepOf.get(number) ?? -1]
    if (step) return `It takes effect as number ${step.number} of the order.`
    if (stuck.includes(number)) {
      if (outcome !== 'stale') {
        return 'No order goes on from here: in this state it cannot have been answered so, and nothing that may come before it changes that.'
      }
      return newer === null
        ? 'The service never was in that state.'
        : 'The same server, in the same life, had shown a newer state before.'
    }
    if (number === newer) return 'What the server shows later is older than this.'
    switch (outcome) {
      case 'not done':
        return 'It stands in no order.'
      case 'unknown':
        return 'It may take effect at any time after its invocation, or never; in this order, never.'
      case 'stale':
        return 'A stale read stands in no order: it shows some past state.'
      default:
        return 'It comes after the end of this order.'
    }
  }
}

function transition(before: string, bar: Bar, after: string | null): HTMLElement {
  return h(
    'div',
    { class: after === null ? 'transition stuck' : 'transition' },
    h('div', {}, h('small', {}, 'before'), h('code', {}, before)),
    h('span', { class: 'arrow' }, bar.asks),
    after === null
      ? h('div', {}, h('small', {}, 'it was told'), h('code', {}, `✗ ${bar.told}`))
      : h('div', {}, h('small', {}, 'after'), h('code', {}, after)),
  )
}

function timesOf({ fromMs, toMs, to }: Bar): string {
  if (fromMs === null) return ''
  const end = to === null ? 'never returned' : `returned at ${inMs(toMs ?? 0)}`
  return `invoked at ${inMs(fromMs)}, ${end}`
}

function inMs(ms: number): string {
  return `${ms.toLocaleString('en', { maximumFractionDigits: 1 })} ms`
}

function statusOf(verdict: Picture['verdict']): string {
  return verdict === 'linearizable'
    ? 'pass'
    : verdict === 'unknown'
      ? 'unfinished'
      : 'fail'
}

/** Of the kinds that are there. */
function legend({ bars, stuck, steps }: Picture): HTMLElement {
  const has = (outcome: Bar['outcome']) => bars.some((bar) => bar.outcome === outcome)
  const signs: [boolean, string, string][] = [
    [has('done'), 'done', 'done'],
    [has('unknown'), 'unknown', 'unknown: at any later time, or never'],
    [has('not done'), 'not-done', 'certainly not done'],
    [has('stale'), 'stale', 'a stale read'],
    [
      stuck.length > 0,
      'stuck',
      has('stale') ? 'what cannot be' : 'no place in any order',
    ],
  ]
  return h(
    'p',
    { class: 'signs' },
    ...signs
      .filter(([isThere]) => isThere)
      .map(([, kind, text]) => h('span', {}, h('i', { class: `bar ${kind}` }), text)),
    ...(steps.length > 0
      ? [h('span', {}, h('i', { class: 'point' }, '1'), 'takes effect')]
      : []),
  )
}

function stripes(count: number): HTMLElement[] {
  return Array.from({ length: count }, (_, lane) => {
    const stripe = h('div', { class: 'stripe' })
    stripe.style.top = `${STATES_HEIGHT + lane * LANE_HEIGHT}px`
    return stripe
  })
}

function crossAt(x: number, y: number): string {
  return `M ${x - 6} ${y - 6} l 12 12 M ${x + 6} ${y - 6} l -12 12`
}

function svgElement(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, `${value}`)
  }
  return element
}
