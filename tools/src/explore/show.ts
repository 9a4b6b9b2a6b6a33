import { join, relative } from 'node:path'
import { openPage } from '../cli/open.ts'
import { say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { type Case, saveCase } from './case.ts'
import { describeSchedule, sizeOf } from './describe.ts'
import { NO_END } from './explore.ts'
import { loadPart } from './load.ts'
import type { Schedule } from './schedule.ts'
import { shrink } from './shrink.ts'
import { drawSeen, logCase, writeTimeline } from './timeline.ts'

/** What is to be shown of a seed that broke an invariant. */
export interface Finding extends Case {
  /** The part, compiled. */
  readonly code: string
  /** The command that runs the seed again. */
  readonly replay: string
}

export interface ShowOptions {
  readonly outDir: string
  readonly open: boolean
}

/** Where a case and its timeline were written. */
interface Shown {
  readonly smaller: Case
  readonly tries: number
  readonly file: string
  readonly timeline: string
  /** Of what clients saw, if that is what was wrong. */
  readonly picture: string | null
}

/** Makes a case smaller, saves it, and writes its timeline. */
async function keepFinding(finding: Finding, outDir: string): Promise<Shown> {
  const { code, replay, ...found } = finding
  const part = await loadPart(code)
  const { schedule, violation, tries } = await shrink(
    part,
    found.schedule,
    found.violation,
  )
  const smaller = { ...found, schedule, violation }
  const name = `${found.mistake ?? found.part}-seed-${found.foundWithSeed}`
  const file = join(outDir, `${name}.json`)
  await saveCase(file, smaller)
  const log = join(outDir, `${name}.log`)
  const { seen } = await logCase(part, smaller, log, replay)
  const timeline = await writeTimeline(log, outDir)
  const picture = seen && (await drawSeen(name, seen, outDir))
  return { smaller, tries, file, timeline, picture }
}

/** Tells a person what was found, and opens its timeline where it can be seen. */
export async function showFinding(
  finding: Finding,
  options: ShowOptions,
): Promise<void> {
  const { violation, foundWithSeed, schedule, replay, part } = finding
  const isEndless = violation.invariant === NO_END
  const when = isEndless ? '' : ` after ${inMs(violation.atMs)}`
  say(`\nSeed ${foundWithSeed} breaks ${part}${when}:\n`)
  say(`  ${violation.message}\n`)
  say(`Replay: ${replay}`)
  // Shrinking it, or writing its log, would not end either.
  if (isEndless) return
  const { smaller, tries, file, ...pages } = await keepFinding(finding, options.outDir)
  say(`\nMade smaller (${tries} tries), from ${sizeOf(schedule)}`)
  say(`to ${sizeOf(smaller.schedule)}:\n`)
  showSchedule(smaller.schedule)
  const { message, atMs } = smaller.violation
  say(`  at ${inMs(atMs)} ${message}\n`)
  say(`Replay: npm run explore -- --replay ${relative(ROOT, file)}`)
  say(`Timeline: ${pages.timeline}`)
  if (pages.picture) say(`What clients saw: ${pages.picture}`)
  if (options.open) await openPage(pages.picture ?? pages.timeline)
}

export function showSchedule(schedule: Schedule): void {
  for (const line of describeSchedule(schedule)) say(`  ${line}`)
}

export function inMs(ms: number): string {
  return `${Math.round(ms)} ms`
}
