/**
 * One server as a process of its own: gRPC on loopback, its log in a real file. For
 * tests that kill it, and for the bench; its other end is `ServerProcess` in
 * process-cluster.ts, which starts it by fork() and asks it things over Node's channel.
 *
 *     node --import tsx part3/test/process.ts <id> <file> <host:port> [<patience>]
 *
 * Patience multiplies the election timeouts: on a machine that is busy with other
 * things, a follower would else take a leader that waits for its turn for dead.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { realClock, silentLogger } from 'tools/lab'
import type { AppliedEntry, Command, Report } from '../src/raft.ts'
import { Server } from '../src/server.ts'
import { FileStorage } from '../src/storage.ts'

/** Commands to submit as fast as they are committed. */
export interface Load {
  readonly commands: readonly Command[]
  /** How many are submitted at once, as one batch. */
  readonly batch: number
  /** How many batches are under way at a time. */
  readonly inFlight: number
}

export interface Measurement {
  readonly entries: number
  readonly durationMs: number
  /** Of every batch: from its submission until its last entry is applied; sorted. */
  readonly latenciesMs: readonly number[]
}

/** What the process can be asked. Null for an answer: it does not lead, or no more. */
export interface Calls {
  /** Connects it to its peers, by id, and starts it. */
  start(addresses: readonly string[]): null
  report(): Report
  /** Answers when all of them are committed, with the index of the last. */
  submit(commands: readonly Command[]): Promise<number | null>
  measure(load: Load): Promise<Measurement | null>
  /** Submits so many commands in one turn. How long it took to commit them, in ms. */
  flood(count: number): Promise<number | null>
  /** All that it applied in this life. */
  applied(): readonly AppliedEntry[]
}

export interface Question<Method extends keyof Calls = keyof Calls> {
  readonly number: number
  readonly method: Method
  readonly args: Parameters<Calls[Method]>
}

export interface Answer {
  readonly number: number
  readonly answer: unknown
}

/** What it says once, unasked: where it listens. */
export interface Hello {
  readonly address: string
}

type OnDecided = (index: number | null) => void

/** How often to look whether this server still leads, in ms. */
const LOOK_INTERVAL_MS = 20
const HEARTBEAT_MS = 50

const [id, file, address, patience = '1'] = process.argv.slice(2)
if (!id || !file || !address) {
  console.error('usage: process.ts <id> <file> <host:port> [<patience>]')
  process.exit(2)
}
const electionTimeout = [150 * Number(patience), 300 * Number(patience)] as const

const applied: AppliedEntry[] = []
/** By index: the term of an entry that was submitted here, and who waits for it. */
const waiting = new Map<number, { term: number; onDecided: OnDecided }>()

const server = new Server({
  id: Number(id),
  clock: realClock,
  random: Math.random,
  logger: silentLogger,
  timing: { electionTimeout, heartbeatInterval: HEARTBEAT_MS },
  storage: new FileStorage(file),
  apply(entry) {
    applied.push(entry)
    const waiter = waiting.get(entry.index)
    if (!waiter) return
    waiting.delete(entry.index)
    // An entry of another term is another entry: ours was replaced.
    waiter.onDecided(waiter.term === entry.term ? entry.index : null)
  },
})
const { consensus } = server

/** What becomes of the entries of a leader that was deposed, it cannot tell. */
setInterval(() => {
  const { isLeader, term } = consensus.report()
  for (const [index, waiter] of waiting) {
    if (isLeader && waiter.term === term) return
    waiting.delete(index)
    waiter.onDecided(null)
  }
}, LOOK_INTERVAL_MS)

/**
 * The commands are submitted in one turn, so in one term: with the last of them those
 * before it are committed (the Log Matching property).
 */
function submit(commands: readonly Command[]): Promise<number | null> {
  let last: number | null = null
  for (const command of commands) last = consensus.submit(command)
  if (last === null) return Promise.resolve(null)
  const index = last
  waiting.get(index)?.onDecided(null)
  return new Promise((onDecided) => {
    waiting.set(index, { term: consensus.currentTerm, onDecided })
  })
}

/** The client is inside the leader: what is measured is Raft, not the way to it. */
async function measure(load: Load): Promise<Measurement | null> {
  const latenciesMs: number[] = []
  let next = 0
  const runOne = async (): Promise<boolean> => {
    while (next < load.commands.length) {
      const commands = load.commands.slice(next, next + load.batch)
      next += commands.length
      const submittedAt = performance.now()
      if (!(await submit(commands))) return false
      latenciesMs.push(performance.now() - submittedAt)
    }
    return true
  }
  const startedAt = performance.now()
  const done = await Promise.all(Array.from({ length: load.inFlight }, runOne))
  if (done.includes(false)) return null
  return {
    entries: load.commands.length,
    durationMs: performance.now() - startedAt,
    latenciesMs: latenciesMs.sort((a, b) => a - b),
  }
}

async function flood(count: number): Promise<number | null> {
  const commands = Array.from({ length: count }, (_, i) => `command ${i}`)
  await sleep(HEARTBEAT_MS) // To make them is no part of that turn.
  const startedAt = performance.now()
  const index = await submit(commands)
  return index && performance.now() - startedAt
}

const calls: Calls = {
  start(addresses) {
    addresses.forEach((peerAddress, peer) => {
      if (peer !== Number(id)) server.connect(peer, peerAddress)
    })
    server.start()
    return null
  },
  report: () => consensus.report(),
  submit,
  measure,
  flood,
  applied: () => applied,
}

process.on('message', async ({ number, method, args }: Question) => {
  const call = calls[method] as (...args: unknown[]) => unknown
  process.send?.({ number, answer: await call(...args) } satisfies Answer)
})
// Nobody is there any more to ask: the test or the bench is over, or was killed.
process.on('disconnect', () => process.exit())

process.send?.({ address: await server.listen(address) } satisfies Hello)
