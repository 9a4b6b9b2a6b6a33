/** Real processes over HTTP, real kills, real files; always in real time. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from 'tools/histories/check'
import { readHistory } from 'tools/histories/read'
import { ClientHistory } from 'tools/lab'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { KeyValueClient, UnknownOutcome } from '../src/client.ts'
import { realClock } from '../src/clock.ts'
import type { Operation } from '../src/kv.ts'
import { HttpTransport } from '../src/transport.ts'
import { eventually, ProcessCluster, type Program } from './process-cluster.ts'
import { Recorder } from './recorder.ts'

/** How often the leader is killed, and what must be done between two kills. */
const KILLS = 20
const DONE_PER_KILL = 100
const CLIENTS = 8
const KEYS = ['a', 'b', 'c', 'd']

/** In ms: far above what it takes, also on a machine with other things to do. */
const TIMEOUT_MS = 240_000
const JUDGED_MS = 60_000

async function startCluster(
  size: number,
  args: readonly string[] = [],
): Promise<ProcessCluster> {
  const cluster = await ProcessCluster.start(size, args)
  onTestFinished(() => cluster.remove())
  return cluster
}

function newClient(servers: readonly string[], timeoutMs = 10_000): KeyValueClient {
  const transport = new HttpTransport()
  onTestFinished(() => transport.close())
  const random = Math.random
  return new KeyValueClient({ servers, transport, clock: realClock, random, timeoutMs })
}

/**
 * Clients that ask for one thing after the other, at random, until stopped. They write to
 * other keys after each kill, and read all: of one key, few changes stay unknown then, and
 * it can be judged in what order they came.
 */
class Load {
  readonly recorder = new Recorder(new ClientHistory(), () => realClock.now())
  done = 0
  private isStopped = false
  private asked = 0
  private period = 0
  private readonly all: Promise<void>[]

  constructor(servers: readonly string[], count: number) {
    this.all = Array.from({ length: count }, (_, id) => this.run(id, newClient(servers)))
  }

  /** Waits until that much more is done. */
  async more(count: number): Promise<void> {
    this.period += 1
    const enough = this.done + count
    await eventually(`${count} more done`, async () => this.done >= enough || null)
  }

  async stop(): Promise<void> {
    this.isStopped = true
    await Promise.all(this.all)
  }

  private async run(id: number, client: KeyValueClient): Promise<void> {
    let seen = 0
    while (!this.isStopped) {
      const operation = this.draw(seen)
      const result = await this.recorder.execute(id, client, operation)
      if (result === null) continue
      this.done += 1
      if ('version' in result && result.version !== null) seen = result.version
    }
  }

  /** Every value is another, so that what is read tells which write it was. */
  private draw(seen: number): Operation {
    const name = KEYS[Math.floor(Math.random() * KEYS.length)] as string
    const chance = Math.random()
    const past = Math.ceil(Math.random() * this.period)
    const key = `${name}${chance < 0.35 ? past : this.period}`
    this.asked += 1
    const value = `${this.asked}.`
    if (chance < 0.35) return { op: 'get', key }
    if (chance < 0.6) return { op: 'append', key, value }
    if (chance < 0.75) return { op: 'put', key, value }
    if (chance < 0.9) return { op: 'put', key, value, if: { version: seen } }
    return { op: 'delete', key }
  }
}

async function judge({ recorder }: Load, file: string): Promise<string> {
  writeFileSync(file, recorder.text)
  const { history } = await readHistory(file, 'kv')
  const limits = { deadline: performance.now() + JUDGED_MS, maxSteps: 16_000_000 }
  return check(history, { model: 'kv', split: true, limits }).verdict
}

/** Here, done twice is the same as done once: so what is unknown can be asked again. */
async function insist<T>(change: () => Promise<T>): Promise<T> {
  return eventually('no change was made', async () => {
    try {
      return await change()
    } catch (error) {
      if (error instanceof UnknownOutcome) return null
      throw error
    }
  })
}

/** What a server has applied, key by key. */
async function heldBy(address: string): Promise<string> {
  const { body } = await request(`http://${address}/kv?consistency=stale`)
  return body.text()
}

async function expectAllTheSame(cluster: ProcessCluster): Promise<void> {
  await newClient(cluster.addresses).get('all that was there before')
  await cluster.converged()
  const [first, ...others] = await Promise.all(cluster.addresses.map(heldBy))
  for (const other of others) expect(other).toBe(first)
}

test(
  'what clients saw can be explained when kill -9 meets the leader 20 times',
  async () => {
    const cluster = await startCluster(3)
    const load = new Load(cluster.addresses, CLIENTS)
    for (let kill = 0; kill < KILLS; kill += 1) {
      await load.more(DONE_PER_KILL)
      const id = await cluster.leader()
      await cluster.program(id).kill()
      cluster.launch(id)
    }
    // A server that forgot is put right by the others; not when all have to remember.
    await load.more(DONE_PER_KILL)
    await Promise.all(cluster.ids.map((id) => cluster.program(id).kill()))
    for (const id of cluster.ids) cluster.launch(id)
    await load.more(DONE_PER_KILL)
    await load.stop()

    await expectAllTheSame(cluster)
    expect(load.done).toBeGreaterThan(KILLS * DONE_PER_KILL)
    expect(await judge(load, `${cluster.data(0)}.ndjson`)).toBe('linearizable')
  },
  TIMEOUT_MS,
)

