/** Where bytes and work take time: who is slow holds up itself, and nobody else. */
import { expect } from 'vitest'
import { type Harness, type HarnessOptions, scenario } from './harness.ts'

/** Over sockets, links and disks are as fast as they are. */
const SIMULATED: HarnessOptions = { network: 'simulated' }

/** Characters in a command: its entry takes a few bytes more on the wire. */
const LENGTH = 2_000
const COMMANDS = 200
const BYTES = COMMANDS * LENGTH

/** What two messages each way take at most, in ms, and the turns between them. */
const ROUND_TRIPS_MS = 20

interface Cluster {
  readonly leader: { id: number; term: number }
  readonly slow: number
  readonly fast: number
}

async function elect(h: Harness): Promise<Cluster> {
  const leader = await h.checkSingleLeader()
  // What the election brought about is over.
  await h.sleepMs(ROUND_TRIPS_MS)
  const [slow = 0, fast = 0] = h.ids.filter((id) => id !== leader.id)
  return { leader, slow, fast }
}

/** All in one turn of the event loop: enough for a slow server to fall behind. */
function submitMany(h: Harness, id: number): void {
  for (let i = 1; i <= COMMANDS; i += 1) h.submitToServer(id, `${i}`.padEnd(LENGTH, '.'))
}

/** The cluster goes on: each command is committed before the next is submitted. */
async function goOnFor(
  h: Harness,
  { leader, fast }: Cluster,
  ms: number,
): Promise<void> {
  for (let passed = 0; passed < ms; passed += ROUND_TRIPS_MS) {
    h.submitToServer(leader.id, `at ${passed} ms`)
    await h.sleepMs(ROUND_TRIPS_MS)
    expect(h.commandsOf(leader.id).at(-1)).toBe(`at ${passed} ms`)
    expect(h.report(fast).lastLogIndex).toBe(h.report(leader.id).lastLogIndex)
  }
}

/** Nobody was deposed, and in the end everyone has everything. */
async function expectAllCaughtUp(h: Harness, { leader }: Cluster): Promise<void> {
  const { lastLogIndex } = h.report(leader.id)
  expect(h.report(leader.id)).toMatchObject({ isLeader: true, term: leader.term })
  for (const id of h.ids) expect(h.report(id).lastApplied).toBe(lastLogIndex)
}

scenario(
  'a follower behind a slow link catches up while the cluster goes on',
  3,
  async (h) => {
    const cluster = await elect(h)
    const { leader, slow } = cluster
    const bytesPerSecond = 100_000
    const neededMs = (BYTES / bytesPerSecond) * 1000
    h.slowLink(leader.id, slow, bytesPerSecond)
    const sentBefore = h.rpcBytes()
    submitMany(h, leader.id)
    await h.sleepMs(ROUND_TRIPS_MS)
    await goOnFor(h, cluster, neededMs / 2)
    expect(h.commandsOf(slow).length).toBeLessThan(COMMANDS)
    await goOnFor(h, cluster, neededMs)
    await h.sleepMs(1000)
    await expectAllCaughtUp(h, cluster)
    // Once to each of the two; twice where a heartbeat overtakes what it follows on.
    expect(h.rpcBytes() - sentBefore).toBeLessThan(2 * 2 * BYTES)
  },
  SIMULATED,
)

scenario(
  'a follower behind a link that was slow gets what it lacks once the link is fast',
  3,
  async (h) => {
    const cluster = await elect(h)
    const { leader, slow } = cluster
    h.slowLink(leader.id, slow, 20_000)
    submitMany(h, leader.id)
    await h.sleepMs(1000)
    expect(h.commandsOf(slow)).toEqual([])
    h.fastLink(leader.id, slow)
    await h.sleepMs(150)
    await expectAllCaughtUp(h, cluster)
  },
  SIMULATED,
)

/** Of the disk and the machine; the machine also takes so many entries a second. */
const BYTES_PER_SECOND = 500_000
const ENTRIES_PER_SECOND = 1_000
/** To take all commands from messages, in ms. */
const TAKING_MS =
  (BYTES / BYTES_PER_SECOND) * 1000 + (COMMANDS / ENTRIES_PER_SECOND) * 1000

for (const [what, slowDown, againMs] of [
  // It writes nothing again that it has.
  [
    'disk',
    (h, id) => h.slowDisk(id, { bytesPerSecond: BYTES_PER_SECOND, syncMs: 50 }),
    0,
  ],
  [
    'machine',
    (h, id) =>
      h.slowMachine(id, {
        bytesPerSecond: BYTES_PER_SECOND,
        entriesPerSecond: ENTRIES_PER_SECOND,
      }),
    TAKING_MS,
  ],
] as readonly [string, (h: Harness, id: number) => void, number][]) {
  scenario(
    `a follower with a slow ${what} catches up while the cluster goes on`,
    3,
    async (h) => {
      const cluster = await elect(h)
      const { leader, slow } = cluster
      slowDown(h, slow)
      const sentBefore = h.rpcBytes()
      submitMany(h, leader.id)
      await h.sleepMs(ROUND_TRIPS_MS)
      await goOnFor(h, cluster, 400)
      expect(h.commandsOf(slow)).toEqual([])
      // Once to each of the two; twice where a heartbeat overtakes what it follows on.
      const times = Math.round((h.rpcBytes() - sentBefore) / BYTES)
      expect(times).toBeLessThanOrEqual(2 * 2)
      await goOnFor(h, cluster, 1000)
      await h.sleepMs(500 + (times > 2 ? againMs : 0))
      await expectAllCaughtUp(h, cluster)
    },
    SIMULATED,
  )
}

scenario(
  'a leader with a slow disk commits what its followers have, before its own disk is done',
  3,
  async (h) => {
    const cluster = await elect(h)
    const { leader } = cluster
    h.slowDisk(leader.id, { syncMs: 40 })
    const index = h.submitToServer(leader.id, 'one')
    await h.sleepMs(ROUND_TRIPS_MS)
    expect(h.report(cluster.slow).lastLogIndex).toBe(index)
    await h.sleepMs(150)
    await expectAllCaughtUp(h, cluster)
  },
  SIMULATED,
)
