import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/lab/clock.ts'

test('timers fire in the order of their times, and at those times', () => {
  const clock = new VirtualClock()
  const fired: [string, number][] = []
  const set = (name: string, ms: number) =>
    clock.setTimeout(() => fired.push([name, clock.now()]), ms)
  set('last', 30)
  set('first', 10)
  set('middle', 20.5)
  clock.advance(100)
  expect(fired).toEqual([
    ['first', 10],
    ['middle', 20.5],
    ['last', 30],
  ])
  expect(clock.now()).toBe(100)
})

test('timers of one instant fire in the order in which they were set', () => {
  const clock = new VirtualClock()
  const fired: number[] = []
  for (let i = 0; i < 100; i += 1) clock.setTimeout(() => fired.push(i), 7)
  clock.advance(7)
  expect(fired).toEqual(Array.from({ length: 100 }, (_, i) => i))
})

test('a timer that is cleared does not fire, whoever clears it and when', () => {
  const clock = new VirtualClock()
  const fired: string[] = []
  const before = clock.setTimeout(() => fired.push('before'), 5)
  const later = clock.setTimeout(() => fired.push('later'), 10)
  clock.setTimeout(() => clock.clearTimeout(later), 10 - 1)
  clock.clearTimeout(before)
  clock.clearTimeout(undefined)
  clock.advance(100)
  expect(fired).toEqual([])
})

test('what a timer sets fires in the same stretch of time, if it is due in it', () => {
  const clock = new VirtualClock()
  const fired: number[] = []
  const again = () => {
    fired.push(clock.now())
    clock.setTimeout(again, 10)
  }
  clock.setTimeout(again, 0)
  clock.advance(25)
  expect(fired).toEqual([0, 10, 20])
  clock.advance(5)
  expect(fired).toEqual([0, 10, 20, 30])
})

test('a timer beyond the end of the stretch waits for the next', () => {
  const clock = new VirtualClock()
  let fired = 0
  clock.setTimeout(() => {
    fired += 1
  }, 10)
  clock.advance(9.999)
  expect(fired).toBe(0)
  clock.advance(0.001)
  expect(fired).toBe(1)
})
