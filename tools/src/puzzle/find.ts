import type { Case } from '../explore/case.ts'
import { drawSchedule } from '../explore/draw.ts'
import { runSchedule } from '../explore/run.ts'
import { drawOptionsFor } from '../explore/search.ts'
import { shrink } from '../explore/shrink.ts'
import type { Part } from '../lab/index.ts'

/** In simulated seconds, as the explorer has it when nothing else is asked for. */
const DURATION_S = 5
/** No mistake of the gallery takes as many seeds. */
const MOST_SEEDS = 10_000
/** What is spent on a run that is short to read, in events: some seconds. */
const SHRINK_EVENTS = 1_000_000

/**
 * The first run from a seed on in which a rule breaks, made small.
 *
 * @param name of the part, as the run is to tell it.
 * @param lease whether reads are answered in a lease.
 * @returns null when there is none for long.
 */
export async function findRun(
  part: Part,
  name: string,
  from: number,
  lease: boolean,
): Promise<Case | null> {
  const options = drawOptionsFor(part, { duration: DURATION_S, lease })
  for (let seed = from; seed < from + MOST_SEEDS; seed += 1) {
    const drawn = drawSchedule(seed, options, part)
    const { violation } = await runSchedule(part, drawn)
    if (!violation) continue
    const smaller = await shrink(part, drawn, violation, SHRINK_EVENTS)
    return {
      part: name,
      foundWithSeed: seed,
      violation: smaller.violation,
      schedule: smaller.schedule,
    }
  }
  return null
}
