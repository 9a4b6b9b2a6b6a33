/**
 * What clients see when the leader is killed: how long nobody serves them, in the last part
 * and in a real etcd with the same timeouts, in the same run. Times are printed, never
 * asserted.
 */
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { program } from '../src/cli/command.ts'
import { say } from '../src/cli/print.ts'
import { programOf } from '../src/processes/program.ts'
import { exitCodeOfBench, leaveNothingBehind } from './ending.ts'
import { besideText, etcdVersion, startEtcd } from './etcd.ts'
import { type KvCluster, startPart } from './kv-clusters.ts'
import { median, quantile } from './numbers.ts'
import { Probes } from './probes.ts'
import { alignColumns, atLeast, ms, progressBar } from './report.ts'

interface Options {
  readonly kills: number
  readonly etcd: boolean
  readonly json: boolean
}

interface Downtime {
  readonly cluster: string
  readonly medianMs: number
  readonly p90Ms: number
  readonly worstMs: number
  readonly timesMs: readonly number[]
}

/**
 * In ms. etcd wants five heartbeats in it, and draws how many it waits for: from as many to
 * one less than their double. It counts the first one whole, of which only a part is left.
 */
const HEARTBEAT_MS = 50
const ELECTION_MS = 250
const LONGEST_MS = 2 * ELECTION_MS - HEARTBEAT_MS

const HELP = `
Three servers each, heartbeats every ${HEARTBEAT_MS} ms, election timeouts of ${ELECTION_MS} to ${LONGEST_MS} ms, as
etcd draws them. Clients put all the time at every server. The leader is killed (kill -9),
and the time is taken until a put is done that began after that. Then it is started again,
and has caught up before the next kill. The clusters take turns. etcd is measured where it
is installed (apt-get install etcd-server).

Examples:
  npm run bench:downtime
  npm run bench:downtime -- --kills 5 --no-etcd

Exit codes:
  0  all was measured
  1  something could not be measured
  2  there is no such option`

function main(): Promise<unknown> {
  return program('npm run bench:downtime --')
    .description('Kills the leader, and measures how long clients are not served.')
    .option('--kills <n>', 'of each cluster', atLeast(1), 50)
    .option('--no-etcd', 'measure the part alone')
    .option('--json', 'print JSON instead of a table', false)
    .addHelpText('after', HELP)
    .action(run)
    .parseAsync()
}

async function run({ kills, etcd, json }: Options): Promise<void> {
  leaveNothingBehind()
  const version = etcd ? etcdVersion() : null
  const clusters: KvCluster[] = []
  const progress = progressBar(kills * (version ? 2 : 1))
  try {
    const timeouts = ['--election-timeout', `${ELECTION_MS}-${LONGEST_MS}`]
    clusters.push(await startPart(programOf(undefined).part, timeouts))
    if (version) clusters.push(await startEtcd(ETCD_ARGS))
    const times = clusters.map((): number[] => [])
    for (let kill = 1; kill <= kills; kill += 1) {
      for (const [i, cluster] of clusters.entries()) {
        progress.step(`kill ${kill} of ${kills}, ${cluster.name}`)
        const leader = await cluster.leader()
        times[i]?.push(await killUnderLoad(cluster, leader))
        await cluster.restart(leader)
      }
    }
    progress.stop()
    const all = clusters.map(({ name }, i) => summary(name, times[i] ?? []))
    const text = json ? JSON.stringify(all, null, 2) : describe(all, { version, etcd })
    say(text)
  } finally {
    progress.stop()
    await Promise.all(clusters.map((cluster) => cluster.stop()))
  }
}

const ETCD_ARGS = [
  ...['--heartbeat-interval', `${HEARTBEAT_MS}`],
  ...['--election-timeout', `${ELECTION_MS}`],
]

/** @returns for how long nobody was served, in ms. */
async function killUnderLoad(cluster: KvCluster, leader: string): Promise<number> {
  const probes = new Probes(cluster)
  try {
    await probes.firstDone(performance.now())
    // Anywhere between two heartbeats.
    await sleep(Math.random() * 2 * HEARTBEAT_MS)
    const killedAt = performance.now()
    await cluster.kill(leader)
    return (await probes.firstDone(performance.now())) - killedAt
  } finally {
    probes.stop()
  }
}

function summary(cluster: string, timesMs: readonly number[]): Downtime {
  return {
    cluster,
    medianMs: median(timesMs),
    p90Ms: quantile(timesMs, 0.9),
    worstMs: Math.max(...timesMs),
    timesMs,
  }
}

function describe(
  all: readonly Downtime[],
  { version, etcd }: { readonly version: string | null; readonly etcd: boolean },
): string {
  const [first, other] = all
  const figures = ({ medianMs, p90Ms, worstMs }: Downtime) => [medianMs, p90Ms, worstMs]
  const rows = all.map((one) => [one.cluster, ...figures(one).map(ms)])
  if (first && other) {
    const others = figures(other)
    const ratios = figures(first).map((time, i) => (time / (others[i] ?? 0)).toFixed(2))
    rows.push([`${first.cluster} / ${other.cluster}`, ...ratios])
  }
  const where = `Node ${process.version}, ${availableParallelism()} cores`
  return [
    `${first?.timesMs.length} times the leader was killed, of three processes; ${where}` +
      `${etcd ? `; ${besideText(version)}` : ''}`,
    '',
    ...alignColumns([['not served for', 'median', 'p90', 'worst'], ...rows]),
  ].join('\n')
}

process.exitCode = await exitCodeOfBench(main)
