import { readdirSync } from 'node:fs'
import { join } from 'node:path'

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
