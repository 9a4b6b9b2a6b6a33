/** Changes one thing of a part at a time, and tells which changes no test notices. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { program } from '../cli/command.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { complain, paint, paintDiff, say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { listParts } from '../parts/find.ts'
import { judge, LIST, readEquivalents, type Verdict } from './equivalents.ts'
import type { Mutant } from './mutant.ts'

/** In percent of the changes that change something. */
const LEAST_NOTICED = 97

/** The exit code when the tests of a file notice less. */
const EXIT_UNNOTICED = 1

const HELP = `
Every change is one that StrykerJS makes: a condition that is always true, a + in place of a -,
a method that does nothing. For each, those tests of the part are run that come by, until one
fails. A change that none of them notices survives: add the test that would, or, where the
change changes nothing, list it in ${LIST} with the reason.

Examples:
  npm run mutants -- part3                       every file of part 3, which takes long
  npm run mutants -- part3 --file src/raft.ts    one of them
  npm run mutants -- part3 --file src/raft.ts --lines 240-257,260-280    some lines of it

Exit codes:
  0  of what changes something, ${LEAST_NOTICED} % or more are noticed, in every file
  1  in some file less is noticed
  2  there is no such part, file or option, or the tests fail without any change`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = program('npm run mutants --')
    .description('Changes one thing of a part at a time: do its tests notice?')
    .argument('<part>', 'part1, part2, …')
    .option('--file <file>', 'only this file of the part, like src/raft.ts')
    .option('--lines <ranges>', 'only these lines of the file, like 240-257,260-280')
    .addHelpText('after', HELP)
    .parse()
  const [part = ''] = command.args
  const options = command.opts<{ file?: string; lines?: string }>()
  const files = filesOf(part, options.file)
  const ranges = rangesOf(options)
  // StrykerJS takes its time to load: what was asked wrongly is told before.
  const { runMutants } = await import('./run.ts')
  const mutants = await runMutants(
    part,
    ranges ? ranges.map((range) => `${files[0]}:${range}`) : files,
  )
  return tell(
    files.map((file) => join(part, file)),
    mutants,
    ranges === null,
  )
}

/** @returns null for all lines. */
function rangesOf(options: { file?: string; lines?: string }): string[] | null {
  if (options.lines === undefined) return null
  if (options.file === undefined) {
    throw new UsageError(
      '--lines says which lines of a file; --file must say which file',
    )
  }
  const ranges = options.lines.split(',')
  const wrong = ranges.find((range) => {
    const [, first, last] = /^([1-9]\d*)-(\d+)$/.exec(range) ?? []
    return Number(first) > Number(last) || first === undefined
  })
  if (wrong === undefined) return ranges
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
