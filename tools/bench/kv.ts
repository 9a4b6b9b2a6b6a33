/**
 * How fast parts are for clients over HTTP, three processes each and real files, beside
 * each other and a real etcd that does the same work in the same run. Times are printed,
 * never asserted.
 */
import { program } from '../src/cli/command.ts'
import { UsageError } from '../src/cli/exit.ts'
import { say } from '../src/cli/print.ts'
import { programOf } from '../src/processes/program.ts'
import { KEYS, type KvLoad, measure } from './children.ts'
import { exitCodeOfBench, leaveNothingBehind } from './ending.ts'
import { etcdVersion, startEtcd } from './etcd.ts'
import { type KvCluster, keepsWholeLog, type Memory, startPart } from './kv-clusters.ts'
import type { LoadReport } from './kv-load.ts'
import {
  describe,
  type Growth,
  growthText,
  type Results,
  type Row,
} from './kv-report.ts'
import { median } from './numbers.ts'
import { atLeast, progressBar } from './report.ts'

interface Options {
  readonly parts: readonly string[]
  readonly rounds: number
  readonly seconds: number
  readonly connections: readonly number[]
  readonly length: number
  readonly etcd: boolean
  readonly json: boolean
  readonly puts?: number
}

/** How many connections there are in the round before the first, which does not count. */
const WARM_UP = 64
/** So many put fastest. */
const MOST_CONNECTIONS = 256

const HELP = `
The clients are a process of their own, and ask the leader. Rounds of the clusters
alternate, and from part 5 on puts have sessions; all figures are medians over the rounds.
etcd is measured where it is installed (apt-get install etcd-server), through its JSON
gateway.

Examples:
  npm run bench:kv
  npm run bench:kv -- --rounds 1 --connections 16
  npm run bench:kv -- --parts part5 part7 --rounds 15 --connections 64 --no-etcd
  npm run --silent bench:kv -- --json > kv.json
  npm run bench:kv -- --puts 1000000

Exit codes:
  0  all was measured
  1  something could not be measured
  2  there is no such option or part`

function main(): Promise<unknown> {
  return program('npm run bench:kv --')
    .description('Measures parts: puts and gets a second, and how long they take.')
    .option('--parts <part...>', 'beside each other', ['part4', 'part5'])
    .option('--rounds <n>', 'how often to measure each', atLeast(1), 5)
    .option('--seconds <n>', 'how long a round takes', atLeast(1), 2)
    .option('--connections <n...>', 'at a time', toNumbers, DEFAULT_CONNECTIONS)
    .option('--length <n>', 'characters of a value', atLeast(1), 100)
    .option('--no-etcd', 'measure the parts alone')
    .option('--json', 'print JSON instead of a table', false)
    .option('--puts <n>', 'instead: so many puts, and what they leave', atLeast(1))
    .addHelpText('after', HELP)
    .action(run)
    .parseAsync()
}

const DEFAULT_CONNECTIONS: readonly number[] = [1, 16, 64, 256]

/** Called with one after the other; the first replaces the default. */
function toNumbers(text: string, before: readonly number[]): readonly number[] {
  const number = atLeast(1)(text)
  return before === DEFAULT_CONNECTIONS ? [number] : [...before, number]
}

async function run(options: Options): Promise<void> {
  const parts = options.parts.map((name) => programOf(name).part)
  const [first = ''] = parts
  const { puts } = options
  if (puts !== undefined && !keepsWholeLog(first)) {
    throw new UsageError(`${first} does not keep what its snapshots stand for`)
  }
  leaveNothingBehind()
  await (puts === undefined ? compare(parts, options) : grow(first, puts, options))
}

