/**
 * Servers are added and removed while the cluster works (section 6; thesis, chapter 4), and
 * leaders hand over (3.10). The scenarios are those of the thesis, of etcd-io/raft and of
 * hashicorp/raft, and what went wrong elsewhere.
 */
import { expect } from 'vitest'
import type { Change } from '../src/changes.ts'
import { adding, type Harness, type HarnessOptions, scenario } from './harness.ts'
import { Load } from './load.ts'

/** Longer than an election takes, in ms. */
const ELECTION_MS = 1_000
/** For so long a leader goes on sending to who was removed, or does not learn. */
const PATIENCE_MS = 3_000

const IN_VIRTUAL_TIME: HarnessOptions = { network: 'simulated' }

/** The others, from the next one on. */
function others(h: Harness, id: number): number[] {
  return h.members(id).filter((other) => other !== id)
}

/** Clients that know who is there now work meanwhile, and go on afterwards. */
async function underLoad(h: Harness, work: () => Promise<unknown>): Promise<void> {
  const load = new Load(h, { clients: 2 })
  await work()
  await endWhenItGoesOn(h, load)
}

async function endWhenItGoesOn(h: Harness, load: Load): Promise<void> {
  const { done } = load
  for (let i = 0; i < 50 && load.done < done + 20; i += 1) await h.sleepMs(100)
  expect(load.done).toBeGreaterThanOrEqual(done + 20)
  await load.end()
}

/** The leader, when it has committed an entry of its own: from then on it changes things. */
async function leaderWithEntry(h: Harness): Promise<{ id: number; term: number }> {
  const leader = await h.checkSingleLeader()
  await h.sleepMs(100)
  return leader
}

/** Lets time pass until all of these have the same members in their logs, and these. */
async function untilMembers(
  h: Harness,
  ids: readonly number[],
  members: readonly number[],
): Promise<void> {
  for (let i = 0; i < 100; i += 1) {
    const all = ids.map((id) => h.members(id).join())
    if (all.every((each) => each === members.join())) return
    await h.sleepMs(50)
  }
  const found = ids.map((id) => `server ${id} has ${h.members(id).join()}`).join('; ')
  throw new Error(`${found}, and not ${members.join()}`)
}

/** Whether a server knows that it is gone for good. */
function knowsItWasRemoved(h: Harness, id: number): boolean {
  const { configurations, commitIndex } = h.consensus(id)
  return configurations.isRemoved(id, commitIndex)
}

/** The leader stays who it is, and so does the term. */
async function nobodyDisturbs(h: Harness, ms: number): Promise<void> {
  const leader = await h.checkSingleLeader()
  await h.sleepMs(ms)
  expect(await h.checkSingleLeader()).toEqual(leader)
}

scenario('a cluster grows from one server to three, five and seven', 1, async (h) => {
  for (let i = 0; i < 6; i += 1) {
    const id = await h.addServer()
    const { id: leader } = await h.checkSingleLeader()
    expect(h.members(leader)).toContain(id)
  }
  const { id: leader } = await h.checkSingleLeader()
  expect(h.members(leader)).toEqual([0, 1, 2, 3, 4, 5, 6])
})

scenario('a cluster shrinks from five servers to one', 5, async (h) => {
  for (let i = 0; i < 4; i += 1) {
    const { id } = await h.checkSingleLeader()
    await h.removeServer(id)
  }
  const { id } = await h.checkSingleLeader()
  expect(h.members(id)).toEqual([id])
})

scenario('clients work while one server becomes seven, and one again', 1, async (h) => {
  const client = h.client()
  await client.put('kept', 'all the while')
  for (let i = 0; i < 6; i += 1) await underLoad(h, () => h.addServer())
  for (let i = 0; i < 6; i += 1) {
    await underLoad(h, async () => {
      const { id } = await h.checkSingleLeader()
      // The leader itself, or another, by turns.
      await h.removeServer(i % 2 === 0 ? id : (others(h, id)[0] as number))
    })
  }
  const { id } = await h.checkSingleLeader()
  expect(h.members(id)).toEqual([id])
  expect(await h.client().get('kept')).toMatchObject({ value: 'all the while' })
})

