/** Where the chapters tell of the code: at the excerpts that they show of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { anchorOf } from '../markdown/anchor.ts'
import { blocksOf, headingsOf } from '../markdown/read.ts'
import { definitionsIn } from '../source/definitions.ts'

/** A paragraph of a chapter that has an excerpt under it. */
export interface Passage {
  /** The heading that it stands under. */
  readonly heading: string
  readonly href: string
  /** The file in the part, and the symbol in the file. */
  readonly path: string
  readonly symbol: string
  /** The lines that the excerpt shows. */
  readonly lines: readonly string[]
}

/** `excerpt: part2/src/raft.ts#ConsensusModule.submit`; of a test, the sentence in quotes. */
const ADDRESS = /^excerpt: (part\d+)\/([^#\s]+)#('[^']*'|\S+)/

/**
 * The passages of a part's chapter that are about the part itself.
 *
 * @param docs the folder of the chapters, as the page has to name it.
 */
export function passagesOf(root: string, part: string, docs: string): Passage[] {
  const text = readIfThere(join(root, 'docs', `${part}.md`))
  const headings = headingsOf(text)
  return blocksOf(text).flatMap(({ marker, firstLine, lines }) => {
    const [, of, path, symbol] = ADDRESS.exec(marker) ?? []
    if (of !== part || path === undefined || symbol === undefined) return []
    const heading = headings.findLast(({ line }) => line < firstLine)?.text ?? part
    const href = `${docs}/${part}.md#${encodeURIComponent(anchorOf(heading))}`
    return { heading, href, path, symbol, lines }
  })
}

/** A stretch of lines, from 1, that a passage tells of. */
export interface Told {
  readonly passage: Passage
  readonly firstLine: number
  readonly lastLine: number
}

/**
 * Where in a file's text the things stand that passages tell of: a method as a whole, and of
 * a class, which is most of the file, the lines of the excerpt.
 */
export function toldIn(
  text: string,
  path: string,
  passages: readonly Passage[],
): Told[] {
  const onFile = passages.filter((passage) => passage.path === path)
  if (onFile.length === 0) return []
  const definitions = definitionsIn(text, path)
  const lines = text.split('\n').map((line) => line.trim())
  return onFile.flatMap((passage) => {
    const { symbol } = passage
    const isMember = symbol.includes('.')
    const definition = definitions.find(({ name }) => name === symbol)
    const place = isMember ? definition : placeOfLines(passage.lines, lines)
    return place ? [{ passage, ...place }] : []
  })
}

/** Lines that stand one after the other somewhere in others, all without their indentation. */
function placeOfLines(wanted: readonly string[], lines: readonly string[]) {
  const start = lines.findIndex((_, at) =>
    wanted.every((line, i) => lines[at + i] === line.trim()),
  )
  if (start === -1 || wanted.length === 0) return null
  return { firstLine: start + 1, lastLine: start + wanted.length }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
