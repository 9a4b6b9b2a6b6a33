/**
 * Keeps the code in the chapters as it is in the parts.
 *
 * A block of code in a Markdown file says where it comes from, by the name of what it shows:
 *
 *     <!-- excerpt: part1/src/raft.ts#ConsensusModule.startElection -->
 *
 * and, where it shows a part of that, by its first and last line (a text that one line has):
 *
 *     <!-- excerpt: part1/src/raft.ts#ConsensusModule from "votedFor:" to "votesReceived" -->
 *
 * `npm run excerpts` fills the blocks; with `--check` it changes nothing, and fails when one
 * differs from the source. A test is named by its sentence, in single quotes.
 */
import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { program } from '../tools/src/cli/command.ts'
import { exitCodeOf } from '../tools/src/cli/exit.ts'
import { say } from '../tools/src/cli/print.ts'
import { ROOT } from '../tools/src/cli/root.ts'
import { markdownFiles } from '../tools/src/markdown/files.ts'
import { blocksOf, commentsOf, OpenBlockError } from '../tools/src/markdown/read.ts'
import { definitionsIn } from '../tools/src/source/definitions.ts'

/** What a reader takes in without scrolling. */
const MAX_LINES = 15

/** What is wrong with an excerpt, as a sentence that stands behind its place. */
export class ExcerptError extends Error {}

export interface Filled {
  /** As it was, if it has problems. */
  readonly text: string
  /** The blocks that differ from the source, by the line of the text as it was. */
  readonly differences: readonly string[]
  /** What makes a block one that cannot be filled; nothing is filled then. */
  readonly problems: readonly string[]
}

/** Fills the blocks of a chapter. */
export function fillExcerpts(
  text: string,
  readSource: (file: string) => string,
): Filled {
  const lines = text.split('\n')
  const problems = problemsOf(text)
  const differences: string[] = []
  if (problems.length > 0) return { text, differences, problems }
  for (const block of blocksOf(text).reverse()) {
    if (!block.marker.startsWith('excerpt:')) continue
    try {
      const wanted = excerptFor(block.marker, readSource)
      if (wanted.join('\n') === block.lines.join('\n')) continue
      differences.unshift(`${block.firstLine}: differs from ${addressIn(block.marker)}`)
      const indented = wanted.map((line) => line && block.indentation + line)
      lines.splice(block.firstLine - 1, block.lines.length, ...indented)
    } catch (error) {
      if (!(error instanceof ExcerptError)) throw error
      problems.unshift(`${block.firstLine - 2}: ${error.message}`)
    }
  }
  if (problems.length > 0) return { text, differences: [], problems }
  return { text: lines.join('\n'), differences, problems }
}

/** What a comment in a chapter can say: whatever else it says was meant to be one of these. */
const MARKERS =
  /^(?:excerpt: \S.*|run|run exit \d+|not run: .+|(?:change|file): \S+|@content)$/

/** A marker that marks nothing is worse than a wrong one: nobody would notice. */
function problemsOf(text: string): string[] {
  const windows = text.split('\n').findIndex((line) => line.endsWith('\r'))
  if (windows !== -1)
    return [`${windows + 1}: ends as lines do on Windows; use \\n alone`]
  try {
    blocksOf(text)
  } catch (error) {
    if (error instanceof OpenBlockError)
      return [`${error.line}: this block does not end`]
    throw error
  }
  return commentsOf(text).flatMap(({ text, line, hasBlock }) => {
    if (text === null || !MARKERS.test(text)) return `${line}: ${NO_MARKER}`
    const isStray = text.startsWith('excerpt:') && !hasBlock
    return isStray ? `${line}: no block of code stands below this` : []
  })
}

const NO_MARKER =
  'this comment marks nothing; what marks a block has the line above it to itself, as ' +
  '<!-- excerpt: part1/src/raft.ts#Role -->'

function addressIn(marker: string): string {
  return marker.replace('excerpt:', '').trim()
}