scenario('every server is replaced, one by one, while clients work', 3, async (h) => {
  await h.client().put('kept', 'all the while')
  for (const old of [0, 1, 2]) {
    await underLoad(h, async () => {
      await h.addServer()
      await h.removeServer(old)
    })
    await h.crashPeer(old)
  }
  const { id } = await h.checkSingleLeader()
  expect(h.members(id)).toEqual([3, 4, 5])
  const client = h.client({ servers: ['3', '4', '5'] })
  expect(await client.get('kept')).toMatchObject({ value: 'all the while' })
})

scenario('a client that came before a server is led to it', 3, async (h) => {
  const client = h.client()
  await client.put('x', 'before')
  const id = await h.addServer()
  expect(await h.transferLeadership(id)).toMatchObject({ outcome: 'done' })
  await client.put('x', 'after')
  expect(await client.get('x')).toMatchObject({ value: 'after' })
})

scenario('a new server has all that was done before it came', 3, async (h) => {
  const client = h.client()
  for (let i = 0; i < 20; i += 1) await client.put(`key ${i}`, `${i}`)
  const id = await h.addServer()
  await h.sleepMs(200)
  const reader = h.client({ servers: [`${id}`] })
  const found = await reader.get('key 7', { consistency: 'follower' })
  expect(found).toMatchObject({ value: '7' })
})

scenario(
  'a new server gets a snapshot of what the log has no more',
  3,
  async (h) => {
    const client = h.client()
    for (let i = 0; i < 60; i += 1) await client.put(`key ${i}`, 'x'.repeat(50))
    const { id: leader } = await h.checkSingleLeader()
    for (const id of h.ids) await h.snapshot(id)
    expect(h.logBounds(leader).first).toBeGreaterThan(10)
    const id = await h.addServer()
    expect(h.report(id).snapshotIndex).toBeGreaterThan(10)
    await h.sleepMs(200)
    expect(h.members(id)).toEqual([0, 1, 2, 3])

    // The entries that say who is there are in no log any more: only in snapshots.
    for (let i = 0; i < 60; i += 1) await client.put(`key ${i}`, 'x'.repeat(50))
    for (const each of h.ids) await h.snapshot(each)
    const { index } = h.consensus(id).configurations.latest
    for (const each of h.ids) expect(h.logBounds(each).first).toBeGreaterThan(index)
    for (const each of h.ids) await h.crashPeer(each)
    for (const each of h.ids) await h.restartPeer(each)
    const reader = h.client({ servers: [`${id}`] })
    const found = await reader.get('key 7', { consistency: 'follower' })
    expect(found).toMatchObject({ value: 'x'.repeat(50) })
    await untilMembers(h, h.ids, [0, 1, 2, 3])
  },
  { settings: { pieceLength: 400, minSnapshotLength: 4_000 } },
)

scenario('a new server counts: four servers need three', 3, async (h) => {
  await h.addServer()
  const { id } = await h.checkSingleLeader()
  const [one, two] = others(h, id) as [number, number]
  h.disconnectPeer(one)
  h.submitToServer(id, 'three are left')
  await h.sleepMs(250)
  h.checkCommitted('three are left')

  h.disconnectPeer(two)
  h.submitToServer(id, 'two are left')
  await h.sleepMs(ELECTION_MS)
  h.checkNotCommitted('two are left')
})

