/**
 * Snapshots: a log that begins after one, servers that get one, and what is left after a
 * crash. The scenarios are those of the MIT lab 6.824 (3D), and some that it has not.
 */
import { expect, test } from 'vitest'
import type { Position } from '../src/raft.ts'
import { MemoryStorage } from '../src/storage.ts'
import { Harness, type HarnessOptions, scenario } from './harness.ts'
import { Load } from './load.ts'

const ELECTION_MS = 1_000
const ROUNDS = 30
/** So many commands between two snapshots. */
const EVERY = 10
/** What a log may take, in characters of its entries. */
const MAX_LOG = 2_000

/** Logs keep next to nothing after a snapshot, which goes in several pieces. */
const BY_HAND: HarnessOptions = {
  settings: { pieceLength: 40, minSnapshotLength: 4_000 },
}

/** In virtual time alone: many rounds, or many pieces, which a file is too short for. */
const IN_PIECES: HarnessOptions = { ...BY_HAND, network: 'simulated' }

/** What happens to a follower in each round. */
type Trouble = (h: Harness, id: number) => Promise<() => Promise<void> | void>

const cutOff: Trouble = async (h, id) => {
  h.disconnectPeer(id)
  return () => h.reconnectPeer(id)
}

const crash: Trouble = async (h, id) => {
  await h.crashPeer(id)
  return () => h.restartPeer(id)
}

const nothing: Trouble = async () => () => {}

/** In each round a follower misses what happens, and a snapshot takes its place meanwhile. */
async function rounds(h: Harness, trouble: Trouble): Promise<void> {
  const client = h.client({ timeoutMs: 60_000 })
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id: leader } = await h.checkSingleLeader()
    const follower = (leader + 1) % h.ids.length
    const end = await trouble(h, follower)
    for (let i = 0; i < EVERY; i += 1) await client.put(`key-${i}`, `${round}`)
    for (const id of h.ids) if (h.isAlive(id)) await h.snapshot(id)
    await client.put('last', `${round}`)
    for (const id of h.ids) {
      if (h.isAlive(id)) expect(lengthOf(h, id)).toBeLessThan(MAX_LOG)
    }
    await end()
    await allHave(h, leader)
  }
  expect(await client.get('last')).toMatchObject({ value: `${ROUNDS - 1}` })
}

function lengthOf(h: Harness, id: number): number {
  return JSON.stringify(h.consensus(id).log).length
}

/** Lets time pass until a first piece has come, and not the last. */
async function untilItArrives(h: Harness, id: number): Promise<void> {
  for (let i = 0; i < 5_000; i += 1) {
    if (h.consensus(id).snapshots.isArriving) return
    await h.sleepMs(1)
  }
  throw new Error(`server ${id} gets no snapshot`)
}

/** Lets time pass until all servers have applied what one has committed by now. */
async function allHave(h: Harness, id: number): Promise<void> {
  const { commitIndex } = h.report(id)
  for (let i = 0; i < 100; i += 1) {
    if (h.ids.every((each) => h.report(each).lastApplied >= commitIndex)) return
    await h.sleepMs(100)
  }
  throw new Error(`not all servers have entry ${commitIndex}`)
}

scenario(
  'a log is cut, round after round',
  3,
  async (h) => rounds(h, nothing),
  IN_PIECES,
)

scenario(
  'a follower that was cut off gets a snapshot',
  3,
  async (h) => {
    await rounds(h, cutOff)
    const installed = h.ids.filter((id) => h.report(id).snapshotIndex > 0)
    expect(installed).toEqual(h.ids)
  },
  BY_HAND,
)

scenario(
  'a follower that crashed gets a snapshot',
  3,
  async (h) => rounds(h, crash),
  IN_PIECES,
)

scenario(
  'snapshots get through where messages are lost, late and doubled',
  3,
  async (h) => {
    h.setReliable(false)
    await rounds(h, cutOff)
  },
  IN_PIECES,
)

