/** Three servers to measure: those of the parts, and etcd's where it is installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts, ProcessCluster } from '../../part4/test/process-cluster.ts'
import { ProcessCluster as ProcessCluster5 } from '../../part5/test/process-cluster.ts'
import { BenchError } from './loads.ts'

export interface KvCluster {
  readonly name: string
  /** Where the leader's HTTP is. */
  leader(): Promise<string>
  /** A whole HTTP request that puts a value, or gets one. */
  put(host: string, key: string, value: string): string
  get(host: string, key: string): string
  /** A whole HTTP request that begins a session, whose puts are numbered. */
  session?(host: string): string
  memory?(): Promise<Memory>
  stop(): Promise<void>
}

/** Of the leader. */
export interface Memory {
  readonly entries: number
  readonly heapBytes: number
  readonly fileBytes: number
}

const LOOK_INTERVAL_MS = 50
const LOOK_TIMEOUT_MS = 30_000

/** In ms, as etcd has it: a leader that waits for its turn is not deposed. */
const ELECTION_TIMEOUT = '1000-2000'

export async function startPart4(): Promise<KvCluster> {
  const cluster = await ProcessCluster.start(3, ['--election-timeout', ELECTION_TIMEOUT])
  return {
    name: 'part 4',
    leader: async () => cluster.address(await cluster.leader()),
    put: (host, key, value) => http('PUT', host, `/kv/${key}`, value),
    get: (host, key) => http('GET', host, `/kv/${key}`, null),
    memory: () => memoryOfLeader(cluster),
    stop: () => cluster.remove(),
  }
}

/** The same, and every put is carried out once. */
export async function startPart5(): Promise<KvCluster> {
  const cluster = await ProcessCluster5.start(3, [
    '--election-timeout',
    ELECTION_TIMEOUT,
  ])
  return {
    name: 'part 5',
    leader: async () => cluster.address(await cluster.leader()),
    put: (host, key, value) =>
      http('PUT', host, `/kv/${key}`, value, [
        'Idempotency-Key: CLIENT:SERIAL',
        'Idempotency-Acknowledged: ACKNOWLEDGED',
      ]),
    get: (host, key) => http('GET', host, `/kv/${key}`, null),
    session: (host) => http('POST', host, '/sessions', ''),
    memory: () => memoryOfLeader(cluster),
    stop: () => cluster.remove(),
  }
}

async function memoryOfLeader(
  cluster: ProcessCluster | ProcessCluster5,
): Promise<Memory> {
  const id = await cluster.leader()
  const metrics = await (await fetch(`http://${cluster.address(id)}/metrics`)).text()
  const figure = (name: string) =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
  return {
    entries: figure('raft_last_log_index'),
    heapBytes: figure('nodejs_heap_size_used_bytes'),
    fileBytes: statSync(join(cluster.data(id), 'raft.log')).size,
  }
}

/** The version of the etcd that is installed; null where there is none. */
export function etcdVersion(): string | null {
  const { stdout } = spawnSync('etcd', ['--version'], { encoding: 'utf8' })
  return /etcd Version: (\S+)/.exec(stdout ?? '')?.[1] ?? null
}

export async function startEtcd(): Promise<KvCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-bench-etcd-'))
  const ports = await freePorts(6)
  const address = (i: number) => `127.0.0.1:${ports[i]}`
  const names = ['0', '1', '2']
  const list = names.map((name, i) => `${name}=http://${address(i)}`).join(',')
  const children: ChildProcess[] = names.map((name, i) => {
    const peer = `http://${address(i)}`
    const client = `http://${address(3 + i)}`
    const args = ['--name', name, '--data-dir', join(folder, name)]
    args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer)
    args.push('--listen-client-urls', client, '--advertise-client-urls', client)
    args.push('--initial-cluster', list, '--initial-cluster-state', 'new')
    return spawn('etcd', [...args, '--log-level', 'error'], { stdio: 'ignore' })
  })
  const clients = names.map((_, i) => address(3 + i))
  return {
    name: 'etcd',
    leader: () => etcdLeader(clients),
    put: (host, key, value) =>
      http('POST', host, '/v3/kv/put', json({ key: base64(key), value: base64(value) })),
    get: (host, key) => http('POST', host, '/v3/kv/range', json({ key: base64(key) })),
    async stop() {
      for (const child of children) child.kill('SIGKILL')
      await sleep(LOOK_INTERVAL_MS)
      rmSync(folder, { recursive: true })
    },
  }
}

async function etcdLeader(clients: readonly string[]): Promise<string> {
  const deadline = Date.now() + LOOK_TIMEOUT_MS
  while (Date.now() < deadline) {
    for (const client of clients) {
      if (await leads(client)) return client
    }
    await sleep(LOOK_INTERVAL_MS)
  }
  throw new BenchError('etcd elected no leader')
}

async function leads(client: string): Promise<boolean> {
  try {
    const url = `http://${client}/v3/maintenance/status`
    const response = await fetch(url, { method: 'POST', body: '{}' })
    const status = (await response.json()) as {
      leader?: string
      header?: { member_id?: string }
    }
    return status.leader !== undefined && status.leader === status.header?.member_id
  } catch {
    return false
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function json(value: object): string {
  return JSON.stringify(value)
}

function http(
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
