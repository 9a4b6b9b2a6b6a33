import { readFileSync, statSync } from 'node:fs'
import { UsageError } from '../cli/exit.ts'
import { writeWhole } from '../cli/whole.ts'
import type { Violation } from './run.ts'
import type { Schedule } from './schedule.ts'

/** A schedule that breaks an invariant, and of what. It can be saved and replayed. */
export interface Case {
  readonly part: string
  /** The mistake of the gallery that the part was given, if it was. */
  readonly mistake?: string
  /** The seed that the schedule was drawn from, before it was made smaller. */
  readonly foundWithSeed: number
  readonly violation: Violation
  readonly schedule: Schedule
}

export async function saveCase(file: string, found: Case): Promise<void> {
  await writeWhole(file, [`${JSON.stringify(found, null, 2)}\n`])
}

/** @throws UsageError when the file cannot be read, or holds no case. */
export async function readCase(file: string): Promise<Case> {
  const value = readJson(file)
  // Loaded for a replay only: it takes longer than many searches.
  const { caseSchema } = await import('./case-schema.ts')
  const result = caseSchema.safeParse(value)
  if (result.success) return value as Case
  const [issue] = result.error.issues
  const place = issue?.path.join('.') ?? ''
  const where = place === '' ? '' : `${place}: `
  throw new UsageError(
    `${file} is no case that the explorer saved: ${where}${issue?.message}`,
  )
}

/** Far above what the explorer saves. */
const MOST_BYTES = 50_000_000

function readJson(file: string): unknown {
  try {
    const stat = statSync(file)
    if (!stat.isFile()) throw new Error('it is no file')
    if (stat.size > MOST_BYTES) throw new Error('it is too large')
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`cannot read ${file}: ${reason}`)
  }
}
