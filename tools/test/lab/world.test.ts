import { expect, test } from 'vitest'
import { part } from '../../../part2/test/lab.ts'
import { begin } from '../../src/lab/faults/index.ts'
import type { Place, Surroundings } from '../../src/lab/part.ts'
import { World } from '../../src/lab/world.ts'
import { silentLogger } from '../../src/testlog/logger.ts'

const THINK_MS = 100

/** A part whose servers think before they answer, and promise to, or call back. */
function worldThatThinks(answers: 'by promise' | 'by calling', seed = 1): World {
  type OnReply = (reply: object) => void
  const build = (surroundings: Surroundings) => {
    const server = part.build(surroundings)
    const asking: OnReply[] = []
    const think = (onThought: OnReply) =>
      surroundings.clock.setTimeout(() => onThought({ thought: true }), THINK_MS)
    const operate = (_args: unknown, onReply: OnReply) => {
      if (answers === 'by promise') return new Promise(think)
      asking.push(onReply)
      think(onReply)
      return undefined
    }
    const stop = () => {
      for (const onReply of asking) onReply({ thought: false })
    }
    return Object.assign(server, { operate, stop })
  }
  const thinking = { ...part, rpcs: { ...part.rpcs, Operate: 'operate' }, build }
  const world = new World({
    part: thinking as typeof part,
    size: 3,
    seed,
    logger: () => silentLogger,
  })
  world.startAll()
  return world as unknown as World
}

function operate(world: World, client: Place, server: number): Promise<number> {
  return new Promise((resolve) =>
    client.send(server, 'Operate', {}, () => resolve(world.clock.now())),
  )
}

/** The times at which one answer after the other has come. */
async function talk(seed: number): Promise<number[]> {
  const world = worldThatThinks('by promise', seed)
  const client = world.join()
  const times: number[] = []
  const conversation = async () => {
    while (times.length < 2) times.push(await operate(world, client, 0))
  }
  void conversation()
  await world.sleep(1_000)
  return times
}

test('code that awaits runs in virtual time, the same for the same seed', async () => {
  const times = await talk(1)
  // Two questions, of which each takes 100 ms and two messages.
  expect(times[1]).toBeGreaterThan(204)
  expect(times[1]).toBeLessThan(220)
  expect(await talk(1)).toEqual(times)
  expect(await talk(2)).not.toEqual(times)
})

test('a server that answers later answers at that instant, in either way', async () => {
  const [first, second] = await Promise.all(
    (['by promise', 'by calling'] as const).map(async (way) => {
      const world = worldThatThinks(way)
      const client = world.join()
      return world.until(operate(world, client, 0))
    }),
  )
  expect(first).toBeGreaterThan(THINK_MS)
  expect(first).toBeLessThanOrEqual(THINK_MS + 10)
  expect(second).toBe(first)
})

test('a server that crashes keeps no promise', async () => {
  for (const way of ['by promise', 'by calling'] as const) {
    const world = worldThatThinks(way)
    const answer = operate(world, world.join(), 0)
    await world.sleep(THINK_MS / 2)
    world.crash(0)
    world.reboot(0)
    await expect(world.until(answer, 500)).rejects.toThrow('has not come in 500 ms')
  }
})

test('what is waited for comes to its first wait before anything else happens', async () => {
  const world = worldThatThinks('by calling')
  const client = world.join()
  await world.sleep(1_000)
  let answeredAtMs = 0
  const askAtOnce = async () => {
    await null
    answeredAtMs = await operate(world, client, 0)
  }
  const asked = world.until(askAtOnce())
  await world.sleep(1_000)
  await asked
  expect(answeredAtMs).toBeGreaterThan(1_000)
  expect(answeredAtMs).toBeLessThan(1_000 + 2 * THINK_MS)
})

test('a client reaches both sides of a partition, until it is cut off', async () => {
  const world = worldThatThinks('by calling')
  const client = world.join()
  begin(world, { kind: 'partition', groups: [[0], [1, 2]] })
  await world.until(Promise.all([0, 1].map((id) => operate(world, client, id))))
  begin(world, { kind: 'disconnect', server: client.id })
  await expect(world.until(operate(world, client, 0), 500)).rejects.toThrow('not come')
})

test('when a run is over, no time passes for who still waits', async () => {
  const world = worldThatThinks('by calling')
  const client = world.join()
  const answer = world.until(operate(world, client, 0))
  await world.sleep(1)
  world.end()
  const endedAtMs = world.clock.now()
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect(world.clock.now()).toBe(endedAtMs)
  void answer
})
