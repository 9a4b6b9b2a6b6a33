import { existsSync, readdirSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'
import { ROOT } from '../cli/root.ts'

/** What makes a folder a part: it tells the laboratory what to know of it. */
export const LAB_FILE = 'test/lab.ts'

/** Where readers have parts of their own: to be written, and with a line to be found. */
const EXERCISE = /^exercises\//
const PUZZLE = /^puzzles\/\d+\/part\d+$/

/** The parts of the tutorial, in order. */
export function listParts(root: string): string[] {
  return readdirSync(root)
    .filter((name) => /^part\d+$/.test(name) && existsSync(join(root, name, LAB_FILE)))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

/**
 * The part that a person means: by its name, with what a shell adds to that of a folder, or
 * by the path of its folder. A folder of the same name elsewhere is none, but for a reader's
 * exercise of a part, or the folder of a puzzle.
 */
export function partNamed(argument: string, parts: readonly string[]): string | null {
  const name = argument.replace(/^\.\//, '').replace(/\/$/, '')
  const folder = resolve(argument)
  const found = parts.find((part) => part === name || join(ROOT, part) === folder)
  if (found !== undefined) return found
  const path = relative(ROOT, folder).split(sep).join('/')
  return isOwn(path) && parts.includes(partOf(path)) ? path : null
}

/** Whether it is an exercise, as `partNamed` names one: `exercises/part1`. */
export function isExercise(name: string): boolean {
  return EXERCISE.test(name) && existsSync(join(ROOT, name, LAB_FILE))
}

/** Whether it is a reader's own: an exercise, or the folder of a puzzle. */
export function isOwn(name: string): boolean {
  const isPuzzle = PUZZLE.test(name) && existsSync(join(ROOT, name, LAB_FILE))
  return isPuzzle || isExercise(name)
}

/** The part of the tutorial that it is, or is a reader's own of. */
export function partOf(name: string): string {
  return basename(name)
}
