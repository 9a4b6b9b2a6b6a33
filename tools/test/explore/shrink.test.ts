import { expect, test } from 'vitest'
import { describeSchedule, sizeOf } from '../../src/explore/describe.ts'
import { runSchedule } from '../../src/explore/run.ts'
import type { Schedule } from '../../src/explore/schedule.ts'
import { shrink } from '../../src/explore/shrink.ts'
import { hunt, SLOW } from './hunt.ts'

/** Little work, so that the tests take little time. */
const MAX_EVENTS = 300_000

test('a schedule is made smaller, and breaks the same invariant', SLOW, async () => {
  for (const mistake of ['half-is-enough', 'vote-not-saved', 'damage-skipped']) {
    const { part, schedule, violation } = await hunt(mistake, 100)
    const small = await shrink(part, schedule, violation, MAX_EVENTS)
    expect(small.violation.invariant).toBe(violation.invariant)
    expect((await runSchedule(part, small.schedule)).violation).toEqual(small.violation)
    expect(small.schedule.servers).toBeLessThanOrEqual(schedule.servers)
    expect(small.schedule.faults.length).toBeLessThanOrEqual(2)
    expect(small.schedule.commandsAtMs.length).toBeLessThanOrEqual(1)
    expect(small.schedule.durationMs).toBeLessThan(schedule.durationMs)
  }
})

test('two servers of which half is enough need no fault at all', SLOW, async () => {
  const { part, schedule, violation } = await hunt('half-is-enough', 100)
  const small = (await shrink(part, schedule, violation, MAX_EVENTS)).schedule
  expect({ servers: small.servers, faults: small.faults }).toEqual({
    servers: 2,
    faults: [],
  })
})

test('what cannot be made smaller stays as it is', SLOW, async () => {
  const { part, schedule, violation } = await hunt('half-is-enough', 100)
  const small = await shrink(part, schedule, violation, MAX_EVENTS)
  const again = await shrink(part, small.schedule, small.violation, MAX_EVENTS)
  expect(again.schedule.faults).toEqual(small.schedule.faults)
  expect(again.schedule.servers).toBe(small.schedule.servers)
})

test('a schedule is told in sentences', () => {
  const schedule = {
    seed: 1,
    servers: 3,
    durationMs: 900,
    timeouts: 0,
    faults: [
      {
        kind: 'crash',
        server: 0,
        fromLeader: true,
        atMs: 300,
        forMs: 20,
        moment: { on: 'vote' },
      },
      { kind: 'loss', atMs: 400, forMs: 100, chance: 0.25 },
    ],
    commandsAtMs: [350],
    file: null,
  } as const
  expect(sizeOf(schedule)).toBe('3 servers, 2 faults, 1 command, 900 ms')
  expect(describeSchedule(schedule)).toEqual([
    'at 300 ms the leader crashes after its next vote, and restarts 20 ms later',
    'at 400 ms messages are lost, 25 % of them, for 100 ms',
    'at 900 ms the faults stop',
  ])
})

test('what is slow is told in sentences', () => {
  const work = { bytesPerSecond: 90_000, entriesPerSecond: 1_000 }
  const slow = { kind: 'slow-machine', speed: work }
  const disk = { kind: 'slow-disk', speed: { bytesPerSecond: 50_000, syncMs: 9 } }
  const schedule = {
    seed: 1,
    servers: 3,
    durationMs: 900,
    timeouts: 0,
    faults: [
      {
        kind: 'slow-link',
        from: 0,
        to: 1,
        bytesPerSecond: 40_000,
        fromLeader: true,
        atMs: 10,
      },
      { ...slow, server: 1, atMs: 20, forMs: 300 },
      { ...disk, server: 2, atMs: 30 },
    ],
    commandsAtMs: [350],
    commandLength: 2000,
    file: null,
  } as Schedule
  expect(describeSchedule(schedule)).toEqual([
    'each command has 2000 characters',
    'at 10 ms 40,000 bytes a second get from the leader to the leader’s neighbour 1, and stays so',
    'at 20 ms server 1 handles 90,000 bytes and 1,000 entries a second, for 300 ms',
    'at 30 ms the disk of server 2 writes 50,000 bytes a second and takes 9 ms for a sync, and stays so',
    'at 900 ms the faults stop',
  ])
})
