import { banner } from './banner.ts'
import { causeOf, nextOf } from './causes.ts'
import { type DetailActions, details } from './details.ts'
import { h } from './dom.ts'
import {
  applyFilters,
  type Filtered,
  type Filters,
  fieldQuery,
  firstFilters,
  NOTHING_SHOWN,
} from './filter.ts'
import { readHash, writeHash } from './hash.ts'
import { helpDialog, legend } from './help.ts'
import { type Command, listenToKeys } from './keys.ts'
import { Layout, type Spacing } from './layout.ts'
import type { Look } from './look.ts'
import { Overview } from './overview.ts'
import { statePanel } from './panel.ts'
import type { Lines } from './raw.ts'
import { sheetHandle } from './sheet.ts'
import { Table } from './table.ts'
import { telling } from './telling.ts'
import { type MarkKind, NONE, positionNotAfter, type Timeline } from './timeline.ts'
import { Toolbar } from './toolbar.ts'
import { counted } from './words.ts'

/** The hash is written when nothing has moved for this long. In ms. */
const HASH_DELAY_MS = 150

/** Of a run that goes on while it is looked at. */
export interface Live {
  /** The person looks at something: it should stay where it is. */
  readonly onLook: () => void
}

/** What is on the page, and what a person can do with it. */
export class App {
  private timeline: Timeline
  private raw: Lines
  /** Null when the run is over. */
  private readonly live: Live | null
  /** The latest event is the selected one, and nobody has chosen it. */
  private isFollowing = false
  private filters: Filters
  private filtered: Filtered = NOTHING_SHOWN
  private spacing: Spacing = 'even'
  /** As it was chosen; null is the look that fits. */
  private chosenLook: Look | null = null
  private look: Look = 'columns'
  private layout: Layout
  private selected = NONE
  private pinned = new Set<number>()
  /** The hash that this page wrote or showed last: no news from outside. */
  private knownHash: string | null = null
  private hashTimer = 0
  private searches = 0

  private readonly overview: Overview
  private readonly toolbar: Toolbar
  private readonly table: Table
  private readonly side = h('aside', { 'aria-label': 'State and details', tabindex: 0 })
  private readonly main = h('main')
  private readonly toast = h('p', { class: 'toast', role: 'status' })
  private readonly help: HTMLDialogElement

  constructor(timeline: Timeline, raw: Lines, live: Live | null = null) {
    this.timeline = timeline
    this.raw = raw
    this.live = live
    this.filters = firstFilters(timeline)
    this.layout = this.newLayout(0)
    this.overview = new Overview(timeline, true, { goTo: (row) => this.goTo(row) })
    this.toolbar = new Toolbar(timeline, {
      setFilters: (filters) => void this.setFilters(filters),
      setSpacing: (spacing) => this.setSpacing(spacing),
      setLook: (look) => this.setLook(look),
      step: (direction) => this.step(direction),
      go: (kind, direction) => this.jump(kind, direction),
      help: () => this.help.showModal(),
    })
    this.table = new Table(timeline, this.layout, {
      select: (row) => this.onTapped(row),
      scrolled: () => this.onScrolled(),
      resized: () => this.onResized(),
    })
    const commands = this.commands()
    this.help = helpDialog(commands)
    listenToKeys(commands)
  }

  /** Puts all on the page, as the address wants it. */
  mount(root: HTMLElement): void {
    this.main.append(this.table.element, sheetHandle(this.main), this.side)
    root.replaceChildren(this.overview.element, this.toolbar.element, this.main)
    root.append(this.toast, this.help)
    // A run that goes on has no end to tell of, and no address for what is seen of it.
    if (this.live) return
    root.prepend(this.top())
    void this.restore()
    window.addEventListener('hashchange', () => void this.restore())
  }

  /** Shows a run as far as it has come by now, and keeps its latest event in sight. */
  async showLatest(timeline: Timeline, raw: Lines): Promise<void> {
    this.timeline = timeline
    this.raw = raw
    this.isFollowing = true
    this.pinned.clear()
    this.overview.update(timeline)
    this.toolbar.update(timeline)
    this.table.update(timeline)
    await this.refilter()
    if (!this.isFollowing) return
    this.setSelected(timeline.rows - 1)
    this.table.scrollTo(this.layout.height)
  }

  /** Lets what is shown stay as it is. */
  hold(): void {
    this.isFollowing = false
    this.renderSide()
  }

  private top(): HTMLElement {
    const { chapter = null, index = null } = document.body.dataset
    return h(
      'header',
      {},
      banner(this.timeline, index, (row) => this.select(row)),
      legend(chapter, this.timeline.header),
    )
  }

