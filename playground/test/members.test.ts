/** A person adds servers to the cluster, removes them, and lets another lead. */
import { expect, test } from 'vitest'
import type { Deed } from '../src/sim/action.ts'
import { fromHash, toHash } from '../src/sim/link.ts'
import { partOf } from '../src/sim/part.ts'
import { Simulation } from '../src/sim/simulation.ts'
import './parts.ts'

function simulate(part = 7): Simulation {
  return new Simulation({ part, servers: 3, seed: 1 }, partOf(part))
}

/** Does something, and lets time pass. */
async function act(simulation: Simulation, deed: Deed, ms: number): Promise<void> {
  simulation.perform({ ...deed, at: simulation.now })
  await simulation.runTo(simulation.now + ms)
}

async function led(): Promise<Simulation> {
  const simulation = simulate()
  await simulation.runTo(50)
  await act(simulation, { do: 'timeout', server: 0 }, 500)
  expect(simulation.leader).toBe(0)
  return simulation
}

test('a server that is added learns, and is a member then', async () => {
  const simulation = await led()
  await act(simulation, { do: 'add' }, 10)
  expect(simulation.ids).toEqual([0, 1, 2, 3])
  expect(simulation.standing(3)).toBe('new')
  expect(simulation.changesAt(3)).toEqual({
    canAdd: true,
    canRemove: false,
    canLead: false,
  })
  await simulation.runTo(simulation.now + 2000)
  expect(simulation.members).toEqual([0, 1, 2, 3])
  expect(simulation.standing(3)).toBeNull()
  expect(simulation.changesAt(3)?.canLead).toBe(true)
})

test('one that is removed is gone, and the cluster is at peace without it', async () => {
  const simulation = await led()
  await act(simulation, { do: 'remove', server: 0 }, 3000)
  expect(simulation.members).toEqual([1, 2])
  expect(simulation.standing(0)).toBe('gone')
  await simulation.runTo(simulation.now + 12_000)
  expect(simulation.violation).toBeNull()
})

test('a server that is told to leads', async () => {
  const simulation = await led()
  await act(simulation, { do: 'lead', server: 2 }, 500)
  expect(simulation.leader).toBe(2)
})

test('where clusters stay what they are, nothing of it can be done', async () => {
  const simulation = simulate(6)
  expect(simulation.changesAt(0)).toBeNull()
  await act(simulation, { do: 'add' }, 100)
  await act(simulation, { do: 'remove', server: 0 }, 100)
  expect(simulation.ids).toEqual([0, 1, 2])
})

test('a link may name a server that was added, and no other', () => {
  const hash = (actions: string) => `part=7&servers=3&seed=1&t=900&do=${actions}`
  const target = fromHash(hash('100,add;200,lead,3;300,remove,3'))
  if (!target || !('recording' in target)) throw new Error('it was one')
  expect(toHash(target.recording, target.time)).toBe(
    hash('100,add;200,lead,3;300,remove,3'),
  )
  expect(() => fromHash(hash('100,add;200,lead,4'))).toThrow('not from 0 to 3')
})
