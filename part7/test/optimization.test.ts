/** Sent at once, together, within bounds: many entries cost few syncs and messages. */
import { settings } from 'tools/harness'
import { expect, vi } from 'vitest'
import type { AppendEntriesArgs } from '../src/raft.ts'
import { type Harness, type HarnessOptions, scenario } from './harness.ts'

/** gRPC takes no message that is longer, in bytes. */
const GRPC_LIMIT = 4 * 1024 * 1024

/** A simulated round trip takes 2 to 10 ms; a heartbeat comes every 50. */
const ROUND_TRIP_MS = 10
const HEARTBEATS_MS = 150
/** Over real sockets, on a machine with other things to do. */
const REAL_TIME_MS = 10_000

/** There, three servers share one thread: a long message to one holds up all. */
const PATIENT: HarnessOptions =
  settings.network === 'grpc'
    ? { timing: { electionTimeout: [400, 800], heartbeatInterval: 50 } }
    : {}

/** Checks after `ms` in virtual time; in real time, until `check` throws no more. */
async function within(h: Harness, ms: number, check: () => void): Promise<void> {
  if (isVirtual(h)) await h.sleepMs(ms)
  else await vi.waitFor(check, { timeout: REAL_TIME_MS, interval: 1 })
  check()
}

/** Bounds hold to the letter where nothing but the servers takes time. */
function isVirtual(h: Harness): boolean {
  return h.run.network === 'simulated'
}

/** The messages to a server from now on, heartbeats too. */
function watchMessagesTo(h: Harness, id: number): readonly AppendEntriesArgs[] {
  const messages: AppendEntriesArgs[] = []
  const server = h.consensus(id)
  const receive = server.appendEntries.bind(server)
  server.appendEntries = (args) => {
    messages.push(args)
    return receive(args)
  }
  return messages
}

/** Of each message that has entries, how many. */
function entriesIn(messages: readonly AppendEntriesArgs[]): number[] {
  return messages.map(({ entries }) => entries.length).filter((count) => count > 0)
}

/** In bytes. */
function longestOf(messages: readonly AppendEntriesArgs[]): number {
  return Math.max(...messages.map((args) => Buffer.byteLength(JSON.stringify(args))))
}

/** All in one turn of the event loop. */
function submitMany(h: Harness, id: number, count: number, name: string): void {
  for (let i = 1; i <= count; i += 1) h.consensus(id).submit(`${name}-${i}`)
}

/** A server that was cut off can cause an election; then a new command is committed. */
async function letCatchUp(h: Harness, id: number, lastIndex: number): Promise<void> {
  h.reconnectPeer(id)
  const leader = await h.checkSingleLeader()
  h.submitToServer(leader.id, 'the last')
  await within(h, HEARTBEATS_MS, () => {
    expect(h.report(id).lastApplied).toBeGreaterThanOrEqual(lastIndex + 1)
  })
}

scenario(
  'a command is committed at once, not with the next heartbeat',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    for (const command of [1, 2, 3, 4, 5]) {
      h.submitToServer(id, command)
      await within(h, ROUND_TRIP_MS, () => {
        expect(h.commandsOf(id).at(-1)).toBe(`${command}`)
      })
    }
  },
  PATIENT,
)

/** By server: how often its storage was told of an instant before or after a write. */
const instants = new Map<number, number>()

scenario(
  'what is submitted in one turn shares one sync and one round',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    await h.sleepMs(HEARTBEATS_MS)
    const messages = h.ids.filter((to) => to !== id).map((to) => watchMessagesTo(h, to))
    const { lastLogIndex: last } = h.report(id)
    instants.clear()
    submitMany(h, id, 1_000, 'command')
    await within(h, ROUND_TRIP_MS, () => {
      expect(h.report(id).commitIndex).toBe(last + 1_000)
    })
    if (!isVirtual(h)) return

    await h.sleepMs(ROUND_TRIP_MS)
    for (const toOne of messages) expect(entriesIn(toOne)).toEqual([1_000])
    // Each saves all of them in one, and syncs once.
    for (const each of h.ids) expect((instants.get(each) ?? 0) / 2).toBe(1 + 1)
  },
  { ...PATIENT, onWrite: (id) => instants.set(id, (instants.get(id) ?? 0) + 1) },
)