scenario(
  'the index does not go back when all crash',
  3,
  async (h) => {
    const client = h.client()
    let last = 0
    for (let round = 0; round < 5; round += 1) {
      for (let i = 0; i < EVERY; i += 1) await client.put('x', `${round} ${i}`)
      for (const id of h.ids) await h.snapshot(id)
      await client.put('y', `${round}`)
      for (const id of h.ids) await h.crashPeer(id)
      for (const id of h.ids) await h.restartPeer(id)
      const { version } = await client.put('z', `${round}`)
      expect(version).toBeGreaterThan(last)
      last = version as number
    }
    expect(await client.get('x')).toMatchObject({ value: `4 ${EVERY - 1}` })
  },
  BY_HAND,
)

scenario(
  'a server that crashes twice still has its snapshot',
  1,
  async (h) => {
    const client = h.client()
    await client.put('x', 'kept')
    const index = await h.snapshot(0)
    for (let i = 0; i < 2; i += 1) {
      await h.crashPeer(0)
      await h.restartPeer(0)
      await h.sleepMs(ELECTION_MS)
    }
    expect(h.report(0).snapshotIndex).toBe(index)
    expect(h.logBounds(0).first).toBe(Number(index) + 1)
    expect(await client.get('x')).toMatchObject({ value: 'kept' })
  },
  BY_HAND,
)

scenario(
  'the log stays below twice the threshold by itself',
  3,
  async (h) => {
    const client = h.client()
    for (let i = 0; i < 200; i += 1) {
      await client.put('x', `${i}`)
      for (const id of h.ids) expect(lengthOf(h, id)).toBeLessThan(2 * 8_000)
    }
    const { id } = await h.checkSingleLeader()
    expect(h.report(id).snapshotIndex).toBeGreaterThan(100)
  },
  { settings: { minSnapshotLength: 8_000 } },
)

scenario(
  'an answer that a snapshot holds is given again',
  3,
  async (h) => {
    const client = h.client()
    await client.put('x', '')
    const { id } = await h.checkSingleLeader()
    h.cutLink(id, client.id)
    const append = client.append('x', 'once ')
    await h.sleepMs(100)
    for (const each of h.ids) await h.snapshot(each)
    for (const each of h.ids) await h.crashPeer(each)
    for (const each of h.ids) await h.restartPeer(each)
    h.mendLink(id, client.id)
    expect(await append).toMatchObject({ previous: '' })
    expect(await client.get('x')).toMatchObject({ value: 'once ' })
  },
  BY_HAND,
)

/** The leader, and a follower that needs a snapshot as soon as it is let back. */
async function oneBehind(
  h: Harness,
): Promise<{ readonly leader: number; readonly follower: number }> {
  const client = h.client()
  const { id: leader } = await h.checkSingleLeader()
  const follower = (leader + 1) % h.ids.length
  h.disconnectPeer(follower)
  for (let i = 0; i < 50; i += 1) await client.put(`key-${i}`, 'x'.repeat(50))
  for (const id of h.ids) if (id !== follower) await h.snapshot(id)
  return { leader, follower }
}

scenario(
  'a follower that restarts in the middle of a snapshot begins again',
  3,
  async (h) => {
    const { leader, follower } = await oneBehind(h)
    h.reconnectPeer(follower)
    await untilItArrives(h, follower)
    await h.crashPeer(follower)
    await h.restartPeer(follower)
    expect(h.report(follower).snapshotIndex).toBe(0)
    await allHave(h, leader)
    expect(h.report(follower).snapshotIndex).toBeGreaterThan(50)
  },
  IN_PIECES,
)

scenario(
  'a leader that crashes in the middle of sending one is followed by another',
  3,
  async (h) => {
    const { leader, follower } = await oneBehind(h)
    h.reconnectPeer(follower)
    await untilItArrives(h, follower)
    await h.crashPeer(leader)
    await h.sleepMs(2 * ELECTION_MS)
    const next = await h.checkSingleLeader()
    await h.restartPeer(leader)
    await allHave(h, next.id)
    expect(h.report(follower).snapshotIndex).toBeGreaterThan(0)
  },
  IN_PIECES,
)

