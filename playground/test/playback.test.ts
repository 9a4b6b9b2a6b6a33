/** The playground's time: on, back, and the same again. */
import { expect, test } from 'vitest'
import type { Recording } from '../src/sim/action.ts'
import { Playback } from '../src/sim/playback.ts'
import './parts.ts'

const FIVE: Recording = { part: 3, servers: 5, seed: 7, actions: [] }

/** All that can be seen of a playback. */
function pictureOf({ simulation, time }: Playback) {
  const servers = simulation.ids.map((id) => {
    const view = simulation.view(id)
    const { role, term, votedFor, lastIndex, commitIndex } = view
    const log = Array.from({ length: lastIndex }, (_, i) => view.entryAt(i + 1))
    const condition = simulation.condition(id)
    return { role, term, votedFor, log, commitIndex, condition }
  })
  const { flights, events, violation } = simulation
  return structuredClone({ time, servers, flights, events, violation })
}

/** A run with something of everything in it. */
async function lively(): Promise<Playback> {
  const playback = new Playback(FIVE)
  playback.play()
  const watch = async (frames: number) => {
    for (let frame = 0; frame < frames; frame += 1) await playback.tick(16.7)
  }
  await playback.act({ do: 'timeout', server: 2 })
  await watch(100)
  await playback.act({ do: 'submit', server: 2, command: 'x=1' })
  await playback.act({ do: 'cut', server: 2, other: 4 })
  await watch(90)
  await playback.act({ do: 'pause', server: 1 })
  await watch(90)
  await playback.act({ do: 'crash', server: 2 })
  await playback.act({ do: 'resume', server: 1 })
  await watch(300)
  await playback.act({ do: 'restart', server: 2 })
  await watch(200)
  return playback
}

test('what is recorded happens again, to the last message', async () => {
  const live = await lively()
  const again = new Playback(live.recording)
  await again.goTo(live.time)
  expect(pictureOf(again)).toEqual(pictureOf(live))
})

test('when a run holds no more actions it says so', async () => {
  const playback = new Playback({ part: 1, servers: 3, seed: 1, actions: [] })
  for (let i = 0; i < 250; i += 1) {
    await playback.act({ do: 'pause', server: 0 })
    expect(playback.whyNoMore).toBeNull()
    await playback.act({ do: 'resume', server: 0 })
  }
  expect(playback.whyNoMore).toBe('A run holds 500 actions, and this one has them')
  await playback.act({ do: 'pause', server: 0 })
  expect(playback.recording.actions).toHaveLength(500)
  expect(playback.simulation.condition(0).isPaused).toBe(false)
})

test('however time is cut into frames, the same happens', async () => {
  const whole = new Playback(FIVE)
  await whole.goTo(2000)
  const cut = new Playback(FIVE)
  for (let time = 0; time < 2000; time += 3.7) await cut.goTo(time)
  await cut.goTo(2000)
  expect(pictureOf(cut)).toEqual(pictureOf(whole))
})

test('a step goes to the next event, and back to the one before', async () => {
  const playback = new Playback(FIVE)
  await playback.step()
  const first = pictureOf(playback)
  expect(first.events.at(-1)?.time).toBe(playback.time)
  expect(playback.time).toBeGreaterThan(300)
  await playback.step()
  const second = pictureOf(playback)
  expect(second.time).toBeGreaterThan(first.time)
  await playback.step()
  await playback.back()
  expect(pictureOf(playback)).toEqual(second)
  await playback.back()
  expect(pictureOf(playback)).toEqual(first)
  await playback.back()
  expect(playback.time).toBe(0)
  await playback.back()
  expect(playback.time).toBe(0)
})

test('recorded actions are steps, too', async () => {
  const actions = [{ do: 'disconnect', at: 50, server: 3 }] as const
  const playback = new Playback({ ...FIVE, actions })
  await playback.step()
  expect(playback.time).toBe(50)
  expect(playback.simulation.condition(3).isConnected).toBe(false)
  await playback.back()
  expect(playback.simulation.condition(3).isConnected).toBe(true)
  expect(playback.actionsAhead).toBe(1)
})

