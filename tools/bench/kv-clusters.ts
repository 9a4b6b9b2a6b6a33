/** Three servers of a part to measure; etcd's are in `etcd.ts`. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../src/cli/root.ts'
import { BenchError } from './loads.ts'

/** The same in every part that has a service, as far as it is used here. */
type Clusters = typeof import('../../part4/test/process-cluster.ts')

export interface KvCluster {
  readonly name: string
  /** Where each server's HTTP is. */
  readonly addresses: readonly string[]
  /** Where the leader's HTTP is. */
  leader(): Promise<string>
  /** A whole HTTP request that puts a value, or gets one. */
  put(host: string, key: string, value: string): string
  get(host: string, key: string): string
  /** Whole HTTP requests that begin a session, and put within one, numbered by the load. */
  readonly sessions?: {
    begin(host: string): string
    put(host: string, key: string, value: string): string
  }
  /** Of the leader, where its whole log is kept. */
  memory?(): Promise<Memory>
  /** kill -9. @returns when the process is gone. */
  kill(address: string): Promise<void>
  /** Starts one again that was killed. @returns when all have applied the same. */
  restart(address: string): Promise<void>
  /** Has one end by itself, and starts it again. @returns when all have applied the same. */
  renew?(address: string): Promise<void>
  /** What its folder takes. */
  diskBytes?(address: string): number
  stop(): Promise<void>
}

export interface Memory {
  readonly entries: number
  readonly heapBytes: number
  readonly fileBytes: number
}

/** From this part on a put can be numbered, and the log is cut. */
const FIRST_WITH_SESSIONS = 5
const FIRST_WITH_SNAPSHOTS = 6

/** In ms, as etcd has it: a leader that waits for its turn is not deposed. */
export const ELECTION_TIMEOUT = '1000-2000'

/** @param args of `serve`, beside where it is. */
export async function startPart(
  part: string,
  args: readonly string[] = ['--election-timeout', ELECTION_TIMEOUT],
): Promise<KvCluster> {
  const file = join(ROOT, part, 'test/process-cluster.ts')
  const { ProcessCluster }: Clusters = await import(file)
  const cluster = await ProcessCluster.start(3, args)
  const idOf = (address: string) => cluster.addresses.indexOf(address)
  return {
    name: part,
    addresses: cluster.addresses,
    leader: async () => cluster.address(await cluster.leader()),
    put: (host, key, value) => http('PUT', host, `/kv/${key}`, value),
    get: (host, key) => http('GET', host, `/kv/${key}`, null),
    ...(numberOf(part) >= FIRST_WITH_SESSIONS && {
      sessions: {
        begin: (host) => http('POST', host, '/sessions', ''),
        put: (host, key, value) => http('PUT', host, `/kv/${key}`, value, NUMBERED),
      },
    }),
    ...(keepsWholeLog(part) && {
      memory: async () => {
        const id = await cluster.leader()
        return memoryOf(cluster.address(id), cluster.data(id))
      },
    }),
    kill: async (address) => void (await cluster.program(idOf(address)).kill()),
    async restart(address) {
      cluster.launch(idOf(address))
      await cluster.converged()
    },
    async renew(address) {
      await cluster.program(idOf(address)).kill('SIGTERM')
      cluster.launch(idOf(address))
      await cluster.converged()
    },
    diskBytes: (address) => bytesIn(cluster.data(idOf(address))),
    stop: () => cluster.remove(),
  }
}

/** In memory and in its file, for ever. */
export function keepsWholeLog(part: string): boolean {
  return numberOf(part) < FIRST_WITH_SNAPSHOTS
}

function numberOf(part: string): number {
  return Number(part.replace('part', ''))
}

/** What a load puts numbers into, when it has begun a session. */
const NUMBERED = [
  'Idempotency-Key: CLIENT:SERIAL',
  'Idempotency-Acknowledged: ACKNOWLEDGED',
]

async function memoryOf(address: string, folder: string): Promise<Memory> {
  const figure = await metricsOf(address)
  return {
    entries: figure('raft_last_log_index'),
    heapBytes: figure('nodejs_heap_size_used_bytes'),
    fileBytes: bytesIn(folder),
  }
}

/** A file can go while it is looked at: a snapshot replaces another. */
export function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0)
}

/** What a server of a part says of itself, by the names that Prometheus has for it. */
export async function metricsOf(address: string): Promise<(name: string) => number> {
  const metrics = await (await fetch(`http://${address}/metrics`)).text()
  return (name) => {
    const text = new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]
    if (text === undefined) throw new BenchError(`${address} says nothing of ${name}`)
    return Number(text)
  }
}

export function http(
  method: string,
  host: string,
  path: string,
  body: string | null,
  headers: readonly string[] = [],
): string {
  const length = body === null ? [] : [`Content-Length: ${body.length}`]
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...length, ...headers]
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}
