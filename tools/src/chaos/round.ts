/**
 * A round: clients are busy while faults come and go; then all is mended, everything is read
 * once more, and it is judged whether what the clients saw can be explained.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Finding } from '../histories/check.ts'
import { check } from '../histories/check.ts'
import type { History } from '../histories/history.ts'
import { historyOf } from '../histories/rows.ts'
import { ClientHistory } from '../lab/history.ts'
import type { Random } from '../lab/random.ts'
import {
  type Operation,
  type PartClients,
  RecordedClient,
  type Told,
} from '../processes/clients.ts'
import type { Cluster } from '../processes/cluster.ts'
import type { Outcome } from '../testlog/event.ts'
import { beginFault, drawFaults, type Planned } from './faults.ts'

export interface RoundOptions {
  readonly cluster: Cluster
  readonly clients: PartClients
  /** From 1; keys of different rounds are different. */
  readonly number: number
  /** A new stream of chance each time. */
  readonly nextStream: () => Random
  readonly busyClients: number
  /** The number of the first of them, among servers and clients. */
  readonly firstClient: number
  /** How long faults come and go, in ms. */
  readonly ms: number
  /** A client rests for so long between two operations, on average, in ms. */
  readonly restMs: number
  readonly onTold?: (told: Told) => void
  /** Ends the round early. */
  readonly signal: AbortSignal
}

/** What came of a round. */
export interface Round {
  readonly number: number
  readonly faults: readonly Planned[]
  /** Who was in the cluster at the end. */
  readonly servers: readonly number[]
  readonly counts: Readonly<Record<Outcome, number>>
  readonly rows: ClientHistory['rows']
  readonly history: History
  readonly found: Finding
  /** What was wrong beside what clients saw: nothing was done any more, for example. */
  readonly problem: string | null
}

const KEYS = ['a', 'b', 'c', 'd']
const CLIENT_TIMEOUT_MS = 3_000
/** After so long with nothing broken, whoever asks must have been answered. In ms. */
const MENDED_MS = 60_000
/** So often is looked whether all agree by now, in ms. */
const LOOK_MS = 200
/** To judge takes no longer, in ms, and no more memory than 24 bytes for each step. */
const JUDGED_MS = 60_000
const MOST_STEPS = 16_000_000

export async function runRound(options: RoundOptions): Promise<Round> {
  const { cluster, number, nextStream, ms } = options
  const history = new ClientHistory()
  const counts = { done: 0, 'not done': 0, unknown: 0 }
  const there = {
    servers: cluster.ids.length,
    machines: cluster.namespaces,
    hasMembers: options.clients.hasMembers,
  }
  const faults = drawFaults(nextStream(), there, ms)
  const over = new AbortController()
  const keys = KEYS.map((key) => `${key}${number}`)
  const newClient = (id: number, random: Random) =>
    new RecordedClient({
      cluster,
      clients: options.clients,
      id,
      history,
      random,
      timeoutMs: CLIENT_TIMEOUT_MS,
      onTold: (told) => {
        counts[told.outcome] += 1
        options.onTold?.(told)
      },
    })
  const busy = Array.from({ length: options.busyClients }, (_, i) => {
    const random = nextStream()
    const client = newClient(options.firstClient + i, random)
    return keepBusy(client, { keys, random, options, signal: over.signal })
  })
  await breakThings(faults, options)
  await cluster.heal()
  over.abort()
  await Promise.all(busy)
  const reader = newClient(options.firstClient + options.busyClients, nextStream())
  const problem = (await readAll(reader, keys)) ?? (await agree(cluster))
  await reader.close()
  const { rows } = history
  const read = historyOf(rows)
  const { ids: servers } = cluster
  const found = judge(read)
  return { number, faults, servers, counts, rows, history: read, found, problem }
}

function judge(history: History): Finding {
  const limits = { deadline: performance.now() + JUDGED_MS, maxSteps: MOST_STEPS }
  return check(history, { model: 'kv', split: true, limits })
}

