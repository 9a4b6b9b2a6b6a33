/** Sent at once, together, and within bounds: many entries cost few syncs and messages. */
import { expect } from 'vitest'
import { type Harness, scenario } from './harness.ts'

/** gRPC takes no message that is longer, in bytes. */
const GRPC_LIMIT = 4 * 1024 * 1024

/** A round trip in the simulated network takes 2 to 10 ms; a heartbeat comes every 50. */
const ROUND_TRIP_MS = 10
const HEARTBEATS_MS = 150

/** What a server is sent: the entries of each message to it, in order. */
function watchEntriesTo(h: Harness, id: number): { counts: number[]; bytes: number[] } {
  const seen = { counts: [] as number[], bytes: [] as number[] }
  const server = h.consensus(id)
  const receive = server.appendEntries.bind(server)
  server.appendEntries = (args) => {
    if (args.entries.length > 0) {
      seen.counts.push(args.entries.length)
      seen.bytes.push(Buffer.byteLength(JSON.stringify(args)))
    }
    return receive(args)
  }
  return seen
}

/** All in one turn of the event loop. */
function submitMany(h: Harness, id: number, count: number, name: string): void {
  for (let i = 1; i <= count; i += 1) h.consensus(id).submit(`${name}-${i}`)
}

/** A server that was cut off can cause an election; a new command is committed after it. */
async function letCatchUp(h: Harness, id: number): Promise<void> {
  h.reconnectPeer(id)
  const leader = await h.checkSingleLeader()
  h.submitToServer(leader.id, 'the last')
  await h.sleepMs(HEARTBEATS_MS)
}

scenario('a command is committed at once, not with the next heartbeat', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  for (const command of [1, 2, 3, 4, 5]) {
    h.submitToServer(id, command)
    await h.sleepMs(ROUND_TRIP_MS)
    expect(h.commandsOf(id).at(-1)).toBe(`${command}`)
  }
})

/** By server: how often its storage was told of an instant before or after a write. */
const instants = new Map<number, number>()

scenario(
  'what is submitted in one turn shares one sync and one round',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    await h.sleepMs(HEARTBEATS_MS)
    const messages = h.ids.filter((to) => to !== id).map((to) => watchEntriesTo(h, to))
    instants.clear()
    submitMany(h, id, 1_000, 'command')
    await h.sleepMs(ROUND_TRIP_MS)

    expect(h.report(id).commitIndex).toBe(1_000)
    for (const { counts } of messages) expect(counts).toEqual([1_000])
    // The leader saves entry by entry, a follower all in one; then each syncs once.
    for (const each of h.ids) {
      const writes = (instants.get(each) ?? 0) / 2
      expect(writes).toBe(each === id ? 1_000 + 1 : 1 + 1)
    }
  },
  { onWrite: (id) => instants.set(id, (instants.get(id) ?? 0) + 1) },
)

scenario('10,000 conflicting entries are replaced in few round trips', 3, async (h) => {
  const old = await h.checkSingleLeader()
  h.disconnectPeer(old.id)
  submitMany(h, old.id, 10_000, 'lost')
  const next = await h.checkSingleLeader()
  submitMany(h, next.id, 10_000, 'kept')
  await h.sleepMs(HEARTBEATS_MS)

  const { counts } = watchEntriesTo(h, old.id)
  h.reconnectPeer(old.id)
  await h.sleepMs(HEARTBEATS_MS + 3 * ROUND_TRIP_MS)
  expect(h.commandsOf(old.id)).toHaveLength(10_000)
  expect(counts.length).toBeLessThanOrEqual(3)
  h.checkCommittedN('kept-10000', 3)
})

scenario(
  'a follower that stands still delays nobody, and is not flooded',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const slow = (id + 1) % 3
    submitMany(h, id, 1, 'first')
    await h.sleepMs(HEARTBEATS_MS)
    const { counts } = watchEntriesTo(h, slow)
    h.pausePeer(slow)
    for (let i = 1; i <= 50; i += 1) {
      h.submitToServer(id, i)
      await h.sleepMs(ROUND_TRIP_MS)
      expect(h.commandsOf(id).at(-1)).toBe(`${i}`)
    }
    h.resumePeer(slow)
    // One message with entries waited for it; the others came when it had answered.
    await h.sleepMs(HEARTBEATS_MS)
    h.checkCommittedN(50, 3)
    expect(counts.length).toBeLessThanOrEqual(3)
  },
)

scenario('a follower far behind is caught up in bounded messages', 3, async (h) => {
  const { id } = await h.checkSingleLeader()
  const behind = (id + 1) % 3
  h.disconnectPeer(behind)
  submitMany(h, id, 10_000, 'x'.repeat(500))
  await h.sleepMs(HEARTBEATS_MS)
  const { counts, bytes } = watchEntriesTo(h, behind)
  await letCatchUp(h, behind)
  expect(h.report(behind).lastApplied).toBe(10_001)
  // Five million characters, a million or so at a time; and what an election adds.
  expect(counts.length).toBeLessThanOrEqual(8)
  expect(Math.max(...bytes)).toBeLessThan(GRPC_LIMIT)
})

for (const [kind, letter] of Object.entries({
  ASCII: 'x',
  Chinese: '木',
  emoji: '🛶',
})) {
  scenario(`the longest commands fit into messages: ${kind}`, 3, async (h) => {
    const { id } = await h.checkSingleLeader()
    const behind = (id + 1) % 3
    h.disconnectPeer(behind)
    const longest = letter.repeat(1_000_000 / letter.length)
    for (const command of ['1', longest, '2', '3', longest, longest, '4']) {
      h.submitToServer(id, command)
    }
    const { bytes } = watchEntriesTo(h, behind)
    await letCatchUp(h, behind)
    expect(h.report(behind).lastApplied).toBe(8)
    expect(Math.max(...bytes)).toBeLessThan(GRPC_LIMIT)
  })
}
