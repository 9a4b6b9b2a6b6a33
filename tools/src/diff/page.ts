import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { html } from 'diff2html'
import { ColorSchemeType } from 'diff2html/lib/types.js'
import Handlebars from 'handlebars'
import { type Passage, type Told, toldIn } from './chapter.ts'
import { Palette, paint } from './colour.ts'
import { type ChangedFile, type Comparison, type LoneFile, placesIn } from './compare.ts'
import { foldSides } from './fold.ts'
import type { Note } from './note.ts'

/** Writes out a comparison as one page that needs no other file. */
export async function pageOf(
  comparison: Comparison,
  notes: readonly Note[],
  passages: readonly Passage[] = [],
): Promise<string> {
  const { from, to } = comparison
  const palette = new Palette()
  const changed = await Promise.all(
    comparison.changed.map(async (file) => ({
      path: file.path,
      id: idOf(file.path),
      added: file.diff.addedLines,
      deleted: file.diff.deletedLines,
      html: await sideBySide(file, comparison, { palette, passages }),
    })),
  )
  const alone = (files: readonly LoneFile[], kind: LoneKind, label: string) =>
    Promise.all(files.map((file) => lone(file, kind, label, palette)))
  const added = await alone(comparison.added, 'added', `new in ${to}`)
  const removed = await alone(comparison.removed, 'deleted', `not in ${to} any more`)
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
    style: style() + palette.css(),
    script: SCRIPT,
    scriptHash: createHash('sha256').update(SCRIPT).digest('base64'),
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

async function sideBySide(
  { path, before, after, diff }: ChangedFile,
  { from, to }: Comparison,
  { palette, passages }: { palette: Palette; passages: readonly Passage[] },
): Promise<string> {
  const page = html([diff], {
    outputFormat: 'side-by-side',
    drawFileList: false,
    matching: 'lines',
    diffStyle: 'word',
    colorScheme: ColorSchemeType.AUTO,
  })
  const [head = '', ...tables] = page.split('<div class="d2h-file-side-diff">')
  const [left = '', right = ''] = tables
  const told = toldIn(after, path, passages)
  const sides = foldSides(
    [
      { table: left, colours: await palette.colour(path, before) },
      { table: right, colours: await palette.colour(path, after) },
    ],
    idOf(path),
    {
      placeOf: placesIn(after, path),
      chaptersOn: (lines) => chaptersOn(told, lines),
    },
  )
  // Long lines are scrolled to: by the keyboard, too.
  const opened = sides.map((side, i) => {
    const label = Handlebars.escapeExpression(`${path} in ${i === 0 ? from : to}`)
    return `<div class="d2h-file-side-diff" role="group" tabindex="0" aria-label="${label}">${side}`
  })
  return head + opened.join('')
}

/** Links to the passages that tell of lines. */
function chaptersOn(told: readonly Told[], lines: readonly number[]): string {
  const links = told
    .filter(({ firstLine, lastLine }) =>
      lines.some((line) => firstLine <= line && line <= lastLine),
    )
    .map(({ passage: { href, heading } }) => {
      const [address, text] = [href, heading].map(Handlebars.escapeExpression)
      return `<a href="${address}">${text}</a>`
    })
  return links.length > 0 ? `Chapter: ${[...new Set(links)].join(', ')}` : ''
}

type LoneKind = 'added' | 'deleted'

async function lone(file: LoneFile, kind: LoneKind, label: string, palette: Palette) {
  const colours = await palette.colour(file.path, file.text)
  const lines = file.text.split('\n').map((line, i) => {
    return paint(Handlebars.escapeExpression(line), colours[i] ?? [])
  })
  return {
    ...file,
    id: idOf(file.path),
    kind,
    label: `${label}, ${file.lines} lines`,
    [kind]: file.lines,
    html: lines.join('\n'),
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

const SCRIPT = textOf(new URL('page.js', import.meta.url))
