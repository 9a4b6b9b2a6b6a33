import { h } from 'tools/viz/page/dom'

/** Somebody who listens cannot follow more than this. In ms. */
const PAUSE_MS = 1500

/** Says the latest news to those who hear the page, and leaves out what is too much. */
export class Announcer {
  readonly element = h('p', { class: 'unseen', 'aria-live': 'polite' })
  private latest = ''
  private timer: ReturnType<typeof setTimeout> | null = null

  say(text: string): void {
    if (text === this.latest) return
    this.latest = text
    if (this.timer === null) this.speak()
  }

  dispose(): void {
    if (this.timer !== null) clearTimeout(this.timer)
  }

  private speak(): void {
    const said = this.latest
    this.element.textContent = said
    this.timer = setTimeout(() => {
      this.timer = null
      if (this.latest !== said) this.speak()
    }, PAUSE_MS)
  }
}