scenario('a server that never comes is not added, and holds up nobody', 3, async (h) => {
  const client = h.client()
  const id = await h.newServer()
  await h.crashPeer(id)
  const { id: leader, term } = await leaderWithEntry(h)
  const change = h.tryChange(leader, adding(id))
  for (let i = 0; i < 10; i += 1) {
    await client.put('x', `${i}`)
    await h.sleepMs(100)
  }
  const busy = await h.tryChange(leader, { remove: others(h, leader)[0] as number })
  expect(busy).toEqual({ outcome: 'not done', reason: 'another change is under way' })
  const { outcome, reason } = await change
  expect(outcome).toBe('not done')
  expect(reason).toMatch(`server ${id} has made no progress for `)
  expect(h.report(leader)).toMatchObject({ isLeader: true, term })
  expect(h.members(leader)).toEqual([0, 1, 2])

  // When it comes after all, it can be added.
  await h.restartPeer(id)
  await h.change(adding(id))
  expect(h.members(leader)).toEqual([0, 1, 2, id])
})

scenario(
  'a server behind a link too slow for it is not added',
  3,
  async (h) => {
    const client = h.client()
    for (let i = 0; i < 40; i += 1) await client.put(`key ${i}`, 'x'.repeat(1_000))
    const id = await h.newServer()
    const { id: leader } = await leaderWithEntry(h)
    h.slowLink(leader, id, 2_000)
    const { outcome, reason } = await h.tryChange(leader, adding(id))
    expect(outcome).toBe('not done')
    expect(reason).toMatch(`server ${id} has made no progress for `)
    expect(h.members(leader)).toEqual([0, 1, 2])
  },
  IN_VIRTUAL_TIME,
)

scenario(
  'a new server that crashes each time in the middle of a snapshot is given up',
  3,
  async (h) => {
    const client = h.client()
    for (let i = 0; i < 60; i += 1) await client.put(`key ${i}`, 'x'.repeat(50))
    const { id: leader } = await leaderWithEntry(h)
    for (const each of h.ids) await h.snapshot(each)
    const id = await h.newServer()
    let outcome = ''
    const change = h.tryChange(leader, adding(id)).then((answer) => {
      outcome = answer.outcome
    })
    const end = h.nowMs() + 20 * PATIENCE_MS
    while (outcome === '' && h.nowMs() < end) {
      await h.sleepMs(5)
      if (!h.consensus(id).snapshots.isArriving) continue
      await h.sleepMs(20)
      await h.crashPeer(id)
      await h.sleepMs(ELECTION_MS)
      await h.restartPeer(id)
    }
    expect(outcome).toBe('not done')
    await change
  },
  { ...IN_VIRTUAL_TIME, settings: { pieceLength: 200, minSnapshotLength: 4_000 } },
)

scenario('the leader is removed, and the others go on', 3, async (h) => {
  const { id: old } = await h.checkSingleLeader()
  const left = others(h, old)
  await underLoad(h, () => h.removeServer(old))
  const next = await h.checkSingleLeader()
  expect(left).toContain(next.id)
  await untilMembers(h, left, left)
  // It knows, and stands for no election.
  expect(knowsItWasRemoved(h, old)).toBe(true)
  const { term } = h.report(old)
  await nobodyDisturbs(h, 2 * ELECTION_MS)
  expect(h.report(old)).toMatchObject({ role: 'Follower', term })
})

scenario('a server that is removed learns it, and then stands still', 5, async (h) => {
  const { id } = await h.checkSingleLeader()
  const [gone] = others(h, id) as [number]
  await h.removeServer(gone)
  await h.sleepMs(200)
  expect(knowsItWasRemoved(h, gone)).toBe(true)
  const { term } = h.report(gone)
  await nobodyDisturbs(h, 2 * ELECTION_MS)
  expect(h.report(gone)).toMatchObject({ role: 'Follower', term })
})

scenario(
  'a server is removed while it is cut off, and hears of it in time',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const [gone] = others(h, id) as [number]
    h.disconnectPeer(gone)
    await h.removeServer(gone)
    await h.sleepMs(PATIENCE_MS / 2)
    expect(knowsItWasRemoved(h, gone)).toBe(false)
    h.reconnectPeer(gone)
    await h.sleepMs(200)
    expect(knowsItWasRemoved(h, gone)).toBe(true)
    await nobodyDisturbs(h, ELECTION_MS)
  },
)

