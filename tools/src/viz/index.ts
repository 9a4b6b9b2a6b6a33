/**
 * From test logs to timelines: pages that show a run of a cluster, one file a test. See
 * `cli.ts` for the command; other tools call `writeTimelines`.
 */
import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { readLog } from './read/reader.ts'
import { Runs } from './read/runs.ts'
import { Packer } from './write/chunks.ts'
import { type Page, writeIndex } from './write/index-page.ts'
import { FileNames } from './write/names.ts'
import { writePage } from './write/page.ts'
import { Run } from './write/run.ts'

const INDEX_FILE = 'index.html'
const READ_BYTES = 1024 * 1024

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
  /** Told of each piece of input read, and of each page written. */
  readonly onProgress?: (progress: Progress) => void
}

export type Progress =
  | { readonly kind: 'read'; readonly bytes: number }
  | { readonly kind: 'write'; readonly done: number; readonly total: number }

export interface Timelines {
  readonly pages: readonly Page[]
  /** The path of the page that lists the others, when there are several. */
  readonly index?: string
  /** Lines that are no events of a test log. */
  readonly skipped: number
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
  const { inputs, outDir, testPattern, suffix, onProgress = () => {} } = options
  const packer = new Packer()
  const results: { runs: readonly Run[]; skipped: number }[] = []
  const problems: string[] = []
  for (const input of inputs) {
    const onBytes = (bytes: number) => onProgress({ kind: 'read', bytes })
    try {
      results.push(await readInput(input, packer, onBytes))
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      problems.push(error.message)
    }
  }
  const all = results.flatMap(({ runs }) => runs)
  const runs = all.filter(({ test }) => matches(test, testPattern))
  if (runs.length > 0) await mkdir(outDir, { recursive: true })
  const names = new FileNames()
  const index = runs.length > 1 ? join(outDir, INDEX_FILE) : null
  const skipped = results.reduce((sum, result) => sum + result.skipped, 0)
  const pages: Page[] = []
  for (const run of runs) {
    const file = join(outDir, names.take(run.test, suffix))
    const indexHref = index ? INDEX_FILE : null
    pages.push(
      await writeOne(run, { file, packer, indexHref, outDir, skipped, options }),
    )
    onProgress({ kind: 'write', done: pages.length, total: runs.length })
  }
  if (index) await writeIndex(index, pages, skipped)
  if (problems.length > 0) throw new InputError(problems.join('\n'))
  const tests = all.map(({ test }) => test)
  return { pages, ...(index && { index }), skipped, tests }
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

async function readInput(
  input: Input,
  packer: Packer,
  onBytes: (bytes: number) => void,
): Promise<{ runs: readonly Run[]; skipped: number }> {
  const { name, stream } = typeof input === 'string' ? await openFile(input) : input
  const runs: Run[] = []
  let total = 0
  const skipped = await readLog(stream, {
    runs: new Runs((test, source) => {
      const run = new Run(test, source, packer)
      runs.push(run)
      return run
    }),
    onBytes: (bytes) => {
      total += bytes
      onBytes(bytes)
      return packer.ready()
    },
  })
  if (runs.length > 0) return { runs, skipped }
  if (total === 0) throw new InputError(`${name} is empty`)
  throw new InputError(
    `${name} has no event of a test log in it: none of its ${skipped} lines is ` +
      'one of our test log, or of `go test -v` of the Go original',
  )
}

async function openFile(path: string): Promise<Exclude<Input, string>> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error) {
    const reason =
      found.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${found.message}`
    throw new InputError(`${path} ${reason}`)
  }
  if (found.isDirectory()) throw new InputError(`${path} is a folder, not a test log`)
  return { name: path, stream: createReadStream(path, { highWaterMark: READ_BYTES }) }
}

function matches(test: string, pattern: WriteOptions['testPattern']): boolean {
  if (pattern === undefined) return true
  return typeof pattern === 'string' ? test.includes(pattern) : pattern(test)
}

interface PagePlan {
  readonly file: string
  readonly packer: Packer
  readonly indexHref: string | null
  readonly outDir: string
  readonly skipped: number
  readonly options: WriteOptions
}

async function writeOne(run: Run, plan: PagePlan): Promise<Page> {
  const { file, packer, indexHref, outDir, skipped, options } = plan
  run.skipped = skipped
  run.openAt = options.openAt ?? null
  const header = await writePage({
    run,
    file,
    packer,
    indexHref,
    chapterHref: chapterHref(run.part, outDir),
  })
  return {
    test: run.test,
    status: run.status,
    durationMs: run.durationMs,
    failure: run.failure?.message.split('\n')[0] ?? null,
    file: resolve(file),
    events: run.rows,
    terms: run.terms,
    leaderChanges: run.leaderChanges,
    openAt: header.openAt,
  }
}

/** The chapter of a part, as a page finds it from its own folder. */
function chapterHref(part: string | null, outDir: string): string {
  const chapter = part !== null && /^part\d+$/.test(part) ? part : 'part1'
  const path = relative(resolve(outDir), join(ROOT, 'docs', `${chapter}.md`))
  return path.split(sep).map(encodeURIComponent).join('/')
}
