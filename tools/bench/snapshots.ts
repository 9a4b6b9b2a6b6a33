/**
 * What snapshots cost part 6, and what they save: how long the event loop stands still
 * while one is taken, sent and installed, beside the same load without one; a restart with
 * and without; the disk and the memory over many puts on the same keys. One process with a
 * real file: a cluster of one commits alone. Then as processes: a server that comes behind a
 * slow link, and one that returns, beside etcd. Times are printed, never asserted.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { realClock } from '../../part6/src/clock.ts'
import { ConsensusModule } from '../../part6/src/raft.ts'
import { KeyValueService } from '../../part6/src/service.ts'
import type { Result } from '../../part6/src/sessions.ts'
import { FileStorage } from '../../part6/src/storage.ts'
import { program } from '../src/cli/command.ts'
import { say } from '../src/cli/print.ts'
import { silentLogger } from '../src/lab/index.ts'
import { exitCodeOfBench, leaveNothingBehind } from './ending.ts'
import { besideText, etcdVersion, startEtcd } from './etcd.ts'
import { startPart } from './kv-clusters.ts'
import {
  type Arrival,
  arrivalText,
  measureArrival,
  measureReturn,
  type Return,
  returnText,
} from './newcomer.ts'
import {
  alignColumns,
  atLeast,
  ms,
  type Progress,
  progressBar,
  whole,
} from './report.ts'

interface Options {
  readonly keys: readonly number[]
  readonly entries: number
  readonly puts: number
  readonly megabytes: number
  readonly rates: readonly number[]
  readonly etcd: boolean
  readonly json: boolean
}

/** What the event loop did meanwhile. */
interface Turns {
  readonly tookMs: number
  readonly putsPerSecond: number
  readonly p999Ms: number
  readonly longestMs: number
}

interface OfSize {
  readonly keys: number
  readonly bytes: number
  readonly without: Turns
  readonly taking: Turns
  readonly installing: Turns
  /** Of the heap at its largest while one is taken, to that before; without garbage. */
  readonly memory: number
}

interface Restarts {
  readonly emptyMs: number
  readonly withSnapshotMs: number
  readonly withoutMs: number
}

/** After so many puts: what the folder and the heap take. */
interface Level {
  readonly puts: number
  readonly diskBytes: number
  readonly heapBytes: number
}

const VALUE_BYTES = 100
const IN_FLIGHT = 64
/** How long the load without a snapshot is measured, in ms. */
const BASELINE_MS = 3_000
/** After so long the garbage is collected once more where the heap is measured, in ms. */
const COLLECTION_MS = 2_000
/** Puts that share a turn where only their number counts. */
const BATCH = 1_000

const KEYS = [10_000, 100_000, 1_000_000] as const
/** In MB/s. */
const RATES = [8, 40] as const

/** Without snapshots, and with them. */
const PARTS = ['part5', 'part6']
const PUTS_BEFORE_RETURN = 100_000

/** A server that is a cluster of its own. */
class Single {
  readonly service: KeyValueService
  readonly consensus: ConsensusModule
  private readonly storage: FileStorage

  constructor(folder: string, { leads = true, minSnapshotLength = 4_000_000 } = {}) {
    this.storage = new FileStorage(join(folder, 'raft.log'))
    this.service = new KeyValueService({
      clock: realClock,
      consensus: () => this.consensus,
    })
    const other = { id: 0, requestVote() {}, appendEntries() {}, readIndex() {} }
    this.consensus = new ConsensusModule({
      id: 1,
      peers: leads ? [] : [{ ...other, installSnapshot() {} }],
      clock: realClock,
      random: Math.random,
      logger: silentLogger,
      timing: { electionTimeout: leads ? [1, 1] : [60_000, 60_000] },
      storage: this.storage,
      apply: (entry) => this.service.apply(entry),
      stateMachine: this.service,
      minSnapshotLength,
      onChange: (report) => this.service.onChange(report),
    })
  }

