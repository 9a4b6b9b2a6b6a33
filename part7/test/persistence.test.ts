/** Crashes and restarts: what was promised is kept (5.1 to 5.4, persistent state). */
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PowerFailure, randomStreams, withWrites } from 'tools/lab'
import { expect, test } from 'vitest'
import { FileStorage, type Storage } from '../src/storage.ts'
import { Harness, scenario } from './harness.ts'

/** Longer than it takes for a command to be committed everywhere, in ms. */
const COMMIT_MS = 250
/** Longer than an election takes. */
const ELECTION_MS = 450
/** For hundreds of writes to a disk that others use, too. */
const REAL_DISK_MS = 60_000

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

scenario('of two who have an entry one restart is enough to keep it', 3, async (h) => {
  const { id: leader } = await h.checkSingleLeader()
  const [follower, behind] = others(h, leader) as [number, number]
  await commit(h, 101, 3)

  h.disconnectPeer(behind)
  await commit(h, 102, 2)
  await h.crashPeer(leader)
  await h.crashPeer(follower)
  h.reconnectPeer(behind)
  await h.restartPeer(leader)
  await commit(h, 103, 2)

  await h.restartPeer(follower)
  await commit(h, 104, 3)
  for (const id of h.ids) expect(h.commandsOf(id)).toEqual(['101', '102', '103', '104'])
})

scenario('logs agree though leaders crash and restart (figure 8)', 5, async (h) => {
  await crashAndRestart(h)
})

scenario('… and although messages are lost, late and doubled, too', 5, async (h) => {
  h.setReliable(false)
  await crashAndRestart(h)
})

scenario(
  'what was committed stays though servers crash, leave and return',
  5,
  async (h) => {
    const random = randomStreams(h.run.seed)()
    const committed = new Set<string>()
    for (let round = 0; round < 100; round += 1) {
      const id = Math.floor(random() * 5)
      const chance = random()
      if (chance < 0.2) h.disconnectPeer(id)
      else if (chance < 0.4 && h.isAlive(id)) await h.crashPeer(id)
      else await bringBack(h, id)
      submitToLeaders(h, round)
      await h.sleepMs(60 * random())
      const commands = h.ids.flatMap((each) => h.commandsOf(each))
      for (const command of commands) committed.add(command)
    }

    for (const id of h.ids) await bringBack(h, id)
    await expectAgreement(h)
    expect(committed.size).toBeGreaterThan(0)
    expect(h.commandsOf(0)).toEqual(expect.arrayContaining([...committed]))
  },
)

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
  const power = powerSupply()
  const name = `power fails at every instant of a ${victim}’s writing, and nothing is lost`
  scenario(name, 3, (h) => tryEveryInstant(h, victim, power), {
    network: 'simulated',
    onWrite: power.instant,
  })

  // With one seed only: files take their time.
  const onDisk = `whenever power fails, a ${victim}’s file has all that it promised`
  test(onDisk, { timeout: REAL_DISK_MS }, async () => {
    await withFiles(power.instant, async (openStorage) => {
      const h = await Harness.create(3, { network: 'simulated', openStorage })
      await tryEveryInstant(h, victim, power)
    })
  })
}

type PowerSupply = ReturnType<typeof powerSupply>

/** Of one server. It fails at one instant of its writing: the first, the second, … */
function powerSupply() {
  let victim: number | null = null
  let instantsLeft = 0
  return {
    failAt(instant: number, id: number): void {
      victim = id
      instantsLeft = instant
    },
    hold(): void {
      victim = null
    },
    instant(id: number): void {
      if (id !== victim) return
      instantsLeft -= 1
      if (instantsLeft === 0) throw new PowerFailure()
    },
  }
}

/**
 * The same story again and again: with entries, lost entries and an election. Each time
 * power fails an instant later, until it does not fail before the end.
 */
async function tryEveryInstant(
  h: Harness,
  victim: 'leader' | 'follower',
  power: PowerSupply,
): Promise<void> {
  let failed = true
  for (let instant = 1; failed; instant += 1) {
    const { id: leader } = await h.checkSingleLeader()
    power.failAt(instant, victim === 'leader' ? leader : (leader + 1) % 3)
    h.submitToServer(leader, `a ${instant}`)
    failed = await restartWhoFails(h, 20)
    h.disconnectPeer(leader)
    h.submitToServer(leader, `lost ${instant}`)
    failed = (await restartWhoFails(h, ELECTION_MS)) || failed
    submitToLeaders(h, instant)
    failed = (await restartWhoFails(h, 20)) || failed
    h.reconnectPeer(leader)
    failed = (await restartWhoFails(h, ELECTION_MS)) || failed
    expect(instant).toBeLessThan(100)
  }
  power.hold()
  await expectAgreement(h)
}