/** What so many puts leave in the leader's memory and in its file. */
async function grow(part: string, puts: number, options: Options): Promise<void> {
  const cluster = await startPart(part)
  const progress = progressBar(puts)
  const memory = cluster.memory as () => Promise<Memory>
  try {
    await measure(cluster, loadOf('put', WARM_UP, options))
    const before = await memory()
    let after = before
    while (after.entries < before.entries + puts) {
      const { entries } = after
      await measure(cluster, loadOf('put', MOST_CONNECTIONS, options))
      after = await memory()
      progress.step('puts', after.entries - entries)
    }
    const growth = { cluster: part, before, after }
    progress.stop()
    say(options.json ? JSON.stringify(growth) : growthText(growth))
  } finally {
    progress.stop()
    await cluster.stop()
  }
}

async function compare(parts: readonly string[], options: Options): Promise<void> {
  const version = options.etcd ? etcdVersion() : null
  const progress = progressBar(2 * options.connections.length * options.rounds)
  const clusters: KvCluster[] = []
  try {
    for (const part of parts) clusters.push(await startPart(part))
    if (version) clusters.push(await startEtcd())
    for (const cluster of clusters) await warmUp(cluster, options)
    const atStart = await memories(clusters)
    const rows: Row[] = []
    for (const connections of options.connections) {
      rows.push(
        ...(await alternate(clusters, 'put', connections, options, progress.step)),
      )
    }
    const beforeGets = await memories(clusters)
    for (const connections of options.connections) {
      rows.push(
        ...(await alternate(clusters, 'get', connections, options, progress.step)),
      )
    }
    const atEnd = await memories(clusters)
    const results: Results = {
      rows,
      growth: between(atStart, atEnd),
      growthByGets: between(beforeGets, atEnd),
    }
    progress.stop()
    const { json, etcd } = options
    say(json ? JSON.stringify(results, null, 2) : describe(results, { version, etcd }))
  } finally {
    progress.stop()
    await Promise.all(clusters.map((cluster) => cluster.stop()))
  }
}

/** Until all keys are there: those who get them are to find something. */
async function warmUp(cluster: KvCluster, options: Options): Promise<void> {
  for (let { seconds } = options; ; seconds *= 2) {
    const load = loadOf('put', WARM_UP, { ...options, seconds })
    const { statuses } = await measure(cluster, load)
    if ((statuses[200] ?? 0) >= KEYS) return
  }
}

/** Rounds of all clusters, each time in the other order: none is always the last. */
async function alternate(
  clusters: readonly KvCluster[],
  operation: 'put' | 'get',
  connections: number,
  options: Options,
  onStep: (what: string) => void,
): Promise<Row[]> {
  const rounds = new Map(
    clusters.map((cluster): [KvCluster, LoadReport[]] => [cluster, []]),
  )
  for (let round = 0; round < options.rounds; round += 1) {
    onStep(`${operation}, ${connections} connections`)
    for (const cluster of round % 2 === 0 ? clusters : [...clusters].reverse()) {
      const report = await measure(cluster, loadOf(operation, connections, options))
      rounds.get(cluster)?.push(report)
    }
  }
  return [...rounds].map(([{ name: cluster }, reports]) => ({
    cluster,
    operation,
    connections,
    ...medians(reports),
  }))
}

function loadOf(
  operation: 'put' | 'get',
  connections: number,
  { seconds, length }: Options,
): KvLoad {
  return { operation, connections, seconds, length, inSessions: true }
}

function medians(reports: readonly LoadReport[]) {
  const of = (value: (report: LoadReport) => number) => median(reports.map(value))
  return {
    perSecond: of(({ perSecond }) => perSecond),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    failures: reports.reduce((sum, { failures }) => sum + failures, 0),
  }
}

/** By name, of those whose whole log is kept. */
async function memories(clusters: readonly KvCluster[]): Promise<Map<string, Memory>> {
  const found = new Map<string, Memory>()
  for (const { name, memory } of clusters) if (memory) found.set(name, await memory())
  return found
}

function between(
  befores: ReadonlyMap<string, Memory>,
  afters: ReadonlyMap<string, Memory>,
): Growth[] {
  return [...befores].map(([cluster, before]) => {
    return { cluster, before, after: afters.get(cluster) ?? before }
  })
}

process.exitCode = await exitCodeOfBench(main)
