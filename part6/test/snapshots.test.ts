/**
 * Snapshots: a log that begins after one, servers that get one, and what is left after a
 * crash. The scenarios are those of the MIT lab 6.824 (3D), and some that it has not.
 */
import { expect } from 'vitest'
import { type Harness, type HarnessOptions, scenario } from './harness.ts'

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
    expect(h.logBounds(0).first).toBe(index + 1)
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
