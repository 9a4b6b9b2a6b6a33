/**
 * A day in short: clients ask for half of what the servers can do, snapshots are taken, and
 * in the middle each server is renewed. Whether what a server holds grows, and how long
 * operations take before, meanwhile and afterwards. Printed, never asserted.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgumentError } from 'commander'
import { program } from '../src/cli/command.ts'
import { say } from '../src/cli/print.ts'
import { writeWhole } from '../src/cli/whole.ts'
import { programOf } from '../src/processes/program.ts'
import { startChild } from './children.ts'
import type { DayOrder, DayReport } from './day-load.ts'
import { type Day, describe, type Phase, picture, type Sample } from './day-report.ts'
import { exitCodeOfBench, leaveNothingBehind } from './ending.ts'
import { type KvCluster, metricsOf, startPart } from './kv-clusters.ts'
import { atLeast, type Progress, progressBar } from './report.ts'

interface Options {
  readonly minutes: number
  readonly share: number
  readonly plot: string
  readonly json: boolean
}

const CLIENTS = 64
/** How long is looked for what can be done at most, in ms. */
const FULL_MS = 10_000
/** So often the servers are looked at, in ms. */
const LOOK_MS = 5_000

const HELP = `
Three servers, and ${CLIENTS} clients, half of whose operations are puts. First they do as much as
they can for ${FULL_MS / 1000} s. Then they do a share of that, and in the middle each server is asked to
end and is started again, one after the other. Every ${LOOK_MS / 1000} s is written down what each server
holds.

Examples:
  npm run bench:day
  npm run bench:day -- --minutes 2
  npm run bench:day -- --share 0.8 --plot day.svg

Exit codes:
  0  all was measured
  1  something could not be measured
  2  there is no such option`

function main(): Promise<unknown> {
  return program('npm run bench:day --')
    .description(
      'Measures whether anything grows, and how long operations take meanwhile.',
    )
    .option('--minutes <n>', 'how long it takes', atLeast(1), 30)
    .option('--share <x>', 'of what can be done', shareIn, 0.5)
    .option('--plot <file>', 'where to draw it', 'timelines/bench-day.svg')
    .option('--json', 'print JSON instead of tables', false)
    .addHelpText('after', HELP)
    .action(run)
    .parseAsync()
}

function shareIn(text: string): number {
  const share = Number(text)
  if (/^[\d.]+$/.test(text) && share > 0 && share <= 1) return share
  throw new InvalidArgumentError('It must be a number above 0, and at most 1.')
}

async function run({ minutes, share, plot, json }: Options): Promise<void> {
  leaveNothingBehind()
  const progress = progressBar(60 * minutes + FULL_MS / 1000)
  const { part } = programOf(undefined)
  const cluster = await startPart(part)
  try {
    const full = await findFull(cluster, progress)
    const rate = share * full
    const watch = await Watch.begin(cluster, rate, progress)
    const phases: Phase[] = []
    try {
      phases.push(await watch.phase('before', () => watch.until(minutes / 2)))
      phases.push(await watch.phase('during', () => watch.renewAll()))
      phases.push(await watch.phase('after', () => watch.until(minutes)))
    } finally {
      await watch.end()
    }
    progress.stop()
    const day: Day = { part, full, rate, minutes, phases }
    await writeWhole(plot, [picture(day)])
    say(json ? JSON.stringify(day) : `${describe(day)}\nDrawn in ${plot}`)
  } finally {
    progress.stop()
    await cluster.stop()
  }
}

async function findFull(cluster: KvCluster, progress: Progress): Promise<number> {
  const load = await startChild('day-load.ts')
  try {
    const order: DayOrder = { servers: cluster.addresses, clients: CLIENTS, rate: null }
    await load.ask(order)
    // Not before the code is warm.
    await sleep(FULL_MS / 2)
    await load.ask({})
    await sleep(FULL_MS / 2)
    return (await load.ask<DayReport>({})).perSecond
  } finally {
    progress.step('as much as can be done', FULL_MS / 1000)
    await load.end()
  }
}

/** Clients at work, and what is written down of the servers meanwhile. */
class Watch {
  private readonly cluster: KvCluster
  private readonly load: Awaited<ReturnType<typeof startChild>>
  private readonly progress: Progress
  private readonly startedAt = performance.now()
  private samples: Sample[] = []
  private lookedAt = performance.now()

  static async begin(cluster: KvCluster, rate: number, progress: Progress) {
    const load = await startChild('day-load.ts')
    const order: DayOrder = { servers: cluster.addresses, clients: CLIENTS, rate }
    await load.ask(order)
    return new Watch(cluster, load, progress)
  }

  private constructor(
    cluster: KvCluster,
    load: Awaited<ReturnType<typeof startChild>>,
    progress: Progress,
  ) {
    this.cluster = cluster
    this.load = load
    this.progress = progress
  }

  async phase(name: string, work: () => Promise<void>): Promise<Phase> {
    this.samples = []
    await work()
    const load = await this.load.ask<DayReport>({ endPhase: true })
    return { name, load, samples: this.samples }
  }

  async until(minutes: number): Promise<void> {
    while (this.hours() < minutes / 60) {
      await sleep(LOOK_MS)
      await this.look('at work')
    }
  }

  /** One after the other, as an operator does. */
  async renewAll(): Promise<void> {
    for (const [id, address] of this.cluster.addresses.entries()) {
      await this.cluster.renew?.(address)
      await this.look(`server ${id} is renewed`)
    }
  }

  end(): Promise<void> {
    return this.load.end()
  }

  private hours(): number {
    return (performance.now() - this.startedAt) / 3_600_000
  }

  private async look(what: string): Promise<void> {
    const load = await this.load.ask<DayReport>({})
    const { addresses } = this.cluster
    const servers = await Promise.all(addresses.map((address) => this.held(address)))
    this.samples.push({ hours: this.hours(), load, servers })
    const now = performance.now()
    this.progress.step(what, Math.round((now - this.lookedAt) / 1000))
    this.lookedAt = now
  }

  private async held(address: string): Promise<Sample['servers'][number]> {
    const figure = await metricsOf(address).catch(() => null)
    if (!figure) return null
    return {
      memory: figure('process_resident_memory_bytes'),
      heap: figure('nodejs_heap_size_used_bytes'),
      disk: this.cluster.diskBytes?.(address) ?? 0,
      'open files': figure('process_open_fds'),
    }
  }
}

process.exitCode = await exitCodeOfBench(main)
