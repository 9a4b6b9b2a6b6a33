import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import { parse } from 'diff2html'
import type { DiffFile } from 'diff2html/lib/types.js'
import { headingsOf } from '../markdown/read.ts'
import { definitionsIn } from '../source/definitions.ts'

/** A file that two parts have, and that differs. */
export interface ChangedFile {
  readonly path: string
  readonly before: string
  readonly after: string
  /** All of its lines, those that did not change, too. */
  readonly diff: DiffFile
}

/** A file that one of the two parts has, and the other has not. */
export interface LoneFile {
  readonly path: string
  readonly text: string
  readonly lines: number
}

export interface Comparison {
  readonly from: string
  readonly to: string
  readonly changed: readonly ChangedFile[]
  readonly added: readonly LoneFile[]
  readonly removed: readonly LoneFile[]
  readonly unchanged: readonly string[]
  /** What nobody could read beside the rest: see `WHY_LEFT_OUT`. */
  readonly leftOut: readonly string[]
}

/** Ten times what the longest file of a part has: to compare more takes minutes. */
const MOST_BYTES = 500_000
export const WHY_LEFT_OUT = `no file, or larger than ${MOST_BYTES / 1000} kB`

/** Nobody reads these to learn what a part adds. */
const NOT_READ = new Set([
  ...['package.json', 'tsconfig.json', 'exercise.json'],
  ...['node_modules', 'timelines', 'dist'],
])

/** Compares what a reader reads of two parts of the repository. */
export function compareParts(root: string, from: string, to: string): Comparison {
  const { files: before, leftOut: leftOutBefore } = readPart(join(root, from))
  const { files: after, leftOut: leftOutAfter } = readPart(join(root, to))
  const both = inReadingOrder([...after.keys()].filter((path) => before.has(path)))
  const lone = (files: Map<string, string>, others: Map<string, string>) =>
    inReadingOrder([...files.keys()].filter((path) => !others.has(path))).map((path) =>
      loneFile(path, files.get(path) ?? ''),
    )
  const isSame = (path: string) => before.get(path) === after.get(path)
  return {
    from,
    to,
    changed: both
      .filter((path) => !isSame(path))
      .map((path) => changedFile(path, before.get(path) ?? '', after.get(path) ?? '')),
    added: lone(after, before),
    removed: lone(before, after),
    unchanged: both.filter(isSame),
    leftOut: [...new Set([...leftOutBefore, ...leftOutAfter])],
  }
}

/** The paths of all files that were compared. */
export function pathsOf(comparison: Comparison): string[] {
  const { changed, added, removed, unchanged } = comparison
  const paths = [...changed, ...added, ...removed].map(({ path }) => path)
  return [...paths, ...unchanged]
}

/** What is left of a comparison when only some files are of interest. */
export function only(comparison: Comparison, paths: readonly string[]): Comparison {
  const isWanted = ({ path }: { path: string }) => paths.includes(path)
  return {
    ...comparison,
    changed: comparison.changed.filter(isWanted),
    added: comparison.added.filter(isWanted),
    removed: comparison.removed.filter(isWanted),
    unchanged: comparison.unchanged.filter((path) => paths.includes(path)),
  }
}

function readPart(folder: string): { files: Map<string, string>; leftOut: string[] } {
  const files = new Map<string, string>()
  const leftOut: string[] = []
  const visit = (path: string) => {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      if (NOT_READ.has(entry.name) || entry.name.startsWith('.')) continue
      const below = path === '' ? entry.name : `${path}/${entry.name}`
      const file = join(folder, below)
      if (entry.isDirectory()) visit(below)
      else if (isReadable(file)) files.set(below, readFileSync(file, 'utf8'))
      else leftOut.push(below)
    }
  }
  visit('')
  return { files, leftOut }
}

/** A file, or a link to one: a pipe would keep us waiting, and a link may lead nowhere. */
function isReadable(file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat?.isFile() === true && stat.size <= MOST_BYTES
}

/** The algorithm first, then what is around it, then its tests. */
const READING_ORDER = [/^src\/raft\.ts$/, /^src\//, /\.proto$/, /^README/, /^[^/]*$/]

function inReadingOrder(paths: readonly string[]): string[] {
  const rank = (path: string) => {
    const found = READING_ORDER.findIndex((pattern) => pattern.test(path))
    return found === -1 ? READING_ORDER.length : found
  }
  return [...paths].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

function loneFile(path: string, text: string): LoneFile {
  return { path, text, lines: text.split('\n').length - 1 }
}

function changedFile(path: string, before: string, after: string): ChangedFile {
  const context = { context: Number.POSITIVE_INFINITY }
  const patch = createTwoFilesPatch(path, path, before, after, '', '', context)
  const [diff] = parse(patch)
  if (!diff) throw new Error(`no difference was found in ${path}, though there is one`)
  return { path, before, after, diff }
}

/** Of a text: the definition or heading that a line belongs to. Lines count from 1. */
export function placesIn(text: string, path: string): (line: number) => string {
  const headings = headingsIn(text, path)
  const lines = text.split('\n')
  return (line) => {
    const heading = headings.findLast((above) => above <= line)
    return nameIn(lines[(heading ?? 0) - 1] ?? '')
  }
}

/** The lines, from 1, that name what follows them: definitions, headings of Markdown. */
function headingsIn(text: string, path: string): number[] {
  if (path.endsWith('.md')) return headingsOf(text).map(({ line }) => line)
  if (!/\.(ts|proto)$/.test(path)) return []
  const lines = text.split('\n')
  const isMethod = (lastLine: number) => lines[lastLine - 1] === '  }'
  return definitionsIn(text, path)
    .filter(({ name, lastLine }) => !/^\w+\./.test(name) || isMethod(lastLine))
    .map(({ firstLine }) => firstLine)
}

function nameIn(line: string): string {
  return line.trim().replace(/\s*[{(]+$/, '')
}
