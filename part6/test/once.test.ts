/**
 * Exactly once, and reads that write nothing: what a client sees while servers are cut off,
 * crash, and change. Whatever a client asks for anew must be done once.
 */
import { expect, test } from 'vitest'
import { NotDone, UnknownOutcome } from '../src/client.ts'
import { type RecordedClient, SILENCE_MS } from './client.ts'
import { Harness, scenario } from './harness.ts'

/** In ms: within this a new leader is elected, and has told everyone. */
const ELECTION_MS = 1_000
/** Clocks that run 10 % too slow and too fast: as far as leases hold. */
const SLOW = 0.9
const FAST = 1.1

/** The ids of the others, from the next one on. */
function others(h: Harness, id: number): number[] {
  return h.ids.slice(1).map((i) => (id + i) % h.ids.length)
}

/** Whatever `id` says to a client is lost, until what is returned is called. */
function silence(h: Harness, id: number, client: RecordedClient): () => void {
  h.cutLink(id, client.id)
  return () => h.mendLink(id, client.id)
}

/** Cuts a leader off from its peers, though not from clients. @returns what ends it. */
function cutFromPeers(h: Harness, id: number): () => void {
  for (const other of others(h, id)) {
    h.cutLink(id, other)
    h.cutLink(other, id)
  }
  return () => h.heal()
}

// Exactly once.

scenario('an append whose answer was lost is made once', 3, async (h) => {
  const client = h.client()
  await client.put('x', '')
  const { id } = await h.checkSingleLeader()
  const hear = silence(h, id, client)
  const append = client.append('x', 'once ')
  await h.sleepMs(SILENCE_MS + 500)
  hear()
  expect(await append).toMatchObject({ held: true, previous: '' })
  expect(await client.get('x')).toMatchObject({ value: 'once ' })
})

scenario('an append whose answer comes 300 ms late is made once', 3, async (h) => {
  const client = h.client()
  await client.put('x', '')
  const { id } = await h.checkSingleLeader()
  h.pausePeer(id)
  const append = client.append('x', 'once ')
  await h.sleepMs(300)
  h.resumePeer(id)
  await append
  expect(await client.get('x')).toMatchObject({ value: 'once ' })
})

scenario('the next leader gives the answer that the last one lost', 3, async (h) => {
  const client = h.client()
  await client.put('x', '')
  const { id } = await h.checkSingleLeader()
  silence(h, id, client)
  const append = client.append('x', 'once ')
  await h.sleepMs(100)
  await h.crashPeer(id)
  expect(await append).toMatchObject({ held: true, previous: '' })
  expect(await client.get('x')).toMatchObject({ value: 'once ' })
})

scenario('what was carried out is known after all have crashed', 3, async (h) => {
  const client = h.client()
  await client.put('x', '')
  const { id } = await h.checkSingleLeader()
  const hear = silence(h, id, client)
  const append = client.append('x', 'once ')
  await h.sleepMs(200)
  for (const server of h.ids) await h.crashPeer(server)
  for (const server of h.ids) await h.restartPeer(server)
  hear()
  expect(await append).toMatchObject({ previous: '' })
  expect(await client.get('x')).toMatchObject({ value: 'once ' })
})

scenario(
  'a condition that held is not asked again by what comes twice',
  3,
  async (h) => {
    const client = h.client()
    const { version } = await client.put('x', '1')
    const { id } = await h.checkSingleLeader()
    const hear = silence(h, id, client)
    const put = client.put('x', '2', { if: { version: version as number } })
    await h.sleepMs(SILENCE_MS + 500)
    hear()
    expect(await put).toMatchObject({ held: true, previous: '1' })
  },
)

