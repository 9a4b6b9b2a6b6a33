/** A person holds back what a leader answers: the client does not know, and asks again. */
import { expect, test } from 'vitest'
import type { Deed } from '../src/sim/action.ts'
import { fromHash, toHash } from '../src/sim/link.ts'
import { partOf } from '../src/sim/part.ts'
import { Simulation } from '../src/sim/simulation.ts'
import './parts.ts'

/** Does something, and lets time pass. */
async function act(simulation: Simulation, deed: Deed, ms: number): Promise<void> {
  simulation.perform({ ...deed, at: simulation.now })
  await simulation.runTo(simulation.now + ms)
}

async function led(part: number): Promise<Simulation> {
  const simulation = new Simulation({ part, servers: 3, seed: 1 }, partOf(part))
  await simulation.runTo(50)
  await act(simulation, { do: 'timeout', server: 0 }, 500)
  expect(simulation.leader).toBe(0)
  return simulation
}

const append: Deed = { do: 'ask', what: 'append', key: 'x', value: 'b' }

/** How often the append stands in the leader's log. */
function appends(simulation: Simulation): number {
  const view = simulation.view(0)
  const commands = Array.from({ length: view.lastIndex }, (_, i) =>
    String(view.entryAt(i + 1)?.command),
  )
  return commands.filter((command) => command.includes('append')).length
}

test('a client whose answers are held back asks again, and it is carried out once', async () => {
  const simulation = await led(5)
  await act(simulation, { do: 'ask', what: 'put', key: 'x', value: 'a' }, 400)
  await act(simulation, { do: 'hold' }, 10)
  expect(simulation.answersHeld).toBe(0)
  await act(simulation, append, 1300)
  expect(simulation.answersHeld).toBeGreaterThan(0)
  expect(appends(simulation)).toBeGreaterThan(1)
  expect(simulation.requests.at(-1)?.outcome).toBeNull()
  await act(simulation, { do: 'release' }, 500)
  expect(simulation.answersHeld).toBeNull()
  expect(simulation.requests.at(-1)?.outcome).toBe('done')
  await act(simulation, { do: 'ask', what: 'get', key: 'x', value: '' }, 500)
  expect(simulation.requests.at(-1)?.answer).toMatchObject({ value: 'ab' })
})

test('in part 4 it does not ask again, and does not know', async () => {
  const simulation = await led(4)
  await act(simulation, { do: 'hold' }, 10)
  await act(simulation, append, 3000)
  expect(appends(simulation)).toBe(1)
  expect(simulation.requests.at(-1)?.outcome).toBe('unknown')
})

test('where nobody leads, or there are no clients, nothing is held back', async () => {
  for (const part of [3, 5]) {
    const simulation = new Simulation({ part, servers: 3, seed: 1 }, partOf(part))
    await act(simulation, { do: 'hold' }, 10)
    expect(simulation.answersHeld).toBeNull()
    await act(simulation, { do: 'release' }, 10)
    expect(simulation.violation).toBeNull()
  }
})

test('a link says when answers were held back', () => {
  const actions = [
    { do: 'hold', at: 100 },
    { do: 'release', at: 200 },
  ] as const
  const recording = { part: 5, servers: 3, seed: 1, actions }
  expect(fromHash(toHash(recording, 300))).toEqual({ recording, time: 300 })
})