test('who goes back and does something else makes another future', async () => {
  const playback = await lively()
  await playback.goTo(100)
  expect(playback.actionsAhead).toBeGreaterThan(0)
  await playback.act({ do: 'disconnect', server: 0 })
  expect(playback.actionsAhead).toBe(0)
  expect(playback.recording.actions.map((action) => action.do)).toEqual([
    'timeout',
    'disconnect',
  ])
})

test('time passes as fast as it is set to, and never in leaps', async () => {
  const playback = new Playback(FIVE)
  await playback.tick(50)
  expect(playback.time).toBe(0)
  playback.play()
  await playback.tick(50)
  expect(playback.time).toBeCloseTo(5)
  for (let i = 0; i < 9; i += 1) playback.faster()
  await playback.tick(50)
  expect(playback.time).toBeCloseTo(55)
  for (let i = 0; i < 9; i += 1) playback.slower()
  await playback.tick(60_000)
  expect(playback.time).toBeCloseTo(56)
})

test('a frame from before it began changes nothing', async () => {
  const playback = new Playback(FIVE)
  await playback.load(FIVE, [0])
  playback.play()
  await playback.tick(-5)
  expect(playback.time).toBe(0)
  expect(playback.isPlaying).toBe(true)
})

test('a playback stops where there is something to read', async () => {
  const playback = new Playback(FIVE)
  await playback.load(FIVE, [0, 4, 100])
  playback.play()
  await playback.tick(50)
  expect(playback.time).toBe(4)
  expect(playback.isPlaying).toBe(false)
})

test('a server whose time is up becomes a candidate at once', async () => {
  const playback = new Playback(FIVE)
  await playback.act({ do: 'timeout', server: 4 })
  const server = playback.simulation.view(4)
  expect(server.role).toBe('Candidate')
  expect(playback.simulation.condition(4).votes).toEqual([4])
  expect(playback.simulation.flights).toHaveLength(4)
  await playback.goTo(100)
  expect(server.role).toBe('Leader')
  expect(playback.simulation.leader).toBe(4)
  expect(playback.simulation.condition(4).electionTimer).toBeNull()
})

test('whoever does not lead takes no command, and says so', async () => {
  const playback = new Playback(FIVE)
  await playback.act({ do: 'submit', server: 1, command: 'x=1' })
  expect(playback.simulation.events.at(-1)?.msg).toContain('server 1 does not lead')
})

test('a run is not endless', async () => {
  const playback = new Playback({ ...FIVE, part: 1, servers: 3 })
  await playback.goTo(1e9)
  expect(playback.time).toBe(600_000)
  expect(playback.simulation.isOver).toBe(true)
  playback.play()
  expect(playback.isPlaying).toBe(false)
})

test('what a service waits for is not taken for an election timer', async () => {
  const playback = new Playback({ part: 4, servers: 3, seed: 1, actions: [] })
  await playback.act({ do: 'timeout', server: 0 })
  await playback.goTo(200)
  await playback.act({ do: 'ask', what: 'put', key: 'x', value: '1' })
  await playback.goTo(7000)
  const { simulation } = playback
  expect(simulation.requests[0]?.outcome).toBe('done')
  expect(simulation.condition(0).electionTimer).toBeNull()
  const elections = simulation.events.filter(({ event, role }) => {
    return event === 'role' && role === 'Candidate'
  })
  expect(elections).toHaveLength(1)
})

test('what a client asks is the same, however time is cut into frames', async () => {
  const asks = [700, 700.5, 900, 1300].map((at) => {
    return { do: 'ask', at, what: 'append', key: 'x', value: `${at}` } as const
  })
  const run: Recording = { part: 4, servers: 3, seed: 3, actions: asks }
  const whole = new Playback(run)
  await whole.goTo(2000)
  const cut = new Playback(run)
  for (let time = 0; time < 2000; time += 3.7) await cut.goTo(time)
  await cut.goTo(2000)
  expect(cut.simulation.events).toEqual(whole.simulation.events)
  expect(whole.simulation.requests.map(({ outcome }) => outcome)).toContain('done')
})