scenario(
  'a snapshot that arrives stands for more than one that is taken meanwhile',
  3,
  async (h) => {
    const { leader, follower } = await oneBehind(h)
    h.reconnectPeer(follower)
    await untilItArrives(h, follower)
    await h.snapshot(follower)
    await allHave(h, leader)
    expect(h.report(follower).snapshotIndex).toBeGreaterThan(50)
  },
  IN_PIECES,
)

scenario(
  'the cluster goes on while a long snapshot goes over a slow link',
  3,
  async (h) => {
    const client = h.client()
    const { id: leader, term } = await h.checkSingleLeader()
    const follower = (leader + 1) % h.ids.length
    await h.crashPeer(follower)
    const value = 'x'.repeat(50_000)
    for (let i = 0; i < 20; i += 1) await client.put(`key-${i}`, value)
    await h.snapshot(leader)
    await h.restartPeer(follower)
    h.slowLink(leader, follower, 250_000)
    const startedAt = h.nowMs()
    for (let i = 0; i < 20; i += 1) {
      await client.put('meanwhile', `${i}`)
      await h.sleepMs(100)
    }
    expect(h.report(follower).snapshotIndex).toBe(0)
    await allHave(h, leader)
    // 1 MB at 250,000 bytes a second, and hardly more than once.
    expect(h.nowMs() - startedAt).toBeLessThan(7_000)
    expect(await h.checkSingleLeader()).toEqual({ id: leader, term })
  },
  {
    network: 'simulated',
    settings: { pieceLength: 64_000, minSnapshotLength: 100_000 },
  },
)

scenario(
  'two snapshots in short time: the follower has what the later one stands for',
  3,
  async (h) => {
    const { leader, follower } = await oneBehind(h)
    h.reconnectPeer(follower)
    await untilItArrives(h, follower)
    const client = h.client()
    for (let i = 0; i < EVERY; i += 1) await client.put('x', `${i}`)
    const later = await h.snapshot(leader)
    // In the midst of the first one, which is sent to its end.
    expect(h.report(follower).snapshotIndex).toBe(0)
    await allHave(h, leader)
    expect(h.report(follower).lastApplied).toBeGreaterThanOrEqual(Number(later))
    expect(h.logBounds(follower).first).toBeGreaterThan(50)
  },
  IN_PIECES,
)

scenario(
  'a retry at who leads with a leader’s snapshot gets the first answer',
  3,
  async (h) => {
    const client = h.client({ timeoutMs: 60_000 })
    await client.put('x', '')
    const { leader, follower } = await oneBehind(h)
    const others = h.ids.filter((id) => id !== follower)
    // It is carried out, and whoever has done so cannot say it.
    for (const id of others) h.cutLink(id, client.id)
    const append = client.append('x', 'once ')
    await h.sleepMs(100)
    for (const id of others) await h.snapshot(id)
    h.reconnectPeer(follower)
    await allHave(h, leader)
    expect(h.report(follower).snapshotIndex).toBeGreaterThan(50)
    const { id: last } = await h.checkSingleLeader()
    await allHave(h, last)
    await h.sleepMs(100)
    if (last !== follower) await h.crashPeer(last)
    // Nobody else can be elected: what others ask is lost.
    for (const id of others) h.peerDropCallsAfterN(id, 0)
    for (let i = 0; i < 200 && !h.report(follower).isLeader; i += 1) await h.sleepMs(100)
    expect(h.report(follower).isLeader).toBe(true)
    expect(await append).toMatchObject({ previous: '' })
    expect(await client.get('x')).toMatchObject({ value: 'once ' })
  },
  IN_PIECES,
)