/** Begins and ends the faults, each in its time. Some may still last when it returns. */
async function breakThings(
  faults: readonly Planned[],
  { cluster, ms, signal }: RoundOptions,
): Promise<void> {
  const startedAt = performance.now()
  const ends = new Map<Planned, () => Promise<void>>()
  const moments = faults.flatMap((fault) => [
    {
      atMs: fault.atMs,
      act: async () => ends.set(fault, await beginFault(cluster, fault)),
    },
    { atMs: fault.atMs + fault.forMs, act: async () => ends.get(fault)?.() },
  ])
  moments.sort((a, b) => a.atMs - b.atMs)
  for (const { atMs, act } of moments) {
    if (atMs >= ms) break
    await rest(startedAt + atMs - performance.now(), signal)
    if (signal.aborted) return
    await act()
  }
  await rest(startedAt + ms - performance.now(), signal)
}

interface Work {
  readonly keys: readonly string[]
  readonly random: Random
  readonly options: RoundOptions
  readonly signal: AbortSignal
}

/** A client does one thing after the other, and writes what no other writes. */
async function keepBusy(
  client: RecordedClient,
  { keys, random, options, signal }: Work,
): Promise<void> {
  const seen = new Map<string, number>()
  for (let count = 1; !signal.aborted; count += 1) {
    const key = keys[Math.floor(random() * keys.length)] as string
    const drawn = options.clients.draw(random, key, `${client.id}.${count} `)
    const { consistency, startsAt, ...operation } = drawn
    const manner = {
      ...(consistency !== undefined && { consistency }),
      ...(startsAt !== undefined && { startsAt }),
    }
    const { result } = await client.execute(onWhatWasSeen(operation, seen), manner)
    if (result && typeof result.version === 'number') seen.set(key, result.version)
    await rest(2 * random() * options.restMs, signal)
  }
  await client.close()
}

/** Version 0 stands for the one that this client has seen last. */
function onWhatWasSeen(
  operation: Operation,
  seen: ReadonlyMap<string, number>,
): Operation {
  if (!operation.if || !('version' in operation.if)) return operation
  const version = seen.get(operation.key)
  return { ...operation, if: version === undefined ? { absent: true } : { version } }
}

/** Nothing that was acknowledged may be missing now. @returns what was wrong, or null. */
async function readAll(
  reader: RecordedClient,
  keys: readonly string[],
): Promise<string | null> {
  const deadline = performance.now() + MENDED_MS
  for (const key of keys) {
    while ((await reader.execute({ op: 'get', key })).outcome !== 'done') {
      if (performance.now() < deadline) continue
      return `nothing was broken for ${MENDED_MS / 1000} s, and a read was not answered`
    }
  }
  return null
}

/**
 * Whoever is not gone is a member, and they all hold the same.
 *
 * @returns what was wrong, or null.
 */
async function agree(cluster: Cluster): Promise<string | null> {
  const deadline = performance.now() + MENDED_MS
  for (;;) {
    const problem = await disagreement(cluster)
    if (problem === null) return null
    if (performance.now() > deadline) {
      return `nothing was broken for ${MENDED_MS / 1000} s, and ${problem}`
    }
    await sleep(LOOK_MS)
  }
}

async function disagreement(cluster: Cluster): Promise<string | null> {
  const { ids } = cluster
  const members = await cluster.members()
  if (members === null) return 'no server leads'
  if (!isDeepStrictEqual(new Set(members), new Set(ids))) {
    return `the cluster is ${members.join(', ')}, while servers ${ids.join(', ')} run`
  }
  const all = await Promise.all(ids.map((id) => cluster.contentOf(id)))
  const other = all.findIndex((content) => content === null || content !== all[0])
  return other === -1 ? null : `server ${ids[other]} does not hold what ${ids[0]} does`
}

/** Waits, unless the signal says that it need not. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => {})
}
