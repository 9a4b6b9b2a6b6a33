/** Where a person writes in the code. Loaded when it is asked for, with all it needs. */
import {
  defaultKeymap,
  history,
  historyKeymap,
  indentWithTab,
} from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { EditorState } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { button, h, listen } from 'tools/viz/page/dom'
import type { Problem } from '../own/protocol.ts'

export interface EditorActions {
  /** Runs a text. @returns why that cannot be. */
  readonly run: (part: number, text: string) => Promise<Problem | null>
}

/** In the colours of the site. */
const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], class: 'code-keyword' },
  { tag: [tags.string, tags.number, tags.bool, tags.null], class: 'code-literal' },
  { tag: tags.comment, class: 'code-comment' },
  { tag: [tags.typeName, tags.className], class: 'code-type' },
])

export class Editor {
  readonly element = h('dialog', { class: 'editor', 'aria-label': 'Edit the code' })
  private readonly actions: EditorActions
  private readonly title = h('h3')
  private readonly said = h('p', { class: 'said', role: 'status' })
  private readonly runIt = button('Run it', () => void this.run(), {
    class: 'primary',
    title: 'Ctrl+Enter',
  })
  private readonly view: EditorView
  private part = 0
  private original = ''
  private isRunning = false

  constructor(actions: EditorActions) {
    this.actions = actions
    const place = h('div', { class: 'code' })
    this.view = new EditorView({ parent: place })
    // Escape leaves the code; once more, and it closes.
    listen(place, {
      onkeydown: (event) => {
        if (event.key !== 'Escape') return
        event.preventDefault()
        this.runIt.focus()
      },
    })
    const hint =
      'In the code, Tab indents, and Escape leaves it. What you write stays in this page: ' +
      'only a link that you copy carries it.'
    this.element.append(
      h('div', { class: 'head' }, this.title),
      place,
      this.said,
      h(
        'div',
        { class: 'row' },
        this.runIt,
        button('As it was', () => this.write(this.original)),
        button('Close', () => this.element.close()),
        h('span', { class: 'note' }, hint),
      ),
    )
  }

  /** @param text to begin with: a changed one, or the original. */
  open(part: number, file: string, original: string, text: string): void {
    Object.assign(this, { part, original })
    this.title.textContent = file
    this.said.textContent = ''
    this.view.setState(this.stateWith(text, file))
    this.element.showModal()
    this.view.focus()
  }

  private stateWith(doc: string, file: string): EditorState {
    return EditorState.create({
      doc,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        javascript({ typescript: true }),
        syntaxHighlighting(COLOURS),
        EditorState.tabSize.of(2),
        EditorView.contentAttributes.of({ 'aria-label': file, tabindex: '0' }),
        keymap.of([
          { key: 'Mod-Enter', run: () => this.runNow() },
          ...defaultKeymap,
          ...historyKeymap,
          indentWithTab,
        ]),
      ],
    })
  }

  private write(insert: string): void {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert } })
    this.said.textContent = ''
  }

  private runNow(): boolean {
    void this.run()
    return true
  }

  private async run(): Promise<void> {
    if (this.isRunning) return
    this.isRunning = true
    this.said.textContent = 'Runs …'
    const problem = await this.actions.run(this.part, this.view.state.doc.toString())
    this.isRunning = false
    if (!problem) {
      this.element.close()
      return
    }
    const { text, line } = problem
    const place = line === null ? '' : `Line ${line}: `
    this.said.textContent = `It cannot be run. ${place}${text}`
    if (line !== null) this.show(line)
  }

  private show(line: number): void {
    const { doc } = this.view.state
    const { from } = doc.line(Math.min(Math.max(line, 1), doc.lines))
    const effects = EditorView.scrollIntoView(from, { y: 'center' })
    this.view.dispatch({ selection: { anchor: from }, effects })
    this.view.focus()
  }
}
