/** Programs of the benchmarks that are processes of their own, and take orders. */
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import type { KvCluster } from './kv-clusters.ts'
import type { LoadOrder, LoadReport } from './kv-load.ts'

/** Starts one that lies beside this file. @returns when it is ready. */
export async function startChild(name: string) {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const nodeOptions = ['--import', 'tsx']
  const child = execaNode(file, { nodeOptions, ipc: true, reject: false })
  await child.getOneMessage()
  return {
    /** Gives it an order. @returns what it answers. */
    async ask<Answer>(order: object): Promise<Answer> {
      const [answer] = await Promise.all([
        child.getOneMessage(),
        child.sendMessage({ ...order }),
      ])
      return answer as Answer
    },
    async end(): Promise<void> {
      child.kill()
      await child
    },
  }
}

export interface KvLoad {
  readonly operation: 'put' | 'get'
  readonly connections: number
  readonly seconds: number
  /** Of a value, in characters. */
  readonly length: number
  /** Whether puts are within sessions, where there are some. */
  readonly inSessions: boolean
  /** As `LoadOrder` has it. */
  readonly rate?: number
}

/** So many keys are written, over and over again. */
export const KEYS = 1_000

/** Asks the leader. */
export async function measure(cluster: KvCluster, load: KvLoad): Promise<LoadReport> {
  const { operation, length, connections, seconds, inSessions, rate = null } = load
  const address = await cluster.leader()
  const [host = '', port] = address.split(':')
  const sessions = operation === 'put' && inSessions ? cluster.sessions : undefined
  const { put } = sessions ?? cluster
  const requests = Array.from({ length: KEYS }, (_, i) =>
    operation === 'put'
      ? put(address, `key-${i}`, `${i}`.padEnd(length, 'x'))
      : cluster.get(address, `key-${i}`),
  )
  const session = sessions?.begin(address) ?? null
  const order: LoadOrder = {
    host,
    port: Number(port),
    requests,
    session,
    connections,
    durationMs: seconds * 1000,
    rate,
  }
  const child = await startChild('kv-load.ts')
  try {
    return await child.ask<LoadReport>(order)
  } finally {
    await child.end()
  }
}
