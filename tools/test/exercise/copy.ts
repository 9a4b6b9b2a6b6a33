import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { ROOT } from '../../src/cli/root.ts'
import { linkPackages } from '../../src/exercise/make.ts'
import { Bench } from '../../src/grade/bench.ts'
import { type Grade, grade } from '../../src/grade/grade.ts'

/** For tests that run those of a part: on a busy machine they take their time. */
export const SLOW = { timeout: 600_000 }

const home = mkdtempSync(join(tmpdir(), 'raft-exercise-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

let copies = 0

/** A folder for an exercise of a part; nothing is in it yet. */
export function emptyFolder(part: string): string {
  copies += 1
  return join(home, `${copies}`, part)
}

/** A reader's copy of a part that has all of its code. */
export function copyOf(part: string): string {
  const folder = emptyFolder(part)
  for (const name of ['src', 'package.json', 'raft.proto']) {
    cpSync(join(ROOT, part, name), join(folder, name), { recursive: true })
  }
  linkPackages(ROOT, folder)
  return folder
}

export function change(folder: string, file: string, from: string, to: string): void {
  const path = join(folder, file)
  const text = readFileSync(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${path} has no ${from}`)
  writeFileSync(path, text.replace(from, to))
}

/** @param seconds of a core's work, before what has no end is stopped. */
export function gradeOf(
  part: string,
  folder: string,
  seeds = 100,
  seconds?: number,
): Promise<Grade> {
  const name = `exercises/${part}`
  const outDir = join(folder, 'out')
  return grade({ root: ROOT, name, folder, seeds, outDir, bench: new Bench(seconds) })
}