scenario('each append of several clients stands there once', 3, async (h) => {
  const clients = Array.from({ length: 5 }, () => h.client())
  h.setReliable(false)
  await Promise.all(
    clients.map(async (client, i) => {
      for (let n = 0; n < 10; n += 1) await client.append('x', `${i}.${n} `)
    }),
  )
  h.setReliable(true)
  const found = await (clients[0] as RecordedClient).get('x')
  const values = found?.value.trim().split(' ') ?? []
  expect(values).toHaveLength(50)
  expect(new Set(values).size).toBe(50)
  // Of one client, in its order.
  const ofFirst = values.filter((value) => value.startsWith('0.'))
  expect(ofFirst).toEqual(Array.from({ length: 10 }, (_, n) => `0.${n}`))
})

scenario('appends over one leader after the other are made once each', 5, async (h) => {
  const clients = Array.from({ length: 3 }, () => h.client({ timeoutMs: 30_000 }))
  const work = Promise.all(
    clients.map(async (client, i) => {
      for (let n = 0; n < 20; n += 1) await client.append('x', `${i}.${n} `)
    }),
  )
  for (let round = 0; round < 4; round += 1) {
    await h.sleepMs(ELECTION_MS / 2)
    const leader = h.ids.find((id) => h.isAlive(id) && h.report(id).isLeader)
    if (leader === undefined) continue
    await h.crashPeer(leader)
    await h.sleepMs(ELECTION_MS)
    await h.restartPeer(leader)
  }
  await work
  const found = await (clients[0] as RecordedClient).get('x')
  const values = found?.value.trim().split(' ') ?? []
  expect(values).toHaveLength(60)
  expect(new Set(values).size).toBe(60)
})

const FEW_SESSIONS = { sessions: 2, bytes: 10_000, window: 8, idleMs: 600_000 }

scenario(
  'of an operation whose session goes meanwhile the client knows nothing',
  3,
  async (h) => {
    const client = h.client()
    await client.put('x', '')
    const { id } = await h.checkSingleLeader()
    const hear = silence(h, id, client)
    const append = client.append('x', 'once ').catch((error: Error) => error)
    await h.sleepMs(SILENCE_MS / 2)
    // Two others come, and there is room for two.
    for (const other of [h.client(), h.client()]) await other.put('y', '1')
    hear()
    expect(await append).toBeInstanceOf(UnknownOutcome)
    expect(await client.get('x')).toMatchObject({ value: 'once ' })
    // It registers anew.
    expect(await client.append('x', 'twice')).toMatchObject({ previous: 'once ' })
  },
  { settings: { sessionLimits: FEW_SESSIONS } },
)

scenario(
  'a client whose session has gone goes on with another when nothing is open',
  3,
  async (h) => {
    const client = h.client()
    await client.put('x', '1')
    await h.sleepMs(10_000)
    expect(await client.put('x', '2')).toMatchObject({ previous: '1' })
  },
  { settings: { sessionLimits: { ...FEW_SESSIONS, idleMs: 2_000 } } },
)

scenario(
  'an idle client that says that it is there keeps its session',
  3,
  async (h) => {
    const client = h.client()
    const first = await client.put('x', '1')
    const { id } = await h.checkSingleLeader()
    for (let i = 0; i < 10; i += 1) {
      await h.sleepMs(1_000)
      await client.keepAlive()
    }
    const { lastLogIndex } = h.report(id)
    expect(lastLogIndex).toBe((first.version as number) + 10)
    await client.put('x', '2')
    // One entry: it did not have to register.
    expect(h.report(id).lastLogIndex).toBe(lastLogIndex + 1)
  },
  { settings: { sessionLimits: { ...FEW_SESSIONS, idleMs: 2_000 } } },
)

// Reads that write nothing.

scenario('a read leaves no entry behind, and no write', 3, async (h) => {
  const client = h.client()
  await client.put('x', '1')
  const before = h.ids.map((id) => h.report(id).lastLogIndex)
  for (let i = 0; i < 100; i += 1) {
    expect(await client.get('x')).toMatchObject({ value: '1' })
  }
  expect(h.ids.map((id) => h.report(id).lastLogIndex)).toEqual(before)
})

