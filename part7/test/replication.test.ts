/** Commands, replicated: the scenarios of the Go original and of the MIT lab, and more. */
import { expect } from 'vitest'
import { type Harness, scenario } from './harness.ts'

/** Longer than it takes for a command to be committed everywhere, in ms. */
const COMMIT_MS = 250
/** Longer than an election takes. */
const ELECTION_MS = 450
/** Longer than it takes to back up over 20 entries, at one with each heartbeat. */
const BACKUP_MS = 1_500

scenario('a command given to the leader is applied by every server', 3, async (h) => {
  const leader = await h.checkSingleLeader()
  const index = h.submitToServer(leader.id, 42)
  await h.sleepMs(COMMIT_MS)
  expect(h.checkCommitted(42)).toEqual({ count: 3, index })
})

scenario('nothing is committed before it is submitted', 3, async (h) => {
  await h.checkSingleLeader()
  await h.sleepMs(COMMIT_MS)
  for (const id of h.ids) expect(h.commandsOf(id)).toEqual([])
  h.checkNotCommitted('x')
})

scenario('a server that does not lead refuses commands', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const follower = (id + 1) % 3
  expect(h.submitToServer(follower, 42)).toBeNull()
  await h.sleepMs(COMMIT_MS)
  h.checkNotCommitted(42)
})

scenario('commands are applied in the order they were taken', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  for (const command of ['a', 'b', 'c']) h.submitToServer(id, command)
  await h.sleepMs(COMMIT_MS)
  for (const server of h.ids) expect(h.commandsOf(server)).toEqual(['a', 'b', 'c'])
})

scenario('a cluster of one commits by itself', 1, async (h) => {
  await h.checkSingleLeader()
  const index = h.submitToServer(0, 'alone')
  await h.sleepMs(COMMIT_MS)
  expect(h.checkCommitted('alone')).toEqual({ count: 1, index })
})

scenario('commands given at one moment get indexes of their own', 5, async (h) => {
  const { id } = await h.checkSingleLeader()
  const commands = Array.from({ length: 20 }, (_, i) => `command ${i}`)
  const indexes = commands.map((command) => h.submitToServer(id, command))
  expect(indexes).toEqual(commands.map((_, i) => (indexes[0] ?? 0) + i))
  await h.sleepMs(COMMIT_MS)
  for (const server of h.ids) expect(h.commandsOf(server)).toEqual(commands)
})

scenario('a follower that was cut off catches up when it returns', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  h.submitToServer(id, 5)
  h.submitToServer(id, 6)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(6, 3)

  const follower = (id + 1) % 3
  h.disconnectPeer(follower)
  h.submitToServer(id, 7)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(7, 2)

  h.reconnectPeer(follower)
  await h.sleepMs(ELECTION_MS)
  const next = await h.checkSingleLeader()
  // An entry of the new leader's own term takes those before it along (5.4.2).
  h.submitToServer(next.id, 8)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(7, 3)
  h.checkCommittedN(8, 3)
})

// Not as in part6: such a leader steps down, and whoever has most of the log may be next.
scenario('without a majority nothing is committed, and it may be lost', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.submitToServer(old.id, 5)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(5, 3)

  const others = h.ids.filter((id) => id !== old.id)
  for (const id of others) h.disconnectPeer(id)
  h.submitToServer(old.id, 8)
  await h.sleepMs(ELECTION_MS)
  h.checkNotCommitted(8)

  h.disconnectPeer(old.id)
  for (const id of others) h.reconnectPeer(id)
  await h.sleepMs(ELECTION_MS)
  h.checkNotCommitted(8)
  const next = await h.checkSingleLeader()
  expect(next.term).toBeGreaterThan(old.term)
  h.reconnectPeer(old.id)
  for (const command of [9, 10, 11]) h.submitToServer(next.id, command)
  await h.sleepMs(COMMIT_MS)
  for (const command of [9, 10, 11]) h.checkCommittedN(command, 3)
  h.checkNotCommitted(8)
})

scenario('a leader that cannot hear commits nothing; others do, soon', 3, async (h) => {
  const old = await h.checkSingleLeader()
  // Until nothing is on its way but heartbeats.
  await h.sleepMs(COMMIT_MS)
  for (const id of h.ids) h.cutLink(id, old.id)
  h.submitToServer(old.id, 'x=1')
  await h.sleepMs(200)
  h.checkNotCommitted('x=1')
  expect(h.report(old.id)).toMatchObject({ role: 'Leader', term: old.term })

  // Its heartbeats keep the others from electing one that can, until it steps down (6.2).
  await h.sleepMs(2 * ELECTION_MS)
  h.checkCommittedN('x=1', 2)
  expect(h.report(old.id)).toMatchObject({ role: 'Follower', term: old.term })

  for (const id of h.ids) h.mendLink(id, old.id)
  await h.sleepMs(150)
  h.checkCommittedN('x=1', 3)
})

