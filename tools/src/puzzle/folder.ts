/** A puzzle's folder: a part like any other, with a mistake in it, and the run that fails. */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, relative } from 'node:path'
import { diffLines } from 'diff'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { leadBack } from '../parts/copy.ts'
import type { Riddle } from './judge.ts'
import { PUZZLES_FOLDER } from './progress.ts'
import type { Puzzle } from './puzzles.ts'

/** The code, in a folder that is called as the part is. */
export function codeOf({ number, mistake }: Puzzle): string {
  return join(PUZZLES_FOLDER, String(number), mistake.part)
}

/** The runs, with their logs and pages. */
export function runsOf({ number }: Puzzle): string {
  return join(PUZZLES_FOLDER, String(number), 'run')
}

/** What is of no use without the page that it is about. */
const LEFT_OUT = ['node_modules', 'readme.test.ts']

/** Puts a part's files there, one of them as the puzzle has it. What is there stays. */
export function layOut(puzzle: Puzzle, riddle: Riddle): void {
  const folder = codeOf(puzzle)
  if (existsSync(folder)) return
  const { part } = puzzle.mistake
  // All at once: a folder that is there is whole.
  const unfinished = `${folder}.${process.pid}`
  cpSync(join(ROOT, part), unfinished, {
    recursive: true,
    filter: (path) => !LEFT_OUT.includes(basename(path)) && !path.endsWith('.md'),
  })
  leadBack(ROOT, unfinished)
  writeFileSync(join(unfinished, riddle.file), riddle.text)
  symlinkSync(join('../../..', part, 'node_modules'), join(unfinished, 'node_modules'))
  renameSync(unfinished, folder)
}

export interface Place {
  /** In the part: `src/raft.ts`. */
  readonly file: string
  readonly line: number
}

/**
 * The place that a person means by `src/raft.ts:120`, in the text that the puzzle began with:
 * the reader may have written into their copy. Null for a line that they have written.
 *
 * @throws UsageError when there is no such place.
 */
export function placeIn(puzzle: Puzzle, riddle: Riddle, text: string): Place | null {
  const [, path = '', digits = ''] = /^(.+?):(\d+)(?::\d+)?$/.exec(text) ?? []
  const name = basename(path)
  const file = `src/${name}`
  const sources = readdirSync(join(codeOf(puzzle), 'src'))
  if (path === '') {
    throw new UsageError(`"${text}" is no place; one is like src/${sources[0]}:12`)
  }
  if (!sources.includes(name)) {
    throw new UsageError(
      `the puzzle has no ${path}; it has ${sources.join(', ')} in src`,
    )
  }
  const now = readFileSync(join(codeOf(puzzle), file), 'utf8')
  const lines = now.trimEnd().split('\n').length
  const line = Number(digits)
  if (line < 1 || line > lines) {
    throw new UsageError(`${file} has the lines 1 to ${lines}, and no line ${digits}`)
  }
  const before =
    file === riddle.file
      ? riddle.text
      : readFileSync(join(ROOT, puzzle.mistake.part, file), 'utf8')
  const found = lineBefore(before, now, line)
  return found === null ? null : { file, line: found }
}

/** Where a line stood before a text was changed; null if it did not. */
export function lineBefore(before: string, now: string, line: number): number | null {
  let [old, next] = [1, 1]
  for (const { added, removed, count } of diffLines(before, now)) {
    if (!removed && line < next + count) return added ? null : old + line - next
    if (!added) old += count
    if (!removed) next += count
  }
  return null
}

/** As a person in the repository's folder would name it. */
export function shortPath(path: string): string {
  return relative(ROOT, path)
}
