/** Crashes and restarts: what was promised is kept (5.1 to 5.4, persistent state). */
import { PowerFailure } from 'tools/lab'
import { expect } from 'vitest'
import { type Harness, scenario } from './harness.ts'

/** Longer than it takes for a command to be committed everywhere, in ms. */
const COMMIT_MS = 250
/** Longer than an election takes. */
const ELECTION_MS = 450

scenario('a crashed follower is missed by nobody', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  await h.crashPeer((id + 1) % 3)
  h.submitToServer(id, 5)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(5, 2)
})

scenario('a follower that restarts applies everything anew, once', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  for (const command of [5, 6, 7]) h.submitToServer(id, command)
  await h.sleepMs(COMMIT_MS)
  const follower = (id + 1) % 3
  await h.crashPeer(follower)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(7, 2)

  await h.restartPeer(follower)
  await h.sleepMs(ELECTION_MS)
  const next = await h.checkSingleLeader()
  h.submitToServer(next.id, 8)
  await h.sleepMs(COMMIT_MS)
  expect(h.commandsOf(follower)).toEqual(['5', '6', '7', '8'])
})

scenario('a leader that crashes is replaced, and comes to follow', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.submitToServer(old.id, 5)
  await h.sleepMs(COMMIT_MS)
  await h.crashPeer(old.id)
  const next = await h.checkSingleLeader()
  h.submitToServer(next.id, 6)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(6, 2)

  await h.restartPeer(old.id)
  await h.sleepMs(ELECTION_MS)
  expect((await h.checkSingleLeader()).term).toBeGreaterThanOrEqual(next.term)
  h.checkCommittedN(5, 3)
  h.checkCommittedN(6, 3)
})

scenario('a cluster that crashes as a whole forgets nothing', 3, async (h) => {
  const old = await h.checkSingleLeader()
  for (const command of [5, 6, 7]) h.submitToServer(old.id, command)
  await h.sleepMs(COMMIT_MS)
  for (const id of h.ids) await h.crashPeer(id)
  await h.sleepMs(COMMIT_MS)
  for (const id of h.ids) await h.restartPeer(id)

  const next = await h.checkSingleLeader()
  expect(next.term).toBeGreaterThan(old.term)
  h.submitToServer(next.id, 8)
  await h.sleepMs(COMMIT_MS)
  for (const id of h.ids) expect(h.commandsOf(id)).toEqual(['5', '6', '7', '8'])
})

scenario('entries that only a lost leader had are replaced everywhere', 3, async (h) => {
  const old = await h.checkSingleLeader()
  for (const command of [5, 6]) h.submitToServer(old.id, command)
  await h.sleepMs(COMMIT_MS)
  h.disconnectPeer(old.id)
  for (const command of [21, 22, 23, 24]) h.submitToServer(old.id, command)
  const next = await h.checkSingleLeader()
  for (const command of [8, 9, 10]) h.submitToServer(next.id, command)
  await h.sleepMs(COMMIT_MS)
  h.checkNotCommitted(21)
  h.checkCommittedN(10, 2)

  await h.crashPeer(next.id)
  await h.sleepMs(60)
  await h.restartPeer(next.id)
  h.reconnectPeer(old.id)
  await h.sleepMs(ELECTION_MS)
  const last = await h.checkSingleLeader()
  h.submitToServer(last.id, 11)
  await h.sleepMs(COMMIT_MS)
  for (const id of h.ids) {
    expect(h.commandsOf(id)).toEqual(['5', '6', '8', '9', '10', '11'])
  }
})

scenario('a command is committed or lost when its leader crashes', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.submitToServer(old.id, 5)
  await h.sleepMs(1)
  await h.crashPeer(old.id)
  const next = await h.checkSingleLeader()
  await h.restartPeer(old.id)
  h.submitToServer(next.id, 6)
  await h.sleepMs(ELECTION_MS)
  // Nobody was told that 5 was committed; either is right, but all must agree.
  const [first, ...others] = h.ids.map((id) => h.commandsOf(id))
  for (const other of others) expect(other).toEqual(first)
  expect([['6'], ['5', '6']]).toContainEqual(first)
})

scenario('a command survives that its leader is cut off right after', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.submitToServer(old.id, 5)
  await h.sleepMs(15)
  h.disconnectPeer(old.id)
  await h.sleepMs(1)
  h.reconnectPeer(old.id)
  await h.sleepMs(ELECTION_MS)
  h.checkCommittedN(5, 3)
})

