/** A cluster of real processes that changes while clients work. */
import { expect, test } from 'vitest'
import { eventually, type ProcessCluster, run } from './process-cluster.ts'
import {
  expectAllTheSame,
  judge,
  Load,
  newClient,
  startCluster,
} from './process-load.ts'

const CLIENTS = 4
/** What must be done between two steps. */
const DONE_PER_STEP = 40
/** A client waits so long, in ms: what gets no answer then is lost. */
const PATIENCE_MS = 60_000

/** In ms: far above what it takes, also on a machine with other things to do. */
const TIMEOUT_MS = 360_000
/** So patient that a leader stays, however busy the machine is. */
const PATIENT = ['--election-timeout', '1500-3000', '--timeout', '20']

/** The others soon miss one that was killed, and do not because the machine is busy. */
const QUICK = ['--election-timeout', '500-1000', '--timeout', '20']

/** A verb of raft.sh, asked of all servers. */
async function raft(cluster: ProcessCluster, ...args: readonly string[]) {
  const servers = cluster.addresses.flatMap((address) => ['--server', address])
  const ending = await run(...args, ...servers)
  expect(ending).toMatchObject({ code: 0 })
  return ending
}

async function restart(cluster: ProcessCluster, id: number): Promise<void> {
  await cluster.program(id).kill()
  cluster.launch(id)
  await eventually('it does not start again', () => cluster.status(id))
}

/** Waits until a server has itself in its log, committed. */
async function joined(cluster: ProcessCluster, id: number): Promise<void> {
  await eventually(`server ${id} is not added`, async () => {
    const status = await cluster.status(id)
    return status?.members.some((member) => member.id === id) || null
  })
}

/** Has a server removed by raft.sh, and waits for its end. */
async function remove(cluster: ProcessCluster, id: number): Promise<void> {
  cluster.forget(id)
  await raft(cluster, 'remove-server', `${id}`)
  const { code, errors } = await cluster.program(id).ended
  expect(errors).toContain('was removed from the cluster; it stops')
  expect(code).toBe(0)
}

test(
  'three servers become five and three again, and each is killed on the way',
  async () => {
    const cluster = await startCluster(3, QUICK)
    const load = new Load(cluster.addresses, CLIENTS, PATIENCE_MS)
    await load.more(DONE_PER_STEP)
    const { id: third } = await cluster.found()
    cluster.launch(third)
    await restart(cluster, 0)
    await joined(cluster, third)
    await load.more(DONE_PER_STEP)
    const { id: fourth } = await cluster.found()
    cluster.launch(fourth)
    await restart(cluster, third)
    await joined(cluster, fourth)
    await load.more(DONE_PER_STEP)
    await Promise.all([1, fourth].map((id) => restart(cluster, id)))
    await restart(cluster, 2)
    const { output } = await raft(cluster, 'members', '--json')
    const { members } = JSON.parse(output)
    expect(members).toEqual(cluster.members)
    expect(members).toHaveLength(5)

    const leader = await cluster.leader()
    for (const id of [leader, (leader + 1) % 3]) {
      await remove(cluster, id)
      await load.more(DONE_PER_STEP)
    }
    await load.stop()
    expect(cluster.ids).toHaveLength(3)
    await expectAllTheSame(cluster)
    expect(load.lost).toBe(0)
    expect(await judge(load, `${cluster.data(0)}.ndjson`)).toBe('linearizable')
  },
  TIMEOUT_MS,
)

test(
  'a rolling restart of three servers loses no operation, as leaders hand over',
  async () => {
    const cluster = await startCluster(3, PATIENT)
    const load = new Load(cluster.addresses, CLIENTS, PATIENCE_MS)
    await load.more(DONE_PER_STEP)
    load.measureGaps()
    for (const id of cluster.ids) {
      const { leader, term } = (await cluster.status(id)) ?? {}
      const { code, errors } = await cluster.program(id).kill('SIGTERM')
      expect(code).toBe(0)
      if (leader === id) {
        expect(errors).toContain('has handed leadership over')
        // Nobody had to miss it: for that, not enough time has passed.
        const others = cluster.ids.filter((other) => other !== id)
        const after = await Promise.all(others.map((other) => cluster.status(other)))
        expect(after.map((status) => status?.role)).toContain('Leader')
        expect(after.map((status) => status?.term)).toContain((term ?? 0) + 1)
      }
      cluster.launch(id)
      await eventually('it does not start again', () => cluster.status(id))
      await load.more(DONE_PER_STEP)
    }
    // Who led to begin with was among them.
    await load.stop()
    const gap = Math.round(load.longestGapMs)
    process.stdout.write(`rolling restart: ${load.done} done, longest gap ${gap} ms\n`)
    await expectAllTheSame(cluster)
    expect(load.lost).toBe(0)
    expect(await judge(load, `${cluster.data(0)}.ndjson`)).toBe('linearizable')
  },
  TIMEOUT_MS,
)

test(
  'all three servers are replaced, one after the other, while clients work',
  async () => {
    const cluster = await startCluster(3, QUICK)
    const load = new Load(cluster.addresses, CLIENTS, PATIENCE_MS)
    await load.more(DONE_PER_STEP)
    for (const old of [0, 1, 2]) {
      const { id } = await cluster.found()
      cluster.launch(id)
      await joined(cluster, id)
      await remove(cluster, old)
      await load.more(DONE_PER_STEP)
    }
    // One that had heard of nothing would disturb nobody, and is told by those it knows.
    const old = cluster.launch(0)
    expect(await old.ended).toMatchObject({ code: 0 })
    // The clients were told of none of those who are left.
    await cluster.program(await cluster.leader()).kill()
    await load.more(DONE_PER_STEP)
    await load.stop()
    expect(cluster.ids).toEqual([3, 4, 5])
    expect(load.lost).toBe(0)
    const { output } = await raft(cluster, 'members', '--json')
    expect(JSON.parse(output)).toMatchObject({ removed: [0, 1, 2], learner: null })
    expect(await newClient(cluster.addresses).get('none')).toBeNull()
    expect(await judge(load, `${cluster.data(0)}.ndjson`)).toBe('linearizable')
  },
  TIMEOUT_MS,
)
