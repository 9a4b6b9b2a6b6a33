import { App } from '../../viz/page/app.ts'
import { decode } from '../../viz/page/decode.ts'
import { button, h } from '../../viz/page/dom.ts'
import type { Lines } from '../../viz/page/raw.ts'
import { positionNotAfter, Timeline } from '../../viz/page/timeline.ts'
import { count } from '../../viz/page/words.ts'

/** At most so often a new timeline is drawn, in ms; and it takes an eighth of the time. */
const LEAST_MS = 350
const SHARE = 8

/** The timeline of a run that goes on: it follows the run until the person looks closer. */
export class LiveTimeline {
  /** Says whether it follows. */
  readonly bar = h('div', { class: 'livebar', role: 'status' })
  private readonly root: HTMLElement
  private app: App | null = null
  private isFollowing = true
  private isBusy = false
  private nextAt = 0
  /** Events that there are, and those that are shown. */
  private events = 0
  private shown = 0

  constructor(root: HTMLElement) {
    this.root = root
    const hold = () => this.hold()
    root.addEventListener('wheel', ({ deltaY }) => deltaY < 0 && hold(), {
      passive: true,
    })
    root.addEventListener('touchmove', hold, { passive: true })
    // The bar to scroll with is the table's own.
    root.addEventListener('pointerdown', ({ target }) => {
      if ((target as HTMLElement).classList.contains('table')) hold()
    })
    this.renderBar()
  }

  /** There are so many events by now. */
  notice(events: number): void {
    this.events = events
    this.renderBar()
    const isDue = performance.now() >= this.nextAt && events !== this.shown
    if (this.isFollowing && isDue && !this.isBusy && !document.hidden) void this.update()
  }

  private async update(): Promise<void> {
    this.isBusy = true
    try {
      const response = await fetch('timeline')
      if (!response.ok) return
      const bytes = new Uint8Array(await response.arrayBuffer())
      const startedAt = performance.now()
      if (this.isFollowing) await this.draw(bytes)
      const took = performance.now() - startedAt
      this.nextAt = performance.now() + Math.max(LEAST_MS, SHARE * took)
    } catch {
      // The command is gone; the desk says so.
    } finally {
      this.isBusy = false
    }
  }

  private async draw(bytes: Uint8Array): Promise<void> {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
    const timeline = new Timeline(decode(bytes.subarray(4, 4 + length)))
    if (timeline.rows === 0) return
    const lines = new PlainLines(timeline, bytes.subarray(4 + length))
    if (!this.app) {
      await document.fonts.load('12px Symbols', '★')
      this.app = new App(timeline, lines, { onLook: () => this.hold() })
      this.app.mount(this.root)
    }
    this.shown = this.events
    await this.app.showLatest(timeline, lines)
  }

  private hold(): void {
    if (!this.isFollowing || !this.app) return
    this.isFollowing = false
    this.app.hold()
    this.renderBar()
  }

  private goOn(): void {
    this.isFollowing = true
    this.renderBar()
    void this.update()
  }

  private renderBar(): void {
    this.bar.dataset.live = String(this.isFollowing)
    if (this.isFollowing) {
      const text = `Live · ${count(this.events)} events`
      this.bar.replaceChildren(h('span', { class: 'lamp' }), text)
      return
    }
    const more = this.events - this.shown
    this.bar.replaceChildren(
      h('span', { class: 'lamp' }),
      `Held, while you look · ${count(more)} more since `,
      button('Go on live', () => this.goOn()),
    )
  }
}

/** The lines of a log, which came with it. */
class PlainLines implements Lines {
  private readonly timeline: Timeline
  private readonly bytes: Uint8Array
  /** Where the line of each row begins. */
  private readonly starts: Float64Array

  constructor(timeline: Timeline, bytes: Uint8Array) {
    this.timeline = timeline
    this.bytes = bytes
    this.starts = new Float64Array(timeline.rows)
    let at = 0
    for (const [row, length] of timeline.rawLength.entries()) {
      this.starts[row] = at
      at += length
    }
  }

  async line(row: number): Promise<string> {
    const start = this.starts[row] ?? 0
    const end = start + (this.timeline.rawLength[row] ?? 0)
    return new TextDecoder().decode(this.bytes.subarray(start, end))
  }

  async find(text: string): Promise<Uint8Array> {
    const found = new Uint8Array(this.timeline.rows)
    // Every byte as one character, so that a place in the text is a place in the lines.
    const latin1 = new TextDecoder('latin1')
    const all = latin1.decode(this.bytes).toLowerCase()
    const wanted = latin1.decode(new TextEncoder().encode(text)).toLowerCase()
    let at = all.indexOf(wanted)
    while (at !== -1) {
      const row = positionNotAfter(this.starts, at)
      const end = (this.starts[row] ?? 0) + (this.timeline.rawLength[row] ?? 0)
      const isHit = at + wanted.length <= end
      if (isHit) found[row] = 1
      at = all.indexOf(wanted, isHit ? end : at + 1)
    }
    return found
  }
}