scenario('reads that come together share a round of heartbeats', 3, async (h) => {
  const clients = Array.from({ length: 50 }, () => h.client())
  await (clients[0] as RecordedClient).put('x', '1')
  await Promise.all(clients.map((client) => client.get('x')))
  const before = h.rpcCount()
  await Promise.all(clients.map((client) => client.get('x')))
  // One a client, and a few to each follower.
  expect(h.rpcCount() - before).toBeLessThan(clients.length + 40)
})

scenario('a deposed leader that does not know it answers no read', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const writer = h.client({ servers: others(h, id).map(String) })
  const reader = h.client({ servers: [`${id}`], timeoutMs: 3_000 })
  await writer.put('x', 'old')
  expect(await reader.get('x')).toMatchObject({ value: 'old' })
  const mend = cutFromPeers(h, id)
  await h.sleepMs(ELECTION_MS)
  await writer.put('x', 'new')
  expect(h.report(id).isLeader).toBe(true)
  expect(await reader.get('x', { consistency: 'stale' })).toMatchObject({ value: 'old' })
  await expect(reader.get('x')).rejects.toThrow(Error)
  mend()
  await h.sleepMs(ELECTION_MS)
  const everywhere = h.client()
  expect(await everywhere.get('x')).toMatchObject({ value: 'new' })
})

scenario(
  'a leader that hears the others again answers the reads that waited',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const client = h.client()
    await client.put('x', '1')
    // It can still send: nobody stands for election.
    for (const other of others(h, id)) h.cutLink(other, id)
    const read = client.get('x')
    await h.sleepMs(500)
    h.heal()
    expect(await read).toMatchObject({ value: '1' })
  },
)

scenario(
  'a follower answers reads with what was done before they came',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const writer = h.client()
    for (const other of others(h, id)) {
      const reader = h.client({ servers: [`${other}`] })
      for (let i = 0; i < 20; i += 1) {
        await writer.put('x', `${other}.${i}`)
        const found = await reader.get('x', { consistency: 'follower' })
        expect(found).toMatchObject({ value: `${other}.${i}` })
      }
    }
  },
)

scenario('a follower that was cut off for long waits until it has all', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const [follower] = others(h, id) as [number]
  const writer = h.client()
  await writer.put('x', 'before')
  h.disconnectPeer(follower)
  for (let i = 0; i < 50; i += 1) await writer.put('x', `${i}`)
  h.reconnectPeer(follower)
  const reader = h.client()
  const found = await reader.get('x', { consistency: 'follower' })
  expect(found).toMatchObject({ value: '49' })
})

scenario('a follower that is cut off answers no read', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const [follower] = others(h, id) as [number]
  const client = h.client({ servers: [`${follower}`], timeoutMs: 2_000 })
  await h.client().put('x', '1')
  await h.sleepMs(200)
  const mend = cutFromPeers(h, follower)
  const read = client.get('x', { consistency: 'follower' })
  await expect(read).rejects.toThrow(Error)
  mend()
  await h.sleepMs(ELECTION_MS)
})

scenario(
  'a read right after an election sees all that was done before',
  5,
  async (h) => {
    const client = h.client()
    for (let round = 0; round < 3; round += 1) {
      await client.put('x', `${round}`)
      const { id } = await h.checkSingleLeader()
      await h.crashPeer(id)
      expect(await client.get('x')).toMatchObject({ value: `${round}` })
      await h.restartPeer(id)
    }
  },
)

scenario(
  'a read after all have restarted sees all that was done before',
  3,
  async (h) => {
    const client = h.client()
    await client.put('x', '1')
    for (const id of h.ids) await h.crashPeer(id)
    for (const id of h.ids) await h.restartPeer(id)
    expect(await client.get('x')).toMatchObject({ value: '1' })
  },
)

// In a lease. Over sockets clocks cannot be made to differ.

const LEASE = { settings: { lease: true }, network: 'simulated' } as const