// Not as in part6: that leader may have stepped down by then.
scenario('a command can be committed behind its leader’s back', 3, async (h) => {
  const old = await h.checkSingleLeader()
  // Until nothing is on its way but heartbeats.
  await h.sleepMs(COMMIT_MS)
  const { commitIndex } = h.report(old.id)
  for (const id of h.ids) h.cutLink(id, old.id)
  const index = h.submitToServer(old.id, 'x=1')
  await h.sleepMs(100)
  h.disconnectPeer(old.id)

  // The others hold it, so whoever leads next does, and commits it with its own.
  const next = await h.checkSingleLeader()
  h.submitToServer(next.id, 'y=1')
  await h.sleepMs(150)
  expect(h.checkCommitted('x=1')).toEqual({ count: 2, index })
  expect(h.report(old.id)).toMatchObject({ term: old.term, commitIndex })
})

scenario('commands taken by a leader that is cut off are lost', 5, async (h) => {
  const old = await h.checkSingleLeader()
  h.submitToServer(old.id, 5)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(5, 5)

  h.disconnectPeer(old.id)
  h.submitToServer(old.id, 'lost')
  const next = await h.checkSingleLeader()
  h.submitToServer(next.id, 7)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(7, 4)
  h.checkNotCommitted('lost')

  h.reconnectPeer(old.id)
  await h.sleepMs(ELECTION_MS)
  const last = await h.checkSingleLeader()
  h.submitToServer(last.id, 8)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(7, 5)
  h.checkCommittedN(8, 5)
  h.checkNotCommitted('lost')
})

scenario('a majority goes on when servers are lost, fewer stop', 3, async (h) => {
  const first = await h.checkSingleLeader()
  h.submitToServer(first.id, 'all')
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN('all', 3)

  h.disconnectPeer((first.id + 1) % 3)
  h.submitToServer(first.id, 'two')
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN('two', 2)

  h.disconnectPeer((first.id + 2) % 3)
  h.submitToServer(first.id, 'one')
  await h.sleepMs(1_000)
  h.checkNotCommitted('one')
})

scenario('too many servers are cut off, and return with other logs', 5, async (h) => {
  const old = await h.checkSingleLeader()
  const first = h.submitToServer(old.id, 10) ?? 0
  await h.sleepMs(COMMIT_MS)
  const cutOff = [1, 2, 3].map((i) => (old.id + i) % 5)
  for (const id of cutOff) h.disconnectPeer(id)
  expect(h.submitToServer(old.id, 20)).toBe(first + 1)
  await h.sleepMs(2 * ELECTION_MS)
  h.checkNotCommitted(20)

  for (const id of cutOff) h.reconnectPeer(id)
  await h.sleepMs(ELECTION_MS)
  const next = await h.checkSingleLeader()
  h.submitToServer(next.id, 30)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(30, 5)
  // The new leader may have 20 or not: it was not committed, and either is right.
  expect(['10 30', '10 20 30']).toContain(h.commandsOf(next.id).join(' '))
})

scenario('a leader that rejoins gives up what only it had', 3, async (h) => {
  const first = await h.checkSingleLeader()
  h.submitToServer(first.id, 101)
  await h.sleepMs(COMMIT_MS)

  h.disconnectPeer(first.id)
  for (const command of [102, 103, 104]) h.submitToServer(first.id, command)
  const second = await h.checkSingleLeader()
  h.submitToServer(second.id, 105)
  await h.sleepMs(COMMIT_MS)

  h.disconnectPeer(second.id)
  h.reconnectPeer(first.id)
  const third = await h.checkSingleLeader()
  h.submitToServer(third.id, 106)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(106, 2)

  h.reconnectPeer(second.id)
  await h.sleepMs(ELECTION_MS)
  const last = await h.checkSingleLeader()
  h.submitToServer(last.id, 107)
  await h.sleepMs(2 * COMMIT_MS)
  for (const id of h.ids) expect(h.commandsOf(id)).toEqual(['101', '105', '106', '107'])
})

scenario('wrong entries of several terms are all backed up over', 5, async (h) => {
  const first = await h.checkSingleLeader()
  submitMany(h, first.id, 'all')
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN('all 10', 5)

  const [friend, ...three] = h.ids.filter((id) => id !== first.id) as [
    number,
    ...number[],
  ]
  h.partition([[first.id, friend], three])
  submitMany(h, first.id, 'lost')
  const second = await h.checkSingleLeader()
  submitMany(h, second.id, 'three')
  await h.sleepMs(ELECTION_MS)
  h.checkCommittedN('three 10', 3)

  // Of these three one goes over to the first two, who have to learn what they missed.
  const [other, third] = three.filter((id) => id !== second.id) as [number, number]
  h.partition([
    [second.id, other],
    [first.id, friend, third],
  ])
  submitMany(h, second.id, 'lost, too')
  await h.sleepMs(ELECTION_MS)
  expect((await h.checkSingleLeader()).id).toBe(third)
  submitMany(h, third, 'third')
  await h.sleepMs(BACKUP_MS)
  h.checkCommittedN('third 10', 3)

  h.heal()
  await expectAgreement(h)
  const kept = ['all', 'three', 'third'].flatMap(tenOf)
  expect(h.commandsOf(first.id)).toEqual([...kept, 'last'])
})

