/**
 * A service and its clients: what they are answered, and what they see. When a scenario is
 * over, an order of all operations is looked for that explains every answer.
 */
import { expect } from 'vitest'
import { UnknownOutcome } from '../src/client.ts'
import { type RecordedClient, SILENCE_MS } from './client.ts'
import { type Harness, scenario } from './harness.ts'
import { Load } from './load.ts'

/** In ms: within this a new leader is elected, and has told everyone. */
const ELECTION_MS = 1_000

function clientsOf(h: Harness, count: number): RecordedClient[] {
  return Array.from({ length: count }, () => h.client())
}

/** The ids of the others, from the next one on. */
function others(h: Harness, id: number): number[] {
  return h.ids.slice(1).map((i) => (id + i) % h.ids.length)
}

/** In real time it is up to the machine how long things take. */
function expectWithin(h: Harness, sinceMs: number, ms: number): void {
  if (h.run.network === 'simulated') expect(h.nowMs() - sinceMs).toBeLessThan(ms)
}

// Those of the Go original.

scenario(
  'a service starts, and stops, though nobody asks for anything',
  3,
  async (h) => {
    await h.checkSingleLeader()
    h.client()
  },
)

scenario('a request that comes before there is a leader waits for one', 3, async (h) => {
  const client = h.client()
  expect(h.ids.some((id) => h.report(id).isLeader)).toBe(false)
  await client.put('x', '1')
  expect(await client.get('x')).toMatchObject({ value: '1' })
})

scenario('a client gets what it put, and nothing where it put nothing', 3, async (h) => {
  const client = h.client()
  const { version } = await client.put('x', '1')
  expect(await client.get('x')).toEqual({ value: '1', version })
  expect(await client.get('y')).toBeNull()
})

scenario('a change tells what was there before', 3, async (h) => {
  const client = h.client()
  expect(await client.put('x', '1')).toMatchObject({ held: true, previous: null })
  expect(await client.append('x', '2')).toMatchObject({ previous: '1' })
  expect(await client.put('x', '3')).toMatchObject({ previous: '12' })
  expect(await client.delete('x')).toMatchObject({ previous: '3' })
  expect(await client.delete('x')).toMatchObject({ version: null, previous: null })
})

scenario('what one client puts, another gets', 3, async (h) => {
  const [first, second] = clientsOf(h, 2) as [RecordedClient, RecordedClient]
  await first.put('x', 'of the first')
  expect(await second.get('x')).toMatchObject({ value: 'of the first' })
  await second.put('x', 'of the second')
  expect(await first.get('x')).toMatchObject({ value: 'of the second' })
})

scenario('a change on a condition is made only where it holds', 3, async (h) => {
  const client = h.client()
  const first = await client.put('x', '1', { if: { absent: true } })
  expect(first.held).toBe(true)
  expect(await client.put('x', '2', { if: { absent: true } })).toEqual({
    held: false,
    version: first.version,
    previous: null,
  })
  const version = first.version as number
  const second = await client.put('x', '2', { if: { version } })
  expect(second).toMatchObject({ held: true, previous: '1' })
  expect(await client.delete('x', { if: { version } })).toMatchObject({ held: false })
  expect(await client.get('x')).toMatchObject({ value: '2' })
})

scenario('of twenty clients that change one version, one does', 3, async (h) => {
  const clients = clientsOf(h, 20)
  const { version } = await (clients[0] as RecordedClient).put('x', 'none')
  const changes = clients.map((client, i) =>
    client.put('x', `${i}`, { if: { version: version as number } }),
  )
  const held = (await Promise.all(changes)).filter((change) => change.held)
  expect(held).toHaveLength(1)
})

for (const size of [3, 5]) {
  scenario(`nine clients at once are served by ${size} servers`, size, async (h) => {
    const clients = clientsOf(h, 9)
    await Promise.all(
      clients.map(async (client, i) => {
        await client.put(`key ${i}`, `value ${i}`)
        expect(await client.get(`key ${i}`)).toMatchObject({ value: `value ${i}` })
      }),
    )
    const listed = await h.client().list('key ')
    expect(listed.map(({ value }) => value)).toEqual(clients.map((_, i) => `value ${i}`))
  })
}