scenario(
  'a server that never heard of its removal disturbs nobody (4.2.3)',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const [gone, left] = others(h, id) as [number, number]
    h.disconnectPeer(gone)
    await h.removeServer(gone)
    await h.sleepMs(PATIENCE_MS + ELECTION_MS)
    const { term } = h.report(gone)
    h.reconnectPeer(gone)
    await nobodyDisturbs(h, 3 * ELECTION_MS)
    // It still tries, and has raised no term.
    expect(knowsItWasRemoved(h, gone)).toBe(false)
    expect(h.report(gone)).toMatchObject({ role: 'Follower', term })

    // Nor is it elected when the leader is gone: it takes both of the two that are left.
    await h.crashPeer(id)
    await h.sleepMs(2 * ELECTION_MS)
    expect([gone, left].map((each) => h.report(each).role)).not.toContain('Leader')
    await h.restartPeer(id)
    expect([id, left]).toContain((await h.checkSingleLeader()).id)
  },
)

scenario('a server that hears and cannot speak is removed', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const [gone] = others(h, id) as [number]
  for (const other of h.ids) h.cutLink(gone, other)
  await h.removeServer(gone)
  // Nobody can tell it what is committed before it has said what it has.
  await nobodyDisturbs(h, ELECTION_MS)
  expect(knowsItWasRemoved(h, gone)).toBe(false)
  h.heal()
  await h.sleepMs(200)
  expect(knowsItWasRemoved(h, gone)).toBe(true)
  await nobodyDisturbs(h, ELECTION_MS)
})

scenario(
  'a server that speaks and cannot hear is removed, and disturbs nobody',
  3,
  async (h) => {
    const { id, term } = await h.checkSingleLeader()
    const [gone] = others(h, id) as [number]
    for (const other of h.ids) h.cutLink(other, gone)
    await h.sleepMs(ELECTION_MS)
    await h.removeServer(gone)
    await h.sleepMs(PATIENCE_MS + ELECTION_MS)
    expect(await h.checkSingleLeader()).toEqual({ id, term })
  },
)

scenario('a server that comes back after long raises no term (9.6)', 5, async (h) => {
  const { id } = await h.checkSingleLeader()
  const [away] = others(h, id) as [number]
  h.disconnectPeer(away)
  await h.sleepMs(5 * ELECTION_MS)
  h.reconnectPeer(away)
  await nobodyDisturbs(h, ELECTION_MS)
  expect(h.report(away).leaderId).toBe(id)
})

scenario(
  'a removed server that comes back with its old disk stays out',
  3,
  async (h) => {
    const client = h.client()
    const { id } = await h.checkSingleLeader()
    const [gone] = others(h, id) as [number]
    await h.crashPeer(gone)
    await h.removeServer(gone)
    for (let i = 0; i < 10; i += 1) await client.put('x', `${i}`)
    await h.sleepMs(PATIENCE_MS)
    await h.restartPeer(gone)
    expect(h.members(gone)).toEqual([0, 1, 2])
    await nobodyDisturbs(h, 3 * ELECTION_MS)

    const again = await h.tryChange(id, adding(gone))
    expect(again.outcome).toBe('not done')
    expect(again.reason).toMatch(`server ${gone} was removed. An id is never used twice`)
    // A new id, and an empty disk.
    await h.addServer()
    await untilMembers(h, others(h, id), h.members(id))
    expect(h.members(id)).not.toContain(gone)
  },
)

/** What can be asked of a leader, with who is in the cluster when it is done. */
const CHANGES: Record<string, (h: Harness, leader: number) => Promise<Change>> = {
  'adds a server': async (h) => adding(await h.newServer()),
  'removes a follower': async (h, leader) => ({
    remove: others(h, leader)[0] as number,
  }),
  'removes itself': async (_, leader) => ({ remove: leader }),
}

function membersAfter(members: readonly number[], change: Change): number[] {
  return 'add' in change
    ? [...members, change.add.id]
    : members.filter((id) => id !== change.remove)
}

