/** What is measured: loads on three processes of part 3, and starts from a long log. */
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { FileStorage } from '../../part3/src/storage.ts'
import { ProcessCluster, ServerProcess } from '../../part3/test/process-cluster.ts'
import { besideBusyCore } from './busy.ts'
import type { Floor, FloorGauge, RoundSize } from './floor.ts'
import { median, quantile } from './numbers.ts'

/** The bench could not measure what it set out to. */
export class BenchError extends Error {}

export interface Load {
  readonly name: string
  readonly entries: number
  readonly batch: number
  readonly inFlight: number
  readonly isBesideBusyCore?: boolean
}

/** One run of a load. */
interface Run {
  readonly entriesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Of several runs the medians; of the rate also the slowest and the fastest. */
export interface LoadResult extends Load, Run {
  readonly slowest: number
  readonly fastest: number
  readonly floor: Floor
  /** What the floor would allow. */
  readonly floorEntriesPerSecond: number
  /** How many times as long a batch takes as the floor says; medians. */
  readonly ratio: number
}

export interface StartResult {
  readonly entries: number
  readonly startMs: number
  readonly slowestMs: number
  /** Of that, what a server without a log takes. */
  readonly emptyStartMs: number
}

export interface BenchOptions {
  readonly runs: number
  /** The length of a command, in characters. */
  readonly length: number
  readonly folder: string
  readonly gauge: FloorGauge
  readonly onStep: (what: string) => void
}

/** A machine with other things to do must not make followers doubt their leader. */
const PATIENCE = 10
/** What a message adds to a command, in bytes: tags, lengths, the term. */
const MESSAGE_OVERHEAD = 6
/** Rounds by which the floor is measured, before each run. */
const FLOOR_ROUNDS = 400

export class LoadBench {
  private readonly options: BenchOptions
  private readonly cluster: ProcessCluster
  private readonly submitted: string[] = []

  static async start(options: BenchOptions): Promise<LoadBench> {
    return new LoadBench(options, await ProcessCluster.start(3, { patience: PATIENCE }))
  }

  private constructor(options: BenchOptions, cluster: ProcessCluster) {
    this.options = options
    this.cluster = cluster
  }

  /** Once to warm up, as servers are that ran for a while; then as often as asked. */
  async measure(load: Load): Promise<LoadResult> {
    this.options.onStep(`${load.name}: warming up`)
    const bytesBefore = this.bytesWritten()
    await this.run(load)
    const written = ((this.bytesWritten() - bytesBefore) / load.entries) * load.batch
    const inFlight = Math.min(load.batch * load.inFlight, load.entries)
    const rounds = inFlight / load.batch
    const size = {
      written: Math.round(written * rounds),
      sent: inFlight * (this.options.length + MESSAGE_OVERHEAD),
    }
    const measureRuns = () => this.measureRuns(load, size)
    const { floors, results } = load.isBesideBusyCore
      ? await besideBusyCore(measureRuns)
      : await measureRuns()
    return summarize(load, inFlight, results, floors)
  }

  private async measureRuns(
    load: Load,
    size: RoundSize,
  ): Promise<{ floors: Floor[]; results: Run[] }> {
    const { gauge, onStep, runs } = this.options
    const floors: Floor[] = []
    const results: Run[] = []
    for (let run = 1; run <= runs; run += 1) {
      onStep(`${load.name}: run ${run} of ${runs}`)
      floors.push(await gauge.measure(size, FLOOR_ROUNDS))
      results.push(await this.run(load))
    }
    return { floors, results }
  }

  /** Kills and restarts all servers. @throws BenchError when one lacks an entry. */
  async verifyRestart(): Promise<number> {
    this.options.onStep('all servers restart')
    await this.restartAll(() => {})
    return this.verify('after all servers were restarted')
  }

  /**
   * The same, and meanwhile deletes the file of one. (Under a leader that had not
   * restarted it would stay empty: that one knows what the server had.)
   *
   * @throws BenchError when one lacks an entry.
   */
  async verifyRebuild(): Promise<number> {
    this.options.onStep('one server lost its file')
    await this.restartAll(() => rmSync(this.cluster.file(0)))
    return this.verify('after the file of server 0 was deleted')
  }

  async close(): Promise<void> {
    await this.cluster.remove()
  }