scenario('what was put outlives that its leader is cut off', 3, async (h) => {
  const client = h.client()
  const { id } = await h.checkSingleLeader()
  for (const key of ['a', 'b', 'c']) await client.put(key, `of ${key}`)
  h.disconnectPeer(id)
  for (const key of ['a', 'b', 'c']) {
    expect(await client.get(key)).toMatchObject({ value: `of ${key}` })
  }
  await client.put('d', 'of a later term')
  h.reconnectPeer(id)
  await h.sleepMs(ELECTION_MS)
  expect(await client.get('d')).toMatchObject({ value: 'of a later term' })
})

scenario('nothing is done while too many servers are cut off', 3, async (h) => {
  const client = h.client({ timeoutMs: 2_000 })
  const { id } = await h.checkSingleLeader()
  await client.put('x', '1')
  for (const gone of [id, (id + 1) % 3]) h.disconnectPeer(gone)
  await expect(client.get('x')).rejects.toThrow()
  for (const gone of [id, (id + 1) % 3]) h.reconnectPeer(gone)
  await h.sleepMs(ELECTION_MS)
  expect(await client.get('x')).toMatchObject({ value: '1' })
})

scenario('a follower that crashes is not missed', 3, async (h) => {
  const client = h.client()
  const { id } = await h.checkSingleLeader()
  await client.put('x', '1')
  await h.crashPeer((id + 1) % 3)
  await client.append('x', '2')
  expect(await client.get('x')).toMatchObject({ value: '12' })
})

scenario('what was put outlives its leader', 3, async (h) => {
  const client = h.client()
  const { id } = await h.checkSingleLeader()
  await client.put('x', '1')
  await h.crashPeer(id)
  expect(await client.get('x')).toMatchObject({ value: '1' })
})

// Not as in part4: reads have three kinds of consistency.
scenario('a leader that crashes and returns has what it missed', 3, async (h) => {
  const client = h.client()
  const { id } = await h.checkSingleLeader()
  await client.put('x', '1')
  await h.crashPeer(id)
  expect(await client.get('x')).toMatchObject({ value: '1' })
  await client.append('x', '2')
  await h.restartPeer(id)
  await h.sleepMs(ELECTION_MS)
  // It answers by itself, from what it has applied.
  const there = h.client({ servers: [`${id}`] })
  expect(await there.get('x', { consistency: 'stale' })).toMatchObject({ value: '12' })
})

// Those of the MIT lab: kvraft A.

scenario(
  'a thousand operations one after the other wait for no heartbeat',
  3,
  async (h) => {
    const client = h.client()
    await client.put('x', '')
    const startedAtMs = h.nowMs()
    for (let i = 0; i < 1_000; i += 1) await client.put('x', `${i}`)
    // Each takes two messages to the leader and back, and two to a follower and back.
    expectWithin(h, startedAtMs, 33_300)
  },
)

scenario(
  'clients that are busy with the same keys agree on what happened',
  5,
  async (h) => {
    const load = new Load(h, { clients: 5 })
    await h.sleepMs(3_000)
    await load.end()
    load.mustHaveDone(100)
  },
)

scenario('clients agree over an unreliable network', 5, async (h) => {
  h.setReliable(false)
  const load = new Load(h, { clients: 5 })
  await h.sleepMs(5_000)
  h.setReliable(true)
  await load.end()
  load.mustHaveDone(10)
})

scenario(
  'appends to one key over an unreliable network are in one order',
  3,
  async (h) => {
    h.setReliable(false)
    const clients = clientsOf(h, 5)
    const appended = await Promise.all(
      clients.map(async (client, i) => {
        const known: string[] = []
        for (let n = 0; n < 10; n += 1) {
          const text = `(${i} ${n})`
          await client.append('x', text).then(
            () => known.push(text),
            () => {},
          )
        }
        return known
      }),
    )
    h.setReliable(true)
    const { value } = (await h.client().get('x')) ?? { value: '' }
    for (const known of appended) {
      const places = known.map((text) => value.indexOf(text))
      expect(places).not.toContain(-1)
      expect(places).toEqual([...places].sort((a, b) => a - b))
      for (const text of known) expect(value.split(text)).toHaveLength(2)
    }
  },
)

