/** What is tried: a follower behind a slow link, a silent link, a turn beside a busy core. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ProcessCluster,
  ProcessError,
  type ServerProcess,
} from '../../part3/test/process-cluster.ts'
import { besideBusyCore } from './busy.ts'
import { Link } from './link.ts'
import { quantile } from './numbers.ts'
import { atEvery } from './waiting.ts'

/** The follower whose links are slow. */
const SLOW = 2
/** What it lacks, in characters of commands. */
const LACKED = 6_000_000
/** What an entry adds to its command on the wire: tags, lengths, the term. In bytes. */
const ENTRY_OVERHEAD = 6
/** The load that goes on meanwhile, and how long it does, at least. */
const INTERVAL_MS = 5
const COMMAND_LENGTH = 100
const LOAD_MS = 3_000
/** All are connected by then, whatever the back-off. */
const RECONNECTED_MS = 500
/** What has not come about by then will not. */
const GIVE_UP_MS = 60_000
const LOOK_INTERVAL_MS = 5

export interface Load {
  readonly submitted: number
  readonly committed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface CatchUp {
  readonly bytesPerSecond: number
  readonly commandLength: number
  /** With what was submitted until it had caught up; on the wire, at the least. */
  readonly lackedBytes: number
  readonly sentBytes: number
  readonly idealMs: number
  /** Null when it did not. */
  readonly tookMs: number | null
  /** By how much the term rose. */
  readonly depositions: number
  readonly loadBefore: Load
  readonly load: Load
}

export interface Flood {
  readonly commands: number
  /** Until the leader has applied them all, and until all have; null when it does not. */
  readonly tookMs: number | null
  readonly allMs: number | null
  readonly depositions: number
}

export async function measureCatchUp(
  bytesPerSecond: number,
  commandLength: number,
): Promise<CatchUp> {
  return withTrial(async (trial) => {
    const loadBefore = await trial.load(sleep(LOAD_MS))
    const term = await trial.term()
    const lacked = await trial.missSome(commandLength)
    trial.limit(bytesPerSecond)
    const startedAt = performance.now()
    const bytesBefore = trial.bytesSent()
    const submittedBefore = trial.submitted
    const caughtUp = trial.rejoin().then((hasCaughtUp) => ({
      tookMs: hasCaughtUp ? performance.now() - startedAt : null,
      sentBytes: trial.bytesSent() - bytesBefore,
      taken: trial.submitted - submittedBefore,
    }))
    const load = await trial.load(Promise.all([caughtUp, sleep(LOAD_MS)]))
    const { tookMs, sentBytes, taken } = await caughtUp
    const lackedBytes = lacked + taken * (COMMAND_LENGTH + ENTRY_OVERHEAD)
    return {
      bytesPerSecond,
      commandLength,
      lackedBytes,
      sentBytes,
      idealMs: (lackedBytes / bytesPerSecond) * 1000,
      tookMs,
      depositions: (await trial.term()) - term,
      loadBefore,
      load,
    }
  })
}

/** Until a follower has all again whose connections have become silent; null: never. */
export async function measureSilence(): Promise<number | null> {
  return withTrial(async (trial) => {
    await sleep(RECONNECTED_MS)
    const startedAt = performance.now()
    trial.silence()
    await trial.commit(['what it cannot hear of'])
    return (await trial.caughtUp()) ? performance.now() - startedAt : null
  })
}

/** Commands of one turn, beside a process that keeps one core busy. */
export async function measureFlood(count: number): Promise<Flood> {
  const cluster = await ProcessCluster.start(3)
  try {
    return await besideBusyCore(() => flood(cluster, count))
  } finally {
    await cluster.remove()
  }
}

async function flood(cluster: ProcessCluster, count: number): Promise<Flood> {
  const leader = cluster.server(await cluster.leader())
  const term = await termOf(cluster)
  const startedAt = performance.now()
  const tookMs = await Promise.race([
    leader.ask('flood', count),
    sleep(GIVE_UP_MS, null, { ref: false }),
  ])
  if (tookMs !== null) await cluster.converged()
  return {
    commands: count,
    tookMs,
    allMs: tookMs && performance.now() - startedAt,
    depositions: (await termOf(cluster)) - term,
  }
}

async function withTrial<T>(work: (trial: Trial) => Promise<T>): Promise<T> {
  const trial = await Trial.start()
  try {
    return await work(trial)
  } finally {
    await trial.close()
  }
}

async function termOf(cluster: ProcessCluster): Promise<number> {
  const asked = cluster.ids.map((id) => cluster.server(id).ask('report'))
  return Math.max(...(await Promise.all(asked)).map((report) => report?.term ?? 0))
}

/** Three servers with the default timing; the links of one of them lead through here. */
class Trial {
  /** Commands of the load. */
  submitted = 0
  private readonly cluster: ProcessCluster
  private readonly links: readonly Link[]
  private readonly leader: ServerProcess