scenario(
  '7,000 conflicting entries are replaced in few round trips',
  3,
  async (h) => {
    const old = await h.checkSingleLeader()
    h.disconnectPeer(old.id)
    // More than one message takes.
    submitMany(h, old.id, 7_000, 'lost')
    const next = await h.checkSingleLeader()
    submitMany(h, next.id, 7_000, 'kept')
    await within(h, HEARTBEATS_MS, () => h.checkCommittedN('kept-7000', 2))
    // Who is elected now has a long log, and begins at its end: so far it must go back.
    await h.crashPeer(next.id)
    await h.restartPeer(next.id)
    await h.checkSingleLeader()

    const messages = watchMessagesTo(h, old.id)
    await letCatchUp(h, old.id, 7_000)
    expect(h.commandsOf(old.id).slice(0, 7_000).at(-1)).toBe('kept-7000')
    if (isVirtual(h)) expect(entriesIn(messages).length).toBeLessThanOrEqual(4)
  },
  PATIENT,
)

scenario(
  'a follower that stands still delays nobody, and is not flooded',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const slow = (id + 1) % 3
    submitMany(h, id, 1, 'first')
    await h.sleepMs(HEARTBEATS_MS)
    const messages = watchMessagesTo(h, slow)
    h.pausePeer(slow)
    for (let i = 1; i <= 50; i += 1) {
      h.submitToServer(id, i)
      await within(h, ROUND_TRIP_MS, () => {
        expect(h.commandsOf(id).at(-1)).toBe(`${i}`)
      })
    }
    h.resumePeer(slow)
    // One message with entries waited for it; the others came when it had answered. When
    // its own patience ended meanwhile, there is an election first.
    const next = await h.checkSingleLeader()
    h.submitToServer(next.id, 51)
    await within(h, HEARTBEATS_MS, () => h.checkCommittedN(51, 3))
    if (isVirtual(h)) expect(entriesIn(messages).length).toBeLessThanOrEqual(4)
  },
  PATIENT,
)

// Not as in part4: each election adds an entry, too.
scenario(
  'a follower far behind is caught up in bounded messages',
  3,
  async (h) => {
    const { id } = await h.checkSingleLeader()
    const behind = (id + 1) % 3
    h.disconnectPeer(behind)
    const last = h.report(id).lastLogIndex + 2_500
    submitMany(h, id, 2_500, 'x'.repeat(2_000))
    await within(h, HEARTBEATS_MS, () => expect(h.report(id).commitIndex).toBe(last))
    const messages = watchMessagesTo(h, behind)
    await letCatchUp(h, behind, last)
    expect(longestOf(messages)).toBeLessThan(GRPC_LIMIT)
    // Five million characters, a million or so at a time; and what an election adds.
    if (isVirtual(h)) expect(entriesIn(messages).length).toBeLessThanOrEqual(10)
  },
  PATIENT,
)

for (const [kind, letter] of Object.entries({
  ASCII: 'x',
  Chinese: '木',
  emoji: '🛶',
})) {
  scenario(
    `the longest commands fit into messages: ${kind}`,
    3,
    async (h) => {
      const { id } = await h.checkSingleLeader()
      const behind = (id + 1) % 3
      h.disconnectPeer(behind)
      const longest = letter.repeat(1_000_000 / letter.length)
      for (const command of ['1', longest, '2', '3', longest, longest, '4']) {
        h.submitToServer(id, command)
      }
      const messages = watchMessagesTo(h, behind)
      await letCatchUp(h, behind, 7)
      expect(longestOf(messages)).toBeLessThan(GRPC_LIMIT)
    },
    PATIENT,
  )
}
