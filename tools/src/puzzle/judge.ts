/** What is to be found, and whether somebody has. Nothing here needs Node: pages ask, too. */

export interface Riddle {
  /** The file that has the mistake, in the part: `src/raft.ts`. */
  readonly file: string
  /** All of it, without what the mistake says of itself in comments. */
  readonly text: string
  /** The numbers, from 1, of the lines that are the answer, any of them. */
  readonly lines: readonly number[]
  /** The functions that these stand in. */
  readonly functions: readonly Place[]
}

/** A function, by its name, and where it is: lines count from 1, and the last one belongs. */
interface Place {
  readonly name: string
  readonly firstLine: number
  readonly lastLine: number
}

/** What it is, for those who have found it, or want to know. */
export interface Explanation {
  readonly mistake: string
  readonly title: string
  readonly story: string
  readonly breaks: string
  readonly seen: string
  /** Addresses. */
  readonly sources: readonly string[]
  readonly file: string
  readonly lines: readonly number[]
  readonly diff: string
}

export type Verdict = 'right' | 'close' | 'wrong'

/** Whether somebody who points at a line has found it; close is in the same function. */
export function judge(
  riddle: Pick<Riddle, 'file' | 'lines' | 'functions'>,
  file: string,
  line: number,
): Verdict {
  if (file !== riddle.file) return 'wrong'
  if (riddle.lines.includes(line)) return 'right'
  const isClose = riddle.functions.some((one) => holds(one, line))
  return isClose ? 'close' : 'wrong'
}

export function holds({ firstLine, lastLine }: Place, line: number): boolean {
  return line >= firstLine && line <= lastLine
}
