/** The run that fails: looked for once, and shown as often as somebody asks. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../cli/exit.ts'
import { type Case, readCase, saveCase } from '../explore/case.ts'
import { Explorer, NO_END } from '../explore/explore.ts'
import { loadPart } from '../explore/load.ts'
import type { Violation } from '../explore/run.ts'
import { drawSeen, logCase, writeTimeline } from '../explore/timeline.ts'
import type { Part } from '../lab/index.ts'
import { compileFolder, compilePart } from '../parts/compile.ts'
import { findRun } from './find.ts'
import { codeOf, layOut, runsOf, shortPath } from './folder.ts'
import type { Riddle } from './judge.ts'
import type { Puzzle } from './puzzles.ts'

export interface Shown {
  readonly case: Case
  /** A path in the repository's folder. */
  readonly log: string
  /** Addresses of pages; the picture is of what clients saw, where that was wrong. */
  readonly timeline: string
  readonly picture: string | null
}

const AGAIN = 'npm run puzzle -- --again'

/** In seconds and MB: what a reader's own change may take, before it is said to have no end. */
const LIMITS = { seconds: 20, megabytes: 1024 }

/** The puzzle's folder and its run; both are made if they are not there. */
export async function prepare(
  puzzle: Puzzle,
  riddle: Riddle,
  seed: number,
): Promise<Shown> {
  layOut(puzzle, riddle)
  const file = caseFile(puzzle, seed)
  const { part: name, path, lease } = puzzle.mistake
  const part = await loadPart(await compilePart(name, { path, text: riddle.text }))
  const found = existsSync(file)
    ? await readCase(file)
    : await findRun(part, name, seed, lease)
  if (!found) {
    throw new UsageError(`no run of puzzle ${puzzle.number} fails from seed ${seed} on`)
  }
  await saveCase(file, found)
  return show(part, found, runsOf(puzzle))
}

/** Runs the reader's copy through the same, as it is by now. */
export async function again(
  puzzle: Puzzle,
  seed: number,
): Promise<{ readonly violation: Violation | null; readonly shown: Shown | null }> {
  const found = await readCase(caseFile(puzzle, seed))
  const code = await compileFolder(shortPath(codeOf(puzzle)))
  const part = await loadPart(code)
  const explorer = await Explorer.create(1, LIMITS)
  const violation = await explorer.tryOut(code, found.schedule)
  await explorer.close()
  if (violation?.invariant === NO_END) return { violation, shown: null }
  return { violation, shown: await show(part, found, join(runsOf(puzzle), 'again')) }
}

async function show(part: Part, found: Case, outDir: string): Promise<Shown> {
  const name = `${found.part}-seed-${found.foundWithSeed}`
  const log = join(outDir, `${name}.log`)
  const { seen } = await logCase(part, found, log, AGAIN)
  const timeline = await writeTimeline(log, outDir)
  const picture = seen && (await drawSeen(name, seen, outDir))
  return { case: found, log: shortPath(log), timeline, picture }
}

/** The run that was looked for from a seed on. */
function caseFile(puzzle: Puzzle, seed: number): string {
  return join(runsOf(puzzle), `from-seed-${seed}.json`)
}
