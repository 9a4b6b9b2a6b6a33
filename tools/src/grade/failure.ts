/** What failed, for a person: why, when, what shows it, and what to read again. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describeError, placesOf } from '../dotest/failure.ts'
import type { Failure as FailedTest } from '../dotest/tests.ts'
import type { Stage } from '../exercise/plan.ts'
import { RULES } from '../lab/rules/index.ts'
import { SERVICE_RULES } from '../lab/rules/services.ts'
import { replayOf } from './exercise.ts'
import { type Found, MEGABYTES, type Stopped } from './protocol.ts'

export interface Failure {
  /** The stage in which it was found. */
  readonly stage: string
  /** In a sentence: which rule, which server, when. */
  readonly why: string
  /** What was expected, and where, for who wants to know. May be empty. */
  readonly details: string
  readonly test: string | null
  readonly seed: number | null
  /** The rule that was broken, in the paper's words. */
  readonly rule: string | null
  /** In virtual time. */
  readonly atMs: number | null
  /** What shows it. */
  readonly command: string | null
  /** What to read again. */
  readonly read: string
  readonly timeline: string | null
}

/** What it is a failure of. */
export interface About {
  readonly root: string
  readonly part: string
  readonly exercise: string
  readonly stage: Stage
  readonly outDir: string
}

type TestError = FailedTest['errors'][number]

/** @param log of the test, run with the seed that it failed with; null if it has none. */
export async function failureOfTest(
  { name, seed, errors: [error] }: FailedTest,
  log: string | null,
  about: About,
): Promise<Failure> {
  const atMs = log === null ? null : endOf(log)
  const rule = error?.name === 'InvariantViolation' ? String(error.invariant) : null
  const when = atMs === null ? '' : ` (seed ${seed}, at ${inMs(atMs)})`
  const [why, details] = error
    ? toldBy(error, name, when, about)
    : [`“${name}” fails`, '']
  return {
    ...framed(about, rule),
    ...{ why, details, test: name, seed, atMs },
    command: commandFor(about, name, seed),
    timeline: log && (await timelineOf(log, about)),
  }
}

export async function failureOfSearch(
  { seed, violation, isLogged }: Found,
  log: string,
  about: About,
): Promise<Failure> {
  const { message, invariant, atMs } = violation
  const [first = '', ...others] = message.split('\n')
  return {
    ...framed(about, invariant),
    why: `${first} (seed ${seed} of the explorer, at ${inMs(atMs)})`,
    details: others.join('\n'),
    ...{ seed, atMs },
    command: replayOf(about.exercise, seed),
    timeline: isLogged ? await timelineOf(log, about) : null,
  }
}

/** The process was ended in which it ran. */
export function stopFailure({ how, test }: Stopped, about: About): Failure {
  const what = test === null ? 'What the tests import' : `“${test}”`
  return { ...framed(about, null), why: `${what} ${how}`, test }
}

/** No test could be run. */
export function loadFailure(errors: readonly TestError[], about: About): Failure {
  const [error] = errors
  const why = `The code cannot be loaded: ${error?.message ?? 'nobody knows why'}`
  return { ...framed(about, null), why }
}

/** What all failures have, where nothing else is known. */
function framed({ part, stage }: About, rule: string | null): Failure {
  const section = [...RULES, ...SERVICE_RULES].find(({ name }) => name === rule)?.section
  const sections = section ? `${section}; ${stage.read}` : stage.read
  return {
    stage: stage.title,
    ...{ why: '', details: '', test: null, seed: null, rule, atMs: null },
    ...{ command: null, timeline: null },
    read: `${sections}; docs/${part}.md, “${stage.chapter}”`,
  }
}

/** Why a test failed, in a sentence, and what else there is to say. */
function toldBy(
  error: TestError,
  test: string,
  when: string,
  { root, exercise }: About,
): [why: string, details: string] {
  const [message = ''] = error.message.split('\n  replay: ')
  const [first = '', ...others] = message.split('\n')
  const notYet = /^not yet: (\S+) (\(.*\))$/.exec(first)
  const own = placesOf(root, error).find(({ file }) => {
    return relative(root, file).startsWith(`${exercise}/`)
  })
  if (notYet) return [`${notYet[1]} is not written yet ${notYet[2]}`, '']
  if (/memory limit/.test(first)) {
    return [`“${test}” takes more than ${MEGABYTES} MB of memory`, '']
  }
  if (error.name === 'InvariantViolation') return [first + when, others.join('\n')]
  if (error.name !== 'AssertionError' && own) {
    const place = `${relative(root, own.file)}:${own.line}`
    return [`“${test}” ends in ${error.name}: ${first}, at ${place}${when}`, '']
  }
  const details = describeError(root, error).split('\n').slice(1).join('\n')
  return [`“${test}” does not hold: ${first}${when}`, details]
}

/** When a test ended, by the last line of its log; null when there is no log. */
function endOf(log: string): number | null {
  try {
    const last = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? ''
    return Number(JSON.parse(last).durationMs)
  } catch {
    return null
  }
}

async function timelineOf(log: string, { outDir }: About): Promise<string | null> {
  // Loaded when there is something to show.
  const { timelinesOf } = await import('../viz/index.ts')
  const [address] = await timelinesOf(log, outDir)
  return address ?? null
}

function commandFor({ exercise }: About, test: string, seed: number | null): string {
  const name = test.replaceAll("'", "'\\''")
  return `./dotest.sh ${exercise} '${name}'${seed === null ? '' : ` --seed ${seed}`}`
}

function inMs(ms: number): string {
  return `${Math.round(ms)} ms`
}
