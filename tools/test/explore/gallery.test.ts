import { expect, test } from 'vitest'
import {
  compileMistake,
  findMistake,
  readGallery,
  textWith,
} from '../../src/parts/mistake.ts'
import { hunt, SLOW } from './hunt.ts'

const gallery = readGallery()

test('the gallery has mistakes of every kind', () => {
  const groups = new Set(gallery.map(({ group }) => group))
  expect(gallery.length).toBeGreaterThanOrEqual(25)
  expect([...groups]).toEqual(['elections', 'log', 'persistence', 'liveness'])
})

test.each(gallery)('$name applies to its part, and compiles', SLOW, async (mistake) => {
  const code = await compileMistake(mistake)
  expect(code).toContain('ConsensusModule')
  expect(mistake.path.startsWith(`${mistake.part}/src/`)).toBe(true)
  expect(mistake.breaks).toMatch(/\d|Figure/)
})

test('a diff that does not apply any more is refused, with its name', () => {
  const mistake = findMistake('figure-8')
  const diff = mistake.diff.replace('this.majority() - 1', 'this.plurality() - 1')
  expect(() => textWith({ ...mistake, diff })).toThrow(
    'tools/gallery/figure-8.diff does not apply to part2/src/raft.ts any more',
  )
})

test.each([
  ['second-vote', 'One Vote per Term'],
  ['votes-kept', 'Election Safety'],
  ['log-by-term', 'Leader Completeness'],
  ['truncate-always', 'State Machine Safety'],
  ['commit-index-falls', 'Monotonic Commit'],
  ['term-not-synced', 'Monotonic Term'],
  ['torn-tail-left', 'Durability'],
  ['leader-not-counted', 'Availability'],
])('%s breaks %s', SLOW, async (name, invariant) => {
  const { violation } = await hunt(name, 500)
  expect(violation.invariant).toBe(invariant)
})
