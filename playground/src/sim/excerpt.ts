/** A file of a part: where it is in the repository, and what is in it. */
export interface Source {
  readonly file: string
  readonly text: string
}

/** A method as it stands in a file of a part. */
export interface Excerpt {
  readonly file: string
  readonly symbol: string
  readonly lines: readonly string[]
  /** The number of the first of them in the file, from 1. */
  readonly firstLine: number
  /** The number of the line that a rule is about; null when it names none. */
  readonly markedLine: number | null
}

const INDENT = '  '
const CLASS = /^(export )?class /
const MEMBER = /^ {2}(?:(?:private|async) )*(\w+)(?:<.*>)?\(/

/** A method of the one class in a file. @returns null when it has no such method. */
export function excerptOf(
  { file, text }: Source,
  symbol: string,
  marked?: string,
): Excerpt | null {
  const lines = text.split('\n')
  const start = startsOf(lines).find((start) => nameAt(lines, start) === symbol)
  return start === undefined ? null : { file, ...excerptFrom(lines, start, marked) }
}

/** The method in which a text stands. @returns null unless it stands in one place. */
export function excerptWith(source: Source, text: string): Excerpt | null {
  const lines = source.text.split('\n')
  const [at, second] = lines.flatMap((line, i) => (line.includes(text) ? [i] : []))
  if (at === undefined || second !== undefined) return null
  const start = startsOf(lines).findLast((start) => start <= at)
  if (start === undefined) return null
  return { file: source.file, ...excerptFrom(lines, start, text) }
}

/** Where the methods of the class begin. */
function startsOf(lines: readonly string[]): number[] {
  const classAt = lines.findIndex((line) => CLASS.test(line))
  return lines.flatMap((line, i) => (i > classAt && MEMBER.test(line) ? [i] : []))
}

function nameAt(lines: readonly string[], start: number): string {
  return MEMBER.exec(lines[start] ?? '')?.[1] ?? ''
}

function excerptFrom(
  lines: readonly string[],
  start: number,
  marked: string | undefined,
): Omit<Excerpt, 'file'> {
  const length = lines.slice(start).indexOf(`${INDENT}}`) + 1
  const body = lines.slice(start, start + length)
  const at = marked === undefined ? -1 : body.findIndex((line) => line.includes(marked))
  return {
    symbol: nameAt(lines, start),
    lines: body.map((line) => line.slice(INDENT.length)),
    firstLine: start + 1,
    markedLine: at === -1 ? null : start + 1 + at,
  }
}
