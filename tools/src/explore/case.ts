import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from '../cli/exit.ts'
import { MAX_SERVERS } from './options.ts'
import type { Violation } from './run.ts'
import { FAULT_KINDS, type Schedule } from './schedule.ts'

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

export function saveCase(file: string, found: Case): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`)
}

/** @throws UsageError when the file cannot be read, or holds no case. */
export async function readCase(file: string): Promise<Case> {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`cannot read ${file}: ${reason}`)
  }
  if (await isCase(value)) return value as Case
  throw new UsageError(`${file} is no case that the explorer saved`)
}

/** Above what the explorer draws: a file from elsewhere must not keep us busy for ever. */
const MOST_MS = 3_600_000
const MOST_ITEMS = 100_000
const MOST_CLIENTS = 1_000

async function isCase(value: unknown): Promise<boolean> {
  // Loaded for a replay only: it takes longer than many searches.
  const { z } = await import('zod')
  const count = z.number().min(0)
  const timed = z.looseObject({ atMs: count.max(MOST_MS), kind: z.enum(FAULT_KINDS) })
  const client = z.object({
    startsAtMs: count.max(MOST_MS),
    gapMs: count.max(MOST_MS),
    operations: z.array(z.looseObject({})).max(MOST_ITEMS),
  })
  const schedule = z.looseObject({
    seed: count,
    servers: z.int().min(1).max(MAX_SERVERS),
    durationMs: count.max(MOST_MS),
    timeouts: count,
    faults: z.array(timed).max(MOST_ITEMS),
    commandsAtMs: z.array(count.max(MOST_MS)).max(MOST_ITEMS),
    clients: z.array(client).max(MOST_CLIENTS).optional(),
  })
  return z.looseObject({ part: z.string(), schedule }).safeParse(value).success
}
