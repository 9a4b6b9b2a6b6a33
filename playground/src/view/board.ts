import { h } from 'tools/viz/page/dom'

/** What is seen of a run. */
export interface Pieces {
  readonly caption: HTMLElement
  readonly stage: Element
  readonly twinStage: Element
  readonly transport: HTMLElement
  readonly server: HTMLElement
  readonly console: HTMLElement
  readonly logs: HTMLElement
  readonly twinLogs: HTMLElement
  readonly mistake: HTMLElement
  readonly alarm: HTMLElement
  readonly explanation: HTMLElement
  readonly events: HTMLElement
}

/** Where everything stands: on one screen of a laptop, and in three of a phone. */
export class Board {
  readonly element = h('div', { class: 'board' })
  private readonly left = h('div', { class: 'pane left' })
  private readonly middle = h('div', { class: 'pane middle' })
  private readonly right = h('div', { class: 'pane right' })
  private readonly pieces: Pieces
  private difference: string | null | undefined

  constructor(pieces: Pieces) {
    this.pieces = pieces
    this.element.append(this.left, this.middle, this.right)
  }

  /** With a difference in its code, two clusters stand side by side, and their logs below them. */
  lay(difference: string | null): void {
    if (difference === this.difference) return
    this.difference = difference
    const isTwin = difference !== null
    const { pieces } = this
    this.element.classList.toggle('twin', isTwin)
    const clusters = h(
      'div',
      { class: 'clusters' },
      figure(isTwin ? 'As it stands' : '', pieces.stage),
      ...(isTwin ? [figure(capital(difference), pieces.twinStage)] : []),
    )
    const { caption, transport, server, console, logs, explanation, events } = pieces
    this.left.replaceChildren(caption, clusters, transport)
    this.right.replaceChildren(pieces.alarm)
    if (isTwin) {
      this.left.append(h('div', { class: 'pair' }, logs, pieces.twinLogs))
      this.middle.replaceChildren()
      this.right.append(pieces.mistake, server, console, explanation, events)
    } else {
      this.middle.replaceChildren(server, console, logs)
      this.right.append(explanation, events)
    }
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function figure(caption: string, stage: Element): HTMLElement {
  const words = caption === '' ? [] : [h('figcaption', {}, caption)]
  return h('figure', {}, ...words, stage as HTMLElement)
}
