/** Real processes over HTTP, real kills, real files; always in real time. */
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { UnknownOutcome } from '../src/client.ts'
import { eventually, type ProcessCluster, type Program } from './process-cluster.ts'
import {
  expectAllTheSame,
  insist,
  judge,
  Load,
  newClient,
  startCluster,
} from './process-load.ts'

/** How often the leader is killed, and what must be done between two kills. */
const KILLS = 20
const DONE_PER_KILL = 100
const CLIENTS = 8

/** In ms: far above what it takes, also on a machine with other things to do. */
const TIMEOUT_MS = 240_000

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

// Not as in part6: a leader that nobody answers steps down.
test(
  'a leader cut off from its peers does not know what becomes of a command',
  async () => {
    const cluster = await startCluster(3, ['--timeout', '1'])
    const leader = await cluster.leader()
    const there = `http://${cluster.address(leader)}`
    await request(`${there}/block`, { method: 'POST' })
    const put = await request(`${there}/kv/x`, { method: 'PUT', body: 'lost?' })
    expect(put.statusCode).toBe(504)

    const others = cluster.addresses.filter((_, id) => id !== leader)
    await insist(() => newClient(others).put('x', 'kept'))
    await eventually('it leads still', async () => {
      return (await cluster.status(leader))?.role === 'Leader' ? null : true
    })
    // Its own state is a past one, and it does not know: so it must not answer from it.
    expect((await request(`${there}/kv/x`)).statusCode).toBe(503)
    const stale = await request(`${there}/kv/x?consistency=stale`)
    expect(stale.statusCode).toBe(404)
    // It stepped down, as nobody answered, and knows no leader that it could have heard.
    expect(stale.headers['leader-heard-ms-ago']).toBeUndefined()

    await request(`${there}/unblock`, { method: 'POST' })
    await expectAllTheSame(cluster)
    const client = newClient([cluster.address(leader)])
    expect(await client.get('x')).toMatchObject({ value: 'kept' })
  },
  TIMEOUT_MS,
)

/** Who was heard within so long counts as being there, in ms. */
const LATELY_MS = 1_000

// Not as in part6: a leader would hand over, and one that hears nobody would step down.
test(
  'at SIGTERM a server answers who waits, takes no more, and gives back its folder',
  async () => {
    const cluster = await startCluster(3, ['--election-timeout', '8000-9000'])
    const leader = await cluster.leader()
    const address = cluster.address(leader)
    await request(`http://${address}/block`, { method: 'POST' })
    const waiting = request(`http://${address}/kv/x`, { method: 'PUT', body: '1' })
    await eventually('nobody waits', async () =>
      (await cluster.status(leader))?.clients === 1 ? true : null,
    )
    // Then it knows that there is nobody to hand over to.
    await eventually('somebody was heard lately', async () => {
      const { peers = [] } = (await cluster.status(leader)) ?? {}
      const isSilent = peers.every(({ heardMsAgo }) => (heardMsAgo ?? 0) > LATELY_MS)
      return peers.length > 0 && isSilent ? true : null
    })
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

// Not as in part4: the client has a session before.
test(
  'a stopped leader is replaced, and what it took is unknown',
  async () => {
    const cluster = await startCluster(3)
    const leader = await cluster.leader()
    const client = newClient([cluster.address(leader), ...cluster.addresses], 500)
    await insist(() => client.put('y', 'a session'))
    process.kill(cluster.program(leader).pid, 'SIGSTOP')
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
