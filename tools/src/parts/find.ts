import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What makes a folder a part: it tells the laboratory what to know of it. */
export const LAB_FILE = 'test/lab.ts'

/** The parts of the tutorial, in order. */
export function listParts(root: string): string[] {
  return readdirSync(root)
    .filter((name) => /^part\d+$/.test(name) && existsSync(join(root, name, LAB_FILE)))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}
