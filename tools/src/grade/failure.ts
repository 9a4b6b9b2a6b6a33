/** What failed, for a person: why, when, what shows it, and what to read again. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describeError } from '../dotest/failure.ts'
import { type Failure as FailedTest, OUTSIDE } from '../dotest/tests.ts'
import { bodyTexts, isWritten } from '../exercise/bodies.ts'
import { placeOf, type Stage, shortName } from '../exercise/plan.ts'
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
  /** Where that is. */
  readonly folder: string
  readonly stage: Stage
  readonly outDir: string
}

/** Of a difference that fits into a sentence, in characters. */
const MOST_SHOWN = 100

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
  { seed, servers, violation, isLogged }: Found,
  log: string,
  about: About,
): Promise<Failure> {
  const { message, invariant, atMs } = violation
  const [first = '', ...others] = message.split('\n')
  return {
    ...framed(about, invariant),
    why: `${first} (seed ${seed} of the explorer, in a cluster of ${servers}, at ${inMs(atMs)})`,
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

/** A stage is not done while a body is missing that no test of it has called. */
export function unwrittenFailure(about: About): Failure | null {
  const left = about.stage.write.find(({ symbol }) => {
    const { file, name } = placeOf(symbol)
    const text = readFileSync(join(about.folder, file), 'utf8')
    return !isWritten(bodyTexts(text, file).get(name) ?? '')
  })
  if (!left) return null
  const why = `${shortName(left.symbol)} is not written yet (${left.sections})`
  return { ...framed(about, null), why }
}

/** No test could be run. */
export function loadFailure([error]: readonly TestError[], about: About): Failure {
  // Where there is a list of complaints, the first of them.
  const said = messageOf(error, about).replace(/^.* failed with \d+ errors?:\n/, '')
  const [first = '', ...others] = said.split('\n')
  const why = `The code cannot be loaded: ${first}`
  return { ...framed(about, null), why, details: others.join('\n') }
}

/** What it says, with the reader's files by the names that the reader gives them. */
function messageOf(error: TestError | undefined, { folder, exercise }: About): string {
  const [message = ''] = (error?.message ?? '').split('\n  replay: ')
  return message.replaceAll(folder, exercise)
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
  about: About,
): [why: string, details: string] {
  const { root, folder, exercise } = about
  const [first = '', ...others] = messageOf(error, about).split('\n')
  const notYet = /^not yet: (\S+) (\(.*\))$/.exec(first)
  const own = error.stacks?.find(({ file }) => file.startsWith(folder))
  if (notYet) return [`${notYet[1]} is not written yet ${notYet[2]}`, '']
  if (/memory limit/.test(first)) {
    return [`“${test}” takes more than ${MEGABYTES} MB of memory`, '']
  }
  if (error.name === 'InvariantViolation') return [first + when, others.join('\n')]
  if (error.name !== 'AssertionError' && own) {
    const place = `${own.file.replace(folder, exercise)}:${own.line}`
    return [`“${test}” ends in ${error.name}: ${first}, at ${place}${when}`, '']
  }
  if (test === OUTSIDE) return [`Something fails where nobody catches it: ${first}`, '']
  const described = describeError(root, { ...error, message: messageOf(error, about) })
  const details = described.split('\n').slice(1).join('\n')
  const said = first.replace(' // Object.is equality', '').replaceAll('+0', '0')
  const what = subjectIn(details) + (differenceIn(error) ?? said)
  return [`“${test}” does not hold: ${what}${when}`, stripVTControlCharacters(details)]
}

/** What the line of the test that failed looks at, if that is in one line. */
function subjectIn(details: string): string {
  const line = details.split('\n').find((line) => line.startsWith('>')) ?? ''
  const [, subject, matcher] = /expect\((.+?)\)\.(?:not\.)?(to[A-Z]\w*)/.exec(line) ?? []
  if (subject === undefined) return ''
  return matcher === 'toHaveLength' ? `${subject}.length: ` : `${subject}: `
}

/** What was expected, and what was there instead; null where no lines of it are told apart. */
function differenceIn({ diff }: TestError): string | null {
  const [heading, , ...lines] = stripVTControlCharacters(String(diff ?? '')).split('\n')
  if (heading !== '- Expected') return null // Of two values, and no lines of them.
  const [expected, received] = [sideOf(lines, '-'), sideOf(lines, '+')]
  const isOneSided = expected === '' || received === ''
  if (isOneSided || areItems(lines)) {
    const missing = expected && `missing: ${cut(expected)}`
    const extra = received && `not expected: ${cut(received)}`
    return [missing, extra].filter(Boolean).join('; ') || null
  }
  return `expected ${cut(expected)}, but it is ${cut(received)}`
}

/** What is marked on one side of a difference, in one line; between objects, a semicolon. */
function sideOf(lines: readonly string[], sign: string): string {
  return lines
    .filter((line) => line.startsWith(`${sign} `))
    .map((line) => line.slice(1).trim().replace(/,$/, '').replaceAll('"', ''))
    .join(', ')
    .replaceAll(/, \}, \{, /g, '; ')
    .replace(/^\{, |^\}, \{, /, '')
    .replace(/, \}$|, \}, \{$/, '')
    .replaceAll(/([[{]), (?=\S)/g, '$1')
    .replaceAll(/, (?=[\]}])/g, '')
}

/** Whether items of a list differ, at more places than one: none stands for another. */
function areItems(lines: readonly string[]): boolean {
  const marked = lines.filter((line) => /^[-+] /.test(line))
  const marks = lines.map((line) => (marked.includes(line) ? line[0] : ' ')).join('')
  const isOnePlace = /^ *-+\++ *$/.test(marks)
  return !isOnePlace && !marked.some((line) => /[{}[\]]|": /.test(line))
}

function cut(text: string): string {
  return text.length < MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}…`
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
