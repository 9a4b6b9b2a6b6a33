/** Elections when servers and links fail: the scenarios of the Go original, and more. */
import { type Random, randomStreams } from 'tools/lab'
import { expect } from 'vitest'
import { type Harness, scenario } from './harness.ts'

/** Longer than an election takes, in ms. */
const ELECTION_MS = 450

scenario('a new cluster elects one leader and keeps it', 3, async (h) => {
  const first = await h.checkSingleLeader()
  await h.sleepMs(2_000)
  expect(await h.checkSingleLeader()).toEqual(first)
})

scenario('the others elect a new leader when the leader is cut off', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.disconnectPeer(old.id)

  const next = await h.checkSingleLeader()
  expect(next.id).not.toBe(old.id)
  expect(next.term).toBeGreaterThan(old.term)
})

scenario('one of three servers alone never becomes the leader', 3, async (h) => {
  const old = await h.checkSingleLeader()
  const other = (old.id + 1) % 3
  h.disconnectPeer(old.id)
  h.disconnectPeer(other)

  await h.sleepMs(ELECTION_MS)
  h.checkNoLeader()

  h.reconnectPeer(other)
  await h.checkSingleLeader()
})

scenario('a cluster that fell apart elects a leader once it is whole', 3, async (h) => {
  await h.sleepMs(100)
  for (const id of h.ids) h.disconnectPeer(id)
  await h.sleepMs(ELECTION_MS)
  h.checkNoLeader()

  for (const id of h.ids) h.reconnectPeer(id)
  await h.checkSingleLeader()
})

for (const size of [3, 5]) {
  const name = `an old leader that returns to ${size} servers does not depose the new one`
  scenario(name, size, async (h) => {
    const old = await h.checkSingleLeader()
    h.disconnectPeer(old.id)
    await h.sleepMs(ELECTION_MS)
    const next = await h.checkSingleLeader()

    h.reconnectPeer(old.id)
    await h.sleepMs(150)
    expect(await h.checkSingleLeader()).toEqual(next)
    expect(h.report(old.id)).toMatchObject({ role: 'Follower', term: next.term })
  })
}

scenario('a follower that comes back forces a new election', 3, async (h) => {
  const old = await h.checkSingleLeader()
  const follower = (old.id + 1) % 3
  h.disconnectPeer(follower)
  await h.sleepMs(650)

  // Alone it timed out again and again; each time it raised its term.
  h.reconnectPeer(follower)
  await h.sleepMs(150)
  const next = await h.checkSingleLeader()
  expect(next.term).toBeGreaterThan(old.term)
})

scenario('leaders are lost and regained over and over', 3, async (h) => {
  for (let cycle = 0; cycle < 5; cycle += 1) {
    const { id } = await h.checkSingleLeader()
    const other = (id + 1) % 3
    h.disconnectPeer(id)
    h.disconnectPeer(other)
    await h.sleepMs(310)
    h.checkNoLeader()

    h.reconnectPeer(other)
    h.reconnectPeer(id)
    await h.sleepMs(150)
  }
  await h.checkSingleLeader()
})

for (const size of [5, 7]) {
  const name = `${size} servers replace their leader as long as a majority is left`
  scenario(name, size, async (h) => {
    for (let lost = 0; lost < Math.floor(size / 2); lost += 1) {
      const { id } = await h.checkSingleLeader()
      h.disconnectPeer(id)
    }
    const { id } = await h.checkSingleLeader()

    // One more is one too many.
    h.disconnectPeer(id)
    await noLeaderFor(h, 2_000)
  })
}

scenario(
  'whichever three of seven are cut off, the others have a leader',
  7,
  async (h) => {
    const random = randomStreams(h.run.seed)()
    for (let round = 0; round < 10; round += 1) {
      const old = await h.checkSingleLeader()
      const cutOff = shuffled(h.ids, random).slice(0, 3)
      for (const id of cutOff) h.disconnectPeer(id)

      // The old leader if it is among them, or else a new one, which needs all four votes.
      const next = await h.checkSingleLeader()
      expect(cutOff).not.toContain(next.id)
      if (next.id !== old.id) expect(next.term).toBeGreaterThan(old.term)
      for (const id of cutOff) h.reconnectPeer(id)
    }
    await h.checkSingleLeader()
  },
)

scenario('without a majority there is no leader', 5, async (h) => {
  await h.checkSingleLeader()
  h.partition([[0, 1], [2, 3], [4]])
  await noLeaderFor(h, 5_000)

  h.heal()
  await h.checkSingleLeader()
})

scenario(
  'a split vote is resolved by time-outs drawn anew',
  5,
  async (h) => {
    // All five ask for votes at the same instant, and each has voted for itself.
    await h.sleepMs(160)
    expect(h.ids.map((id) => h.report(id).role)).toEqual(Array(5).fill('Candidate'))

    const { term } = await h.checkSingleLeader()
    expect(term).toBeGreaterThan(1)
  },
  { luck: shortestTimeoutFirst },
)

