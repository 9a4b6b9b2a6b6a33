import { h } from '../../viz/page/dom.ts'
import { durationText } from '../../viz/page/words.ts'
import type { Second } from '../meter.ts'

/** In units of the drawing: a second is 4 wide. */
const WIDTH = 240
const HEIGHT = 36
const SECOND = 4
const SECONDS = WIDTH / SECOND

/** The last minute: how much was done, and how long it took. */
export class Charts {
  readonly element: HTMLElement
  private readonly throughput = new Chart('Operations a second')
  private readonly latency = new Chart('Latency: half and 99 of 100')

  constructor() {
    this.element = h(
      'div',
      { class: 'charts' },
      this.throughput.element,
      this.latency.element,
    )
  }

  show(seconds: readonly Second[]): void {
    const latest = seconds.at(-1)
    const most = Math.max(1, ...seconds.map(({ done, unknown }) => done + unknown))
    this.throughput.show(latest ? String(latest.done) : '–', `up to ${most}`, [
      bars(seconds, (s) => s.done + s.unknown, most, 'unknown'),
      bars(seconds, (s) => s.done, most, 'done'),
    ])
    const slowest = Math.max(1, ...seconds.map(({ p99 }) => p99 ?? 0))
    const now = latest?.median ?? null
    this.latency.show(
      now === null ? '–' : durationText(now),
      `up to ${durationText(slowest)}`,
      [
        bars(seconds, (s) => s.p99 ?? 0, slowest, 'p99'),
        bars(seconds, (s) => s.median ?? 0, slowest, 'median'),
      ],
    )
  }
}

class Chart {
  readonly element: HTMLElement
  private readonly now = h('b')
  private readonly most = h('small')
  private readonly drawing = svg('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  })

  constructor(name: string) {
    const caption = h('figcaption', {}, name, ' ', this.now, ' ', this.most)
    this.element = h('figure', {}, caption)
    this.element.append(this.drawing)
  }

  show(now: string, most: string, paths: readonly SVGElement[]): void {
    this.now.textContent = now
    this.most.textContent = most
    this.drawing.replaceChildren(...paths)
  }
}

/** A bar for each second, the latest at the right. */
function bars(
  seconds: readonly Second[],
  heightOf: (second: Second) => number,
  most: number,
  name: string,
): SVGElement {
  const first = SECONDS - seconds.length
  const path = seconds.map((second, i) => {
    const height = (HEIGHT * heightOf(second)) / most
    const x = (first + i) * SECOND
    return height === 0 ? '' : `M${x} ${HEIGHT}v${-height}h${SECOND - 1}v${height}z`
  })
  return svg('path', { d: path.join(''), class: name })
}

function svg(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value)
  }
  return element
}
