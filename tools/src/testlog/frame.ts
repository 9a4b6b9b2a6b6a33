import { inspect } from 'node:util'
import type { Logger } from 'pino'
import type { TestLogLine } from './event.ts'

type StartFields = Pick<TestLogLine, 'part' | 'seed' | 'network' | 'servers' | 'replay'>

/** The first line of a run in the test log. */
export function logTestStart(logger: Logger, fields: Required<StartFields>): void {
  const { servers, seed } = fields
  const size = servers === 1 ? '1 server' : `${servers} servers`
  logger.info({ event: 'test-start', ...fields }, `${size}, seed ${seed}`)
}

/** The last one, with the error that failed the run if there was one. */
export function logTestEnd(logger: Logger, ms: number, error: unknown): void {
  const durationMs = Math.round(ms * 1000) / 1000
  if (error === null) {
    const fields = { event: 'test-end', status: 'pass', durationMs }
    logger.info(fields, `passes after ${durationMs} ms`)
    return
  }
  const { message, stack } = describe(error)
  const fields = {
    event: 'test-end',
    status: 'fail',
    durationMs,
    error: { message, stack },
  }
  logger.info(fields, `fails: ${message}`)
}

/** What vitest keeps of an error has its fields, and not its class. */
function describe(error: unknown): Pick<Error, 'message' | 'stack'> {
  const { message } = Object(error) as Partial<Error>
  return typeof message === 'string' ? (error as Error) : { message: inspect(error) }
}
