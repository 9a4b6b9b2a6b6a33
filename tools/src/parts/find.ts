import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT } from '../cli/root.ts'

/** The parts of the tutorial: every folder part… that has tests. */
export function listParts(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^part\d+$/.test(entry.name))
    .map((entry) => entry.name)
    .filter((part) => hasTests(join(root, part, 'test')))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

function hasTests(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith('.test.ts'))
  } catch {
    return false
  }
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
