/** The ready-made scenes show what their captions say. */
import { expect, test } from 'vitest'
import { Playback } from '../src/sim/playback.ts'
import { mostTelling } from '../src/sim/rules.ts'
import { SCENES, sceneOf } from '../src/sim/scenes.ts'
import './parts.ts'

/** A server in short: role and term, and its log, a star for what it knows committed. */
function brief(playback: Playback, id: number): string {
  const view = playback.simulation.view(id)
  const { role, term, lastIndex, commitIndex } = view
  const entries = Array.from({ length: lastIndex }, (_, i) => {
    const entry = view.entryAt(i + 1)
    return `${entry?.command}/${entry?.term}${i < commitIndex ? '*' : ''}`
  })
  return [`${role.charAt(0)}${term}`, ...entries].join(' ')
}

function watch(id: string) {
  const scene = sceneOf(id)
  if (!scene) throw new Error(`there is no scene ${id}`)
  const playback = new Playback(scene.recording)
  return {
    playback,
    at: async (time: number) => {
      await playback.goTo(time)
      return playback.simulation.ids.map((server) => brief(playback, server))
    },
  }
}

test('a first election: server 1 is first, and wins', async () => {
  const { at } = watch('first-election')
  expect(await at(317.4)).toEqual(['F0', 'C1', 'F0', 'F0', 'F0'])
  expect(await at(345)).toEqual(['F1', 'C1', 'F1', 'F1', 'F1'])
  expect(await at(368)).toEqual(['F1', 'L1', 'F1', 'F1', 'F1'])
  expect(await at(3000)).toEqual(['F1', 'L1', 'F1', 'F1', 'F1'])
})

test('a split vote: two votes each, and then another term', async () => {
  const { playback, at } = watch('split-vote')
  expect(await at(180)).toEqual(['C1', 'C1', 'F1', 'F1'])
  for (const id of [0, 1]) {
    expect(playback.simulation.condition(id).votes).toHaveLength(2)
  }
  expect(await at(660)).toEqual(['F2', 'F2', 'L2', 'F2'])
})

test('an old leader returns, and its uncommitted entry goes', async () => {
  const { at } = watch('old-leader-returns')
  expect(await at(590)).toEqual(['L1 x=1/1*', ...Array(4).fill('F1 x=1/1*')])
  expect((await at(690))[0]).toBe('L1 x=1/1* x=2/1')
  expect((await at(1290))[0]).toBe('L1 x=1/1* x=2/1')
  expect((await at(1290))[2]).toBe('L2 x=1/1* x=3/2*')
  expect((await at(1700))[0]).toBe('F2 x=1/1* x=3/2*')
})

test('a server of part 2 that comes back from a crash breaks a rule', async () => {
  const { playback, at } = watch('a-crash-forgets')
  await at(399)
  expect(playback.simulation.violation).toBeNull()
  await at(400)
  expect(playback.simulation.violation?.invariant).toBe('Monotonic Term')
  expect(playback.simulation.isOver).toBe(true)
})

test('figure 8: an entry on a majority is replaced, since it was not committed', async () => {
  const { playback, at } = watch('figure-8')
  expect((await at(849)).slice(0, 2)).toEqual(['L2 a/1 b/2', 'F2 a/1* b/2'])
  expect((await at(1059))[4]).toBe('L3 a/1* c/3')
  expect((await at(1390)).slice(0, 4)).toEqual([
    'L4 a/1 b/2',
    'F4 a/1* b/2',
    'F4 a/1* b/2',
    'F4 a/1*',
  ])
  expect((await at(1690)).slice(1)).toEqual([
    ...Array(3).fill('F5 a/1* c/3'),
    'L5 a/1 c/3',
  ])
  expect((await at(1900))[4]).toBe('L5 a/1* c/3* e/5*')
  expect(playback.simulation.violation).toBeNull()
})

test('figure 8: an entry of the leader’s own term commits those before it', async () => {
  const { playback, at } = watch('figure-8-safe')
  expect((await at(1499))[0]).toBe('L4 a/1* b/2* d/4*')
  expect((await at(1600))[4]).toBe('C5 a/1 c/3')
  expect((await at(4000)).filter((server) => server.startsWith('L'))).toEqual([
    expect.stringMatching(/^L\d a\/1\* b\/2\* d\/4\*$/),
  ])
  expect(playback.simulation.violation).toBeNull()
})

test('scenes are told in order, and end before they are over', async () => {
  expect(new Set(SCENES.map(({ id }) => id)).size).toBe(SCENES.length)
  for (const { captions } of SCENES) {
    const times = captions.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]).toBe(0)
  }
})

test('of one instant, what changes most is told', async () => {
  const { playback, at } = watch('first-election')
  await at(317.4)
  expect(mostTelling(playback.simulation.events)?.msg).toContain('becomes Candidate')
  expect(mostTelling([])).toBeNull()
})

test('an answer that is late: the append is entered twice, and carried out once', async () => {
  const { playback, at } = watch('a-late-answer')
  await at(890)
  expect(playback.simulation.answersHeld).toBe(0)
  await at(1000)
  expect(playback.simulation.view(0)).toMatchObject({ commitIndex: 4 })
  await at(2290)
  expect(playback.simulation.view(0)).toMatchObject({ commitIndex: 5 })
  expect(playback.simulation.answersHeld).toBe(2)
  expect(playback.simulation.requests.at(-1)?.outcome).toBeNull()
  await at(2500)
  const { answer, outcome } = playback.simulation.requests.at(-1) ?? {}
  expect(outcome).toBe('done')
  expect(answer).toMatchObject({ version: 4, previous: 'a' })
})
