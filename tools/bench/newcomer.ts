/**
 * A server with an empty folder joins two that have served for long, behind a link that lets
 * through so many bytes a second: by a snapshot, or by the log where there is none. And how
 * long a server takes that comes back, and what its folder has.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Program } from '../../part6/test/process-cluster.ts'
import { ROOT } from '../src/cli/root.ts'
import { freePorts } from '../src/processes/ports.ts'
import { statusOf } from '../src/processes/status.ts'
import { measure } from './children.ts'
import { ELECTION_TIMEOUT, type KvCluster } from './kv-clusters.ts'
import { Link } from './link.ts'
import { BenchError } from './loads.ts'
import { quantile } from './numbers.ts'
import { alignColumns, ms, whole } from './report.ts'
import { atEvery, eventually } from './waiting.ts'

/** The one that comes, and one of those who are there. */
const NEWCOMER = 2
const THERE = [0, 1] as const
const VALUE_LENGTH = 10_000
/** Each key is put so often: a log has all of that. */
const TIMES = 2
const IN_FLIGHT = 16
/** Meanwhile: so often somebody puts, and so many characters. */
const INTERVAL_MS = 5
const COMMAND_LENGTH = 100
const BASELINE_MS = 3_000
const LOOKS = { everyMs: 20, forMs: 120_000 }
/** Of the load before a restart. */
const CONNECTIONS = 64
const ROUND_S = 2

export interface Arrival {
  readonly part: string
  readonly bytesPerSecond: number
  /** What passed the links to it, as long as it lacked something. */
  readonly sentBytes: number
  readonly idealMs: number
  readonly tookMs: number
  /** By how much the term rose. */
  readonly depositions: number
  readonly before: Latencies
  readonly meanwhile: Latencies
}

interface Latencies {
  readonly puts: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly worstMs: number
}

/** @param megabytes of the keys and values that are there. */
export async function measureArrival(
  part: string,
  megabytes: number,
  bytesPerSecond: number,
): Promise<Arrival> {
  const trial = await Trial.start(part)
  try {
    await trial.fill(megabytes)
    const before = await trial.load(sleep(BASELINE_MS))
    const { term } = await trial.leader()
    trial.limit(bytesPerSecond)
    const startedAt = performance.now()
    const arrival = trial.arrive().then(() => ({
      tookMs: performance.now() - startedAt,
      sentBytes: trial.sentBytes,
    }))
    const meanwhile = await trial.load(arrival)
    const { tookMs, sentBytes } = await arrival
    return {
      part,
      bytesPerSecond,
      sentBytes,
      idealMs: (sentBytes / bytesPerSecond) * 1000,
      tookMs,
      depositions: (await trial.leader()).term - term,
      before,
      meanwhile,
    }
  } finally {
    await trial.close()
  }
}

/** Two servers of a part, and the links by which a third one reaches them. */
class Trial {
  private readonly folder = mkdtempSync(join(tmpdir(), 'raft-bench-newcomer-'))
  private readonly links: readonly Link[]
  private readonly addresses: readonly string[]
  private readonly launch: (id: number, folder: string) => Program
  private readonly programs: Program[] = []
  private readonly agent = new Agent()

  static async start(part: string): Promise<Trial> {
    const module = await import(join(ROOT, part, 'test/process-cluster.ts'))
    const ports = await freePorts(6)
    const raft = (id: number) => `127.0.0.1:${ports[id]}`
    const http = (id: number) => `127.0.0.1:${ports[3 + id]}`
    const links = THERE.map(() => new Link())
    // As each of them knows the others.
    const lists = await Promise.all(
      [...THERE, NEWCOMER].map(async (own) => {
        const members = [...THERE, NEWCOMER].map(async (id) => {
          const link = links[Math.min(own, id)]
          const isOver = id !== own && Math.max(own, id) === NEWCOMER && link
          const address = isOver
            ? await link.listen(id === NEWCOMER, raft(id))
            : raft(id)
          return `${id}=${address}/${http(id).split(':')[1]}`
        })
        return (await Promise.all(members)).join(',')
      }),
    )
    const launch = (id: number, folder: string) => {
      const own = ['serve', '--id', `${id}`, '--cluster', lists[id] as string]
      own.push('--data', folder, '--election-timeout', ELECTION_TIMEOUT)
      return new module.Program(own)
    }
    const trial = new Trial(links, [0, 1, 2].map(http), launch)
    for (const id of THERE) trial.begin(id)
    await trial.leader()
    return trial
  }

  private constructor(
    links: readonly Link[],
    addresses: readonly string[],
    launch: (id: number, folder: string) => Program,
  ) {
    this.links = links
    this.addresses = addresses
    this.launch = launch
  }

  get sentBytes(): number {
    return this.links.reduce((sum, { there }) => sum + there.bytes, 0)
  }

  limit(bytesPerSecond: number): void {
    for (const link of this.links) link.limit(bytesPerSecond)
  }

  async leader(): Promise<{ readonly address: string; readonly term: number }> {
    return eventually('there is no leader', LOOKS, async () => {
      for (const id of THERE) {
        const address = this.addresses[id] as string
        const status = await statusOf(address)
        if (status?.role === 'Leader') return { address, term: status.term }
      }
      return null
    })
  }

