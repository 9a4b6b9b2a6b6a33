/**
 * How fast parts 4 and 5 are for clients over HTTP, three processes and real files, beside a
 * real etcd that does the same work in the same run. Times are printed, never asserted.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { execaNode } from 'execa'
import {
  etcdVersion,
  type KvCluster,
  type Memory,
  startEtcd,
  startPart4,
  startPart5,
} from './kv-clusters.ts'
import type { LoadOrder, LoadReport } from './kv-load.ts'
import { BenchError } from './loads.ts'
import { median } from './numbers.ts'
import { alignColumns, atLeast, ms, progressBar, whole } from './report.ts'

interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly connections: readonly number[]
  readonly length: number
  readonly etcd: boolean
  readonly json: boolean
  readonly puts?: number
}

interface Row {
  readonly cluster: string
  readonly operation: 'put' | 'get'
  readonly connections: number
  /** Medians over the rounds. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failures: number
}

interface Results {
  readonly rows: readonly Row[]
  /** Of part 4's leader, before and after. */
  readonly memory: readonly Memory[]
  /** What all the gets have added to the file of each part's leader, in bytes. */
  readonly writtenByGets: readonly Written[]
}

interface Written {
  readonly cluster: string
  readonly bytes: number
}

const KEYS = 1_000
/** How many connections there are in the round before the first, which does not count. */
const WARM_UP = 64
/** So many put fastest. */
const MOST_CONNECTIONS = 256
const PROGRAM = fileURLToPath(new URL('kv-load.ts', import.meta.url))

const HELP = `
The clients are a process of their own, and ask the leader. Rounds of the clusters
alternate, and part 5’s puts have sessions; all figures are medians over the rounds. etcd is measured where it is installed
(apt-get install etcd-server), through its JSON gateway.

Examples:
  npm run bench:kv
  npm run bench:kv -- --rounds 1 --connections 16
  npm run --silent bench:kv -- --json > kv.json
  npm run bench:kv -- --puts 1000000

Exit codes:
  0  all was measured
  1  something could not be measured
  2  there is no such option`

async function main(): Promise<void> {
  await new Command('npm run bench:kv --')
    .description(
      'Measures parts 4 and 5: puts and gets a second, and how long they take.',
    )
    .option('--rounds <n>', 'how often to measure each', atLeast(1), 5)
    .option('--seconds <n>', 'how long a round takes', atLeast(1), 2)
    .option('--connections <n...>', 'at a time', toNumbers, [1, 16, 64, 256])
    .option('--length <n>', 'characters of a value', atLeast(1), 100)
    .option('--no-etcd', 'measure the parts alone')
    .option('--json', 'print JSON instead of a table', false)
    .option('--puts <n>', 'instead: so many puts, and what they leave', atLeast(1))
    .addHelpText('after', HELP)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(run)
    .parseAsync()
}

/** Called with one after the other; the first replaces the default. */
function toNumbers(text: string, before: readonly number[]): readonly number[] {
  const number = atLeast(1)(text)
  return before.length === 4 ? [number] : [...before, number]
}

/** What so many puts leave in the leader's memory and in its file. */
async function grow(puts: number, options: Options): Promise<void> {
  const cluster = await startPart4()
  const progress = progressBar(puts)
  try {
    await measure(cluster, 'put', WARM_UP, options)
    const before = await memoryOf([cluster])
    let after = before
    while (after.entries < before.entries + puts) {
      const { entries } = after
      await measure(cluster, 'put', MOST_CONNECTIONS, options)
      after = await memoryOf([cluster])
      progress.step('puts', after.entries - entries)
    }
    console.log(options.json ? JSON.stringify([before, after]) : growth([before, after]))
  } finally {
    progress.stop()
    await cluster.stop()
  }
}

