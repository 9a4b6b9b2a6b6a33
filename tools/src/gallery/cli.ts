/** The gallery: known mistakes, and the explorer that finds them. */
import { Console } from 'node:console'
import { resolve } from 'node:path'
import { program } from '../cli/command.ts'
import { keepTemporaryFilesIn } from '../cli/ending.ts'
import { EXIT_USAGE, exitCodeOf, UsageError } from '../cli/exit.ts'
import { complain, paint, paintDiff, say } from '../cli/print.ts'
import { drawSchedule } from '../explore/draw.ts'
import { Explorer } from '../explore/explore.ts'
import { loadPart } from '../explore/load.ts'
import {
  EXIT_FOUND,
  type ExploreOptions,
  optionsOfSeed,
  withSearchOptions,
} from '../explore/options.ts'
import { drawOptionsFor, showSearch } from '../explore/search.ts'
import { type Finding, showFinding } from '../explore/show.ts'
import {
  compileMistake,
  findMistake,
  type Mistake,
  readGallery,
} from '../parts/mistake.ts'

/** A mistake that takes more seeds than this is a reason to draw other schedules. */
const DEFAULT_SEEDS = 10_000

interface RunOptions extends ExploreOptions {
  readonly all: boolean
}

/** A row of the table; the names of the columns are for programs. */
interface Row {
  readonly name: string
  readonly found: boolean
  /** How many seeds it took, including the one that found it. */
  readonly seeds: number
  readonly invariant: string | null
}

const HELP = `
Each mistake is one line of Raft left out or changed, kept as a diff in tools/gallery/.

Examples:
  npm run gallery -- list                  the mistakes
  npm run gallery -- show figure-8         one of them: what it breaks, and its diff
  npm run gallery -- run figure-8          look for a schedule that shows it, and its timeline
  npm run gallery -- run --all             look for all of them
  npm run gallery -- run --all --json      rows of { name, found, seeds, invariant }

Exit codes:
  0  every mistake that was looked for was found
  1  one was not found
  2  there is no such mistake or option, or its diff no longer applies`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  let exitCode = 0
  const command = program('npm run gallery --')
    .description('A gallery of broken Rafts, and the explorer that breaks them.')
    .addHelpText('after', HELP)
  command
    .command('list')
    .description('the mistakes, by group')
    .action(() => {
      exitCode = list()
    })
  command
    .command('show')
    .description('what a mistake breaks, who made it, and its diff')
    .argument('<name>')
    .action((name: string) => showMistake(findMistake(name)))
  withSearchOptions(command.command('run'), DEFAULT_SEEDS)
    .description('look for schedules that show a mistake')
    .argument('[name]')
    .option('--all', 'every mistake of the gallery', false)
    .action(async (name: string | undefined, options: RunOptions) => {
      exitCode = await runAsked(name, options)
    })
  await command.parseAsync()
  return exitCode
}

function list(): number {
  const { mistakes, problems } = readGallery()
  const width = Math.max(...mistakes.map(({ name }) => name.length))
  let group = ''
  for (const mistake of mistakes) {
    if (mistake.group !== group)
      say(`${group ? '\n' : ''}${paint('bold', mistake.group)}`)
    group = mistake.group
    say(`  ${mistake.name.padEnd(width)}  ${mistake.title}`)
  }
  return tellProblems(problems)
}

/** @returns the exit code that they make. */
function tellProblems(problems: readonly string[]): number {
  for (const problem of problems) complain(`error: ${problem}`)
  return problems.length > 0 ? EXIT_USAGE : 0
}

function showMistake({ title, breaks, seen, story, diff }: Mistake): void {
  say(`${paint('bold', title)}\n\n${story}\n`)
  say(`Breaks  ${breaks}`)
  say(`Seen    ${seen}\n`)
  say(paintDiff(diff))
}

async function runAsked(name: string | undefined, options: RunOptions): Promise<number> {
  if (options.all === (name !== undefined)) {
    throw new UsageError('name one mistake, or give --all for all of them')
  }
  keepTemporaryFilesIn('raft-explore-')
  globalThis.console = new Console(process.stderr)
  const explorer = await Explorer.create(options.jobs)
  try {
    if (name === undefined) return await runAll(explorer, options)
    return await runOne(explorer, findMistake(name), options)
  } finally {
    await explorer.close()
  }
}

async function runOne(
  explorer: Explorer,
  mistake: Mistake,
  options: RunOptions,
): Promise<number> {
  const { row, finding } = await lookFor(explorer, mistake, options)
  if (options.json) {
    say(JSON.stringify(row))
  } else {
    showMistake(mistake)
    if (finding) {
      await showFinding(finding, { outDir: resolve(options.outDir), open: options.open })
    } else {
      say(`\nNot found with ${row.seeds} seeds.`)
    }
  }
  return row.found ? 0 : EXIT_FOUND
}

async function runAll(explorer: Explorer, options: RunOptions): Promise<number> {
  const { mistakes, problems } = readGallery()
  const width = Math.max(...mistakes.map(({ name }) => name.length))
  const rows: Row[] = []
  if (!options.json) say(paint('bold', `${'mistake'.padEnd(width)}  seeds  invariant`))
  for (const mistake of mistakes) {
    const { row } = await lookFor(explorer, mistake, options)
    rows.push(row)
    const seeds = String(row.seeds).padStart(5)
    const text = `${row.name.padEnd(width)}  ${seeds}  ${row.invariant ?? 'NOT FOUND'}`
    if (!options.json) say(row.found ? text : paint('red', text))
  }
  const missed = rows.filter(({ found }) => !found)
  if (options.json) say(JSON.stringify(rows))
  else
    say(
      `\n${rows.length - missed.length} of ${rows.length} mistakes found; ${spread(rows)}`,
    )
  return tellProblems(problems) || (missed.length > 0 ? EXIT_FOUND : 0)
}

async function lookFor(
  explorer: Explorer,
  mistake: Mistake,
  asked: RunOptions,
): Promise<{ row: Row; finding: Finding | null }> {
  const { name, lease } = mistake
  const options = { ...asked, ...(lease && { lease }) }
  const code = await compileMistake(mistake)
  const part = await loadPart(code)
  const draw = drawOptionsFor(part, options)
  const { from, seeds } = options
  const search = { code, from, seeds, draw, keepGoing: false }
  const progress = await showSearch(name, seeds)
  const tally = await explorer.search(search, (soFar) => progress.update(soFar.seeds))
  progress.stop()
  const [first] = tally.found
  if (!first)
    return { row: { name, found: false, seeds, invariant: null }, finding: null }
  const { seed, violation } = first
  const { invariant } = violation
  return {
    row: { name, found: true, seeds: seed - from + 1, invariant },
    finding: {
      part: mistake.part,
      mistake: name,
      code,
      foundWithSeed: seed,
      violation,
      schedule: drawSchedule(seed, draw, part),
      replay: `npm run gallery -- run ${name} --from ${seed}${optionsOfSeed(options)}`,
    },
  }
}

function spread(rows: readonly Row[]): string {
  const seeds = rows.map((row) => row.seeds).sort((a, b) => a - b)
  return `half of them within ${seeds[seeds.length >> 1]} seeds, all within ${seeds.at(-1)}`
}