  /** Takes the view from the address's hash; without one, opens where the test failed. */
  private async restore(): Promise<void> {
    if (location.hash === this.knownHash) return
    this.knownHash = location.hash
    const view = readHash(location.hash, this.timeline.rows, firstFilters(this.timeline))
    this.pinned = new Set(view.pinned)
    this.spacing = view.spacing
    this.chosenLook = view.look
    this.overview.setCompressed(view.spacing === 'even')
    this.filters = view.filters
    await this.refilter()
    const selected = view.selected ?? this.timeline.header.openAt ?? 0
    this.setSelected(Math.min(selected, this.timeline.rows - 1))
    if (view.top !== null) this.scrollToRow(view.top)
    else if (this.selected !== NONE) this.table.reveal(this.selected)
  }

  private async setFilters(filters: Partial<Filters>): Promise<void> {
    this.filters = { ...this.filters, ...filters }
    await this.refilter()
    if (this.selected !== NONE) this.table.reveal(this.selected)
  }

  private async refilter(): Promise<void> {
    const { timeline, filters } = this
    this.searches += 1
    const search = this.searches
    const query = fieldQuery(filters.text)
    const found = query === null ? null : await this.raw.find(query)
    // A newer search has begun meanwhile: its result is the one to show.
    if (search !== this.searches) return
    this.filtered = applyFilters(timeline, filters, found)
    this.overview.setFound(this.filtered.found)
    this.relayout()
    this.toolbar.showFound(this.filtered, this.selected)
  }

  private setSpacing(spacing: Spacing): void {
    this.spacing = spacing
    this.overview.setCompressed(spacing === 'even')
    this.relayout()
    if (this.selected !== NONE) this.table.reveal(this.selected)
  }

  private setLook(look: Look): void {
    this.chosenLook = look
    this.relayout()
    if (this.selected !== NONE) this.table.reveal(this.selected)
  }

  private relayout(): void {
    this.look = this.chosenLook ?? this.table.lookThatFits
    this.layout = this.newLayout(this.table.rowHeightOf(this.look))
    this.table.show(this.layout, this.look, this.filters.servers, {
      rows: this.filtered.found,
      text: fieldQuery(this.filters.text) === null ? this.filters.text : '',
    })
    const { filters, filtered, spacing, look } = this
    this.toolbar.show({ filters, filtered, spacing, look, note: this.overview.note })
    this.saveHash()
  }

  private newLayout(rowHeight: number): Layout {
    return new Layout(this.filtered.rows, this.timeline.times, this.spacing, rowHeight)
  }

  /** Another width can ask for another look; what was in sight stays so. */
  private onResized(): void {
    const [top] = this.table.inSight
    const look = this.chosenLook ?? this.table.lookThatFits
    const isSame =
      look === this.look && this.table.rowHeightOf(look) === this.layout.rowHeight
    if (isSame) this.table.refresh()
    else {
      this.relayout()
      this.scrollToRow(top)
    }
  }

  private select(row: number): void {
    this.stay()
    this.setSelected(row)
    this.table.reveal(row)
  }

  private stay(): void {
    this.isFollowing = false
    this.live?.onLook()
  }

  /** On a phone, what explains a row comes into sight below it. */
  private onTapped(row: number): void {
    this.select(row)
    this.main.scrollIntoView({ block: 'nearest' })
  }

  private setSelected(row: number): void {
    this.selected = row
    this.table.setSelected(row, this.pinned)
    this.toolbar.showFound(this.filtered, row)
    this.renderSide()
    this.saveHash()
  }

  private renderSide(): void {
    if (this.selected < 0) return
    if (this.isFollowing) {
      this.side.replaceChildren(statePanel(this.timeline, this.selected))
      return
    }
    const actions: DetailActions = {
      select: (row) => this.select(row),
      togglePin: (row) => this.togglePin(row),
      copy: () => void this.copyRaw(),
      line: (row) => this.raw.line(row),
      isPinned: (row) => this.pinned.has(row),
    }
    this.side.replaceChildren(
      telling(this.timeline, this.selected, actions),
      statePanel(this.timeline, this.selected),
      details(this.timeline, this.selected, actions),
    )
  }

  private goTo(row: number): void {
    this.stay()
    this.scrollToRow(row)
    const position = Math.max(0, this.layout.positionOf(row))
    const shown = this.layout.rows[position]
    if (shown !== undefined) this.setSelected(shown)
  }

  private scrollToRow(row: number): void {
    const position = Math.max(0, this.layout.positionOf(row))
    this.table.scrollTo(this.layout.top(position))
  }

  private onScrolled(): void {
    this.overview.setInSight(this.table.inSight)
    this.saveHash()
  }

  /** By visible rows from the selected one. */
  private move(by: number): void {
    const { layout } = this
    if (layout.count === 0) return
    const at = layout.positionOf(this.selected)
    const position = Math.min(layout.count - 1, Math.max(0, at + by))
    this.select(layout.rows[position] ?? 0)
  }

  private get rowsPerPage(): number {
    return Math.max(1, Math.floor(this.table.viewportHeight / this.layout.rowHeight) - 2)
  }

  private jump(kind: MarkKind, direction: 1 | -1): void {
    this.goAmong(this.timeline.marks[kind], direction, kind)
  }

  /** From hit to hit of the search. */
  private step(direction: 1 | -1): void {
    if (this.filters.text) this.goAmong(this.filtered.found, direction, 'found event')
    else this.say('There is nothing to step through: / begins a search.')
  }

