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
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { program } from '../tools/src/cli/command.ts'
import { ROOT } from '../tools/src/cli/root.ts'
import { markdownFiles } from '../tools/src/markdown/files.ts'
import { blocksOf, markersOf } from '../tools/src/markdown/read.ts'
import { definitionsIn } from '../tools/src/source/definitions.ts'

/** What a reader takes in without scrolling. */
const MAX_LINES = 15

/** What is wrong with an excerpt, as a sentence that stands behind its place. */
export class ExcerptError extends Error {}

/** Fills the blocks of a chapter. `problems` name lines of the text as it was. */
export function fillExcerpts(
  text: string,
  readSource: (file: string) => string,
): { text: string; problems: string[] } {
  const lines = text.split('\n')
  const problems: string[] = []
  for (const block of blocksOf(text).reverse()) {
    if (!block.marker.startsWith('excerpt:')) continue
    try {
      const wanted = excerptFor(block.marker, readSource)
      if (wanted.join('\n') === block.lines.join('\n')) continue
      problems.unshift(`${block.firstLine}: differs from ${addressIn(block.marker)}`)
      const indented = wanted.map((line) => line && block.indentation + line)
      lines.splice(block.firstLine - 1, block.lines.length, ...indented)
    } catch (error) {
      if (!(error instanceof ExcerptError)) throw error
      problems.unshift(`${block.firstLine - 2}: ${error.message}`)
    }
  }
  return { text: lines.join('\n'), problems: [...strays(text), ...problems] }
}

/** An address that fills nothing, because no block stands right below it. */
function strays(text: string): string[] {
  return markersOf(text)
    .filter(({ text, hasBlock }) => text.startsWith('excerpt:') && !hasBlock)
    .map(({ line }) => `${line}: no block of code stands below this`)
}

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
  const readSource = (file: string) => {
    if (!existsSync(join(root, file))) throw new ExcerptError(`there is no file ${file}`)
    return readFileSync(join(root, file), 'utf8')
  }
  let failed = 0
  for (const file of markdownFiles(root)) {
    const before = readFileSync(join(root, file), 'utf8')
    const { text, problems } = fillExcerpts(before, readSource)
    if (!isCheck && text !== before) writeFileSync(join(root, file), text)
    for (const problem of problems) {
      const isFilled = !isCheck && problem.includes(': differs from ')
      if (!isFilled) failed += 1
      console.log(`${file}:${problem}${isFilled ? ', and was filled again' : ''}`)
    }
  }
  if (isCheck && failed > 0) console.log('npm run excerpts fills what differs.')
  return failed === 0 ? 0 : 1
}

if (process.argv[1] === import.meta.filename) {
  const command = program('npm run excerpts --')
    .description('Fills the code in the chapters from the source.')
    .option('--check', 'change nothing, and fail when a block differs', false)
    .parse()
  process.exitCode = main(ROOT, command.opts<{ check: boolean }>().check)
}
