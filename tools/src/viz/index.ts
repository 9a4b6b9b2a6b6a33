/**
 * From test logs to timelines: pages that show a run of a cluster, one file a test. See
 * `cli.ts` for the command; other tools call `writeTimelines`.
 */
import { pathToFileURL } from 'node:url'
import { isSystemError, UsageError } from '../cli/exit.ts'
import { bytesOf, whyUnreadable } from '../cli/input.ts'
import { Pages } from './pages.ts'
import { readLog } from './read/reader.ts'
import { Runs } from './read/runs.ts'
import type { Page } from './write/index-page.ts'

/** A log to read: a file's path, or a stream and what to call it. */
export type Input =
  | string
  | { readonly name: string; readonly stream: AsyncIterable<Buffer> }

export interface WriteOptions {
  readonly inputs: readonly Input[]
  /** Made if it is missing; pages of the same names are replaced. */
  readonly outDir: string
  /** Only tests whose name has this text, or of which this says so. */
  readonly testPattern?: string | ((test: string) => boolean)
  /** Goes into the files' names, so that runs of one test do not overwrite each other. */
  readonly suffix?: string
  /** Opens every page at this event (0 is the first) instead of where it failed. */
  readonly openAt?: number
  /** Told of each piece of input that was read. */
  readonly onBytes?: (bytes: number) => void
}

export interface Timelines {
  readonly pages: readonly Page[]
  /** The path of the page that lists the others, when there are several. */
  readonly index?: string
  /** Lines that are no events of a test log. */
  readonly skipped: number
  /** What lines that were meant to be events lack, and where the first such line is. */
  readonly problems: readonly string[]
  /** The names of all tests in the input, those that the pattern left out as well. */
  readonly tests: readonly string[]
}

/** What is wrong with an input, in a sentence for the person who named it. */
export class InputError extends UsageError {
  override readonly name = 'InputError'
}

/**
 * @throws InputError when an input cannot be read, or has no event in it; the pages of the
 *   others are written all the same.
 */
export async function writeTimelines(options: WriteOptions): Promise<Timelines> {
  const { inputs, outDir, testPattern, suffix, openAt, onBytes = () => {} } = options
  const matches = (test: string) => isMatch(test, testPattern)
  const pages = new Pages({ outDir, matches, suffix, openAt })
  const problems: string[] = []
  const failures: string[] = []
  for (const input of inputs) {
    try {
      problems.push(...(await readInput(input, pages, onBytes)))
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      failures.push(error.message)
    }
  }
  const { pages: written, index, failures: unwritten } = await pages.finish()
  failures.push(...unwritten)
  if (failures.length > 0) throw new InputError(failures.join('\n'))
  const { tests, skipped } = pages
  return { pages: written, ...(index && { index }), skipped, problems, tests }
}

/**
 * Writes the timelines of one test log.
 *
 * @returns their addresses, the one to open first: all tests side by side, if there are
 *   several, and then those that failed.
 */
export async function timelinesOf(log: string, outDir: string): Promise<string[]> {
  const { pages, index } = await writeTimelines({ inputs: [log], outDir })
  const failed = pages.filter(({ status }) => status === 'fail')
  const first = index ?? failed[0]?.file ?? pages[0]?.file
  const files = [first, ...failed.map(({ file }) => file)].filter((f) => f !== undefined)
  return [...new Set(files)].map((file) => pathToFileURL(file).href)
}

/**
 * @returns a sentence for each reason why lines are left out.
 * @throws InputError when it cannot be read to its end; what came before is in the pages.
 */
async function readInput(
  input: Input,
  pages: Pages,
  onBytes: (bytes: number) => void,
): Promise<string[]> {
  const { name, stream } = typeof input === 'string' ? await openFile(input) : input
  const before = pages.tests.length
  const runs: Runs = new Runs((test, source) =>
    pages.begin(test, source, (run) => runs.forget(run)),
  )
  const reasons: Reasons = new Map()
  let total = 0
  const options = {
    runs,
    onSkip: (reason: string | null, line: number) => {
      pages.skipped += 1
      if (reason !== null) note(reasons, reason, line)
    },
    onBytes: async (bytes: number) => {
      total += bytes
      onBytes(bytes)
      await pages.packer.ready()
      await pages.writeFinished()
    },
  }
  const failure = await readLog(stream, options).then(() => null, failureOf)
  const isEmpty = pages.tests.length === before
  if (failure) {
    throw new InputError(
      `${name} cannot be read${isEmpty ? '' : ' further'}: ${failure}`,
    )
  }
  const problems = [...reasons].map(sentenceOf)
  if (!isEmpty) return problems.map((problem) => `${name}: ${problem}`)
  if (total === 0) throw new InputError(`${name} is empty`)
  const [
    problem = 'none of its lines is one of ours, or of `go test -v` of the Go original',
  ] = problems
  throw new InputError(`${name} has no event of a test log in it: ${problem}`)
}

/** What the operating system says; a mistake of ours is none of that. */
function failureOf(error: unknown): string {
  if (isSystemError(error)) return error.message
  throw error
}

/** Why lines are left out: how many, and the first of them. */
type Reasons = Map<string, { readonly line: number; count: number }>

function note(reasons: Reasons, reason: string, line: number): void {
  const known = reasons.get(reason)
  if (known) known.count += 1
  else reasons.set(reason, { line, count: 1 })
}

function sentenceOf([reason, { line, count }]: [
  string,
  { line: number; count: number },
]) {
  const more = count > 1 ? `, with ${count - 1} more like it` : ''
  return `line ${line} ${reason} and is left out${more}`
}

async function openFile(path: string): Promise<Exclude<Input, string>> {
  const reason = await whyUnreadable(path, 'test log')
  if (reason !== null) throw new InputError(reason)
  return { name: path, stream: bytesOf(path) }
}

function isMatch(test: string, pattern: WriteOptions['testPattern']): boolean {
  if (pattern === undefined) return true
  return typeof pattern === 'string' ? test.includes(pattern) : pattern(test)
}
