import { expect, test } from 'vitest'
import { part } from '../../../part1/test/lab.ts'
import { begin, end } from '../../src/lab/faults/index.ts'
import { World } from '../../src/lab/world.ts'
import { testLogger } from '../../src/testlog/logger.ts'

/** The test log of five servers of part 1 to which everything happens that can happen. */
async function testLogOf(seed: number): Promise<string> {
  let text = ''
  const destination = {
    write(line: string) {
      text += line
    },
  }
  const world = new World({
    part,
    size: 5,
    seed,
    logger: (clock) => testLogger(destination, 'determinism', clock),
  })
  world.startAll()
  await world.sleep(1_000)
  begin(world, { kind: 'unreliable' })
  await world.sleep(5_000)
  end(world, { kind: 'unreliable' })
  const groups = [
    [0, 1],
    [2, 3, 4],
  ]
  begin(world, { kind: 'partition', groups })
  begin(world, { kind: 'pause', server: 4 })
  await world.sleep(1_000)
  end(world, { kind: 'pause', server: 4 })
  end(world, { kind: 'partition' })
  begin(world, { kind: 'cut', from: 0, to: 2 })
  begin(world, { kind: 'clock', server: 1, rate: 1.5 })
  begin(world, { kind: 'crash', server: 3 })
  begin(world, { kind: 'drop-calls', server: 2, after: 3 })
  await world.sleep(2_000)
  world.audit()
  return text
}

test('the same seed writes the same test log, byte for byte, and another another', async () => {
  const first = await testLogOf(1)
  expect(first.split('\n').length).toBeGreaterThan(1_000)
  expect(await testLogOf(1)).toBe(first)
  expect(await testLogOf(2)).not.toBe(first)
})
