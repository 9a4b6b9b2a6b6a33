import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT } from '../cli/root.ts'

/** What makes a folder a part: it tells the laboratory what to know of it. */
export const LAB_FILE = 'test/lab.ts'

/** The parts of the tutorial, in order. */
export function listParts(root: string): string[] {
  return readdirSync(root)
    .filter((name) => /^part\d+$/.test(name) && existsSync(join(root, name, LAB_FILE)))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

/**
 * The part that a person means: by its name, with what a shell adds to that of a folder, or
 * by the path of its folder. A folder of the same name elsewhere is none.
 */
export function partNamed(argument: string, parts: readonly string[]): string | null {
  const name = argument.replace(/^\.\//, '').replace(/\/$/, '')
  const folder = resolve(argument)
  return parts.find((part) => part === name || join(ROOT, part) === folder) ?? null
}
