import { statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { program } from '../cli/command.ts'
import { exitCodeOf } from '../cli/exit.ts'
import { show } from '../cli/open.ts'
import { matcher } from '../cli/pattern.ts'
import { complain, paint, say } from '../cli/print.ts'
import { type Progress, showProgress } from '../cli/progress.ts'
import { type Compared, compareRuns } from './compare.ts'
import { InputError, type Timelines, writeTimelines } from './index.ts'
import { shorten } from './shared/text.ts'
import { type Page, skippedText, summaryOf } from './write/index-page.ts'

interface Options {
  readonly outDir: string
  readonly test?: string
  readonly open?: boolean
  readonly compare?: boolean
}

const EXAMPLES = `
Examples:
  raft-testlog-viz run.log                    a page for each test of the log
  raft-testlog-viz --test 'comes back' --open run.log
  raft-testlog-viz --compare seed-7.log seed-8.log
                                              two runs of a test, where they first differ
  go test -v -run Election | raft-testlog-viz logs of the Go original, as they are

Of more than 100 tests the pages share a script and a style, which stand beside them.

Exit codes: 0 when the pages were written; 1 when a log could not be read, had no event in
it, or no test whose name matches.
`

/** In a list that a person reads to its end. */
const MOST_NAMES = 50

/** Logs below this are read sooner than a bar could be looked at. In bytes. */
const WORTH_A_BAR = 20_000_000

/** Of a text in the terminal. */
const LINE_CHARACTERS = 120

process.exitCode = await exitCodeOf(main, { prefix: 'raft-testlog-viz', exitCode: 1 })

async function main(): Promise<number> {
  await program('raft-testlog-viz')
    .description(
      'Writes timelines of Raft runs: one HTML file for each test of a test log, with all ' +
        'that it needs inside.',
    )
    .argument('[file...]', 'test logs; the standard input when there is none')
    .option('-o, --out-dir <folder>', 'where the pages go', 'timelines')
    .option(
      '-t, --test <pattern>',
      'only tests whose name matches: text, or /expression/',
    )
    .option('--compare', 'of two logs: one page with both runs of a test side by side')
    .option('--open', 'open the page in the browser when it is written')
    .addHelpText('after', EXAMPLES)
    .action(run)
    .parseAsync()
  return 0
}

async function run(files: readonly string[], options: Options): Promise<void> {
  if (options.compare) return compare(files, options)
  if (files.length === 0 && process.stdin.isTTY) {
    throw new InputError(
      'There is no log to read: name a file, or pipe one in. --help shows examples.',
    )
  }
  const inputs =
    files.length > 0 ? files : [{ name: 'The standard input', stream: process.stdin }]
  const bar = await progressBar(files)
  let bytes = 0
  const testPattern = patternOf(options.test)
  const timelines = await writeTimelines({
    inputs,
    outDir: options.outDir,
    ...(testPattern !== undefined && { testPattern }),
    onBytes: (read) => {
      bytes += read
      bar.update(bytes)
    },
  }).finally(bar.stop)
  if (timelines.pages.length === 0) throw noMatch(options.test ?? '', timelines.tests)
  report(timelines)
  const page = timelines.index ?? timelines.pages[0]?.file
  if (options.open && page) await show(page)
}

async function compare(files: readonly string[], options: Options): Promise<void> {
  const [a, b, ...more] = files
  if (a === undefined || b === undefined || more.length > 0) {
    throw new InputError('--compare takes two logs, of two runs of one test')
  }
  const testPattern = patternOf(options.test)
  const { outDir } = options
  const logs = [a, b] as const
  const compared = await compareRuns({
    logs,
    outDir,
    ...(testPattern && { testPattern }),
  })
  reportCompared(compared)
  if (options.open) await show(compared.file)
}

function reportCompared({ file, pages, differences }: Compared): void {
  const [a, b] = pages
  const lines = [`A ${a.status}, B ${b.status}: ${a.test}`]
  for (const { what, a, b } of differences) {
    lines.push(what, `  A  ${cut(a.text)}`, `  B  ${cut(b.text)}`)
  }
  if (differences.length === 0) lines.push('The two runs are the same, event by event.')
  say([...lines, addressOf(file)].join('\n'))
}

function cut(text: string): string {
  return shorten(text, LINE_CHARACTERS)
}

/** Text to find, or an expression between slashes. */
function patternOf(
  text: string | undefined,
): string | ((test: string) => boolean) | undefined {
  const [, expression] = /^\/(.*)\/$/.exec(text ?? '') ?? []
  if (expression === undefined) return text
  try {
    return matcher(expression)
  } catch {
    throw new InputError(`${text} is no regular expression`)
  }
}

function noMatch(pattern: string, tests: readonly string[]): InputError {
  const names = [...new Set(tests)]
  const shown = names.slice(0, MOST_NAMES)
  if (names.length > shown.length) shown.push(`… ${names.length - shown.length} more`)
  const list = shown.map((name) => `\n  ${name}`).join('')
  return new InputError(`No test matches "${pattern}". The log has:${list}`)
}

function report({ pages, index, skipped, problems }: Timelines): void {
  const width = Math.max(...pages.map(({ status }) => status.length))
  const lines = pages.map((page) => {
    const status = paint(colorOf(page), page.status.padEnd(width))
    return `${status}  ${page.test}\n${' '.repeat(width)}  ${addressOf(page.file)}`
  })
  lines.push(`${summaryOf(pages)}${skipped > 0 ? `; ${skippedText(skipped)}` : ''}`)
  if (index) lines.push(addressOf(index))
  say(lines.join('\n'))
  for (const problem of problems) complain(`raft-testlog-viz: ${problem}`)
}

function colorOf({ status }: Page): 'green' | 'red' | 'yellow' {
  if (status === 'pass') return 'green'
  return status === 'fail' ? 'red' : 'yellow'
}

function addressOf(file: string): string {
  return pathToFileURL(file).href
}

/** Shows how far the reading is, where it takes a while. */
async function progressBar(files: readonly string[]): Promise<Progress> {
  const bytes = files.reduce((sum, file) => sum + sizeOf(file), 0)
  if (bytes < WORTH_A_BAR) return { update() {}, stop() {} }
  return showProgress('reading {bar} {percentage}%', bytes)
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
