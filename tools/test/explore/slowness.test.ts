import { expect, test } from 'vitest'
import { CatchUp } from '../../src/explore/catch-up.ts'
import { drawSchedule } from '../../src/explore/draw.ts'
import { loadPart } from '../../src/explore/load.ts'
import { runSchedule } from '../../src/explore/run.ts'
import { type Schedule, SLOW_KINDS } from '../../src/explore/schedule.ts'
import { drawOptionsFor } from '../../src/explore/search.ts'
import type { World } from '../../src/lab/world.ts'
import { compilePart } from '../../src/parts/compile.ts'
import { scheduleOf } from './hunt.ts'

const part2 = await loadPart(await compilePart('part2'))
const part3 = await loadPart(await compilePart('part3'))

const isSlow = ({ kind }: { kind: string }) => SLOW_KINDS.some((slow) => slow === kind)
const seeds = Array.from({ length: 300 }, (_, i) => i + 1)

test('where nothing is slow, a seed is what it is without slow links and machines', () => {
  const { kinds } = drawOptionsFor(part3, { duration: 5 })
  const faults = kinds.filter((kind) => !isSlow({ kind }))
  const options = drawOptionsFor(part3, { duration: 5, faults })
  const same = seeds.filter((seed) => {
    const { commandLength, ...schedule } = scheduleOf(part3, seed)
    if (commandLength !== undefined) return false
    expect(schedule).toEqual(drawSchedule(seed, options))
    return true
  })
  expect(same.length).toBeGreaterThan(200)
})

test('part 3 must bear what stays slow; for part 2 all of it ends', () => {
  const lasting = (part: typeof part2) =>
    seeds
      .flatMap((seed) => scheduleOf(part, seed).faults)
      .filter((fault) => isSlow(fault) && fault.forMs === undefined)
  expect(lasting(part3).length).toBeGreaterThan(10)
  expect(lasting(part2)).toEqual([])
})

test('slow links alone are drawn for every seed, if they alone are asked for', () => {
  const options = drawOptionsFor(part3, {
    duration: 5,
    servers: 3,
    faults: ['slow-link'],
  })
  for (const seed of seeds) {
    const { faults } = drawSchedule(seed, options)
    expect(faults.length).toBeGreaterThan(0)
    expect(faults.every(({ kind }) => kind === 'slow-link')).toBe(true)
  }
})

test('a follower catches up behind a link that stays slow, and the run waits for it', async () => {
  const schedule: Schedule = {
    seed: 1,
    servers: 3,
    durationMs: 2000,
    timeouts: 0,
    faults: [0, 1, 2].flatMap((from) =>
      [0, 1, 2]
        .filter((to) => to !== from)
        .map((to) => {
          return {
            kind: 'slow-link',
            from,
            to,
            bytesPerSecond: 20_000,
            atMs: 0,
          } as const
        }),
    ),
    commandsAtMs: Array.from({ length: 50 }, () => 1500),
    commandLength: 2000,
    file: null,
  }
  const { violation, simulatedMs } = await runSchedule(part3, schedule)
  expect(violation).toBe(null)
  // 100,000 bytes take 5 s.
  expect(simulatedMs).toBeGreaterThan(6500)
})

/** A leader with 10 entries of 100 bytes, a follower with none, and 1000 bytes a second. */
function newCatchUp() {
  const entry = { term: 1, command: 'x'.repeat(77) }
  const log = Array.from({ length: 10 }, () => entry)
  const time = { ms: 0 }
  const world = {
    clock: { now: () => time.ms },
    view: (id: number) => ({
      firstIndex: 1,
      lastIndex: id === 0 ? log.length : 0,
      entryAt: (index: number) => log[index - 1],
    }),
    history: { appliedBy: () => [] },
    network: { slowLink: () => ({ bytesPerSecond: 1000, bytesWaiting: 500 }) },
    costsOf: () => ({ ofHandling: () => 0, ofWriting: () => 0, ofSync: () => 100 }),
  } as unknown as World
  const catchUp = new CatchUp(world, 0, [0, 1])
  const send = (entries: object[]) => {
    const rpc = { id: '1', method: 'AppendEntries', kind: 'request' } as const
    catchUp.noteSent({ ...rpc, from: 0, to: 1, args: { entries } })
  }
  return { catchUp, log, send, time }
}

test('who lags must have caught up in twice the time that its bytes need, and 2 s', () => {
  const { catchUp, time } = newCatchUp()
  // 500 and 1010 bytes on the link; eleven syncs at each of the two.
  time.ms = 2000 + 2 * (1500 + 2200)
  expect(catchUp.endsAt).toBeGreaterThanOrEqual(time.ms)
  expect(catchUp.endsAt).toBeLessThan(time.ms + 100)
  catchUp.check()
  time.ms = catchUp.endsAt + 1
  expect(() => catchUp.check()).toThrow('Catching Up: after 9.')
})

test('who lags must not be sent more than three times what it lacks', () => {
  const { catchUp, log, send } = newCatchUp()
  // With heartbeats, which are not counted; what stands around the entries; and once
  // what may have waited on the link before.
  for (let i = 0; i < 5; i += 1) send(log)
  for (let i = 0; i < 100; i += 1) send([])
  catchUp.check()
  send(log)
  expect(() => catchUp.check()).toThrow('Bounded Bytes: server 1 lacked 10')
})

test('what the leader has taken since may be sent as well', () => {
  const { catchUp, log, send } = newCatchUp()
  for (let i = 0; i < 6; i += 1) send(log)
  expect(() => catchUp.check()).toThrow('Bounded Bytes')
  log.push(...log)
  catchUp.check()
})
