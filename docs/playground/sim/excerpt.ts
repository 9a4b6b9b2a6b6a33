/** A method as it stands in a part's raft.ts. */
export interface Excerpt {
  readonly lines: readonly string[]
  /** The number of the first of them in the file, from 1. */
  readonly firstLine: number
  /** The number of the line that a rule is about; null when it names none. */
  readonly markedLine: number | null
}

const INDENT = '  '

/** A method of the one class in a file. @returns null when it has no such method. */
export function excerptOf(
  source: string,
  symbol: string,
  marked?: string,
): Excerpt | null {
  const lines = source.split('\n')
  const isStart = new RegExp(`^${INDENT}(private )?${symbol}\\(`)
  const classAt = lines.findIndex((line) => /^(export )?class /.test(line))
  const start = lines.findIndex((line, at) => at > classAt && isStart.test(line))
  const length = lines.slice(start).indexOf(`${INDENT}}`) + 1
  if (start === -1 || length === 0) return null
  const body = lines.slice(start, start + length)
  const at = marked === undefined ? -1 : body.findIndex((line) => line.includes(marked))
  return {
    lines: body.map((line) => line.slice(INDENT.length)),
    firstLine: start + 1,
    markedLine: at === -1 ? null : start + 1 + at,
  }
}