for (const [name, changeFor] of Object.entries(CHANGES)) {
  scenario(`a leader that ${name} crashes at some step of it`, 4, async (h) => {
    await h.client().put('kept', 'all the while')
    const { id: leader } = await leaderWithEntry(h)
    const before = h.members(leader)
    const change = await changeFor(h, leader)
    const asked = h.tryChange(leader, change)
    await h.sleepMs(h.chance() * 25)
    await h.crashPeer(leader)
    const { outcome } = await asked

    // Each change leaves those who are left one server from what they had.
    await h.checkSingleLeader()
    await h.restartPeer(leader)
    const after = membersAfter(before, change)
    const { id: next } = await h.checkSingleLeader()
    if (outcome === 'done') await untilMembers(h, [next], after)
    await h.change(change)
    await untilMembers(h, after, after)
    expect(await h.client().get('kept')).toMatchObject({ value: 'all the while' })
  })

  scenario(`all restart while a leader ${name}`, 4, async (h) => {
    await h.client().put('kept', 'all the while')
    const { id: leader } = await leaderWithEntry(h)
    const before = h.members(leader)
    const change = await changeFor(h, leader)
    const asked = h.tryChange(leader, change)
    await h.sleepMs(h.chance() * 25)
    for (const id of h.ids) await h.crashPeer(id)
    const { outcome } = await asked
    for (const id of h.ids) await h.restartPeer(id)

    const after = membersAfter(before, change)
    const { id: next } = await h.checkSingleLeader()
    if (outcome === 'done') await untilMembers(h, [next], after)
    await h.change(change)
    await untilMembers(h, after, after)
    expect(await h.client().get('kept')).toMatchObject({ value: 'all the while' })
  })
}

scenario('a new leader undoes what an old one has not committed', 3, async (h) => {
  const old = await leaderWithEntry(h)
  const [one] = others(h, old.id) as [number]
  h.disconnectPeer(old.id)
  const asked = h.tryChange(old.id, { remove: one })
  await h.sleepMs(50)
  // In force where it is in the log, and nowhere else.
  expect(h.members(old.id)).not.toContain(one)
  const next = await h.checkSingleLeader()
  expect(h.members(next.id)).toEqual([0, 1, 2])
  expect(await asked).toMatchObject({ outcome: 'unknown' })

  h.reconnectPeer(old.id)
  await untilMembers(h, h.ids, [0, 1, 2])
  await nobodyDisturbs(h, ELECTION_MS)
})

scenario('a server whose addition is undone waits to be added again', 3, async (h) => {
  const old = await leaderWithEntry(h)
  const id = await h.newServer()
  h.partition([[old.id, id], others(h, old.id)])
  const asked = h.tryChange(old.id, adding(id))
  await h.sleepMs(200)
  expect(h.members(id)).toEqual([0, 1, 2, id])
  // Two of four: neither commits it nor elects.
  const next = await h.checkSingleLeader()
  expect(next.id).not.toBe(old.id)
  expect(await asked).toMatchObject({ outcome: 'unknown' })
  await h.sleepMs(ELECTION_MS)

  h.heal()
  await untilMembers(h, [0, 1, 2], [0, 1, 2])
  // Its log still says that it is a member.
  expect(h.members(id)).toEqual([0, 1, 2, id])
  await nobodyDisturbs(h, 2 * ELECTION_MS)
  await h.change(adding(id))
  await untilMembers(h, [0, 1, 2, id], [0, 1, 2, id])
})

scenario(
  'clients work while servers come and go, and messages are lost',
  3,
  async (h) => {
    for (let round = 0; round < 3; round += 1) {
      h.setReliable(false)
      await underLoad(h, async () => {
        await h.addServer()
        const { id } = await h.checkSingleLeader()
        const members = h.members(id)
        await h.removeServer(members[Math.floor(h.chance() * members.length)] as number)
        h.setReliable(true)
      })
    }
    const { id } = await h.checkSingleLeader()
    expect(h.members(id)).toHaveLength(3)
  },
)

