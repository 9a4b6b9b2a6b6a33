/**
 * How fast part 3 is, durable, three processes over gRPC and real files; beside it what
 * this machine's disk and network allow. Times are printed, never asserted; asserted is
 * that every entry survives.
 */
import { availableParallelism, tmpdir } from 'node:os'
import { ProcessError } from '../../part3/test/process-cluster.ts'
import { program } from '../src/cli/command.ts'
import { keepTemporaryFilesIn } from '../src/cli/ending.ts'
import { exitCodeOf } from '../src/cli/exit.ts'
import { complain, say } from '../src/cli/print.ts'
import { FloorGauge } from './floor.ts'
import {
  BenchError,
  type BenchOptions,
  type Load,
  LoadBench,
  type LoadResult,
  measureStart,
  type StartResult,
} from './loads.ts'
import { alignColumns, atLeast, ms, progressBar, whole } from './report.ts'

interface Options {
  readonly entries: number
  readonly batch: number
  readonly length: number
  readonly log: number
  readonly runs: number
  readonly json: boolean
}

interface Results {
  readonly node: string
  readonly cores: number
  readonly commandLength: number
  readonly loads: readonly LoadResult[]
  readonly verified: { readonly restarted: number; readonly rebuilt: number }
  readonly start: StartResult
}

const HELP = `
The floor of a batch is two syncs of its bytes to a raw file, the leader's and a
follower's, and a round trip of its size on a loopback socket between two processes; the
ratio is how many times as long a batch takes. All are medians over the runs, after one
run to warm up.

Examples:
  npm run bench                                   the whole of it, in about a minute
  npm run bench -- --runs 1 --log 100000          a quick look
  npm run bench -- --length 1000 --batch 1000     longer commands in shorter batches
  npm run --silent bench -- --json > bench.json   for a program to read

Exit codes:
  0  all was measured, and every entry was found again
  1  an entry was lost, or something could not be measured
  2  there is no such option`

async function main(): Promise<void> {
  await program('npm run bench --')
    .description('Measures part 3: entries a second, and how long a commit takes.')
    .option('--entries <n>', 'entries of the load in batches', atLeast(1), 50_000)
    .option('--batch <n>', 'entries of a batch', atLeast(1), 8_000)
    .option('--length <n>', 'characters of a command', atLeast(18), 48)
    .option('--log <n>', 'entries of the log to start from', atLeast(1), 1_000_000)
    .option('--runs <n>', 'how often to measure each', atLeast(1), 5)
    .option('--json', 'print JSON instead of a table', false)
    .addHelpText('after', HELP)
    .action(run)
    .parseAsync()
}

async function run(options: Options): Promise<void> {
  keepTemporaryFilesIn('raft-bench-')
  const folder = tmpdir()
  const gauge = await FloorGauge.open(folder)
  // The steps are those of `measureAll`.
  const progress = progressBar(9 + 5 * options.runs)
  try {
    const { runs, length } = options
    const onStep = progress.step
    const results = await measureAll(options, { runs, length, folder, gauge, onStep })
    progress.stop()
    say(options.json ? JSON.stringify(results, null, 2) : describe(results))
  } finally {
    progress.stop()
    gauge.close()
  }
}

async function measureAll(options: Options, bench: BenchOptions): Promise<Results> {
  const [batches, ...others] = loadsOf(options)
  const loads: LoadResult[] = []
  const verified = await withCluster(bench, async (cluster) => {
    loads.push(await cluster.measure(batches))
    const restarted = await cluster.verifyRestart()
    return { restarted, rebuilt: await cluster.verifyRebuild() }
  })
  await withCluster(bench, async (cluster) => {
    for (const load of others) loads.push(await cluster.measure(load))
  })
  return {
    node: process.version,
    cores: availableParallelism(),
    commandLength: options.length,
    loads,
    verified,
    start: await measureStart(options.log, bench),
  }
}

function loadsOf({ entries, batch }: Options): [Load, ...Load[]] {
  const batches = { name: `batches of ${batch}`, entries, batch, inFlight: 1 }
  return [
    batches,
    { name: 'one in flight', entries: 2_000, batch: 1, inFlight: 1 },
    { name: '64 in flight', entries: 20_000, batch: 1, inFlight: 64 },
    { ...batches, name: `${batches.name}, a core busy`, isBesideBusyCore: true },
  ]
}

async function withCluster<T>(
  options: BenchOptions,
  work: (bench: LoadBench) => Promise<T>,
): Promise<T> {
  options.onStep('three servers start')
  const bench = await LoadBench.start(options)
  try {
    return await work(bench)
  } finally {
    await bench.close()
  }
}

function describe({
  node,
  cores,
  commandLength,
  loads,
  verified,
  start,
}: Results): string {
  const heading = ['', 'entries/s', 'spread', 'p50', 'p99', 'floor', 'ratio']
  const rows = loads.map((load) => [
    load.name,
    whole(load.entriesPerSecond),
    `${whole(load.slowest)}–${whole(load.fastest)}`,
    ms(load.p50Ms),
    ms(load.p99Ms),
    ms(load.floor.roundMs),
    load.ratio.toFixed(1),
  ])
  const floors = loads.map(({ name, floor, floorEntriesPerSecond }) => {
    const parts = `2 × ${ms(floor.syncMs)} to sync + ${ms(floor.roundTripMs)} round trip`
    return `  ${name}: ${parts} = ${whole(floorEntriesPerSecond)} entries/s`
  })
  return [
    `Part 3, three processes, Node ${node}, ${cores} cores; ` +
      `commands of ${commandLength} characters`,
    '',
    ...alignColumns([heading, ...rows]),
    '',
    'The floors:',
    ...floors,
    '',
    `All servers restarted: each of ${whole(verified.restarted)} entries is on each.`,
    `One lost its file: it has all of ${whole(verified.rebuilt)} again.`,
    `A start from ${whole(start.entries)} entries takes ${ms(start.startMs)} ` +
      `(at most ${ms(start.slowestMs)}); ${ms(start.emptyStartMs)} without a log.`,
  ].join('\n')
}

process.exitCode = await exitCodeOf(async () => {
  try {
    await main()
    return 0
  } catch (error) {
    if (!(error instanceof BenchError || error instanceof ProcessError)) throw error
    complain(`error: ${error.message}`)
    return 1
  }
})
