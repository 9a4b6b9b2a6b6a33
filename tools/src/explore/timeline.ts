import { renameSync, rmSync } from 'node:fs'
import { pino } from 'pino'
import { atEnd } from '../cli/ending.ts'
import type { Part } from '../lab/index.ts'
import { logTestEnd, logTestStart } from '../testlog/frame.ts'
import { silentLogger, testLogger } from '../testlog/logger.ts'
import type { Case } from './case.ts'
import { type Outcome, runSchedule, type Seen } from './run.ts'

/**
 * Runs a case once more, with the test log on, into a file, which is there when it is whole:
 * another explorer may be writing the same.
 */
export async function logCase(
  part: Part,
  found: Case,
  file: string,
  replay: string,
): Promise<Outcome> {
  const unfinished = `${file}.${process.pid}.unfinished`
  const forget = atEnd(() => rmSync(unfinished, { force: true }))
  const destination = pino.destination({ dest: unfinished, sync: true, mkdir: true })
  const { seed, servers } = found.schedule
  const name = `${found.mistake ?? found.part}, seed ${found.foundWithSeed}`
  let logger = silentLogger
  const outcome = await runSchedule(part, found.schedule, (clock) => {
    logger = testLogger(destination, name, clock)
    const fields = { part: found.part, seed, servers, replay }
    logTestStart(logger, { ...fields, network: 'simulated' })
    return logger
  })
  const { violation, simulatedMs } = outcome
  logTestEnd(logger, simulatedMs, violation && withoutStack(violation.message))
  destination.end()
  renameSync(unfinished, file)
  forget()
  return outcome
}

/** Writes the timeline of a test log. @returns its address. */
export async function writeTimeline(log: string, outDir: string): Promise<string> {
  // Loaded when there is something to show: the viewer takes longer than most searches.
  const { timelinesOf } = await import('../viz/index.ts')
  const [address] = await timelinesOf(log, outDir)
  return address ?? ''
}

/** Where in our code a violation was noticed says nothing, and differs by machine. */
function withoutStack(message: string): Error {
  const error = new Error(message)
  delete error.stack
  return error
}

/** Draws what clients saw, beside the timeline. @returns the picture's address. */
export async function drawSeen(
  name: string,
  seen: NonNullable<Seen>,
  outDir: string,
): Promise<string> {
  const { HistoryPages } = await import('../viz/history.ts')
  return new HistoryPages(outDir).draw(name, seen)
}