  /** Values that are put more than once, and a snapshot of the last ones. */
  async fill(megabytes: number): Promise<void> {
    const { address } = await this.leader()
    const keys = Math.ceil((megabytes * 1e6) / VALUE_LENGTH)
    let next = 0
    const client = async () => {
      while (next < keys * TIMES) {
        const key = next % keys
        next += 1
        await this.put(address, `key-${key}`, VALUE_LENGTH)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, client))
    // Of a part that has none, nothing comes of it.
    for (const id of THERE) {
      await request(`http://${this.addresses[id]}/snapshot`, { method: 'POST' })
    }
  }

  /** The third one starts. @returns when it has applied what was there by then. */
  async arrive(): Promise<void> {
    const { address } = await this.leader()
    const { commitIndex = 0 } = (await statusOf(address)) ?? {}
    this.begin(NEWCOMER)
    await eventually('the newcomer has not caught up', LOOKS, async () => {
      const status = await statusOf(this.addresses[NEWCOMER] as string)
      return (status && status.lastApplied >= commitIndex) || null
    })
  }

  async load(until: Promise<unknown>): Promise<Latencies> {
    const { address } = await this.leader()
    const putOne = async () => {
      const askedAt = performance.now()
      await this.put(address, 'meanwhile', COMMAND_LENGTH)
      return performance.now() - askedAt
    }
    const latenciesMs = await Promise.all(await atEvery(INTERVAL_MS, until, putOne))
    return {
      puts: latenciesMs.length,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      worstMs: Math.max(...latenciesMs),
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.kill()))
    for (const link of this.links) link.close()
    await this.agent.close()
    rmSync(this.folder, { recursive: true })
  }

  private begin(id: number): void {
    this.programs.push(this.launch(id, join(this.folder, `server-${id}`)))
  }

  private async put(address: string, key: string, length: number): Promise<void> {
    const url = `http://${address}/kv/${key}`
    const value = `${Math.random()}`.padEnd(length, 'x')
    const how = { method: 'PUT', body: value, dispatcher: this.agent } as const
    const { statusCode, body } = await request(url, how)
    await body.dump()
    if (statusCode !== 200) throw new BenchError(`${address} answers ${statusCode}`)
  }
}

export interface Return {
  readonly cluster: string
  readonly puts: number
  readonly diskBytes: number
  /** From the start of its process until it has applied all again. */
  readonly restartMs: number
}

/** After so many puts of 100 characters, of 1,000 keys, a server is killed and returns. */
export async function measureReturn(cluster: KvCluster, puts: number): Promise<Return> {
  const load = { operation: 'put', connections: CONNECTIONS, length: 100 } as const
  let done = 0
  while (done < puts) {
    const order = { ...load, seconds: ROUND_S, inSessions: false }
    done += (await measure(cluster, order)).statuses[200] ?? 0
  }
  const leader = await cluster.leader()
  const other = cluster.addresses.find((address) => address !== leader) as string
  await cluster.kill(other)
  const startedAt = performance.now()
  await cluster.restart(other)
  const restartMs = performance.now() - startedAt
  const diskBytes = cluster.diskBytes?.(other) ?? 0
  return { cluster: cluster.name, puts: done, diskBytes, restartMs }
}

export function arrivalText(arrivals: readonly Arrival[], megabytes: number): string {
  const heading = ['', 'link', 'sent', 'ideal', 'took', 'depositions']
  const rows = arrivals.map((arrival) => [
    arrival.part,
    `${arrival.bytesPerSecond / 1e6} MB/s`,
    `${(arrival.sentBytes / 1e6).toFixed(1)} MB`,
    ms(arrival.idealMs),
    ms(arrival.tookMs),
    `${arrival.depositions}`,
  ])
  const latencies = (when: string, of: (arrival: Arrival) => Latencies) =>
    arrivals.map((arrival) => {
      const { puts, p50Ms, p99Ms, worstMs } = of(arrival)
      const link = `${arrival.part}, ${arrival.bytesPerSecond / 1e6} MB/s, ${when}`
      return [link, whole(puts), ms(p50Ms), ms(p99Ms), ms(worstMs)]
    })
  return [
    `A server with an empty folder comes to two that have ${megabytes} MB of values, each ` +
      `put ${TIMES} times: part 5 sends its log, later parts a snapshot.`,
    '',
    ...alignColumns([heading, ...rows]),
    '',
    `${1000 / INTERVAL_MS} puts a second beside that:`,
    '',
    ...alignColumns([
      ['', 'puts', 'p50', 'p99', 'longest'],
      ...latencies('before', ({ before }) => before),
      ...latencies('meanwhile', ({ meanwhile }) => meanwhile),
    ]),
  ].join('\n')
}

export function returnText(returns: readonly Return[]): string {
  const rows = returns.map(({ cluster, puts, diskBytes, restartMs }) => {
    return [cluster, whole(puts), `${(diskBytes / 1e6).toFixed(1)} MB`, ms(restartMs)]
  })
  return [
    'A process that was killed returns, after puts of 1,000 keys, and has applied all:',
    '',
    ...alignColumns([['', 'puts', 'on its disk', 'after'], ...rows]),
  ].join('\n')
}
