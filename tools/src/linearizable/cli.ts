/** Whether what clients saw can be explained, file by file. */
import { parse } from 'node:path'
import { Option } from 'commander'
import { program, wholeNumber } from '../cli/command.ts'
import { EXIT_USAGE, exitCodeOf } from '../cli/exit.ts'
import { openPage } from '../cli/open.ts'
import { complain, paint, say } from '../cli/print.ts'
import { check, type Finding, MODELS, type ModelName } from '../histories/check.ts'
import { HistoryError } from '../histories/events.ts'
import { explain } from '../histories/explain.ts'
import type { CheckedHistory } from '../histories/picture.ts'
import { readHistory } from '../histories/read.ts'
import type { Verdict } from '../histories/search.ts'
import type { HistoryPages } from '../viz/history.ts'

interface Options {
  readonly model?: ModelName
  readonly timeout: number
  readonly split: boolean
  readonly json: boolean
  readonly open: boolean
  readonly outDir: string
}

interface Row {
  readonly file: string
  readonly verdict: Verdict
  readonly operations: number
  readonly ms: number
}

const HELP = `
A file holds one event a line: NDJSON, Jepsen's history.edn, or the lines of a jepsen.log.

Examples:
  npm run linearizable -- history.ndjson
  npm run linearizable -- store/*/history.edn --model register --timeout 60
  npm run --silent linearizable -- history.ndjson --json
  npm run linearizable -- history.ndjson --open

Exit codes:
  0  all of them are linearizable
  1  one is not
  2  a file cannot be read, or there is no such option
  3  of one it is unknown: the time or the memory did not suffice`

const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  linearizable: 0,
  'not linearizable': 1,
  unknown: 3,
}

/** 24 bytes each, half of the room free: some 800 MB. */
const MAX_STEPS = 16_000_000

let pages: HistoryPages | null = null

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = program('npm run linearizable --')
    .description('Looks for an order of operations that explains every answer.')
    .argument('<file...>', 'histories')
    .addOption(
      new Option(
        '--model <name>',
        'what the operations are of (default: by their names)',
      ).choices(Object.keys(MODELS)),
    )
    .option('--timeout <s>', 'for each file, in seconds', wholeNumber(1), 60)
    .option('--no-split', 'check all keys together')
    .option('--json', 'print a JSON array of rows', false)
    .option('--open', 'draw each, and open the picture in the browser', false)
    .option('--out-dir <folder>', 'where pictures go', 'timelines/histories')
    .addHelpText('after', HELP)
  command.parse()
  const options = command.opts<Options>()
  const rows: Row[] = []
  let exitCode = 0
  for (const file of command.args) {
    const row = await checkFile(file, options)
    if (row === null) exitCode = EXIT_USAGE
    else rows.push(row)
  }
  if (options.json) say(JSON.stringify(rows))
  if (exitCode === EXIT_USAGE) return exitCode
  const codes = rows.map(({ verdict }) => EXIT_CODES[verdict])
  return codes.includes(1) ? 1 : Math.max(0, ...codes)
}

async function checkFile(file: string, options: Options): Promise<Row | null> {
  const startedAt = performance.now()
  try {
    const { history, model } = await readHistory(file, options.model ?? null)
    const deadline = startedAt + options.timeout * 1000
    const limits = { deadline, maxSteps: MAX_STEPS }
    const found = check(history, { model, split: options.split, limits })
    const ms = Math.round(performance.now() - startedAt)
    const row = {
      file,
      verdict: found.verdict,
      operations: history.operations.length,
      ms,
    }
    if (!options.json) sayRow(row, found)
    if (options.open) await draw(file, { history, model, found }, options)
    return row
  } catch (error) {
    const isTooDeep = error instanceof RangeError
    const isOurs = error instanceof HistoryError || isTooDeep
    if (!isOurs && !(error instanceof Error && 'syscall' in error)) throw error
    const { message } = error as Error
    const reason = isTooDeep ? `${file} holds values that are nested too deep` : message
    complain(`error: ${reason}`)
    return null
  }
}

/** Loaded when there is something to draw: it takes longer than to check most histories. */
async function draw(
  file: string,
  checked: CheckedHistory,
  { json, outDir }: Options,
): Promise<void> {
  if (!pages) {
    const { HistoryPages } = await import('../viz/history.ts')
    pages = new HistoryPages(outDir)
  }
  const picture = await pages.draw(parse(file).name, checked)
  if (!json) say(`  picture: ${picture}`)
  await openPage(picture)
}

function sayRow({ file, verdict, operations, ms }: Row, found: Finding): void {
  const style =
    verdict === 'linearizable' ? 'green' : verdict === 'unknown' ? 'yellow' : 'red'
  say(`${paint(style, verdict)}  ${file}  ${operations} operations, ${ms} ms`)
  if (verdict === 'unknown') {
    say(`  the ${found.reason} did not suffice`)
    return
  }
  if (verdict === 'linearizable') return
  for (const line of explain(found)) say(`  ${line}`)
}