scenario('a minority answers nothing, and a majority goes on', 5, async (h) => {
  const { id } = await h.checkSingleLeader()
  const minority = [id, (id + 1) % 5]
  const majority = h.ids.filter((other) => !minority.includes(other))
  h.partition([minority, majority])
  const options = { servers: minority.map(String), timeoutMs: 10_000 }
  const waiting = [
    h.client(options).put('x', 'of the minority').catch(nothing),
    h.client(options).get('x'),
  ]
  let answers = 0
  for (const answer of waiting) answer.finally(() => (answers += 1)).catch(nothing)
  await h.sleepMs(900)
  expect(answers).toBe(0)
  await h.client({ servers: majority.map(String) }).put('x', 'of the majority')

  h.heal()
  const healedAtMs = h.nowMs()
  await Promise.all(waiting)
  expectWithin(h, healedAtMs, 3_000)
})

/** Splits the servers anew every so often, each time by chance. */
async function splitAgainAndAgain(h: Harness, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += ELECTION_MS) {
    const sides: number[][] = [[], []]
    for (const id of h.ids) sides[h.chance() < 0.5 ? 0 : 1]?.push(id)
    h.partition(sides)
    await h.sleepMs(ELECTION_MS * (0.5 + h.chance()))
  }
  h.heal()
}

for (const count of [1, 5]) {
  const who = count === 1 ? 'one client' : `${count} clients`
  scenario(`partitions again and again do not confuse ${who}`, 5, async (h) => {
    const load = new Load(h, { clients: count })
    await splitAgainAndAgain(h, 5_000)
    await h.sleepMs(ELECTION_MS)
    await load.end()
    load.mustHaveDone(0)
  })
}

/** All servers lose power, and come back. */
async function crashAll(h: Harness): Promise<void> {
  for (const id of h.ids) await h.crashPeer(id)
  await h.sleepMs(100)
  for (const id of h.ids) await h.restartPeer(id)
}

for (const [count, reliable, split] of [
  [1, true, false],
  [5, true, false],
  [5, false, false],
  [5, true, true],
  [5, false, true],
] as const) {
  const network = reliable ? '' : ', over an unreliable network'
  const partitions = split ? ', between partitions' : ''
  const whose = count === 1 ? 'one client' : `${count} clients`
  scenario(
    `power failures of all lose nothing of ${whose}${network}${partitions}`,
    5,
    async (h) => {
      h.setReliable(reliable)
      const load = new Load(h, { clients: count })
      for (let i = 0; i < 3; i += 1) {
        if (split) await splitAgainAndAgain(h, ELECTION_MS)
        else await h.sleepMs(ELECTION_MS)
        await crashAll(h)
      }
      await h.sleepMs(2 * ELECTION_MS)
      h.setReliable(true)
      await load.end()
      load.mustHaveDone(0)
    },
  )
}

scenario('fifteen clients of seven servers, and everything at once', 7, async (h) => {
  h.setReliable(false)
  const load = new Load(h, { clients: 15 })
  for (let i = 0; i < 2; i += 1) {
    await splitAgainAndAgain(h, 2 * ELECTION_MS)
    await crashAll(h)
    await h.sleepMs(ELECTION_MS)
  }
  h.setReliable(true)
  await load.end()
  load.mustHaveDone(0)
})

// Those of the MIT lab: rsm.

// Not as in part6: their leader hears no majority, and steps down.
scenario(
  'a hundred operations in a minority wait, and are all answered',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const { commitIndex } = h.report(id)
    h.partition([[id], others(h, id)])
    let [done, unknown] = [0, 0]
    const client = h.client({ servers: [`${id}`] })
    const all = Array.from({ length: 100 }, (_, i) =>
      client.put(`key ${i}`, 'x').then(
        () => (done += 1),
        (error) => {
          if (error instanceof UnknownOutcome) unknown += 1
        },
      ),
    )
    await h.sleepMs(900)
    expect(h.report(id)).toMatchObject({ isLeader: false, commitIndex })
    expect([done, unknown]).toEqual([0, 0])

    h.heal()
    await h.sleepMs(1_000)
    await Promise.all(all)
    expect(done + unknown).toBe(100)
  },
)