const ADDRESS =
  /^(?<file>\S+?)#(?<symbol>'.+'|\S+?)(?: from "(?<from>.+?)")?(?: to "(?<to>.+?)")?$/

function excerptFor(marker: string, readSource: (file: string) => string): string[] {
  const address = addressIn(marker)
  const { file, symbol, from, to } = ADDRESS.exec(address)?.groups ?? {}
  if (!file || !symbol) {
    throw new ExcerptError(
      `"${address}" is no address of an excerpt; one is part1/src/raft.ts#Role`,
    )
  }
  let lines = definition(readSource(file), symbol, file)
  if (from) lines = lines.slice(only(lines, from, address))
  if (to) lines = lines.slice(0, first(lines, to, address) + 1)
  if (lines.length > MAX_LINES) {
    throw new ExcerptError(
      `${address} has ${lines.length} lines, more than ${MAX_LINES}; ` +
        'show a part of it, with from "…" and to "…"',
    )
  }
  return dedent(lines)
}

/** The one line with the text: an address that fits two lines says too little. */
function only(lines: readonly string[], text: string, address: string): number {
  const at = first(lines, text, address)
  const again = lines.findIndex((line, i) => i > at && line.includes(text))
  if (again === -1) return at
  throw new ExcerptError(`${address}: more than one line has "${text}"`)
}

function first(lines: readonly string[], text: string, address: string): number {
  const at = lines.findIndex((line) => line.includes(text))
  if (at === -1) throw new ExcerptError(`${address}: no line has "${text}"`)
  return at
}

/** The lines that define a symbol: `Name`, `Class.member` or a test's sentence. */
function definition(source: string, symbol: string, file: string): string[] {
  const found = definitionsIn(source, file).filter(({ name }) => name === symbol)
  const [place] = found
  if (!place || found.length > 1) {
    const count = place ? `${found.length} definitions of` : 'no'
    throw new ExcerptError(`${file} has ${count} ${symbol}`)
  }
  return source.split('\n').slice(place.firstLine - 1, place.lastLine)
}

function dedent(lines: readonly string[]): string[] {
  const depths = lines.filter(Boolean).map((line) => line.search(/\S/))
  const depth = Math.min(...depths)
  return lines.map((line) => line.slice(depth))
}

/** @returns the process's exit code. */
export function main(root: string, isCheck: boolean): number {
  let failed = 0
  for (const file of markdownFiles(root)) {
    const { text, differences, problems } = fillFile(root, file)
    if (!isCheck && differences.length > 0) writeFileSync(join(root, file), text)
    for (const problem of problems) say(`${file}:${problem}`)
    for (const difference of differences) {
      say(`${file}:${difference}${isCheck ? '' : ', and was filled again'}`)
    }
    failed += problems.length + (isCheck ? differences.length : 0)
  }
  if (isCheck && failed > 0) say('npm run excerpts fills what differs.')
  return failed === 0 ? 0 : 1
}

function fillFile(root: string, file: string): Filled {
  const bytes = readFileSync(join(root, file))
  const text = bytes.toString('utf8')
  if (isUtf8(bytes)) return fillExcerpts(text, (source) => readSource(root, source))
  const line = text.slice(0, text.indexOf('\ufffd')).split('\n').length
  const problems = [`${line}: is no UTF-8; save the file as that`]
  return { text, differences: [], problems }
}

function readSource(root: string, file: string): string {
  const path = join(root, file)
  const isOurs = !relative(root, path).startsWith('..')
  if (isOurs && statSync(path, { throwIfNoEntry: false })?.isFile()) {
    return readFileSync(path, 'utf8')
  }
  throw new ExcerptError(`there is no file ${file}`)
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await exitCodeOf(async () => {
    const command = program('npm run excerpts --')
      .description('Fills the code in the chapters from the source.')
      .option('--check', 'change nothing, and fail when a block differs', false)
      .parse()
    return main(ROOT, command.opts<{ check: boolean }>().check)
  })
}
