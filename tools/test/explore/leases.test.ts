import { expect, test } from 'vitest'
import { caseSchema } from '../../src/explore/case-schema.ts'
import { describeSchedule } from '../../src/explore/describe.ts'
import { drawSchedule } from '../../src/explore/draw.ts'
import { loadPart } from '../../src/explore/load.ts'
import { runSchedule } from '../../src/explore/run.ts'
import { drawOptionsFor, mustBear } from '../../src/explore/search.ts'
import { compilePart } from '../../src/parts/compile.ts'
import { scheduleOf } from './hunt.ts'

const part4 = await loadPart(await compilePart('part4'))
const part5 = await loadPart(await compilePart('part5'))
const seeds = Array.from({ length: 100 }, (_, i) => i + 1)

const options = drawOptionsFor(part5, { duration: 5, lease: true })
const inLease = (seed: number) => drawSchedule(seed, options, part5)

test('in a lease clocks run as wrong as it bears, and no more', () => {
  const rates = seeds.flatMap((seed) =>
    inLease(seed).faults.flatMap((fault) => (fault.kind === 'clock' ? fault.rate : [])),
  )
  expect(Math.min(...rates)).toBe(0.9)
  expect(Math.max(...rates)).toBe(1.1)
  const others = seeds.flatMap((seed) => scheduleOf(part5, seed).faults)
  expect(others.some((fault) => fault.kind === 'clock' && fault.rate > 1.1)).toBe(true)
})

test('no fault begins, and no client comes, after the faults stop', () => {
  for (const seed of seeds) {
    const { faults, clients = [], durationMs } = inLease(seed)
    const times = [...faults, ...clients.map((client) => ({ atMs: client.startsAtMs }))]
    expect(Math.max(...times.map(({ atMs }) => atMs), 0)).toBeLessThanOrEqual(durationMs)
  }
})

test('who reads in a lease sends fewer messages than who asks a majority', async () => {
  let [inLeases, asking] = [0, 0]
  for (const seed of seeds.slice(0, 20)) {
    const schedule = inLease(seed)
    inLeases += (await runSchedule(part5, schedule)).events
    asking += (await runSchedule(part5, { ...schedule, lease: false })).events
  }
  expect(inLeases).toBeLessThan(asking)
})

test('a schedule with leases can be told, and saved', () => {
  const schedule = inLease(1)
  expect(describeSchedule(schedule)).toContain('reads are answered in a lease')
  const violation = { invariant: 'a rule', message: 'it broke', atMs: 1 }
  const found = { part: 'part5', foundWithSeed: 1, violation, schedule }
  expect(caseSchema.parse(found)).toEqual(found)
})

test('a part without leases is not asked for any', () => {
  const refusal = 'this part answers no reads in a lease'
  expect(() => drawOptionsFor(part4, { duration: 5, lease: true })).toThrow(refusal)
  expect(() => mustBear(part4, 'part4', inLease(1))).toThrow(refusal)
})
