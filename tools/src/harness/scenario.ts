import { test } from 'vitest'
import { settings, type TestRun } from './run.ts'

/** What a scenario needs of a part's harness. */
interface Shutdown {
  readonly run: TestRun
  shutdown(): Promise<void>
}

/** In ms; a safety net for real time, far above what any scenario takes. */
const TIMEOUT_MS = 600_000

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
    test(name, { timeout: TIMEOUT_MS }, async () => {
      for (const seed of seedsToRun()) {
        const h = await create(size, { ...(options as O), seed })
        await runOnce(h, body)
      }
    })
  }
}

function seedsToRun(): number[] {
  if (settings.seed !== null) return [settings.seed]
  const count = settings.network === 'grpc' ? 1 : settings.seeds
  return Array.from({ length: count }, (_, i) => i + 1)
}

async function runOnce<H extends Shutdown>(h: H, body: Body<H>): Promise<void> {
  let failure: unknown = null
  try {
    await body(h)
  } catch (error) {
    failure = error
  }
  try {
    await h.shutdown()
  } catch (error) {
    failure ??= error
  }
  h.run.end(failure)
  if (failure === null) return
  if (failure instanceof Error) failure.message += `\n  replay: ${h.run.replay}`
  throw failure
}
