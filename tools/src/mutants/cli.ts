/** Changes one thing of a part at a time, and tells which changes no test notices. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { program } from '../cli/command.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { complain, paint, paintDiff, say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { keepShare, readShares, type ShardOptions, withShards } from '../cli/shard.ts'
import { listParts } from '../parts/find.ts'
import { judge, LIST, readEquivalents, type Verdict } from './equivalents.ts'
import { linesOfShard } from './lines.ts'
import type { Mutant } from './mutant.ts'

/** In percent of the changes that change something. */
const LEAST_NOTICED = 97

/** The exit code when the tests of a file notice less. */
const EXIT_UNNOTICED = 1

const HELP = `
Every change is one that StrykerJS makes: a condition that is always true, a + in place of a -,
a method that does nothing. For each, those tests of the part are run that reach it, until one
fails. A change that none of them notices survives: add the test that would, or, where the
change changes nothing, list it in ${LIST} with the reason.

Examples:
  npm run mutants -- part3                       every file of part 3, which takes long
  npm run mutants -- part3 --file src/raft.ts    one of them
  npm run mutants -- part3 --file src/raft.ts --lines 240-257,260-280    some lines of it
  npm run mutants -- part3 --shard 2/8 --out 2.json   an eighth, on the second machine
  npm run mutants -- --merge *.json              what all of them have found

Exit codes:
  0  of what changes something, ${LEAST_NOTICED} % or more are noticed, in every file
  1  in some file less is noticed
  2  there is no such part, file or option, or the tests fail without any change`

/** As shares name it. */
const COMMAND = 'mutants'

interface Options extends ShardOptions {
  readonly file?: string
  readonly lines?: string
}

/** What was asked for, the same on all machines. */
interface Asked {
  readonly part: string
  /** Null for all files. */
  readonly file: string | null
}

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const mutants = program('npm run mutants --')
    .description('Changes one thing of a part at a time: do its tests notice?')
    .argument('[part]', 'part1, part2, …')
    .option('--file <file>', 'only this file of the part, like src/raft.ts')
    .option('--lines <ranges>', 'only these lines of the file, like 240-257,260-280')
    .addHelpText('after', HELP)
  const command = withShards(mutants, ['file', 'lines']).parse()
  const [part = ''] = command.args
  const options = command.opts<Options>()
  return options.merge ? merge(options.merge) : tryOut(part, options)
}

async function tryOut(part: string, options: Options): Promise<number> {
  const files = filesOf(part, options.file)
  const ranges = rangesOf(files, part, options)
  // StrykerJS takes its time to load: what was asked wrongly is told before.
  const { runMutants } = await import('./run.ts')
  const found = await runMutants(part, ranges ?? files)
  const asked = { part, file: options.file ?? null }
  await keepShare<Asked, Mutant[]>(options, { of: COMMAND, asked, found })
  const tried = files.filter((file) => !ranges || ranges.some((r) => r.startsWith(file)))
  return tell(pathsOf(part, tried), found, ranges === null)
}

function merge(files: readonly string[]): number {
  const { asked, found } = readShares<Asked, Mutant[]>(COMMAND, files)
  const { part, file } = asked
  return tell(pathsOf(part, filesOf(part, file ?? undefined)), found.flat(), true)
}

function pathsOf(part: string, files: readonly string[]): string[] {
  return files.map((file) => join(part, file))
}

/** @returns null for all lines of all files. */
function rangesOf(
  files: readonly string[],
  part: string,
  { file, lines, shard }: Options,
): string[] | null {
  if (shard && lines !== undefined) {
    throw new UsageError('a share has lines of its own: leave out --lines, or --shard')
  }
  if (shard) {
    const textOf = (name: string) => readFileSync(join(ROOT, part, name), 'utf8')
    return linesOfShard(files, textOf, shard)
  }
  if (lines === undefined) return null
  if (file === undefined) {
    throw new UsageError(
      '--lines says which lines of a file; --file must say which file',
    )
  }
  const ranges = lines.split(',')
  const wrong = ranges.find((range) => {
    const [, first, last] = /^([1-9]\d*)-(\d+)$/.exec(range) ?? []
    return Number(first) > Number(last) || first === undefined
  })
  if (wrong === undefined) return ranges.map((range) => `${file}:${range}`)
  throw new UsageError(`"${wrong}" is no range of lines; one is like 240-257`)
}

function filesOf(part: string, file: string | undefined): string[] {
  const parts = listParts(ROOT)
  if (!parts.includes(part)) {
    throw new UsageError(`there is no part "${part}"; there are ${parts.join(', ')}`)
  }
  const sources = readdirSync(join(ROOT, part, 'src')).map((name) => `src/${name}`)
  if (file === undefined) return sources
  if (sources.includes(file)) return [file]
  throw new UsageError(`${part} has no file "${file}"; it has ${sources.join(', ')}`)
}

/** @returns the exit code. */
function tell(
  files: readonly string[],
  mutants: readonly Mutant[],
  areAll: boolean,
): number {
  const listed = readEquivalents()
  const results = files.map((file) => {
    const ofFile = mutants.filter((mutant) => mutant.file === file)
    return { file, total: ofFile.length, ...judge(file, ofFile, listed) }
  })
  for (const { survivors, problems } of results) {
    for (const survivor of survivors) show(survivor)
    // What the list says of other lines was not tried.
    if (areAll) for (const problem of problems) complain(problem)
  }
  const width = Math.max(...files.map((file) => file.length))
  for (const { file, total, ...verdict } of results) {
    const rest = total - verdict.equivalents.length
    const share = `${rest - verdict.survivors.length} of ${rest} changes are noticed`
    say(
      `${file.padEnd(width)}  ${share} (${percentOf(total, verdict).toFixed(1)} %); ` +
        `${verdict.equivalents.length} more change nothing`,
    )
  }
  const isEnough = results.every((r) => percentOf(r.total, r) >= LEAST_NOTICED)
  return isEnough ? 0 : EXIT_UNNOTICED
}

function percentOf(total: number, { survivors, equivalents }: Verdict): number {
  const rest = total - equivalents.length
  return rest === 0 ? 100 : (100 * (rest - survivors.length)) / rest
}

function show({ file, line, symbol, diff }: Mutant): void {
  say(paint('bold', `${file}:${line} ${symbol}`))
  say(`${paintDiff(diff)}\n`)
}