  /** Starts it, and waits until it leads. */
  async lead(): Promise<void> {
    this.consensus.start()
    while (this.consensus.commitIndex < this.consensus.report().lastLogIndex)
      await turn()
    while (!this.consensus.report().isLeader) await turn()
    await this.put('key-0')
  }

  put(key: string): Promise<Result> {
    const value = `${Math.random()}`.padEnd(VALUE_BYTES, 'x')
    return new Promise((resolve, reject) => {
      this.service.request({ op: 'put', key, value }, (answer) => {
        if (answer.outcome === 'done') resolve(answer.result)
        else reject(new Error(answer.reason))
      })
    })
  }

  /** Fills the store beside the log: that would take long, and is not what is measured. */
  fill(keys: number): void {
    const state = this.service.restore()
    for (let i = 0; i < keys; i += 1) {
      const pair = {
        key: `key-${i}`,
        value: `${i}`.padEnd(VALUE_BYTES, 'x'),
        version: 1,
      }
      state.add(`${JSON.stringify({ pair })}\n`)
    }
    state.end(0)
  }

  async close(): Promise<void> {
    this.consensus.stop()
    await turn()
    this.storage.close()
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Puts go on, so many in flight, until the work is done. */
async function underLoad(
  single: Single,
  keys: number,
  work: () => Promise<unknown>,
): Promise<Turns> {
  let isOver = false
  let puts = 0
  const client = async () => {
    while (!isOver) {
      await single.put(`key-${Math.floor(Math.random() * keys)}`)
      puts += 1
    }
  }
  const clients = Array.from({ length: IN_FLIGHT }, client)
  return measured(work, async () => {
    isOver = true
    await Promise.all(clients)
    return puts
  })
}

async function measured(
  work: () => Promise<unknown>,
  end: () => Promise<number> = async () => 0,
): Promise<Turns> {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const startedAt = performance.now()
  await work()
  const tookMs = performance.now() - startedAt
  delays.disable()
  const puts = await end()
  return {
    tookMs,
    putsPerSecond: (puts / tookMs) * 1000,
    p999Ms: delays.percentile(99.9) / 1e6,
    longestMs: delays.max / 1e6,
  }
}

async function measureSize(keys: number): Promise<OfSize> {
  const leader = new Single(newFolder(), { minSnapshotLength: Number.MAX_SAFE_INTEGER })
  leader.fill(keys)
  await leader.lead()
  globalThis.gc?.()
  const heapBefore = process.memoryUsage().heapUsed
  const pause = () => new Promise((resolve) => setTimeout(resolve, BASELINE_MS))
  const without = await underLoad(leader, keys, pause)
  const taking = await underLoad(leader, keys, () => take(leader))
  const heapAtMost = await heapWhileTaking(leader, keys)
  const follower = new Single(newFolder(), { leads: false })
  follower.consensus.start()
  const installing = await measured(() => send(leader, follower))
  const bytes = sizeOf(leader)
  await leader.close()
  await follower.close()
  return { keys, bytes, without, taking, installing, memory: heapAtMost / heapBefore }
}

function take(leader: Single): Promise<number | null> {
  leader.consensus.takeSnapshot()
  return new Promise((resolve) => leader.consensus.snapshots.whenTaken(resolve))
}

/** In a snapshot of its own, since to collect what is garbage makes everything wait. */
async function heapWhileTaking(leader: Single, keys: number): Promise<number> {
  let atMost = 0
  const collect = () => {
    globalThis.gc?.()
    atMost = Math.max(atMost, process.memoryUsage().heapUsed)
    timer = setTimeout(collect, COLLECTION_MS)
  }
  let timer = setTimeout(collect, COLLECTION_MS)
  await underLoad(leader, keys, () => take(leader))
  clearTimeout(timer)
  return atMost
}

/** All pieces of the leader's snapshot, a turn each, as a network would bring them. */
async function send(leader: Single, follower: Single): Promise<void> {
  const term = leader.consensus.currentTerm
  for (;;) {
    const piece = leader.consensus.snapshots.pieceFor(1)
    const args = { term, leaderId: 0, ...piece }
    const reply = follower.consensus.installSnapshot(args)
    if (!reply || reply.installed) break
    leader.consensus.snapshots.noteReceived(1, reply.received)
    await turn()
  }
  leader.consensus.snapshots.endSending(1)
}

function sizeOf(single: Single): number {
  let bytes = 0
  for (const piece of { [Symbol.iterator]: () => single.service.snapshot() }) {
    bytes += Buffer.byteLength(piece)
  }
  return bytes
}

async function putMany(single: Single, puts: number, keys: number): Promise<void> {
  for (let left = puts; left > 0; left -= BATCH) {
    const batch = Array.from({ length: Math.min(left, BATCH) }, (_, i) => i)
    await Promise.all(batch.map((i) => single.put(`key-${(left + i) % keys}`)))
  }
}

/** From the start of a process's share of work until it has applied all that it had. */
async function measureRestarts(entries: number): Promise<Restarts> {
  const restart = async (folder: string) => {
    const startedAt = performance.now()
    const single = new Single(folder, { minSnapshotLength: Number.MAX_SAFE_INTEGER })
    await single.lead()
    const tookMs = performance.now() - startedAt
    return { single, tookMs }
  }
  const empty = await restart(newFolder())
  await empty.single.close()
  const folder = newFolder()
  const { single } = await restart(folder)
  await putMany(single, entries, 1_000)
  await single.close()
  const without = await restart(folder)
  without.single.consensus.takeSnapshot()
  await new Promise<number | null>((resolve) => {
    without.single.consensus.snapshots.whenTaken(resolve)
  })
  await without.single.close()
  const withSnapshot = await restart(folder)
  await withSnapshot.single.close()
  return {
    emptyMs: empty.tookMs,
    withSnapshotMs: withSnapshot.tookMs,
    withoutMs: without.tookMs,
  }
}

async function measureLevels(puts: number, progress: Progress): Promise<Level[]> {
  const folder = newFolder()
  const single = new Single(folder)
  await single.lead()
  const levels: Level[] = []
  for (let i = 1; i <= 10; i += 1) {
    await putMany(single, puts / 10, 1_000)
    globalThis.gc?.()
    levels.push({
      puts: (puts / 10) * i,
      diskBytes: bytesIn(folder),
      heapBytes: process.memoryUsage().heapUsed,
    })
    progress.step(`${whole((puts / 10) * i)} puts on the same keys`)
  }
  await single.close()
  return levels
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, name) => sum + statSync(join(folder, name)).size,
    0,
  )
}