  static async start(): Promise<Trial> {
    const links = [new Link(), new Link()]
    const ways = new Map<string, Promise<string>>()
    const route = async (from: number, to: number, address: string) => {
      const link = links[Math.min(from, to)]
      if (Math.max(from, to) !== SLOW || !link) return address
      const way = ways.get(`${from}-${to}`) ?? link.listen(to === SLOW, address)
      ways.set(`${from}-${to}`, way)
      return way
    }
    const cluster = await ProcessCluster.start(3, { route })
    while ((await cluster.leader()) === SLOW) {
      await cluster.kill(SLOW)
      await cluster.restart(SLOW)
    }
    return new Trial(cluster, links, cluster.server(await cluster.leader()))
  }

  private constructor(
    cluster: ProcessCluster,
    links: readonly Link[],
    leader: ServerProcess,
  ) {
    this.cluster = cluster
    this.links = links
    this.leader = leader
  }

  async close(): Promise<void> {
    await this.cluster.remove()
    for (const link of this.links) link.close()
  }

  limit(bytesPerSecond: number): void {
    for (const link of this.links) link.limit(bytesPerSecond)
  }

  silence(): void {
    for (const link of this.links) link.silence()
  }

  /** To the slow follower. */
  bytesSent(): number {
    return this.links.reduce((sum, link) => sum + link.there.bytes, 0)
  }

  term(): Promise<number> {
    return termOf(this.cluster)
  }

  /** @throws ProcessError when the leader cannot commit it. */
  async commit(commands: readonly string[]): Promise<void> {
    const index = await this.leader.ask('submit', commands)
    if (index === null) throw new ProcessError('the leader was deposed')
  }

  /** The follower ends; without it commands are committed, which it can be told of. */
  async missSome(commandLength: number): Promise<number> {
    await this.cluster.kill(SLOW)
    const count = Math.ceil(LACKED / commandLength)
    await this.commit(Array.from({ length: count }, () => 'x'.repeat(commandLength)))
    await this.cluster.listen(SLOW)
    await sleep(RECONNECTED_MS)
    return count * (commandLength + ENTRY_OVERHEAD)
  }

  /** The follower takes part again. Whether it catches up. */
  async rejoin(): Promise<boolean> {
    await this.cluster.begin(SLOW)
    return this.caughtUp()
  }

  /** Whether the follower comes to hold all that was committed before it was asked. */
  async caughtUp(): Promise<boolean> {
    const deadline = performance.now() + GIVE_UP_MS
    while (performance.now() < deadline) {
      const leader = await this.leader.ask('report')
      const follower = await this.cluster.server(SLOW).ask('report')
      if (!leader || !follower) return false
      if (follower.lastLogIndex >= leader.commitIndex) return true
      await sleep(LOOK_INTERVAL_MS)
    }
    return false
  }

  async load(until: Promise<unknown>): Promise<Load> {
    const latenciesMs: number[] = []
    const underWay = await atEvery(INTERVAL_MS, until, () => this.submitOne(latenciesMs))
    await Promise.race([Promise.all(underWay), sleep(LOAD_MS)])
    return {
      submitted: underWay.length,
      committed: latenciesMs.length,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
    }
  }

  private async submitOne(latenciesMs: number[]): Promise<void> {
    const startedAt = performance.now()
    this.submitted += 1
    const index = await this.leader.ask('submit', ['y'.repeat(COMMAND_LENGTH)])
    if (index !== null) latenciesMs.push(performance.now() - startedAt)
  }
}
