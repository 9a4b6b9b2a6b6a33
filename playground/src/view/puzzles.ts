/** Puzzles: code with a mistake in it, and a run in which a rule breaks. Which line is it? */
import { judge } from 'tools/puzzle/judge'
import { button, h, listen } from 'tools/viz/page/dom'
import { textsOf } from '../own/texts.ts'
import { fromHash } from '../sim/link.ts'
import { fetchPart, type Part } from '../sim/part.ts'
import { Playback } from '../sim/playback.ts'
import {
  type Attempt,
  keepProgress,
  nextOf,
  readProgress,
  UNTRIED,
} from '../sim/progress.ts'
import { type LoadedPuzzle, PUZZLES, type Puzzle } from '../sim/puzzles.ts'
import { CodeList } from './code-list.ts'
import type { Change } from './controls.ts'
import { differenceLines } from './mistakes.ts'
import { Queue } from './queue.ts'
import { Watcher } from './watcher.ts'

export interface PuzzlesOptions {
  /** Where a line of a file of the repository can be read. */
  readonly sourceHref: (file: string, line: number) => string
}

const WORDS = { right: 'Right', close: 'Close', wrong: 'No' } as const

export class Puzzles {
  /** Until a puzzle is open. */
  static readonly first = { part: 1, servers: 3, seed: 1, actions: [] }
  readonly element = h('div', { class: 'playground puzzles' })
  private readonly queue = new Queue()
  private readonly playback = new Playback(Puzzles.first)
  private readonly watcher: Watcher
  private readonly list = new CodeList((line) => this.point(line))
  private readonly which = h('select')
  private readonly file = h('select')
  private readonly done = h('span', { class: 'note' })
  private readonly answer = button('Is it this line?', () => this.try(), {
    class: 'primary',
  })
  private readonly hint = button('Hint', () => this.tellHint())
  private readonly giveUp = button('Give up', () => this.end('given up'))
  private readonly said = h('p', { class: 'said', role: 'status' })
  private readonly hints = h('ol', { class: 'hints' })
  private readonly explanation = h('section', {
    class: 'mistake',
    'aria-label': 'What it was',
  })
  private readonly storage = storageHere()
  private progress = readProgress(this.storage)
  private texts: Readonly<Record<string, string>> = {}
  private puzzle: Puzzle | null = null
  private loaded: LoadedPuzzle | null = null
  private line: number | null = null
  private readonly followLink = () => this.follow()

  constructor({ sourceHref }: PuzzlesOptions) {
    this.watcher = new Watcher({
      playback: this.playback,
      queue: this.queue,
      sourceHref,
      onChange: (change: Change) => this.change(change),
    })
    this.which.setAttribute('aria-label', 'Puzzle')
    this.file.setAttribute('aria-label', 'File')
    listen(this.which, { onchange: () => this.open(Number(this.which.value)) })
    listen(this.file, { onchange: () => this.showFile() })
    this.lay()
    window.addEventListener('hashchange', this.followLink)
    this.follow()
  }

  dispose(): void {
    window.removeEventListener('hashchange', this.followLink)
    this.watcher.dispose()
  }

  private lay(): void {
    const setup = h(
      'div',
      { class: 'setup' },
      this.which,
      button('Next puzzle', () => this.openNext()),
      this.done,
    )
    const code = h(
      'section',
      { class: 'pane code-pane', 'aria-label': 'The code' },
      h('div', { class: 'row' }, this.file, this.answer, this.hint, this.giveUp),
      this.said,
      this.hints,
      this.explanation,
      this.list.element,
    )
    const board = h('div', { class: 'board' }, this.watcher.element, code)
    this.element.append(setup, board)
  }

  /** The puzzle that the address names, or the one at hand, or the next one. */
  private follow(): void {
    const [, number] = /^#puzzle=(\d+)$/.exec(window.location.hash) ?? []
    const named = PUZZLES.find((puzzle) => `${puzzle.number}` === number)
    if (named) {
      if (named !== this.puzzle) this.open(named.number)
      return
    }
    if (this.puzzle) return
    const { current, attempts } = this.progress
    const isAtHand = attempts[String(current)]?.state === 'open'
    if (isAtHand && current !== null) this.open(current)
    else this.openNext()
  }

  private openNext(): void {
    const numbers = PUZZLES.map(({ number }) => number)
    const next = nextOf(numbers, this.progress) ?? this.puzzle?.number ?? numbers[0]
    if (next !== undefined) this.open(next)
  }

  private open(number: number): void {
    const puzzle = PUZZLES.find((puzzle) => puzzle.number === number)
    if (!puzzle) return
    void this.queue.add(async () => {
      const { part: lab, puzzle: loaded } = await puzzle.load()
      const path = `part${puzzle.part}/${loaded.file}`
      const texts = await textsOf(puzzle.part)
      Object.assign(this, { puzzle, loaded, texts: { ...texts, [path]: loaded.text } })
      const right = await fetchPart(puzzle.part)
      const part: Part = {
        ...right,
        lab,
        sources: right.sources.map(({ file }) => ({
          file,
          text: this.texts[file] ?? '',
        })),
        difference: 'in this puzzle',
      }
      const target = fromHash(loaded.run)
      if (!target || !('recording' in target)) throw new Error(`no run: ${loaded.run}`)
      await this.playback.loadAlone(target.recording, part)
      await this.playback.toBreak()
      const isNew = this.progress.attempts[number] === undefined
      this.keep(isNew ? UNTRIED : this.attempt)
      this.showFiles()
      this.say('', this.isOver ? `${capital(this.attempt.state)}.` : '')
      this.show()
      this.watcher.render()
      const hash = `#puzzle=${number}`
      window.history.replaceState(window.history.state, '', hash)
    })
  }

