/** What the reader has done so far, kept in puzzles/progress.json. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { z } from 'zod'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { writeWhole } from '../cli/whole.ts'

/** Where the puzzles of a reader are, and nothing else: git ignores it. */
export const PUZZLES_FOLDER = join(ROOT, 'puzzles')
const FILE = join(PUZZLES_FOLDER, 'progress.json')

const count = z.int().min(0)

const attempt = z.strictObject({
  state: z.enum(['open', 'solved', 'given up']),
  /** From which the run was looked for. */
  seed: count,
  hints: count,
  tries: count,
})

const progressSchema = z.strictObject({
  /** The number of the puzzle at hand. */
  current: count.nullable(),
  /** By the puzzles' numbers. */
  attempts: z.record(z.string().regex(/^\d+$/), attempt),
})

export type Attempt = Readonly<z.infer<typeof attempt>>

export interface Progress {
  readonly current: number | null
  readonly attempts: Readonly<Record<string, Attempt>>
}

/** @throws UsageError when the file holds something else. */
export function readProgress(): Progress {
  if (!existsSync(FILE)) return { current: null, attempts: {} }
  try {
    return progressSchema.parse(JSON.parse(readFileSync(FILE, 'utf8')))
  } catch {
    throw new UsageError(
      `${relative(ROOT, FILE)} is not what was written there; ` +
        'mend it, or begin anew with --reset',
    )
  }
}

/** Keeps how far a puzzle is, which is the one at hand while it is open. */
export async function keep(number: number, attempt: Attempt): Promise<void> {
  const { attempts } = readProgress()
  const current = attempt.state === 'open' ? number : null
  const progress = { current, attempts: { ...attempts, [number]: attempt } }
  await writeWhole(FILE, [`${JSON.stringify(progress, null, 2)}\n`])
}

/** Forgets what was done. The folders stay: there may be something of the reader's in them. */
export function resetProgress(): void {
  rmSync(FILE, { force: true })
}
