/** A person lets a server take a snapshot, and a follower get one. */
import { expect, test } from 'vitest'
import type { Action, Deed } from '../src/sim/action.ts'
import { fromHash, toHash } from '../src/sim/link.ts'
import { partOf } from '../src/sim/part.ts'
import { Simulation } from '../src/sim/simulation.ts'
import './parts.ts'

async function lead(part = 6): Promise<Simulation> {
  const simulation = new Simulation({ part, servers: 3, seed: 1 }, partOf(part))
  await act(simulation, { do: 'timeout', server: 0 }, 300)
  expect(simulation.leader).toBe(0)
  return simulation
}

/** Does something, and lets time pass after it. */
async function act(simulation: Simulation, deed: Deed, ms: number): Promise<void> {
  simulation.perform({ ...deed, at: simulation.now } as Action)
  await simulation.runTo(simulation.now + ms)
}

const ask = (key: string): Deed => ({ do: 'ask', what: 'put', key, value: '1' })

function messages({ events }: Simulation): string[] {
  return events.map(({ msg }) => msg)
}

test('a server takes a snapshot when it is told to, and its log begins after that', async () => {
  const simulation = await lead()
  await act(simulation, ask('x'), 1_000)
  expect(simulation.canTakeSnapshot(0)).toBe(true)
  const { lastApplied } = simulation.view(0)
  await act(simulation, { do: 'snapshot', server: 0 }, 100)
  expect(simulation.view(0).snapshots?.lastIndex).toBe(lastApplied)
  expect(messages(simulation)).toContain(`begins a snapshot up to entry ${lastApplied}`)
  // Others have taken none.
  expect(simulation.view(1).snapshots?.lastIndex).toBe(0)
})

test('where there is nothing new, or nobody there, none can be taken', async () => {
  const simulation = await lead()
  await act(simulation, ask('x'), 1_000)
  await act(simulation, { do: 'snapshot', server: 0 }, 100)
  expect(simulation.canTakeSnapshot(0)).toBe(false)
  await act(simulation, ask('y'), 1_000)
  expect(simulation.canTakeSnapshot(0)).toBe(true)
  await act(simulation, { do: 'pause', server: 1 }, 10)
  expect(simulation.canTakeSnapshot(1)).toBe(false)
  await act(simulation, { do: 'crash', server: 2 }, 10)
  expect(simulation.canTakeSnapshot(2)).toBe(false)
  const before = simulation.events.length
  simulation.perform({ do: 'snapshot', server: 2, at: simulation.now })
  expect(simulation.events).toHaveLength(before)
})

test('a part that has no snapshots has nothing to take one by', async () => {
  const simulation = await lead(5)
  expect(simulation.canTakeSnapshot(0)).toBeNull()
  await act(simulation, { do: 'snapshot', server: 0 }, 100)
  expect(messages(simulation).join()).not.toContain('snapshot')
})

test('a follower that comes back gets the snapshot of the leader', async () => {
  const simulation = await lead()
  await act(simulation, { do: 'disconnect', server: 2 }, 10)
  for (let i = 0; i < 8; i += 1) await act(simulation, ask(`key-${i}`), 400)
  await act(simulation, { do: 'snapshot', server: 0 }, 500)
  const { snapshots, firstIndex } = simulation.view(0)
  expect(firstIndex).toBeGreaterThan(1)
  await act(simulation, { do: 'reconnect', server: 2 }, 5_000)
  expect(simulation.violation).toBeNull()
  expect(messages(simulation).join()).toContain('installs a snapshot')
  expect(simulation.view(2).snapshots?.lastIndex).toBeGreaterThanOrEqual(
    snapshots?.lastIndex ?? 0,
  )
})

test('a link tells that a snapshot was taken, and where', () => {
  const hash = 'part=6&servers=3&seed=1&t=500&do=400,snapshot,2'
  const target = fromHash(hash)
  if (!target || !('recording' in target)) throw new Error('it is a recording')
  expect(target.recording.actions).toEqual([{ do: 'snapshot', at: 400, server: 2 }])
  expect(toHash(target.recording, 500)).toBe(hash)
})
