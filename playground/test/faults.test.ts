import type { World } from 'tools/lab/world'
import { expect, onTestFinished, test, vi } from 'vitest'

test('a fault that gets buttons in the table has them here, and words in links', async () => {
  // The table is read once, when it is loaded.
  vi.resetModules()
  onTestFinished(() => void vi.resetModules())
  const { FAULTS } = await import('tools/lab/faults/index')
  Object.assign(FAULTS.clock, {
    canEnd: (world: World, { server }: { server: number }) =>
      world.machine(server).clock.now() > world.clock.now(),
    buttons: {
      begin: { word: 'hurry', text: 'Hurry' },
      end: { word: 'calm', text: 'Calm down' },
      at: (server: number) => ({ server, rate: 1.5 }),
    },
  })
  const { fromHash } = await import('../src/sim/link.ts')
  const { fetchPart } = await import('../src/sim/part.ts')
  const { Simulation } = await import('../src/sim/simulation.ts')

  const target = fromHash('part=1&servers=3&seed=1&do=10,hurry,2')
  if (!target || !('recording' in target)) throw new Error('it is a recording')
  const simulation = new Simulation(target.recording, await fetchPart(1))
  const texts = () => simulation.buttonsAt(2).map(({ text }) => text)
  expect(texts()).toEqual(['Pause server', 'Disconnect', 'Hurry'])
  for (const action of target.recording.actions) simulation.perform(action)
  await simulation.runTo(20)
  expect(texts()).toContain('Calm down')
  expect(simulation.events.map(({ msg }) => msg)).toContain('the clock of 2 runs at 1.5')
})