scenario('the side of a partition with the majority goes on, and wins', 5, async (h) => {
  const old = await h.checkSingleLeader()
  const [friend, ...others] = h.ids.filter((id) => id !== old.id) as [
    number,
    ...number[],
  ]
  h.partition([[old.id, friend], others])
  h.submitToServer(old.id, 'minority')
  const next = await h.checkSingleLeader()
  h.submitToServer(next.id, 'majority')
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN('majority', 3)
  h.checkNotCommitted('minority')

  h.heal()
  await h.sleepMs(ELECTION_MS)
  h.checkCommittedN('majority', 5)
  h.checkNotCommitted('minority')
})

scenario('each command crosses to each peer about once', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const before = h.rpcBytes()
  let commandBytes = 0
  for (let i = 0; i < 10; i += 1) {
    const command = `${i}`.repeat(5_000)
    commandBytes += command.length
    h.submitToServer(id, command)
    await h.sleepMs(COMMIT_MS)
    h.checkCommittedN(command, 3)
  }
  // Two peers; the rest is heartbeats.
  expect(h.rpcBytes() - before).toBeLessThan(2 * commandBytes + 50_000)
})

scenario('an election, ten commands and idling take few messages', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  // Two servers may have asked for votes at once; the rest is heartbeats of 200 ms.
  expect(h.rpcCount()).toBeLessThanOrEqual(30)

  const beforeCommands = h.rpcCount()
  for (let i = 0; i < 10; i += 1) h.submitToServer(id, i)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(9, 3)
  expect(h.rpcCount() - beforeCommands).toBeLessThanOrEqual(3 * (10 + 1 + 3))

  const beforeIdling = h.rpcCount()
  await h.sleepMs(1_000)
  expect(h.rpcCount() - beforeIdling).toBeLessThanOrEqual(2 * 20 + 2)
})

scenario('commands get through lost, late and doubled messages', 5, async (h) => {
  h.setReliable(false)
  const submitted = await keepSubmitting(h, 30, 100)
  h.setReliable(true)
  await expectAgreement(h)
  expect(submitted).toBeGreaterThan(0)
})

scenario('logs agree though leaders come and go (figure 8)', 5, async (h) => {
  await comeAndGo(h)
})

scenario('… and although the network is unreliable, too', 5, async (h) => {
  h.setReliable(false)
  await comeAndGo(h)
})

scenario('logs agree though servers are cut off and stand still', 5, async (h) => {
  for (let round = 0; round < 15; round += 1) {
    const id = round % 5
    h.disconnectPeer(id)
    await keepSubmitting(h, 3, 50)
    h.reconnectPeer(id)
    if (round % 3 === 0) h.pausePeer((id + 1) % 5)
    await keepSubmitting(h, 3, 50)
    if (round % 3 === 0) h.resumePeer((id + 1) % 5)
  }
  await expectAgreement(h)
})

function submitMany(h: Harness, id: number, name: string): void {
  for (const command of tenOf(name)) h.submitToServer(id, command)
}

function tenOf(name: string): string[] {
  return Array.from({ length: 10 }, (_, i) => `${name} ${i + 1}`)
}

/** Gives every server commands, which only a leader takes. */
async function keepSubmitting(
  h: Harness,
  times: number,
  pauseMs: number,
): Promise<number> {
  let taken = 0
  for (let i = 0; i < times; i += 1) {
    for (const id of h.ids) {
      const command = `${h.report(id).lastLogIndex + 1} by ${id} in ${h.report(id).term}`
      if (h.submitToServer(id, command) !== null) taken += 1
    }
    await h.sleepMs(pauseMs)
  }
  return taken
}

/** Cuts a leader off soon after it took a command, and brings another server back. */
async function comeAndGo(h: Harness): Promise<void> {
  const away: number[] = []
  for (let round = 0; round < 30; round += 1) {
    await keepSubmitting(h, 1, round % 2 === 0 ? 10 : 120)
    const leader = h.ids.find((id) => !away.includes(id) && h.report(id).isLeader)
    if (leader !== undefined) {
      h.disconnectPeer(leader)
      away.push(leader)
    }
    if (away.length > 2) h.reconnectPeer(away.shift() as number)
    await h.sleepMs(100)
  }
  for (const id of away) h.reconnectPeer(id)
  h.setReliable(true)
  await expectAgreement(h)
}

/** Every server must have applied the same commands, one last one included. */
async function expectAgreement(h: Harness): Promise<void> {
  await h.sleepMs(2 * ELECTION_MS)
  const { id } = await h.checkSingleLeader()
  h.submitToServer(id, 'last')
  await h.sleepMs(5_000)
  for (const other of h.ids) expect(h.commandsOf(other)).toEqual(h.commandsOf(id))
  expect(h.commandsOf(id).at(-1)).toBe('last')
}