scenario('a partitioned leader steps down when the network heals', 5, async (h) => {
  const old = await h.checkSingleLeader()
  const [friend, ...others] = h.ids.filter((id) => id !== old.id) as [
    number,
    ...number[],
  ]
  h.partition([[old.id, friend], others])
  const next = await h.checkSingleLeader()
  expect(others).toContain(next.id)
  // It cannot know: nothing in this part tells a leader that it has lost the majority.
  expect(h.report(old.id)).toMatchObject({ role: 'Leader', term: old.term })

  h.heal()
  await h.sleepMs(150)
  expect(h.report(old.id)).toMatchObject({ role: 'Follower', term: next.term })
})

scenario('a leader that can speak but not hear keeps its followers', 3, async (h) => {
  const old = await h.checkSingleLeader()
  for (const id of h.ids) h.cutLink(id, old.id)
  await h.sleepMs(2_000)
  expect(h.report(old.id)).toMatchObject({ role: 'Leader', term: old.term })
})

scenario('a leader that can hear but not speak is replaced', 3, async (h) => {
  const old = await h.checkSingleLeader()
  for (const id of h.ids) h.cutLink(old.id, id)
  const next = await h.checkSingleLeader()
  expect(next.id).not.toBe(old.id)
  expect(h.report(old.id).role).not.toBe('Leader')

  for (const id of h.ids) h.mendLink(old.id, id)
  await h.checkSingleLeader()
})

scenario('a cluster of one elects itself', 1, async (h) => {
  // Long enough for a second election, if its leader waited for one.
  await h.sleepMs(610)
  expect(h.report(0)).toMatchObject({ id: 0, term: 1, role: 'Leader', isLeader: true })
})

scenario('a leader that stood still finds a new one when it goes on', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.pausePeer(old.id)
  await h.sleepMs(ELECTION_MS)
  const next = await h.checkSingleLeader()
  expect(next.id).not.toBe(old.id)

  h.resumePeer(old.id)
  await h.sleepMs(150)
  expect((await h.checkSingleLeader()).term).toBeGreaterThan(old.term)
})

scenario('a leader is found after a storm of lost and late messages', 5, async (h) => {
  h.setReliable(false)
  await h.sleepMs(3_000)
  h.setReliable(true)
  await h.sleepMs(ELECTION_MS)
  await h.checkSingleLeader()
})

scenario(
  'whatever fails, and whenever, no term has two leaders',
  5,
  async (h) => {
    const random = randomStreams(h.run.seed)()
    for (let round = 0; round < 60; round += 1) {
      breakOrMend(h, random)
      // The invariants are checked after everything that happens meanwhile.
      await h.sleepMs(150 * random())
    }

    mendAll(h)
    await h.sleepMs(ELECTION_MS)
    await h.checkSingleLeader()
  },
  { luck: closeTogether },
)

scenario(
  'a leader behind slow links, on a slow machine, keeps its followers',
  3,
  async (h) => {
    const first = await h.checkSingleLeader()
    // 20 ms or so for a heartbeat, on the link and on the machine.
    for (const id of h.ids) if (id !== first.id) h.slowLink(first.id, id, 5_000)
    h.slowMachine(first.id, { bytesPerSecond: 20_000 })
    await h.sleepMs(2_000)
    expect(await h.checkSingleLeader()).toEqual(first)

    h.slowMachine(first.id, { bytesPerSecond: 200 })
    await h.sleepMs(2_000)
    h.fastMachine(first.id)
    for (const id of h.ids) if (id !== first.id) h.fastLink(first.id, id)
    expect((await h.checkSingleLeader()).term).toBeGreaterThan(first.term)
  },
  { network: 'simulated' },
)

scenario('a leader whose calls are lost is replaced', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.peerDropCallsAfterN(old.id, 0)
  await h.sleepMs(ELECTION_MS)
  const next = await h.checkSingleLeader()
  expect(next.term).toBeGreaterThan(old.term)

  h.peerDontDropCalls(old.id)
  await h.checkSingleLeader()
})

/** Every server times out at the same moment at first, and by its own luck after that. */
function shortestTimeoutFirst(random: () => number): () => number {
  let isFirst = true
  return () => {
    const value = isFirst ? 0 : random()
    isFirst = false
    return value
  }
}

/** Timeouts are mostly short, and much alike: elections meet each other. */
function closeTogether(random: Random): Random {
  return () => random() ** 3
}

/** Anything that can happen to a cluster and its network, or the end of it. */
function breakOrMend(h: Harness, random: Random): void {
  const [one, other, ...others] = shuffled(h.ids, random) as [
    number,
    number,
    ...number[],
  ]
  const choices = [
    () => h.disconnectPeer(one),
    () => h.cutLink(one, other),
    () => h.partition([[one, other], others]),
    () => h.pausePeer(one),
    () => h.resumePeer(one),
    () => h.setReliable(false),
    () => h.setReliable(true),
    () => h.heal(),
    () => mendAll(h),
  ]
  choices[Math.floor(random() * choices.length)]?.()
}

function mendAll(h: Harness): void {
  h.heal()
  h.setReliable(true)
  for (const id of h.ids) {
    h.reconnectPeer(id)
    h.resumePeer(id)
  }
}

function shuffled(ids: readonly number[], random: Random): number[] {
  const order = new Map(ids.map((id) => [id, random()]))
  return ids.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
}

async function noLeaderFor(h: Harness, ms: number): Promise<void> {
  await h.sleepMs(ELECTION_MS)
  for (let waited = 0; waited < ms; waited += 50) {
    h.checkNoLeader()
    await h.sleepMs(50)
  }
}