let folders = 0

function newFolder(): string {
  folders += 1
  const folder = join(tmpdir(), `server-${folders}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

async function run(options: Options): Promise<void> {
  leaveNothingBehind()
  const { keys, rates } = options
  const progress = progressBar(keys.length + 14 + PARTS.length * rates.length)
  try {
    const sizes: OfSize[] = []
    for (const keys of options.keys) {
      progress.step(`a snapshot of ${whole(keys)} keys`)
      sizes.push(await measureSize(keys))
    }
    progress.step('restarts')
    const restarts = await measureRestarts(options.entries)
    const levels = await measureLevels(options.puts, progress)
    const arrivals = await measureArrivals(options, progress)
    const version = options.etcd ? etcdVersion() : null
    const returns = await measureReturns(version !== null, progress)
    progress.stop()
    const results = { sizes, restarts, levels, arrivals, returns }
    if (options.json) return say(JSON.stringify(results, null, 2))
    say(describe(results, options))
    say(`\n${arrivalText(arrivals, options.megabytes)}`)
    say(`\n${returnText(returns)}`)
    if (options.etcd && !version) say(`\n${besideText(version)}`)
  } finally {
    progress.stop()
  }
}

/** By the log, and by a snapshot. */
async function measureArrivals(
  { megabytes, rates }: Options,
  progress: Progress,
): Promise<Arrival[]> {
  const arrivals: Arrival[] = []
  for (const rate of rates) {
    for (const part of PARTS) {
      progress.step(`${part}, a server comes over a link of ${rate} MB/s`)
      arrivals.push(await measureArrival(part, megabytes, rate * 1e6))
    }
  }
  return arrivals
}

async function measureReturns(withEtcd: boolean, progress: Progress): Promise<Return[]> {
  const returns: Return[] = []
  const starts = PARTS.map((part) => () => startPart(part))
  for (const start of [...starts, ...(withEtcd ? [() => startEtcd()] : [])]) {
    const cluster = await start()
    progress.step(`a server of ${cluster.name} returns`)
    try {
      returns.push(await measureReturn(cluster, PUTS_BEFORE_RETURN))
    } finally {
      await cluster.stop()
    }
  }
  return returns
}

function describe(
  results: {
    readonly sizes: readonly OfSize[]
    readonly restarts: Restarts
    readonly levels: readonly Level[]
  },
  { entries }: Options,
): string {
  const heading = ['', 'bytes', 'takes', 'puts/s', 'p99.9', 'longest turn', 'memory']
  const rows = results.sizes.flatMap(
    ({ keys, bytes, without, taking, installing, memory }) => [
      [`${whole(keys)} keys, no snapshot`, '', '', ...turnsIn(without), ''],
      [
        `${whole(keys)} keys, one is taken`,
        whole(bytes),
        ms(taking.tookMs),
        ...turnsIn(taking),
        `${memory.toFixed(2)} ×`,
      ],
      [
        `${whole(keys)} keys, one arrives`,
        '',
        ms(installing.tookMs),
        ...turnsIn(installing),
        '',
      ],
    ],
  )
  const { emptyMs, withSnapshotMs, withoutMs } = results.restarts
  const levels = results.levels.map(({ puts, diskBytes, heapBytes }) => [
    `${whole(puts)} puts`,
    `${whole(diskBytes / 1024)} KiB on the disk`,
    `${whole(heapBytes / 1024 / 1024)} MiB of heap`,
  ])
  return [
    ...alignColumns([heading, ...rows]),
    '',
    `A restart from ${whole(entries)} entries over 1,000 keys takes ${ms(withoutMs)}, ` +
      `with a snapshot ${ms(withSnapshotMs)}, from nothing ${ms(emptyMs)}.`,
    '',
    ...alignColumns(levels),
  ].join('\n')
}

function turnsIn({ putsPerSecond, p999Ms, longestMs }: Turns): string[] {
  const puts = putsPerSecond === 0 ? '' : whole(putsPerSecond)
  return [puts, ms(p999Ms), ms(longestMs)]
}

process.exitCode = await exitCodeOfBench(() =>
  program('npm run bench:snapshots --')
    .description('Measures what snapshots cost part 6, and what they save.')
    .option(
      '--keys <n...>',
      'keys in the store, one size or more',
      insteadOf(KEYS),
      KEYS,
    )
    .option('--entries <n>', 'entries to restart from', atLeast(1), 1_000_000)
    .option('--puts <n>', 'puts on the same keys', atLeast(10), 1_000_000)
    .option('--megabytes <n>', 'of values, for a server that comes', atLeast(1), 50)
    .option('--rates <n...>', 'of the link to it, in MB/s', insteadOf(RATES), RATES)
    .option('--no-etcd', 'measure the parts alone')
    .option('--json', 'print JSON instead of a table', false)
    .action(run)
    .parseAsync(),
)

/** Called with one after the other; the first replaces the default. */
function insteadOf(defaults: readonly number[]) {
  return (text: string, before: readonly number[]): readonly number[] => {
    const number = atLeast(1)(text)
    return before === defaults ? [number] : [...before, number]
  }
}
