import { h, listen } from 'tools/viz/page/dom'

/** So many lines further by a page key. */
const PAGE = 20

/** The lines of a file, of which one can be pointed at: by a click, or by the arrow keys. */
export class CodeList {
  readonly element = h('ol', { class: 'listing', tabindex: 0 })
  private readonly choose: (line: number) => void
  private rows: HTMLElement[] = []
  private chosen: number | null = null

  constructor(choose: (line: number) => void) {
    this.choose = choose
    listen(this.element, {
      onclick: ({ target }) => {
        const row = (target as Element).closest<HTMLElement>('[role=option]')
        if (row) this.point(this.rows.indexOf(row) + 1)
      },
      onkeydown: (event) => {
        const line = this.lineFor(event.key)
        if (line === null) return
        event.preventDefault()
        this.point(line)
      },
    })
  }

  show(file: string, text: string): void {
    this.chosen = null
    this.element.setAttribute('role', 'listbox')
    this.element.setAttribute('aria-label', `The lines of ${file}`)
    this.element.removeAttribute('aria-activedescendant')
    this.rows = text
      .trimEnd()
      .split('\n')
      .map((code, i) => {
        const isComment = /^\s*(\/\/|\/\*|\*)/.test(code)
        const row = h(
          'li',
          { class: isComment ? 'line comment' : 'line', id: `line-${i + 1}` },
          h('span', { class: 'number', 'aria-hidden': 'true' }, String(i + 1)),
          code === '' ? ' ' : code,
        )
        row.setAttribute('role', 'option')
        if (code === '') row.setAttribute('aria-label', `${i + 1}, empty`)
        row.setAttribute('aria-selected', 'false')
        return row
      })
    this.element.replaceChildren(...this.rows)
    this.element.scrollTop = 0
  }

  /** These are the answer. */
  mark(lines: readonly number[]): void {
    for (const line of lines) this.rows[line - 1]?.classList.add('answer')
    this.bring(lines[0] ?? 1)
  }

  private lineFor(key: string): number | null {
    const now = this.chosen ?? 0
    const last = this.rows.length
    const moved: Readonly<Record<string, number>> = {
      ArrowDown: now + 1,
      ArrowUp: now - 1,
      PageDown: now + PAGE,
      PageUp: now - PAGE,
      Home: 1,
      End: last,
    }
    const line = moved[key]
    return line === undefined ? null : Math.min(Math.max(line, 1), last)
  }

  private point(line: number): void {
    this.rows[(this.chosen ?? 0) - 1]?.setAttribute('aria-selected', 'false')
    this.chosen = line
    this.rows[line - 1]?.setAttribute('aria-selected', 'true')
    this.element.setAttribute('aria-activedescendant', `line-${line}`)
    this.bring(line)
    this.choose(line)
  }

  /** Into sight, without moving the page. */
  private bring(line: number): void {
    const row = this.rows[line - 1]
    if (!row) return
    const list = this.element
    const top = row.offsetTop
    const isSeen =
      top >= list.scrollTop &&
      top + row.offsetHeight <= list.scrollTop + list.clientHeight
    if (!isSeen) list.scrollTop = top - list.clientHeight / 2
  }
}