// The flaw of 2015: leaders of two terms change the same configuration, each by one server,
// and what they change it to has majorities that do not meet. So a leader must have committed
// an entry of its own before it may change anything.

/** Four servers: an old leader, a next one, one more on the side of each. */
interface Two {
  readonly old: number
  readonly next: number
  /** Who hears nothing but the vote that is asked for of what the next leader says. */
  readonly withOld: number
}

/** A change that the old leader begins, cut off, and one that the next would at once. */
interface TwoChanges {
  readonly first: (h: Harness, all: Two) => Promise<Change>
  readonly second: (h: Harness, all: Two) => Promise<Change>
}

const TWO_CHANGES: Record<string, TwoChanges> = {
  'an addition and a removal': {
    first: async (h) => adding(await h.newServer()),
    second: async (_, { old }) => ({ remove: old }),
  },
  'two additions': {
    first: async (h) => adding(await h.newServer()),
    second: async (h) => adding(await h.newServer()),
  },
  'two removals': {
    first: async (_, { next }) => ({ remove: next }),
    second: async (_, { old }) => ({ remove: old }),
  },
}

/** The server that a change adds. */
function added(change: Change): number[] {
  return 'add' in change ? [change.add.id] : []
}

for (const [name, { first, second }] of Object.entries(TWO_CHANGES)) {
  scenario(
    `${name} by leaders of two terms leave majorities that meet (2015)`,
    4,
    async (h) => {
      const { id: old } = await leaderWithEntry(h)
      const [next, friend, withOld] = others(h, old) as [number, number, number]
      const all = { old, next, withOld }
      const firstChange = await first(h, all)
      const secondChange = await second(h, all)

      // The old leader has its change in its log, and cannot commit it.
      const ofNext = [next, friend, ...added(secondChange)]
      const ofOld = [old, ...added(firstChange)]
      h.partition([[...ofNext, withOld], ofOld])
      const firstAsked = h.tryChange(old, firstChange)
      await h.sleepMs(100)
      expect(h.members(old)).toEqual(membersAfter([0, 1, 2, 3], firstChange))

      // The next is elected. Of its entry, one voter hears nothing: it is not committed.
      h.timeoutNow(next)
      while (h.consensus(withOld).votedFor !== next) await h.sleepMs(0.25)
      h.cutLink(next, withOld)
      while (!h.report(next).isLeader) await h.sleepMs(0.25)
      h.partition([ofNext, [...ofOld, withOld]])
      const reason = 'the leader has just been elected'
      const refused = { outcome: 'not done', reason }
      expect(await h.tryChange(next, secondChange)).toEqual(refused)
      await h.sleepMs(100)
      expect(await h.tryChange(next, secondChange)).toEqual(refused)

      // The old one has a majority of what it changed to, and leads again.
      await h.sleepMs(4 * ELECTION_MS)
      const wins = [...ofOld, withOld].filter((id) => h.report(id).isLeader)
      expect(wins).toHaveLength(1)
      expect(h.report(next).isLeader).toBe(false)
      await firstAsked

      h.heal()
      const after = membersAfter([0, 1, 2, 3], firstChange)
      await untilMembers(h, after, after)
      // One after the other, both can be had.
      await h.change(secondChange)
      const last = membersAfter(after, secondChange)
      await untilMembers(h, last, last)
    },
  )
}

// Handing over (3.10).

scenario('leadership is handed to the server that is asked for', 3, async (h) => {
  const { id, term } = await h.checkSingleLeader()
  const to = (id + 1) % 3
  expect(await h.transferLeadership(to)).toMatchObject({ outcome: 'done' })
  expect(await h.checkSingleLeader()).toEqual({ id: to, term: term + 1 })
})