/** Lets time pass. Who loses power is back at once. */
async function restartWhoFails(h: Harness, ms: number): Promise<boolean> {
  let failed = false
  for (let waited = 0; waited < ms; waited += 5) {
    await h.sleepMs(5)
    for (const id of h.ids.filter((id) => !h.isAlive(id))) {
      await h.restartPeer(id)
      failed = true
    }
  }
  return failed
}

/** Gives every server a file in place of its simulated disk, until `body` is over. */
async function withFiles(
  instant: (id: number) => void,
  body: (openStorage: (id: number) => Storage) => Promise<void>,
): Promise<void> {
  // In memory, where the system has a folder for that: a disk takes its time.
  const inMemory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(join(inMemory, 'raft-'))
  const files = new Map<number, FileStorage>()
  const openStorage = (id: number) => {
    files.get(id)?.close()
    const file = new TearingFile(join(folder, `${id}.log`), () => instant(id))
    files.set(id, file)
    return withWrites(
      file,
      () => instant(id),
      () => instant(id),
    )
  }
  try {
    await body(openStorage)
  } finally {
    for (const file of files.values()) file.close()
    rmSync(folder, { recursive: true })
  }
}

/** A file that is left half written when power fails in the middle of a write. */
class TearingFile extends FileStorage {
  private readonly path: string
  private readonly middle: () => void

  constructor(path: string, middle: () => void) {
    super(path)
    this.path = path
    this.middle = middle
  }

  override sync(): void {
    const before = statSync(this.path).size
    super.sync()
    const after = statSync(this.path).size
    try {
      this.middle()
    } catch (failure) {
      truncateSync(this.path, before + Math.floor((after - before) / 2))
      throw failure
    }
  }
}

/** Has a command committed by `n` servers, whichever of them leads. */
async function commit(h: Harness, command: unknown, n: number): Promise<void> {
  await h.sleepMs(ELECTION_MS)
  const { id } = await h.checkSingleLeader()
  h.submitToServer(id, command)
  await h.sleepMs(ELECTION_MS)
  h.checkCommittedN(command, n)
}

/** Crashes each leader soon after it took a command, and restarts another server. */
async function crashAndRestart(h: Harness): Promise<void> {
  const random = randomStreams(h.run.seed)()
  for (let round = 0; round < 150; round += 1) {
    await h.sleepMs(150 * random())
    submitToLeaders(h, round)
    await h.sleepMs(15 * random())
    const leader = h.ids.find((id) => h.report(id).isLeader)
    if (leader !== undefined) {
      // What it sent last is lost with it: the command is on some servers, or on none.
      h.disconnectPeer(leader)
      await h.crashPeer(leader)
    }
    const down = h.ids.filter((id) => !h.isAlive(id))
    if (down.length > 2) await bringBack(h, down[Math.floor(random() * 3)] as number)
  }
  for (const id of h.ids) await bringBack(h, id)
  await expectAgreement(h)
}

async function bringBack(h: Harness, id: number): Promise<void> {
  h.reconnectPeer(id)
  if (!h.isAlive(id)) await h.restartPeer(id)
}

/** Every server must have applied the same commands, one last one included. */
async function expectAgreement(h: Harness): Promise<void> {
  h.setReliable(true)
  await h.sleepMs(2 * ELECTION_MS)
  const { id } = await h.checkSingleLeader()
  h.submitToServer(id, 'last')
  await h.sleepMs(2 * COMMIT_MS)
  for (const other of h.ids) expect(h.commandsOf(other)).toEqual(h.commandsOf(id))
  expect(h.commandsOf(id).at(-1)).toBe('last')
}

function submitToLeaders(h: Harness, round: number): void {
  for (const id of h.ids) {
    h.submitToServer(id, `${round} by ${id} in ${h.report(id).term}`)
  }
}

function others(h: Harness, ...ids: number[]): number[] {
  return h.ids.filter((id) => !ids.includes(id))
}
