/** A load on a cluster, alone or beside a crowd, and what becomes of its leader. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type KvLoad, measure, startChild } from './children.ts'
import type { CrowdKind, CrowdOrder, CrowdReport } from './crowd.ts'
import { type KvCluster, metricsOf } from './kv-clusters.ts'
import type { LoadReport } from './kv-load.ts'

export interface Situation {
  readonly name: string
  readonly load: KvLoad
  readonly crowd?: { readonly kind: CrowdKind; readonly connections: number }
}

export interface Round extends LoadReport {
  /** By how much the term rose. */
  readonly depositions: number
  /** Of the leader, at most, as far as it was looked at. */
  readonly heapBytes: number
  readonly rssBytes: number
  /** For so long no heartbeat could leave. */
  readonly longestTurnMs: number
  /** Connections of the crowd that were still open in the end. */
  readonly crowd: number
}

/** So often the leader is looked at. */
const LOOK_MS = 500
/** What was left over is done by then, and those who went are forgotten. */
const SETTLE_MS = 1_000

export async function tryOut(cluster: KvCluster, situation: Situation): Promise<Round> {
  const address = await cluster.leader()
  const crowd = situation.crowd && (await gather(address, situation.crowd))
  const termBefore = await termOf(cluster)
  const watch = watchLeader(address)
  try {
    const report = await measure(cluster, situation.load)
    const atMost = await watch.end()
    const depositions = (await termOf(cluster)) - termBefore
    return { ...report, ...atMost, depositions, crowd: (await crowd?.count()) ?? 0 }
  } finally {
    await watch.end()
    await crowd?.end()
    await sleep(SETTLE_MS)
  }
}

async function termOf({ addresses }: KvCluster): Promise<number> {
  const all = await Promise.all(addresses.map(metricsOf))
  return Math.max(...all.map((figure) => figure('raft_term')))
}

/** Lets many connect. */
async function gather(
  address: string,
  { kind, connections }: NonNullable<Situation['crowd']>,
) {
  const [host = '', port] = address.split(':')
  const child = await startChild('crowd.ts')
  const order: CrowdOrder = { host, port: Number(port), kind, connections }
  await child.ask<CrowdReport>(order)
  return {
    end: child.end,
    count: async () => (await child.ask<CrowdReport>({})).open,
  }
}

function watchLeader(address: string) {
  let heapBytes = 0
  let rssBytes = 0
  let longestTurnMs = 0
  const over = new AbortController()
  const look = async () => {
    while (!over.signal.aborted) {
      const figure = await metricsOf(address)
      heapBytes = Math.max(heapBytes, figure('nodejs_heap_size_used_bytes'))
      rssBytes = Math.max(rssBytes, figure('process_resident_memory_bytes'))
      // Since it was asked for last.
      const lagS = figure('nodejs_eventloop_lag_max_seconds')
      longestTurnMs = Math.max(longestTurnMs, lagS * 1000)
      await sleep(LOOK_MS, undefined, { signal: over.signal }).catch(() => {})
    }
  }
  const looking = look()
  // What goes wrong is told at the end.
  looking.catch(() => {})
  return {
    async end() {
      over.abort()
      await looking
      return { heapBytes, rssBytes, longestTurnMs }
    },
  }
}