  private get attempt(): Attempt {
    return this.progress.attempts[String(this.puzzle?.number)] ?? UNTRIED
  }

  private keep(attempt: Attempt): void {
    const { number = 0 } = this.puzzle ?? {}
    const attempts = { ...this.progress.attempts, [number]: attempt }
    this.progress = { current: number, attempts }
    keepProgress(this.storage, this.progress)
  }

  private showFiles(): void {
    const files = Object.keys(this.texts).filter((file) => file.includes('/src/'))
    const raft = files.filter((file) => file.endsWith('/raft.ts'))
    const others = files.filter((file) => !raft.includes(file)).toSorted()
    this.file.replaceChildren(
      ...[...raft, ...others].map((file) => h('option', { value: file }, file)),
    )
    this.showFile()
  }

  private showFile(): void {
    this.line = null
    this.list.show(this.file.value, this.texts[this.file.value] ?? '')
    this.answer.disabled = true
    this.answer.textContent = 'Is it this line?'
    if (this.isOver && this.isFileOfAnswer) this.list.mark(this.loaded?.lines ?? [])
  }

  private get isOver(): boolean {
    return this.attempt.state !== 'open'
  }

  private get isFileOfAnswer(): boolean {
    return this.file.value === `part${this.puzzle?.part}/${this.loaded?.file}`
  }

  private point(line: number): void {
    this.line = line
    this.answer.disabled = this.isOver
    this.answer.textContent = `Is it line ${line}?`
  }

  private try(): void {
    const { loaded, line } = this
    if (!loaded || line === null) return
    const file = this.file.value.slice(this.file.value.indexOf('/') + 1)
    const verdict = judge(loaded, file, line)
    const { attempt } = this
    const tries = attempt.tries + 1
    this.keep({ ...attempt, tries })
    const place = `${file}, line ${line}`
    const told = {
      right: `${place}, with ${counted(tries, 'try', 'tries')} and ${counted(attempt.hints, 'hint', 'hints')}.`,
      close: `not ${place}, but the same function.`,
      wrong: `it is not near ${place}.`,
    }
    if (verdict === 'right') this.end('solved')
    this.say(verdict, `${WORDS[verdict]}: ${told[verdict]}`)
  }

  private tellHint(): void {
    const { attempt } = this
    this.keep({ ...attempt, hints: attempt.hints + 1 })
    this.show()
  }

  private say(kind: string, text: string): void {
    this.said.className = `said ${kind}`
    this.said.textContent = text
  }

  private end(state: Attempt['state']): void {
    this.keep({ ...this.attempt, state })
    this.say('', `${capital(state)}.`)
    this.show()
    const { file, lines } = this.loaded ?? { file: '', lines: [] }
    this.file.value = `part${this.puzzle?.part}/${file}`
    this.showFile()
    this.list.mark(lines)
  }

  private show(): void {
    const { loaded, attempt } = this
    if (!loaded) return
    const left = loaded.hints.length - attempt.hints
    this.hint.textContent = left > 0 ? `Hint (${left} left)` : 'No more hints'
    this.hint.disabled = left <= 0 || this.isOver
    this.giveUp.disabled = this.isOver
    const told = loaded.hints.slice(0, attempt.hints)
    this.hints.replaceChildren(...told.map((hint) => hintItem(hint)))
    this.showExplanation()
    const states = PUZZLES.map(({ number }) => this.progress.attempts[number]?.state)
    const solved = states.filter((state) => state === 'solved').length
    this.done.textContent = `${solved} of ${PUZZLES.length} solved`
    this.showWhich()
  }

  private showWhich(): void {
    const options = PUZZLES.map(({ number, part, difficulty }) => {
      const state = this.progress.attempts[number]?.state
      const mark = state === undefined ? '' : ` (${state})`
      const text = `Puzzle ${number}: part ${part}, ${difficulty}${mark}`
      return h('option', { value: number }, text)
    })
    this.which.replaceChildren(...options)
    this.which.value = String(this.puzzle?.number)
  }

  private showExplanation(): void {
    this.explanation.hidden = !this.isOver
    if (!this.isOver || !this.loaded) {
      this.explanation.replaceChildren()
      return
    }
    const { title, story, breaks, seen, sources, diff } = this.loaded.explanation
    const links = sources.map((href) => h('li', {}, h('a', { href }, href)))
    this.explanation.replaceChildren(
      h('h3', {}, title),
      h('p', {}, story),
      h('p', { class: 'note' }, `Breaks ${breaks}.`),
      differenceLines(diff, 'What was changed'),
      h('p', { class: 'note' }, `Seen: ${seen}.`),
      ...(links.length > 0 ? [h('ul', { class: 'sources' }, ...links)] : []),
    )
  }

  private change(change: Change): void {
    void this.queue.add(async () => {
      await change(this.playback)
      this.watcher.render()
    })
  }
}

function hintItem(hint: string): HTMLElement {
  const [first = '', ...code] = hint.split('\n')
  if (code.length === 0) return h('li', {}, first)
  const lines = h('pre', { tabindex: 0 }, h('code', {}, code.join('\n')))
  lines.setAttribute('role', 'group')
  lines.setAttribute('aria-label', 'The lines among which it is')
  return h('li', {}, first, lines)
}

function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Null where the browser keeps nothing. */
function storageHere(): Storage | null {
  try {
    return window.localStorage
  } catch {
    return null
  }
}
