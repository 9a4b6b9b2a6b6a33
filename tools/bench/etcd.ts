/** Three servers of the etcd that is installed, asked through its JSON gateway. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../src/processes/ports.ts'
import { bytesIn, http, type KvCluster } from './kv-clusters.ts'
import { eventually as waitUntil } from './waiting.ts'

const LOOKS = { everyMs: 50, forMs: 30_000 }

/** Its version; null where there is none. */
export function etcdVersion(): string | null {
  const { stdout } = spawnSync('etcd', ['--version'], { encoding: 'utf8' })
  return /etcd Version: (\S+)/.exec(stdout ?? '')?.[1] ?? null
}

/** What a table says of it. */
export function besideText(version: string | null): string {
  return version
    ? `etcd ${version}`
    : 'etcd is not installed here (apt-get install etcd-server): it was left out'
}

/** @param args of each server, beside where it is. */
export async function startEtcd(args: readonly string[] = []): Promise<KvCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-bench-etcd-'))
  const ports = await freePorts(6)
  const address = (i: number) => `127.0.0.1:${ports[i]}`
  const names = ['0', '1', '2']
  const list = names.map((name, i) => `${name}=http://${address(i)}`).join(',')
  const launch = (i: number): ChildProcess => {
    const peer = `http://${address(i)}`
    const client = `http://${address(3 + i)}`
    const own = ['--name', `${i}`, '--data-dir', join(folder, `${i}`)]
    own.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer)
    own.push('--listen-client-urls', client, '--advertise-client-urls', client)
    own.push('--initial-cluster', list, '--initial-cluster-state', 'new')
    return spawn('etcd', [...own, '--log-level', 'error', ...args], { stdio: 'ignore' })
  }
  const children = names.map((_, i) => launch(i))
  const addresses = names.map((_, i) => address(3 + i))
  const kill = async (i: number) => {
    const child = children[i]
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  return {
    name: 'etcd',
    addresses,
    leader: () => leaderOf(addresses),
    put: (host, key, value) =>
      http('POST', host, '/v3/kv/put', json({ key: base64(key), value: base64(value) })),
    get: (host, key) => http('POST', host, '/v3/kv/range', json({ key: base64(key) })),
    kill: (client) => kill(addresses.indexOf(client)),
    async restart(client) {
      const i = addresses.indexOf(client)
      children[i] = launch(i)
      await converged(addresses)
    },
    diskBytes: (client) => bytesIn(join(folder, `${addresses.indexOf(client)}`)),
    async stop() {
      await Promise.all(names.map((_, i) => kill(i)))
      rmSync(folder, { recursive: true })
    },
  }
}

/** As far as it is looked at. */
interface Status {
  readonly leader?: string
  readonly raftAppliedIndex?: string
  readonly header?: { readonly member_id?: string }
}

function leaderOf(addresses: readonly string[]): Promise<string> {
  return eventually('etcd elected no leader', addresses, (all) => {
    const i = all.findIndex(
      (status) => status?.leader && status.leader === status.header?.member_id,
    )
    return addresses[i]
  })
}

async function converged(addresses: readonly string[]): Promise<void> {
  await eventually('the servers of etcd did not converge', addresses, (all) => {
    const [first] = all
    const isSame = (status: Status | null) =>
      status?.leader === first?.leader &&
      status?.raftAppliedIndex === first?.raftAppliedIndex
    return first?.leader && all.every(isSame) ? first : undefined
  })
}

function eventually<T>(
  failure: string,
  addresses: readonly string[],
  look: (all: readonly (Status | null)[]) => T | undefined,
): Promise<T> {
  return waitUntil(failure, LOOKS, async () => {
    return look(await Promise.all(addresses.map(statusOf))) ?? null
  })
}

async function statusOf(address: string): Promise<Status | null> {
  try {
    const url = `http://${address}/v3/maintenance/status`
    const signal = AbortSignal.timeout(LOOKS.forMs)
    const response = await fetch(url, { method: 'POST', body: '{}', signal })
    return (await response.json()) as Status
  } catch {
    return null
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function json(value: object): string {
  return JSON.stringify(value)
}