test(
  'what was done is there when all servers start again',
  async () => {
    const cluster = await startCluster(3)
    const client = newClient(cluster.addresses)
    for (let i = 0; i < 20; i += 1) await insist(() => client.put(`${i}`, `value ${i}`))
    const before = await client.list()
    await Promise.all(cluster.ids.map((id) => cluster.program(id).kill('SIGTERM')))
    for (const id of cluster.ids) cluster.launch(id)
    await cluster.leader()
    expect(await client.list()).toEqual(before)
    expect(before).toHaveLength(20)
  },
  TIMEOUT_MS,
)

test(
  'a leader cut off from its peers does not know what becomes of a command',
  async () => {
    const cluster = await startCluster(3, ['--timeout', '1'])
    const leader = await cluster.leader()
    await request(`http://${cluster.address(leader)}/block`, { method: 'POST' })
    const cutOff = newClient([cluster.address(leader)])
    await expect(cutOff.put('x', 'lost?')).rejects.toThrow(UnknownOutcome)

    const others = cluster.addresses.filter((_, id) => id !== leader)
    await insist(() => newClient(others).put('x', 'kept'))
    // Its own state is a past one, and it does not know: so it must not answer from it.
    await expect(cutOff.get('x', { timeoutMs: 1_500 })).rejects.toThrow('unknown')
    expect(await cutOff.get('x', { stale: true })).toBeNull()

    await request(`http://${cluster.address(leader)}/unblock`, { method: 'POST' })
    await expectAllTheSame(cluster)
    expect(await cutOff.get('x')).toMatchObject({ value: 'kept' })
  },
  TIMEOUT_MS,
)

test(
  'at SIGTERM a server answers who waits, takes no more, and gives back its folder',
  async () => {
    const cluster = await startCluster(3)
    const leader = await cluster.leader()
    const address = cluster.address(leader)
    await request(`http://${address}/block`, { method: 'POST' })
    const waiting = request(`http://${address}/kv/x`, { method: 'PUT', body: '1' })
    await eventually('nobody waits', async () =>
      (await cluster.status(leader))?.clients === 1 ? true : null,
    )
    const log = await request(`http://${address}/log`)
    const cut = log.body.text().catch(() => 'cut off')
    const ending = cluster.program(leader).kill('SIGTERM')
    const { statusCode, body } = await waiting
    expect(statusCode).toBe(504)
    expect(await body.json()).toEqual({ error: 'this server stops', outcome: 'unknown' })
    expect(await ending).toMatchObject({ code: 0, signal: null })
    await cut
    await expect(request(`http://${address}/status`)).rejects.toThrow('ECONNREFUSED')
    cluster.launch(leader)
    await eventually('it does not start again', () => cluster.status(leader))
  },
  TIMEOUT_MS,
)

/** How much a small disk holds. */
const SMALL_DISK_KIB = 40

/** Starts a server where its log has no room for much: a small disk if that can be had. */
function launchOnSmallDisk(cluster: ProcessCluster, id: number): Program {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return cluster.launch(id, SMALL_DISK_KIB)
  }
  const folder = cluster.data(id)
  const options = ['-t', 'tmpfs', '-o', `size=${SMALL_DISK_KIB}k`]
  execFileSync('mount', [...options, 'tmpfs', folder])
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder])
  })
  return cluster.launch(id)
}

test(
  'a server whose disk is full says so and ends, and what was done is not lost',
  async () => {
    const cluster = await startCluster(3)
    const id = await cluster.leader()
    await cluster.program(id).kill()
    const program = launchOnSmallDisk(cluster, id)
    await eventually('it does not start', () => cluster.status(id))

    const load = new Load(cluster.addresses, CLIENTS)
    const { code, errors } = await program.ended
    expect(code).toBe(1)
    expect(errors).toMatch(/cannot write .*raft\.log: (ENOSPC|EFBIG)/)
    expect(errors).not.toContain('    at ')
    // The others go on without it.
    await load.more(DONE_PER_KILL)
    await load.stop()
    expect(await judge(load, `${cluster.data(0)}.ndjson`)).toBe('linearizable')
  },
  TIMEOUT_MS,
)

test(
  'a stopped leader is replaced, and what it took is unknown',
  async () => {
    const cluster = await startCluster(3)
    const leader = await cluster.leader()
    process.kill(cluster.program(leader).pid, 'SIGSTOP')
    const client = newClient([cluster.address(leader), ...cluster.addresses], 500)
    await expect(client.put('x', '1')).rejects.toThrow(UnknownOutcome)
    await sleep(100)
    const others = newClient(cluster.addresses.filter((_, id) => id !== leader))
    await insist(() => others.put('x', '2'))
    process.kill(cluster.program(leader).pid, 'SIGCONT')
    await expectAllTheSame(cluster)
    // A command that nobody took any more, or one that came before the other.
    expect(await others.get('x')).toMatchObject({ value: '2' })
  },
  TIMEOUT_MS,
)