scenario(
  'leadership goes round while clients work, and no operation is lost',
  3,
  async (h) => {
    const client = h.client()
    let [done, asked] = [0, 0]
    let isOver = false
    const work = (async () => {
      for (; !isOver; done += 1) {
        asked += 1
        await client.append('x', `${asked} `)
      }
    })()
    for (let i = 0; i < 6; i += 1) {
      const { id } = await h.checkSingleLeader()
      const to = others(h, id)[i % 2] as number
      expect(await h.transferLeadership(to)).toMatchObject({ outcome: 'done' })
      expect((await h.checkSingleLeader()).id).toBe(to)
    }
    isOver = true
    await work
    // Each was answered as done: none was lost, none was in doubt.
    expect(done).toBe(asked)
    const value = Array.from({ length: done }, (_, i) => `${i + 1} `).join('')
    expect(await client.get('x')).toMatchObject({ value })
  },
)

scenario('a server that lags behind gets the rest before it leads', 3, async (h) => {
  const { id, term } = await h.checkSingleLeader()
  const [to] = others(h, id) as [number]
  h.disconnectPeer(to)
  const client = h.client()
  for (let i = 0; i < 30; i += 1) await client.put(`key ${i}`, 'x'.repeat(1_000))
  h.reconnectPeer(to)
  expect(await h.transferLeadership(to)).toMatchObject({ outcome: 'done' })
  expect(await h.checkSingleLeader()).toEqual({ id: to, term: term + 1 })
  expect(await client.get('key 29')).toMatchObject({ value: 'x'.repeat(1_000) })
})

scenario('leadership is not handed to a server that cannot catch up', 3, async (h) => {
  const leader = await h.checkSingleLeader()
  const [to] = others(h, leader.id) as [number]
  const client = h.client()
  await client.put('x', 'before')
  h.disconnectPeer(to)
  await client.put('x', 'cut off')
  const asked = h.transferLeadership(to)
  await h.sleepMs(200)
  const put = client.put('x', 'meanwhile')
  expect(await asked).toMatchObject({ outcome: 'not done' })
  await put
  expect(await h.checkSingleLeader()).toEqual(leader)
  expect(await client.get('x')).toMatchObject({ value: 'meanwhile' })
})

scenario(
  'leadership is handed to a server that dies, with writes meanwhile',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const [to, other] = others(h, id) as [number, number]
    await underLoad(h, async () => {
      const asked = h.consensus(id).changes
      const outcomes: string[] = []
      asked.handOver(to, ({ outcome }) => outcomes.push(outcome))
      await h.sleepMs(h.chance() * 15)
      await h.crashPeer(to)
      await h.sleepMs(ELECTION_MS)
      expect(outcomes).toHaveLength(1)
    })
    // Whether it had led before or not, the others have a leader.
    expect([id, other]).toContain((await h.checkSingleLeader()).id)
  },
)

scenario(
  'a leader that dies while it hands over is followed by another',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const [to] = others(h, id) as [number]
    await underLoad(h, async () => {
      h.consensus(id).changes.handOver(to, () => {})
      await h.sleepMs(h.chance() * 15)
      await h.crashPeer(id)
      await h.sleepMs(ELECTION_MS)
    })
    expect((await h.checkSingleLeader()).id).not.toBe(id)
  },
)

scenario(
  'no read is answered from a lease that a handed over leader had',
  3,
  async (h) => {
    const writer = h.client()
    await writer.put('x', 'old')
    const { id } = await h.checkSingleLeader()
    const [to] = others(h, id) as [number]
    const reader = h.client({ servers: [`${id}`], timeoutMs: 500 })
    // Its lease has just begun. It asks, and then hears nothing of what it has asked for.
    const { reads } = h.consensus(id)
    while (h.nowMs() > reads.confirmed.beganAt + 15) await h.sleepMs(0.5)
    h.consensus(id).changes.handOver(to, () => {})
    for (const other of others(h, id)) h.cutLink(other, id)
    while (!h.report(to).isLeader) await h.sleepMs(0.5)
    await h.client({ servers: [`${to}`] }).put('x', 'new')
    expect(h.report(id).isLeader).toBe(true)
    // It answers nothing, or what the other has done meanwhile is in it.
    await expect(reader.get('x')).rejects.toThrow(Error)
    h.heal()
  },
  { settings: { lease: true } },
)
