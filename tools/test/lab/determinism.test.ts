import { expect, test } from 'vitest'
import { ConsensusModule } from '../../../part1/src/raft.ts'
import { Cluster } from '../../src/lab/cluster.ts'
import { RELIABLE, UNRELIABLE } from '../../src/lab/network.ts'
import { testLogger } from '../../src/testlog/logger.ts'

/** The test log of five servers of part 1 to which everything happens that can happen. */
async function testLogOf(seed: number): Promise<string> {
  let text = ''
  const destination = {
    write(line: string) {
      text += line
    },
  }
  const cluster = new Cluster<ConsensusModule>({
    size: 5,
    seed,
    network: 'simulated',
    logger: (clock) => testLogger(destination, 'determinism', clock),
  })
  for (const id of cluster.ids) {
    cluster.boot(
      id,
      ({ apply: _, ...surroundings }) => new ConsensusModule(surroundings),
    )
    cluster.start(id)
  }
  await cluster.sleep(1_000)
  cluster.setFaults(UNRELIABLE)
  await cluster.sleep(5_000)
  cluster.setFaults(RELIABLE)
  cluster.partition([
    [0, 1],
    [2, 3, 4],
  ])
  cluster.pause(4)
  await cluster.sleep(1_000)
  cluster.resume(4)
  cluster.heal()
  cluster.cut(0, 2)
  cluster.setClockRate(1, 1.5)
  cluster.crash(3)
  cluster.dropCallsAfter(2, 3)
  await cluster.sleep(2_000)
  cluster.audit()
  return text
}

test('the same seed writes the same test log, byte for byte, and another another', async () => {
  const first = await testLogOf(1)
  expect(first.split('\n').length).toBeGreaterThan(1_000)
  expect(await testLogOf(1)).toBe(first)
  expect(await testLogOf(2)).not.toBe(first)
})