scenario(
  'in a lease a read is answered without a message',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const client = h.client({ servers: [`${id}`] })
    await client.put('x', '1')
    await client.get('x')
    // No longer than a lease, and shorter than a heartbeat’s interval.
    const before = h.rpcCount()
    for (let i = 0; i < 5; i += 1) await client.get('x')
    expect(h.rpcCount() - before).toBeLessThan(5 + 10)
  },
  LEASE,
)

scenario(
  'in a lease no read is old, with clocks that differ by 10 %, whoever is cut off',
  3,
  async (h) => {
    await h.checkSingleLeader()
    const readers = h.ids.map((id) => h.client({ servers: [`${id}`], timeoutMs: 20 }))
    for (let round = 0; round < 4; round += 1) {
      const leader = h.ids.find((id) => h.report(id).isLeader) ?? 0
      // The leader’s lease is long, and the others’ promises are short.
      for (const id of h.ids) {
        h.cause({ kind: 'clock', server: id, rate: id === leader ? SLOW : FAST })
      }
      await h.sleepMs(ELECTION_MS)
      const mend = cutFromPeers(h, leader)
      const puts = []
      for (let i = 0; i < 40; i += 1) {
        // Each asks those who elect another, and does not know the leader yet.
        const writer = h.client({ servers: others(h, leader).map(String) })
        puts.push(writer.put('x', `${round}.${i}`).catch(notKnown))
        await Promise.all(readers.map((reader) => reader.get('x').catch(notKnown)))
      }
      await Promise.all(puts)
      mend()
      await h.sleepMs(ELECTION_MS)
    }
  },
  LEASE,
)

test('beyond that bound a read in a lease can be old', async () => {
  const h = await Harness.create(3, { seed: 2, ...LEASE, except: ['Lease Safety'] })
  const { id } = await h.checkSingleLeader()
  const reader = h.client({ servers: [`${id}`], timeoutMs: 100 })
  await h.client().put('x', 'old')
  for (const other of others(h, id)) {
    h.cause({ kind: 'clock', server: other, rate: 1.9 })
  }
  await h.sleepMs(100)
  await reader.get('x')
  h.cause({ kind: 'clock', server: id, rate: 0.6 })
  cutFromPeers(h, id)
  const elected = () => others(h, id).find((other) => h.report(other).isLeader)
  while (elected() === undefined) await h.sleepMs(1)
  await h.client({ servers: [`${elected()}`] }).put('x', 'new')
  // Three times as slow as theirs, the old leader’s clock says that its lease still runs.
  expect(await reader.get('x')).toMatchObject({ value: 'old' })
  await expect(h.shutdown()).rejects.toThrow('Linearizability')
})

scenario(
  'in a lease whoever does not hear the leader cannot take its place',
  3,
  async (h) => {
    const { id, term } = await h.checkSingleLeader()
    const [deaf] = others(h, id) as [number]
    const writer = h.client({ servers: [`${deaf}`] })
    const reader = h.client({ servers: [`${id}`] })
    await writer.put('x', 'old')
    h.cutLink(id, deaf)
    h.cutLink(deaf, id)
    // It stands for election again and again, and the third server hears the leader.
    for (let i = 0; i < 50; i += 1) {
      const put = writer.put('x', `${i}`)
      await h.sleepMs(10)
      await reader.get('x')
      await put
    }
    expect(h.report(id)).toMatchObject({ isLeader: true, term })
  },
  LEASE,
)

scenario(
  'with leases a server that has restarted elects nobody at once',
  3,
  async (h) => {
    const { id, term } = await h.checkSingleLeader()
    const [first, second] = others(h, id) as [number, number]
    const client = h.client()
    await client.put('x', '1')
    // Both may have promised the leader’s lease, and both forget it.
    for (const other of [first, second]) await h.crashPeer(other)
    for (const other of [first, second]) await h.restartPeer(other)
    await h.sleepMs(100)
    expect(h.report(id)).toMatchObject({ isLeader: true, term })
  },
  LEASE,
)

function notKnown(error: Error): null {
  if (error instanceof NotDone || error instanceof UnknownOutcome) return null
  throw error
}
