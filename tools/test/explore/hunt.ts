import { drawSchedule } from '../../src/explore/draw.ts'
import { loadPart } from '../../src/explore/load.ts'
import { runSchedule, type Violation } from '../../src/explore/run.ts'
import type { Schedule } from '../../src/explore/schedule.ts'
import { drawOptionsFor } from '../../src/explore/search.ts'
import type { Part } from '../../src/lab/part.ts'
import { compileMistake, findMistake } from '../../src/parts/mistake.ts'

/** For tests that start programs or search: on a busy machine they take their time. */
export const SLOW = { timeout: 60_000 }

export interface Catch {
  readonly part: Part
  readonly seed: number
  readonly schedule: Schedule
  readonly violation: Violation
}

/** The schedule of a seed, as the explorer draws it when it is asked for nothing special. */
export function scheduleOf(
  part: Part,
  seed: number,
  duration = 5,
  lease = false,
): Schedule {
  return drawSchedule(seed, drawOptionsFor(part, { duration, lease }), part)
}

/** The first seed that shows a mistake. @throws when there is none up to `seeds`. */
export async function hunt(name: string, seeds: number): Promise<Catch> {
  const mistake = findMistake(name)
  const part = await loadPart(await compileMistake(mistake))
  for (let seed = 1; seed <= seeds; seed += 1) {
    const schedule = scheduleOf(part, seed, 5, mistake.lease)
    const { violation } = await runSchedule(part, schedule)
    if (violation) return { part, seed, schedule, violation }
  }
  throw new Error(`${name} was not found with ${seeds} seeds`)
}