  private async restartAll(meanwhile: () => void): Promise<void> {
    const { ids } = this.cluster
    await Promise.all(ids.map((id) => this.cluster.kill(id)))
    meanwhile()
    await Promise.all(ids.map((id) => this.cluster.restart(id)))
  }

  private async run({ entries, batch, inFlight }: Load): Promise<Run> {
    const first = this.submitted.length
    const commands = commandsFrom(first, entries, this.options.length)
    for (const command of commands) this.submitted.push(command)
    const leader = this.cluster.server(await this.cluster.leader())
    const measured = await leader.ask('measure', { commands, batch, inFlight })
    if (!measured) {
      throw new BenchError(
        'the leader was deposed during the measurement: is the machine busy? Try again',
      )
    }
    return {
      entriesPerSecond: (entries / measured.durationMs) * 1000,
      p50Ms: quantile(measured.latenciesMs, 0.5),
      p99Ms: quantile(measured.latenciesMs, 0.99),
    }
  }

  private async verify(when: string): Promise<number> {
    const servers = await this.cluster.converged()
    servers.forEach((applied, id) => {
      const wrong = this.submitted.findIndex(
        (command, i) => applied[i]?.command !== command || applied[i]?.index !== i + 1,
      )
      if (wrong === -1) return
      throw new BenchError(
        `server ${id}, ${when}: entry ${wrong + 1} should be ` +
          `"${this.submitted[wrong]}", and is "${applied[wrong]?.command}"`,
      )
    })
    return this.submitted.length
  }

  /** By the server that wrote most: another may be behind. */
  private bytesWritten(): number {
    return Math.max(
      ...this.cluster.ids.map((id) => statSync(this.cluster.file(id)).size),
    )
  }
}

function summarize(
  load: Load,
  inFlight: number,
  runs: readonly Run[],
  floors: readonly Floor[],
): LoadResult {
  const rates = runs.map(({ entriesPerSecond }) => entriesPerSecond)
  const p50Ms = median(runs.map((run) => run.p50Ms))
  const roundMs = median(floors.map((floor) => floor.roundMs))
  return {
    ...load,
    entriesPerSecond: median(rates),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    p50Ms,
    p99Ms: median(runs.map((run) => run.p99Ms)),
    floor: {
      syncMs: median(floors.map((floor) => floor.syncMs)),
      roundTripMs: median(floors.map((floor) => floor.roundTripMs)),
      roundMs,
    },
    floorEntriesPerSecond: (inFlight / roundMs) * 1000,
    ratio: p50Ms / roundMs,
  }
}

/** From the birth of the process until it takes part, with all of its log. */
export async function measureStart(
  entries: number,
  options: BenchOptions,
): Promise<StartResult> {
  const { folder, length, onStep, runs } = options
  onStep(`writing a log of ${entries} entries`)
  const file = join(folder, 'long.log')
  writeLog(file, entries, length)
  const full: number[] = []
  const empty: number[] = []
  for (let run = 1; run <= runs; run += 1) {
    onStep(`starting from it: run ${run} of ${runs}`)
    full.push(await startOnce(file, entries))
    empty.push(await startOnce(join(folder, `empty-${run}.log`), 0))
  }
  return {
    entries,
    startMs: median(full),
    slowestMs: Math.max(...full),
    emptyStartMs: median(empty),
  }
}

async function startOnce(file: string, entries: number): Promise<number> {
  const startedAt = performance.now()
  const boot = { id: 0, file, address: '127.0.0.1:0', patience: PATIENCE }
  const server = new ServerProcess(boot)
  await server.ask('start', [await server.address()])
  const durationMs = performance.now() - startedAt
  const report = await server.ask('report')
  await server.kill()
  if (report?.lastLogIndex === entries) return durationMs
  throw new BenchError(`a server has ${report?.lastLogIndex} entries, not ${entries}`)
}

function writeLog(file: string, entries: number, length: number): void {
  const storage = new FileStorage(file)
  const chunk = 10_000
  for (let first = 0; first < entries; first += chunk) {
    const commands = commandsFrom(first, Math.min(chunk, entries - first), length)
    storage.saveEntries(
      first + 1,
      commands.map((command) => ({ command, term: 0 })),
    )
    storage.sync()
  }
  storage.close()
}

/** Each command is another, and as long as asked for. */
function commandsFrom(first: number, count: number, length: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    return `set key-${String(first + i).padStart(9, '0')} `.padEnd(length, 'v')
  })
}