scenario('a leader that is gone for a moment stays the leader', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.submitToServer(old.id, 5)
  await h.sleepMs(COMMIT_MS)
  h.disconnectPeer(old.id)
  await h.sleepMs(40)
  h.reconnectPeer(old.id)
  await h.sleepMs(200)
  h.submitToServer(old.id, 7)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(7, 3)
  expect(h.report(old.id)).toMatchObject({ isLeader: true, term: old.term })
})

scenario('a command is committed once calls get through again', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  h.submitToServer(id, 5)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(5, 3)

  h.peerDropCallsAfterN(id, 0)
  h.submitToServer(id, 6)
  await h.sleepMs(30)
  h.checkNotCommitted(6)
  h.peerDontDropCalls(id)
  await h.sleepMs(ELECTION_MS)
  const next = await h.checkSingleLeader()
  h.submitToServer(next.id, 7)
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN(7, 3)
})

scenario('servers crash and restart in turn, and all is kept', 5, async (h) => {
  const commands = ['a', 'b', 'c', 'd', 'e']
  for (const [round, command] of commands.entries()) {
    const { id } = await h.checkSingleLeader()
    h.submitToServer(id, command)
    await h.sleepMs(COMMIT_MS)
    const victims = [1, 2].map((i) => (id + round + i) % 5)
    for (const victim of victims) await h.crashPeer(victim)
    for (const victim of victims) await h.restartPeer(victim)
    await h.sleepMs(ELECTION_MS)
  }
  const { id } = await h.checkSingleLeader()
  h.submitToServer(id, 'f')
  await h.sleepMs(COMMIT_MS)
  for (const id of h.ids) expect(h.commandsOf(id)).toEqual([...commands, 'f'])
})

scenario('crashes, cuts and a bad network together lose nothing', 5, async (h) => {
  h.setReliable(false)
  for (let round = 0; round < 20; round += 1) {
    const id = (round * 3) % 5
    if (h.isAlive(id)) await h.crashPeer(id)
    submitToLeaders(h, round)
    await h.sleepMs(40 + 13 * (round % 7))
    await h.restartPeer(id)
    if (round % 4 === 0) h.partition([[id, (id + 1) % 5], others(h, id, (id + 1) % 5)])
    submitToLeaders(h, round)
    await h.sleepMs(150)
    h.heal()
  }
  h.setReliable(true)
  await h.sleepMs(2 * ELECTION_MS)
  const { id } = await h.checkSingleLeader()
  h.submitToServer(id, 'last')
  await h.sleepMs(COMMIT_MS)
  h.checkCommittedN('last', 5)
})

/** In the simulated world power can fail between any two instructions of the storage. */
for (const victim of ['leader', 'follower'] as const) {
  let writes = 0
  let failAt = 0
  let victimId: number | null = null
  const onWrite = (id: number) => {
    if (id !== victimId) return
    writes += 1
    if (writes === failAt) throw new PowerFailure()
  }
  const name = `power fails at every instant of a ${victim}’s writing, and nothing is lost`
  scenario(
    name,
    3,
    async (h) => {
      victimId = null
      for (failAt = 1; failAt <= 12; failAt += 1) {
        const leader = await h.checkSingleLeader()
        victimId = victim === 'leader' ? leader.id : (leader.id + 1) % 3
        writes = 0
        h.submitToServer(leader.id, `a ${failAt}`)
        await h.sleepMs(COMMIT_MS)
        h.submitToServer(leader.id, `b ${failAt}`)
        await h.sleepMs(COMMIT_MS)
        const crashed = victimId
        victimId = null
        if (!h.isAlive(crashed)) await h.restartPeer(crashed)
        await h.sleepMs(ELECTION_MS)
      }
      const leader = await h.checkSingleLeader()
      h.submitToServer(leader.id, 'last')
      await h.sleepMs(COMMIT_MS)
      h.checkCommittedN('last', 3)
    },
    { network: 'simulated', onWrite },
  )
}

function submitToLeaders(h: Harness, round: number): void {
  for (const id of h.ids) {
    h.submitToServer(id, `${round} by ${id} in ${h.report(id).term}`)
  }
}

function others(h: Harness, ...ids: number[]): number[] {
  return h.ids.filter((id) => !ids.includes(id))
}
