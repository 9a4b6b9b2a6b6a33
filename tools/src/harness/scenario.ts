import { onTestFinished, TestRunner, test } from 'vitest'
import { HistoryViolation } from '../lab/linearizable.ts'
import { settings, type TestRun } from './run.ts'
import { SEEDS_DONE } from './settings.ts'

/** What a scenario needs of a part's harness. */
interface Shutdown {
  readonly run: TestRun
  shutdown(): Promise<void>
}

/** In ms; a safety net for real time, far above what any scenario takes with few seeds. */
const TIMEOUT_MS = 600_000
/** Likewise, where many seeds take longer. */
const TIMEOUT_PER_SEED_MS = 10_000

/** How often a test that runs over many seeds says how far it is, in ms of real time. */
const PROGRESS_MS = 200

declare module 'vitest' {
  interface TaskMeta {
    /** The seed that a scenario ran with last: the failing one, if it failed. */
    seed?: number
  }
}

type Body<H> = (h: H) => Promise<void>
type Scenario<H, O> = (name: string, size: number, body: Body<H>, options?: O) => void

/**
 * A test of a cluster that holds whatever the seed: it runs over as many seeds as are asked
 * for, stops at the first that fails, and says how to replay it. In real time a seed decides
 * little, so there it runs once.
 */
export function scenarioFor<H extends Shutdown, O extends object>(
  create: (size: number, options: O & { seed: number }) => Promise<H>,
): Scenario<H, O> {
  return (name, size, body, options) => {
    const timeout = Math.max(TIMEOUT_MS, seedCount() * TIMEOUT_PER_SEED_MS)
    test(name, { timeout }, async ({ task, annotate }) => {
      let saidAt = performance.now()
      for (const seed of seedsToRun()) {
        task.meta.seed = seed
        await runOnce(() => create(size, { ...(options as O), seed }), body)
        if (performance.now() - saidAt < PROGRESS_MS) continue
        // Virtual time never waits: this also lets vitest's own messages through.
        await annotate(`${seed}`, SEEDS_DONE)
        saidAt = performance.now()
      }
    })
  }
}

function* seedsToRun(): Generator<number> {
  if (settings.seed !== null) {
    yield settings.seed
    return
  }
  for (let seed = 1; seed <= seedCount(); seed += 1) yield seed
}

function seedCount(): number {
  return settings.network === 'grpc' ? 1 : settings.seeds
}

let isInScenario = false

/**
 * A harness that a test made by hand is shut down when the test is over. Who makes one
 * outside of a test shuts it down by hand.
 */
export function endWithTest(h: Shutdown): void {
  const test = TestRunner.getCurrentTest()
  if (isInScenario || !test) return
  test.meta.seed = h.run.seed
  onTestFinished(async ({ task }) => {
    const ending = await failureOf(() => h.shutdown())
    const [failure = ending] = task.result?.errors ?? []
    await addPicture(ending, h.run)
    h.run.end(failure)
    sayReplay(failure, h.run)
    if (ending !== null) throw ending
  })
}

async function runOnce<H extends Shutdown>(
  create: () => Promise<H>,
  body: Body<H>,
): Promise<void> {
  isInScenario = true
  const h = await create().finally(() => {
    isInScenario = false
  })
  const failures = [await failureOf(() => body(h)), await failureOf(() => h.shutdown())]
  const failure = failures.find((error) => error !== null) ?? null
  await addPicture(failure, h.run)
  h.run.end(failure)
  sayReplay(failure, h.run)
  if (failure !== null) throw failure
}

/** What clients saw is shown better than told. */
async function addPicture(failure: unknown, run: TestRun): Promise<void> {
  if (!(failure instanceof HistoryViolation)) return
  const { HistoryPages } = await import('../viz/history.ts')
  const pages = new HistoryPages(run.outDir)
  failure.message += `\n  picture: ${await pages.draw(run.title, failure.checked)}`
}

/** In the error itself, so that whoever reads of it knows how to see it again. */
function sayReplay(failure: unknown, { replay }: TestRun): void {
  if (typeof failure !== 'object' || failure === null || !('message' in failure)) return
  failure.message += `\n  replay: ${replay}`
}

async function failureOf(act: () => Promise<void>): Promise<unknown> {
  try {
    await act()
    return null
  } catch (error) {
    return error
  }
}