scenario('who waits at a server that stops is served by the others', 3, async (h) => {
  const clients = clientsOf(h, 100)
  await Promise.all(clients.map((client, i) => client.put(`key ${i}`, 'before')))
  const { id } = await h.checkSingleLeader()
  for (const other of others(h, id)) h.disconnectPeer(other)
  const { lastLogIndex } = h.report(id)
  const changes = clients.map((client, i) => client.append(`key ${i}`, '!'))
  while (h.report(id).lastLogIndex < lastLogIndex + changes.length) await h.sleepMs(10)
  const stoppedAtMs = h.nowMs()
  h.stopPeer(id)
  for (const other of others(h, id)) h.reconnectPeer(other)
  for (const change of await Promise.all(changes)) {
    expect(change.previous).toBe('before')
  }
  expectWithin(h, stoppedAtMs, ELECTION_MS + SILENCE_MS)
})

// And what neither has.

scenario(
  'a leader that cannot hear answers "unknown", and others answer',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const load = new Load(h, { clients: 3 })
    await h.sleepMs(500)
    for (const other of others(h, id)) h.cutLink(other, id)
    await h.sleepMs(ELECTION_MS)
    for (const other of others(h, id)) h.mendLink(other, id)
    await h.sleepMs(ELECTION_MS)
    const before = load.done
    await h.sleepMs(500)
    await load.end()
    load.mustHaveDone(before)
  },
)

scenario('a leader that stood still does not answer from the past', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const load = new Load(h, { clients: 5, keys: 1 })
  for (let i = 0; i < 5; i += 1) {
    const leader = h.ids.find((id) => h.report(id).isLeader) ?? id
    await h.sleepMs(300)
    h.pausePeer(leader)
    await h.sleepMs(ELECTION_MS)
    h.resumePeer(leader)
  }
  await load.end()
  load.mustHaveDone(0)
})

scenario('a client that is cut off is told in the end, and goes on', 3, async (h) => {
  const client = h.client()
  await client.put('x', '1')
  const change = client.append('x', '2').catch((error: Error) => error)
  h.cutClient(client)
  const outcome = await change
  expect(outcome).toBeInstanceOf(UnknownOutcome)
  h.mendClient(client)
  // It finds out by itself which of the two it was.
  expect(['1', '12']).toContain((await client.get('x'))?.value)
})

scenario('clocks that differ change nothing that clients see', 5, async (h) => {
  for (const id of h.ids) h.cause({ kind: 'clock', server: id, rate: 0.6 + 0.3 * id })
  const load = new Load(h, { clients: 4 })
  await h.sleepMs(ELECTION_MS)
  await h.crashPeer((await h.checkSingleLeader()).id)
  await h.sleepMs(2 * ELECTION_MS)
  await load.end()
  load.mustHaveDone(0)
})

scenario(
  'a follower behind a slow link does not hold up the clients',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    h.slowLink(id, (id + 1) % 3, 20_000)
    const load = new Load(h, { clients: 5 })
    await h.sleepMs(2_000)
    await load.end()
    load.mustHaveDone(100)
    expect(h.report(id)).toMatchObject({ isLeader: true })
  },
  { network: 'simulated' },
)

scenario(
  'leader after leader loses power, and nothing that was answered',
  5,
  async (h) => {
    const load = new Load(h, { clients: 5 })
    for (let i = 0; i < 5; i += 1) {
      await h.sleepMs(ELECTION_MS)
      const leader = h.ids.find((id) => h.isAlive(id) && h.report(id).isLeader)
      if (leader === undefined) continue
      await h.crashPeer(leader)
      await h.sleepMs(200)
      await h.restartPeer(leader)
    }
    await h.sleepMs(ELECTION_MS)
    await load.end()
    load.mustHaveDone(100)
  },
)

function nothing(): void {}