scenario(
  'who reads at a follower that gets a snapshot sees the past, or all, and never a part',
  3,
  async (h) => {
    const { leader, follower } = await oneBehind(h)
    h.reconnectPeer(follower)
    await untilItArrives(h, follower)
    const reader = h.client({ servers: [String(follower)] })
    const asked = reader.list('key-', { consistency: 'follower' })
    let lists = 0
    while (h.report(follower).snapshotIndex === 0) {
      const past = await reader.list('key-', { consistency: 'stale' })
      if (h.report(follower).snapshotIndex === 0) expect(past).toEqual([])
      lists += 1
    }
    expect(lists).toBeGreaterThan(1)
    // Confirmed by the leader, it waits for what the snapshot stands for.
    expect(await asked).toHaveLength(50)
    await allHave(h, leader)
    expect(await reader.list('key-', { consistency: 'stale' })).toHaveLength(50)
  },
  IN_PIECES,
)

/** What follows on all keys of these is in the log alone. */
const MANY: Position = { index: 5, term: 1 }
const PAIR_LENGTH = 100_000

/** A disk with a snapshot of so many characters, as `Sessions` writes it. */
function diskWith(length: number): MemoryStorage {
  const storage = new MemoryStorage()
  storage.saveTermAndVote(MANY.term, null)
  const entries = Array.from({ length: MANY.index }, () => ({ term: 1, command: null }))
  storage.saveEntries(1, entries)
  storage.startLog(MANY, [])
  const snapshot = storage.beginSnapshot(MANY)
  snapshot.write('{"time":{"now":0,"term":1,"termBeganAt":0}}\n')
  const value = 'x'.repeat(PAIR_LENGTH)
  for (let i = 0; i < length / PAIR_LENGTH; i += 1) {
    snapshot.write(
      `${JSON.stringify({ pair: { key: `key-${i}`, value, version: 1 } })}\n`,
    )
  }
  snapshot.end()
  return storage
}

/** More takes a minute: all that is sent is written to the test log, too. */
const LONG = 20_000_000
const BYTES_PER_SECOND = 2_000_000

// With one seed, for the same reason.
test('a follower behind a slow link gets 20 MB, and the cluster goes on meanwhile', async () => {
  const h = await Harness.create(3, {
    network: 'simulated',
    // The last one is empty, and so cannot be elected.
    openStorage: (id) => (id === 2 ? new MemoryStorage() : diskWith(LONG)),
  })
  const { id: leader, term } = await h.checkSingleLeader()
  const follower = h.ids.find((id) => h.report(id).snapshotIndex === 0) as number
  h.slowLink(leader, follower, BYTES_PER_SECOND)
  const startedAt = h.nowMs()
  await untilItArrives(h, follower)
  const client = h.client()
  for (let i = 0; i < 20; i += 1) {
    const askedAt = h.nowMs()
    await client.put('meanwhile', `${i}`)
    expect(h.nowMs() - askedAt).toBeLessThan(100)
    await h.sleepMs(400)
  }
  expect(h.report(follower).snapshotIndex).toBe(0)
  for (let i = 0; i < 100 && h.report(follower).snapshotIndex === 0; i += 1) {
    await h.sleepMs(100)
  }
  expect(h.report(follower).snapshotIndex).toBe(MANY.index)
  // As long as its bytes take on that link, and the turns between its pieces.
  expect(h.nowMs() - startedAt).toBeLessThan(1.3 * (LONG / BYTES_PER_SECOND) * 1_000)
  await allHave(h, leader)
  expect(await h.checkSingleLeader()).toEqual({ id: leader, term })
})

// Those of the MIT lab: kvraft B, with a stricter bound for the log.

/** So little that snapshots are taken all the time. */
const ALL_THE_TIME: HarnessOptions = {
  settings: { minSnapshotLength: 1_000, pieceLength: 200 },
}

scenario(
  'one key takes no more than 500 bytes of snapshot, and twice the threshold of log',
  3,
  async (h) => {
    const client = h.client()
    for (let i = 0; i < 200; i += 1) {
      for (const value of ['0', '1']) {
        await client.put('x', value)
        expect(await client.get('x')).toMatchObject({ value })
      }
      for (const id of h.ids) {
        const { length, threshold } = h.consensus(id).snapshots
        expect(length).toBeLessThanOrEqual(500)
        expect(lengthOf(h, id)).toBeLessThanOrEqual(2 * threshold)
      }
    }
    for (const id of h.ids) expect(h.report(id).snapshotIndex).toBeGreaterThan(300)
  },
  { ...ALL_THE_TIME, network: 'simulated' },
)