async function run(options: Options): Promise<void> {
  if (options.puts !== undefined) return grow(options.puts, options)
  const version = options.etcd ? etcdVersion() : null
  const starts = [startPart4, startPart5, ...(version ? [startEtcd] : [])]
  const progress = progressBar(2 * options.connections.length * options.rounds)
  const clusters: KvCluster[] = []
  const rows: Row[] = []
  const memory: Memory[] = []
  const writtenByGets: Written[] = []
  try {
    for (const start of starts) clusters.push(await start())
    for (const cluster of clusters) await measure(cluster, 'put', WARM_UP, options)
    memory.push(await memoryOf(clusters))
    for (const operation of ['put', 'get'] as const) {
      const before = await fileBytesOf(clusters)
      for (const connections of options.connections) {
        const rounds = clusters.map((): LoadReport[] => [])
        for (let round = 0; round < options.rounds; round += 1) {
          progress.step(`${operation}, ${connections} connections`)
          for (const [i, cluster] of clusters.entries()) {
            rounds[i]?.push(await measure(cluster, operation, connections, options))
          }
        }
        for (const [i, { name: cluster }] of clusters.entries()) {
          rows.push({ cluster, operation, connections, ...medians(rounds[i] ?? []) })
        }
      }
      if (operation === 'put') continue
      const after = await fileBytesOf(clusters)
      for (const [cluster, bytes] of after) {
        writtenByGets.push({ cluster, bytes: bytes - (before.get(cluster) ?? 0) })
      }
    }
    memory.push(await memoryOf(clusters))
  } finally {
    progress.stop()
    await Promise.all(clusters.map((cluster) => cluster.stop()))
  }
  const results = { rows, memory, writtenByGets }
  console.log(
    options.json ? JSON.stringify(results, null, 2) : describe(results, version),
  )
}

/** By name, of those that say so. */
async function fileBytesOf(
  clusters: readonly KvCluster[],
): Promise<Map<string, number>> {
  const files = new Map<string, number>()
  for (const { name, memory } of clusters) {
    if (memory) files.set(name, (await memory()).fileBytes)
  }
  return files
}

async function memoryOf([part4]: readonly KvCluster[]): Promise<Memory> {
  const memory = await part4?.memory?.()
  if (!memory) throw new BenchError('part 4 says nothing of its memory')
  return memory
}

async function measure(
  cluster: KvCluster,
  operation: 'put' | 'get',
  connections: number,
  { seconds, length }: Options,
): Promise<LoadReport> {
  const address = await cluster.leader()
  const [host = '', portText] = address.split(':')
  const requests = Array.from({ length: KEYS }, (_, i) =>
    operation === 'put'
      ? cluster.put(address, `key-${i}`, `${i}`.padEnd(length, 'x'))
      : cluster.get(address, `key-${i}`),
  )
  const nodeOptions = ['--import', 'tsx']
  const child = execaNode(PROGRAM, { nodeOptions, ipc: true, reject: false })
  try {
    await child.getOneMessage()
    const durationMs = seconds * 1000
    const session = (operation === 'put' && cluster.session?.(address)) || null
    const port = Number(portText)
    const order = { host, port, requests, session, connections, durationMs }
    await child.sendMessage(order satisfies LoadOrder)
    return (await child.getOneMessage()) as unknown as LoadReport
  } finally {
    child.kill()
  }
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

function describe(
  { rows, memory, writtenByGets }: Results,
  version: string | null,
): string {
  const heading = ['', 'connections', 'a second', 'p50', 'p99', 'failures', '× etcd']
  const lines = rows.map((row) => {
    const { cluster, operation, connections, perSecond, failures } = row
    const other = rows.find(
      (one) =>
        one.cluster === 'etcd' &&
        one.operation === operation &&
        one.connections === connections,
    )
    const ratio =
      other && cluster !== 'etcd' ? (perSecond / other.perSecond).toFixed(2) : ''
    return [
      `${operation}, ${cluster}`,
      `${connections}`,
      whole(perSecond),
      ms(row.p50Ms),
      ms(row.p99Ms),
      `${failures}`,
      ratio,
    ]
  })
  const beside = version
    ? `etcd ${version}`
    : 'etcd is not installed here (apt-get install etcd-server): it was left out'
  return [
    `Parts 4 and 5, three processes, Node ${process.version}, ${availableParallelism()} cores; ${beside}`,
    '',
    ...alignColumns([heading, ...lines]),
    '',
    growth(memory),
    ...writtenByGets.map(
      ({ cluster, bytes }) =>
        `The gets have written ${whole(bytes)} bytes in ${cluster}.`,
    ),
  ].join('\n')
}

/** What grows is the log: there are no more keys than before. */
function growth([before, after]: readonly Memory[]): string {
  if (!before || !after) return ''
  const entries = after.entries - before.entries
  const each = (bytes: number) => `${whole(bytes / entries)} bytes an entry`
  const heap = after.heapBytes - before.heapBytes
  const file = after.fileBytes - before.fileBytes
  return (
    `With ${whole(entries)} more entries over the same ${whole(KEYS)} keys, the leader’s ` +
    `heap grew by ${whole(heap / 2 ** 20)} MiB (${each(heap)}), its file by ` +
    `${whole(file / 2 ** 20)} MiB (${each(file)}): both hold the whole log.`
  )
}

try {
  await main()
} catch (error) {
  if (!(error instanceof BenchError)) throw error
  console.error(`error: ${error.message}`)
  process.exitCode = 1
}
