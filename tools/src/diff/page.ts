import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { html } from 'diff2html'
import { ColorSchemeType, type DiffFile } from 'diff2html/lib/types.js'
import Handlebars from 'handlebars'
import type { Comparison, LoneFile } from './compare.ts'
import type { Note } from './note.ts'

/** Writes out a comparison as one page that needs no other file. */
export function pageOf(comparison: Comparison, notes: readonly Note[]): string {
  const { from, to } = comparison
  const changed = comparison.changed.map(({ path, diff }) => ({
    path,
    id: idOf(path),
    added: diff.addedLines,
    deleted: diff.deletedLines,
    html: sideBySide(diff, comparison),
  }))
  const added = comparison.added.map((file) => lone(file, 'added', `new in ${to}`))
  const gone = `not in ${to} any more`
  const removed = comparison.removed.map((file) => lone(file, 'deleted', gone))
  const unchanged = comparison.unchanged.map((path) => ({ path }))
  const groups = [
    { title: 'Changed', files: changed },
    { title: 'New', files: added },
    { title: 'Gone', files: removed },
    { title: 'Unchanged', files: unchanged },
  ]
  return template()({
    from,
    to,
    notes,
    changed,
    lone: [...added, ...removed],
    groups: groups.filter(({ files }) => files.length > 0),
    summary: summaryOf(comparison),
    style: style(),
  })
}

/** "6 files changed, 2 new, 1 unchanged" */
export function summaryOf(comparison: Comparison): string {
  const { changed, added, removed, unchanged } = comparison
  const counts = [
    `${changed.length} ${changed.length === 1 ? 'file' : 'files'} changed`,
    `${added.length} new`,
    removed.length > 0 ? `${removed.length} gone` : '',
    `${unchanged.length} unchanged`,
  ]
  return counts.filter((count) => count !== '').join(', ')
}

function sideBySide(diff: DiffFile, { from, to }: Comparison): string {
  const page = html([diff], {
    outputFormat: 'side-by-side',
    drawFileList: false,
    matching: 'lines',
    diffStyle: 'word',
    colorScheme: ColorSchemeType.AUTO,
  })
  // Long lines are scrolled to: by the keyboard, too.
  const sides = [from, to]
  return page.replaceAll('<div class="d2h-file-side-diff">', () => {
    const label = `${diff.newName} in ${sides.shift()}`
    return `<div class="d2h-file-side-diff" role="group" tabindex="0" aria-label="${Handlebars.escapeExpression(label)}">`
  })
}

function lone(file: LoneFile, kind: 'added' | 'deleted', label: string) {
  const id = idOf(file.path)
  return {
    ...file,
    id,
    kind,
    label: `${label}, ${file.lines} lines`,
    [kind]: file.lines,
  }
}

function idOf(path: string): string {
  return `file-${path.replace(/[^A-Za-z0-9]+/g, '-')}`
}

function template(): Handlebars.TemplateDelegate {
  return Handlebars.compile(textOf(new URL('page.hbs', import.meta.url)))
}

/** The library's style, and ours after it. */
function style(): string {
  const library = createRequire(import.meta.url).resolve(
    'diff2html/bundles/css/diff2html.min.css',
  )
  return readFileSync(library, 'utf8') + textOf(new URL('style.css', import.meta.url))
}

function textOf(url: URL): string {
  return readFileSync(fileURLToPath(url), 'utf8')
}
