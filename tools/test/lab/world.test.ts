import { expect, test } from 'vitest'
import { part } from '../../../part2/test/lab.ts'
import { World } from '../../src/lab/world.ts'
import { silentLogger } from '../../src/testlog/logger.ts'

/** Two clients whose code awaits: one asks, the other thinks before it answers. */
async function talk(seed: number): Promise<string[]> {
  const world = new World({ part, size: 3, seed, logger: () => silentLogger })
  world.startAll()
  const said: string[] = []
  const say = (text: string) => said.push(`${world.clock.now()} ${text}`)
  const wait = (ms: number) =>
    new Promise((resolve) => answerer.clock.setTimeout(() => resolve(null), ms))
  const answerer = world.join(async (method, args) => {
    await wait(100)
    return { answers: method, args }
  })
  const asker = world.join()
  const ask = (question: string) =>
    new Promise((resolve) => asker.send(answerer.id, 'Ask', { question }, resolve))
  const conversation = async () => {
    for (const question of ['who', 'when']) say(JSON.stringify(await ask(question)))
    say('done')
  }
  void conversation()
  await world.sleep(1_000)
  expect(said).toHaveLength(3)
  return said
}

test('code that awaits runs in virtual time, the same for the same seed', async () => {
  const said = await talk(1)
  expect(said[0]).toContain('{"answers":"Ask","args":{"question":"who"}}')
  // Two questions, of which each takes 100 ms and two messages.
  expect(Number.parseFloat(said[2] ?? '')).toBeGreaterThan(204)
  expect(Number.parseFloat(said[2] ?? '')).toBeLessThan(220)
  expect(await talk(1)).toEqual(said)
  expect(await talk(2)).not.toEqual(said)
})