scenario(
  'a thousand operations wait for no snapshot',
  3,
  async (h) => {
    const client = h.client()
    await client.put('x', '')
    const startedAtMs = h.nowMs()
    for (let i = 0; i < 1_000; i += 1) await client.append('x', 'y')
    expect(h.nowMs() - startedAtMs).toBeLessThan(33_300)
    const { id } = await h.checkSingleLeader()
    expect(h.report(id).snapshotIndex).toBeGreaterThan(900)
  },
  { ...ALL_THE_TIME, network: 'simulated' },
)

scenario(
  'a majority that needs who has missed all gives it a snapshot, and goes on',
  3,
  async (h) => {
    const client = h.client()
    await client.put('a', 'A')
    const { id } = await h.checkSingleLeader()
    const [next = 0, missing = 0] = h.ids.filter((each) => each !== id)
    h.partition([[id, next], [missing]])
    for (let i = 0; i < 50; i += 1) await client.put(`${i}`, `${i}`)
    await client.put('b', 'B')
    for (const each of [id, next]) {
      const { threshold } = h.consensus(each).snapshots
      expect(lengthOf(h, each)).toBeLessThanOrEqual(2 * threshold)
    }
    h.partition([[id, missing], [next]])
    await client.put('c', 'C')
    expect(await client.get('a')).toMatchObject({ value: 'A' })
    expect(await client.get('49')).toMatchObject({ value: '49' })
    expect(h.report(missing).snapshotIndex).toBeGreaterThan(10)
    h.heal()
    await client.put('d', 'D')
    expect(await client.get('c')).toMatchObject({ value: 'C' })
  },
  ALL_THE_TIME,
)

/** Splits the servers anew, by chance, and then lets them be whole for a moment. */
async function split(h: Harness): Promise<void> {
  const sides: number[][] = [[], []]
  for (const id of h.ids) sides[h.chance() < 0.5 ? 0 : 1]?.push(id)
  h.partition(sides)
  await h.sleepMs(ELECTION_MS * (0.5 + h.chance()))
  h.heal()
}

for (const [clients, servers, keys, troubles] of [
  [1, 5, 3, ['power failures']],
  [20, 5, 20, ['power failures']],
  [5, 5, 3, ['an unreliable network']],
  [5, 5, 3, ['power failures', 'an unreliable network']],
  [5, 5, 3, ['power failures', 'an unreliable network', 'partitions']],
  [15, 7, 8, ['power failures', 'an unreliable network', 'partitions']],
] as const) {
  const has = (trouble: string) => (troubles as readonly string[]).includes(trouble)
  const who = clients === 1 ? 'one client' : `${clients} clients`
  scenario(
    `snapshots all the time: ${who} of ${servers} servers, ${troubles.join(', ')}`,
    servers,
    async (h) => {
      h.setReliable(!has('an unreliable network'))
      const load = new Load(h, { clients, keys })
      // Many do as much in one round as few in three.
      for (let i = 0; i < (clients > 5 ? 1 : 3); i += 1) {
        await h.sleepMs(ELECTION_MS)
        if (has('partitions')) await split(h)
        if (!has('power failures')) continue
        for (const id of h.ids) await h.crashPeer(id)
        for (const id of h.ids) await h.restartPeer(id)
      }
      await h.sleepMs(ELECTION_MS)
      h.setReliable(true)
      await load.end()
      load.mustHaveDone(0)
      const { id } = await h.checkSingleLeader()
      await allHave(h, id)
      expect(h.report(id).snapshotIndex).toBeGreaterThan(0)
      for (const each of h.ids) {
        const { threshold } = h.consensus(each).snapshots
        expect(lengthOf(h, each)).toBeLessThanOrEqual(2 * threshold)
      }
    },
    { ...ALL_THE_TIME, network: 'simulated' },
  )
}
