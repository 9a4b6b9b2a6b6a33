import { statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { styleText } from 'node:util'
import { Command } from 'commander'
import {
  InputError,
  type Page,
  type Progress,
  type Timelines,
  writeTimelines,
} from './index.ts'
import { skippedText, summaryOf } from './write/index-page.ts'

interface Options {
  readonly outDir: string
  readonly test?: string
  readonly open?: boolean
}

const EXAMPLES = `
Examples:
  raft-testlog-viz run.log                    a page for each test of the log
  raft-testlog-viz --test 'comes back' --open run.log
  go test -v -run Election | raft-testlog-viz logs of the Go original, as they are

Exit codes: 0 when the pages were written; 1 when a log could not be read, had no event in
it, or no test whose name matches.
`

/** Logs below this are read sooner than a bar could be looked at. In bytes. */
const WORTH_A_BAR = 20_000_000

async function main(): Promise<void> {
  await new Command('raft-testlog-viz')
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
    .option('--open', 'open the page in the browser when it is written')
    .addHelpText('after', EXAMPLES)
    .action(run)
    .parseAsync()
}

async function run(files: readonly string[], options: Options): Promise<void> {
  if (files.length === 0 && process.stdin.isTTY) {
    throw new InputError(
      'There is no log to read: name a file, or pipe one in. --help shows examples.',
    )
  }
  const inputs =
    files.length > 0 ? files : [{ name: 'The standard input', stream: process.stdin }]
  const bar = await progressBar(files)
  const testPattern = patternOf(options.test)
  const timelines = await writeTimelines({
    inputs,
    outDir: options.outDir,
    ...(testPattern !== undefined && { testPattern }),
    onProgress: bar.show,
  }).finally(bar.stop)
  if (timelines.pages.length === 0) throw noMatch(options.test ?? '', timelines.tests)
  report(timelines)
  if (options.open) await openInBrowser(timelines)
}

/** Text to find, or an expression between slashes. */
function patternOf(text: string | undefined): string | RegExp | undefined {
  const [, expression] = /^\/(.*)\/$/.exec(text ?? '') ?? []
  if (expression === undefined) return text
  try {
    return new RegExp(expression)
  } catch {
    throw new InputError(`${text} is no regular expression`)
  }
}

function noMatch(pattern: string, tests: readonly string[]): InputError {
  const names = [...new Set(tests)].map((test) => `\n  ${test}`).join('')
  return new InputError(`No test matches "${pattern}". The log has:${names}`)
}

function report({ pages, index, skipped }: Timelines): void {
  const width = Math.max(...pages.map(({ status }) => status.length))
  const lines = pages.map((page) => {
    const status = styleText(colorOf(page), page.status.padEnd(width), {
      stream: process.stdout,
    })
    return `${status}  ${page.test}\n${' '.repeat(width)}  ${addressOf(page.file)}`
  })
  lines.push(`${summaryOf(pages)}${skipped > 0 ? `; ${skippedText(skipped)}` : ''}`)
  if (index) lines.push(addressOf(index))
  process.stdout.write(`${lines.join('\n')}\n`)
}

function colorOf({ status }: Page): 'green' | 'red' | 'yellow' {
  if (status === 'pass') return 'green'
  return status === 'fail' ? 'red' : 'yellow'
}

function addressOf(file: string): string {
  return pathToFileURL(file).href
}

interface Bar {
  readonly show: (progress: Progress) => void
  readonly stop: () => void
}

/** Shows how far the reading is, where somebody is there to see it and it takes a while. */
async function progressBar(files: readonly string[]): Promise<Bar> {
  const bytes = files.reduce((sum, file) => sum + sizeOf(file), 0)
  if (!process.stderr.isTTY || bytes < WORTH_A_BAR) return { show() {}, stop() {} }
  const { SingleBar, Presets } = await import('cli-progress')
  const bar = new SingleBar(
    { format: 'reading {bar} {percentage}%', clearOnComplete: true },
    Presets.shades_classic,
  )
  bar.start(bytes, 0)
  return {
    show: (progress) => {
      if (progress.kind === 'read') bar.increment(progress.bytes)
    },
    stop: () => bar.stop(),
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

async function openInBrowser({ pages, index }: Timelines): Promise<void> {
  const file = index ?? pages[0]?.file
  if (!file) return
  const { default: open } = await import('open')
  const browser = await open(file)
  // The address was printed: without a browser, nothing is lost.
  browser.on('error', () => {})
}

main().catch((error: unknown) => {
  const isExpected = error instanceof InputError || isSystemError(error)
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(
    `raft-testlog-viz: ${isExpected ? message : `this is a mistake of ours: ${message}`}\n`,
  )
  process.exitCode = 1
})

/** What the operating system refuses: a full disk, a folder that may not be written. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
