/** Shows what one part changes in another, side by side, as a page. */
import { dirname, join, relative, resolve, sep } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { program } from '../cli/command.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { openPage } from '../cli/open.ts'
import { say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { writeWhole } from '../cli/whole.ts'
import { listParts, partNamed, partOf } from '../parts/find.ts'
import { passagesOf } from './chapter.ts'
import { type Comparison, compareParts, only, pathsOf, WHY_LEFT_OUT } from './compare.ts'
import { readNote } from './note.ts'
import { pageOf, summaryOf } from './page.ts'

interface Options {
  readonly file?: string
  readonly solution: boolean
  readonly out?: string
  readonly open: boolean
}

const HELP = `
The page shows the files that differ side by side, the new ones apart, and what the later
part's README says of them. It goes to timelines/diff/ and opens in the browser.

Examples:
  npm run diff -- part1 part2                  all that part 2 changes
  npm run diff -- part2 part3 --file raft.ts   one file of it
  npm run diff -- part1 part3 --no-open --out changes.html
  npm run diff -- part1 exercises/part1        your exercise beside the solution (it asks)

Exit codes:
  0  the page was written
  2  there is no such part, option or file, or the page cannot be written`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = commandLine().parse()
  const [from, to] = readParts(command.args)
  const { file, out, open, solution } = command.opts<Options>()
  if (partOf(from) === partOf(to) && !solution) await mayShowSolution(partOf(from))
  const all = compareParts(ROOT, from, to)
  const comparison = file === undefined ? all : only(all, [findFile(all, file)])
  const name = `${from}-${to}`.replaceAll('/', '-')
  const page = resolve(out ?? join(ROOT, 'timelines', 'diff', `${name}.html`))
  const docs = relative(dirname(page), join(ROOT, 'docs')).split(sep).join('/')
  const later = partsBetween(from, to)
  const notes = later.map((part) => readNote(ROOT, part)).filter((note) => note !== null)
  const passages = later.flatMap((part) => passagesOf(ROOT, part, docs))
  await write(page, await pageOf(comparison, notes, passages))
  report(comparison)
  const address = pathToFileURL(page).href
  say(`page  ${address}`)
  if (open) await openPage(address)
  return 0
}

function commandLine(): Command {
  return program('npm run diff --')
    .description('Shows what a part changes in another, side by side, as a page.')
    .argument('<partA>', 'the earlier part')
    .argument('<partB>', 'the later part')
    .option('--solution', 'show what an exercise lacks, without asking', false)
    .option('--file <name>', 'only this file: its path in the part, or the end of it')
    .option('--out <file>', 'where the page goes')
    .option('--no-open', 'do not open the page in the browser')
    .addHelpText('after', HELP)
}

/** @throws UsageError when the person does not want to see it, or cannot be asked. */
async function mayShowSolution(part: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new UsageError(`this shows the solution of ${part}; say --solution to see it`)
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await prompt.question(
    `This shows the solution of ${part}. Show it? [y/N] `,
  )
  prompt.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError('then it stays hidden')
}

function readParts(args: readonly string[]): [from: string, to: string] {
  const parts = listParts(ROOT)
  const [from = '', to = ''] = args.map((argument) => {
    const part = partNamed(argument, parts)
    if (part !== null) return part
    throw new UsageError(`there is no part "${argument}"; there are ${parts.join(', ')}`)
  })
  if (from === to)
    throw new UsageError(`${from} is the same as ${to}; name another part`)
  return [from, to]
}

/** The one file whose path is, or ends with, what was asked for. */
function findFile(comparison: Comparison, name: string): string {
  const paths = pathsOf(comparison)
  const found = paths.filter((path) => `/${path}`.endsWith(`/${name}`))
  const [path] = found.includes(name) ? [name] : found
  if (path !== undefined && (found.length === 1 || path === name)) return path
  const candidates = found.length > 1 ? found : paths
  const problem = found.length > 1 ? 'more than one file is called' : 'there is no file'
  throw new UsageError(`${problem} "${name}"; there are ${candidates.join(', ')}`)
}

/** The parts on the way, each of which says of its own changes. */
function partsBetween(from: string, to: string): string[] {
  const parts = listParts(ROOT)
  const places = [from, to].map((part) => parts.indexOf(partOf(part)))
  const [start, end] = places.sort((a, b) => a - b)
  return parts.slice((start ?? 0) + 1, (end ?? 0) + 1)
}

async function write(file: string, page: string): Promise<void> {
  try {
    await writeWhole(file, [page])
  } catch (error) {
    throw new UsageError(`the page cannot be written: ${(error as Error).message}`)
  }
}

function report(comparison: Comparison): void {
  const { from, to, changed, added, removed, unchanged, leftOut } = comparison
  const lines = [
    ...changed.map(({ path, diff }) => {
      return `  changed    ${path}  +${diff.addedLines} −${diff.deletedLines}`
    }),
    ...added.map(({ path, lines }) => `  new        ${path}  +${lines}`),
    ...removed.map(({ path, lines }) => `  gone       ${path}  −${lines}`),
    ...unchanged.map((path) => `  unchanged  ${path}`),
    ...leftOut.map((path) => `  left out   ${path}  ${WHY_LEFT_OUT}`),
  ]
  const head = `${from} → ${to}: ${summaryOf(comparison)}`
  say([head, ...lines].join('\n'))
}
