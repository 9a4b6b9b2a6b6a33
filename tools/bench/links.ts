/**
 * Whether part 3 stands where bytes and work cost time: a follower behind a slow link, a
 * link that is silent, a turn with very many commands beside a busy core. Three processes,
 * real sockets and files, the default timing. Printed beside the ideal, never asserted.
 */
import { availableParallelism } from 'node:os'
import { InvalidArgumentError } from 'commander'
import { ProcessError } from '../../part3/test/process-cluster.ts'
import { program } from '../src/cli/command.ts'
import { keepTemporaryFilesIn } from '../src/cli/ending.ts'
import { exitCodeOf } from '../src/cli/exit.ts'
import { complain, say } from '../src/cli/print.ts'
import { alignColumns, atLeast, ms, progressBar, whole } from './report.ts'
import {
  type CatchUp,
  type Flood,
  measureCatchUp,
  measureFlood,
  measureSilence,
} from './trials.ts'

interface Options {
  readonly rates: readonly number[]
  readonly lengths: readonly number[]
  readonly flood: number
  readonly json: boolean
}

interface Results {
  readonly node: string
  readonly cores: number
  readonly catchUps: readonly CatchUp[]
  readonly silenceMs: number | null
  readonly flood: Flood
}

const MB = 1_000_000

const HELP = `
One of three servers is away while 6 MB of commands are committed, and returns behind a
link that lets through so many bytes a second, each way. Meanwhile 200 commands of 100
characters a second are submitted, as before. The ideal is what the bytes that it lacks,
with those of these commands, take at that rate.

Examples:
  npm run bench:links                                     all of it, in three minutes
  npm run bench:links -- --rates 0.5 --lengths 1000000    one follower
  npm run --silent bench:links -- --json > links.json     for a program to read

Exit codes:
  0  all was measured
  1  something could not be measured
  2  there is no such option`

async function main(): Promise<void> {
  await program('npm run bench:links --')
    .description(
      'Measures part 3 over slow links, a silent one, and beside a busy core.',
    )
    .option('--rates <list>', 'MB a second, of the links', positive, [0.5, 2, 8, 40])
    .option(
      '--lengths <list>',
      'of a command that it lacks',
      positive,
      [200, 200_000, 1_000_000],
    )
    .option('--flood <n>', 'commands of one turn', atLeast(1), 200_000)
    .option('--json', 'print JSON instead of tables', false)
    .addHelpText('after', HELP)
    .action(run)
    .parseAsync()
}

async function run(options: Options): Promise<void> {
  const cases = options.rates.flatMap((rate) =>
    options.lengths.map((length) => ({ rate, length })),
  )
  keepTemporaryFilesIn('raft-bench-')
  const progress = progressBar(cases.length + 2)
  try {
    const catchUps: CatchUp[] = []
    for (const { rate, length } of cases) {
      progress.step(`${rate} MB/s, commands of ${whole(length)} characters`)
      catchUps.push(await measureCatchUp(rate * MB, length))
    }
    progress.step('a link that is silent')
    const silenceMs = await measureSilence()
    progress.step(`${whole(options.flood)} commands in one turn`)
    const flood = await measureFlood(options.flood)
    const cores = availableParallelism()
    const results = { node: process.version, cores, catchUps, silenceMs, flood }
    progress.stop()
    say(options.json ? JSON.stringify(results, null, 2) : describe(results))
  } finally {
    progress.stop()
  }
}

function describe({ node, cores, catchUps, silenceMs, flood }: Results): string {
  return [
    `Part 3, three processes, Node ${node}, ${cores} cores, the default timing`,
    '',
    'A follower catches up:',
    '',
    ...alignColumns([
      ['link', 'commands of', 'lacked', 'ideal', 'took', 'sent', 'depositions'],
      ...catchUps.map(catchUpRow),
    ]),
    '',
    'Meanwhile, 200 commands a second; in brackets, before the link was slow:',
    '',
    ...alignColumns([
      ['link', 'commands of', 'committed', 'p50', '', 'p99', ''],
      ...catchUps.map(loadRow),
    ]),
    '',
    `A follower whose connections fall silent, while new ones do not, has all again after ` +
      `${msOrNever(silenceMs)}.`,
    `${whole(flood.commands)} commands of one turn, beside a process that keeps one core ` +
      `busy: committed after ${msOrNever(flood.tookMs)}, applied by all after ` +
      `${msOrNever(flood.allMs)}, ${flood.depositions} depositions.`,
  ].join('\n')
}

function catchUpRow(result: CatchUp): string[] {
  const { bytesPerSecond, commandLength, lackedBytes, sentBytes } = result
  return [
    `${bytesPerSecond / MB} MB/s`,
    whole(commandLength),
    `${(lackedBytes / MB).toFixed(2)} MB`,
    ms(result.idealMs),
    msOrNever(result.tookMs),
    `${(sentBytes / lackedBytes).toFixed(2)} ×`,
    String(result.depositions),
  ]
}

function loadRow({
  bytesPerSecond,
  commandLength,
  load,
  loadBefore,
}: CatchUp): string[] {
  return [
    `${bytesPerSecond / MB} MB/s`,
    whole(commandLength),
    `${load.committed} of ${load.submitted}`,
    ms(load.p50Ms),
    `(${ms(loadBefore.p50Ms)})`,
    ms(load.p99Ms),
    `(${ms(loadBefore.p99Ms)})`,
  ]
}

function msOrNever(value: number | null): string {
  return value === null ? 'for ever' : ms(value)
}

function positive(list: string): number[] {
  const values = list.split(',').map(Number)
  if (values.every((value) => value > 0 && value < Number.POSITIVE_INFINITY))
    return values
  throw new InvalidArgumentError('It must be numbers above 0, with commas between them.')
}

process.exitCode = await exitCodeOf(async () => {
  try {
    await main()
    return 0
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error
    complain(`error: ${error.message}`)
    return 1
  }
})
