import { expect, test } from 'vitest'
import { between, type Random, randomStreams } from '../../src/lab/random.ts'

const draw = (random: Random, count: number) => Array.from({ length: count }, random)

test('the same seed gives the same streams, and another seed gives others', () => {
  const streams = (seed: number) => {
    const next = randomStreams(seed)
    return [draw(next(), 50), draw(next(), 50)]
  }
  expect(streams(7)).toEqual(streams(7))
  expect(streams(7)).not.toEqual(streams(8))
  expect(streams(0)).not.toEqual(streams(2 ** 32 - 1))
})

test('one more draw from one stream changes nothing for the others', () => {
  const next = randomStreams(1)
  const [first, second] = [next(), next()]
  draw(first, 1_000)

  const other = randomStreams(1)
  other()
  expect(draw(second, 50)).toEqual(draw(other(), 50))
})

test('the streams of one seed, and the first draws of many seeds, differ', () => {
  const next = randomStreams(1)
  const draws = Array.from({ length: 100 }, () => next()())
  expect(new Set(draws).size).toBe(100)
  const ofSeeds = Array.from({ length: 100 }, (_, seed) => randomStreams(seed)()())
  expect(new Set(ofSeeds).size).toBe(100)
})

test('draws fill the range from 0 to 1, without 1, evenly', () => {
  const draws = draw(randomStreams(5)(), 10_000)
  expect(Math.min(...draws)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...draws)).toBeLessThan(1)
  const tenths = new Array(10).fill(0)
  for (const value of draws) tenths[Math.floor(value * 10)] += 1
  for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150)
})

test('a number between two lies between them', () => {
  expect(between(() => 0, 10, 20)).toBe(10)
  expect(between(() => 0.5, 10, 20)).toBe(15)
  const values = draw(() => between(Math.random, 10, 20), 1_000)
  expect(values.every((value) => value >= 10 && value < 20)).toBe(true)
})
