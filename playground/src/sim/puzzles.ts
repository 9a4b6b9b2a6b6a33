/**
 * Mistakes of the gallery as puzzles, those that this page has a run of. What stands in this
 * file is filled in where the page is built, by ../../mistakes.ts; and nothing of a puzzle is
 * loaded before it is opened.
 */
import type { Part as PartInLab } from 'tools/lab/part'
import type { Explanation, Riddle } from 'tools/puzzle/judge'

export interface Puzzle {
  readonly number: number
  readonly part: number
  readonly difficulty: 'easy' | 'medium' | 'hard'
  readonly load: () => Promise<{
    readonly part: PartInLab
    readonly puzzle: LoadedPuzzle
  }>
}

export interface LoadedPuzzle extends Riddle {
  readonly hints: readonly string[]
  readonly explanation: Explanation
  /** In which a rule breaks, as a link of the playground. */
  readonly run: string
}

export const PUZZLES: readonly Puzzle[] = []