  private goAmong(rows: ArrayLike<number>, direction: 1 | -1, name: string): void {
    const at = positionNotAfter(rows, this.selected - (direction === 1 ? 0 : 1))
    const found = rows[direction === 1 ? at + 1 : at]
    if (found === undefined) {
      this.say(`There is no ${name} ${direction === 1 ? 'after' : 'before'} this event.`)
      return
    }
    this.select(found)
    const position = this.layout.positionOf(found)
    if (this.layout.rows[position] !== found) {
      this.say('The event is hidden by the filters; its details are shown.')
    }
  }

  /** To what came of the event: a message is followed to its arrival, and on. */
  private follow(): void {
    const next = nextOf(this.timeline, this.selected)
    if (next === NONE) this.say('The log tells of nothing more that came of this event.')
    else this.select(next)
  }

  /** Back to what an event is because of. */
  private goToCause(): void {
    const cause = causeOf(this.timeline, this.selected)
    if (cause === NONE) this.say('The log does not say what this event is because of.')
    else this.select(cause)
  }

  private togglePin(row: number): void {
    if (!this.pinned.delete(row)) this.pinned.add(row)
    this.setSelected(this.selected)
  }

  /** Copies the pinned events' lines as they are in the log, or the selected one's. */
  private async copyRaw(): Promise<void> {
    const pinned = [...this.pinned].sort((a, b) => a - b)
    const rows = pinned.length > 0 ? pinned : [this.selected]
    const lines = await Promise.all(rows.map((row) => this.raw.line(row)))
    try {
      await navigator.clipboard.writeText(`${lines.join('\n')}\n`)
      this.say(`${counted(lines.length, 'raw line')} copied.`)
    } catch {
      this.say('The browser did not let the page copy; the raw line is in the details.')
    }
  }

  private say(text: string): void {
    this.toast.textContent = text
  }

  private saveHash(): void {
    if (this.live) return
    clearTimeout(this.hashTimer)
    this.hashTimer = window.setTimeout(() => {
      // Someone asks for another view, and the page has yet to hear of it: it comes first.
      if (location.hash !== this.knownHash) return
      const [top] = this.table.inSight
      const hash = writeHash({
        selected: this.selected === NONE ? null : this.selected,
        top,
        pinned: [...this.pinned],
        spacing: this.spacing,
        look: this.chosenLook,
        filters: this.filters,
      })
      history.replaceState(null, '', hash)
      this.knownHash = location.hash
    }, HASH_DELAY_MS)
  }

  private commands(): Command[] {
    const command = (
      keys: string | string[],
      does: string,
      run: () => void,
    ): Command => ({
      keys: [keys].flat(),
      does,
      run,
    })
    const jump = (kind: MarkKind, direction: 1 | -1) => () => this.jump(kind, direction)
    return [
      command(['ArrowDown', 'j'], 'next event', () => this.move(1)),
      command(['ArrowUp', 'k'], 'previous event', () => this.move(-1)),
      command('PageDown', 'a page on', () => this.move(this.rowsPerPage)),
      command('PageUp', 'a page back', () => this.move(-this.rowsPerPage)),
      command(['Home', 'g'], 'first event', () => this.move(-this.timeline.rows)),
      command(['End', 'G'], 'last event', () => this.move(this.timeline.rows)),
      command('l', 'next leader', jump('leader', 1)),
      command('L', 'previous leader', jump('leader', -1)),
      command('f', 'next fault', jump('fault', 1)),
      command('F', 'previous fault', jump('fault', -1)),
      command('c', 'next commit', jump('commit', 1)),
      command('C', 'previous commit', jump('commit', -1)),
      command('x', 'next failure', jump('failure', 1)),
      command('X', 'previous failure', jump('failure', -1)),
      command('m', 'follow: to the message’s arrival, to what came of it', () => {
        this.follow()
      }),
      command('M', 'back to what this event is because of', () => this.goToCause()),
      command('/', 'search', () => this.toolbar.search.focus()),
      command('n', 'next found event', () => this.step(1)),
      command('N', 'previous found event', () => this.step(-1)),
      command('b', 'show or hide heartbeats', () => {
        void this.setFilters({ hideHeartbeats: !this.filters.hideHeartbeats })
      }),
      command('t', 'time to scale, or idle time compressed', () => {
        this.setSpacing(this.spacing === 'even' ? 'time' : 'even')
      }),
      command('v', 'a column for each server, or lanes and sentences', () => {
        this.setLook(this.look === 'lanes' ? 'columns' : 'lanes')
      }),
      command('p', 'pin or unpin this event', () => this.togglePin(this.selected)),
      command('y', 'copy the raw lines of pinned events, or of this one', () => {
        void this.copyRaw()
      }),
      command('?', 'these keys', () => this.help.showModal()),
      command('Escape', 'back to the table', () => {
        this.toolbar.closeMenus()
        this.table.element.focus()
      }),
    ]
  }
}
