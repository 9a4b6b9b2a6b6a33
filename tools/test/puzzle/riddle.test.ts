import { expect, test } from 'vitest'
import { type Mistake, readGallery } from '../../src/parts/mistake.ts'
import { sourcesOf } from '../../src/parts/seen.ts'
import { lineBefore } from '../../src/puzzle/folder.ts'
import { judge } from '../../src/puzzle/judge.ts'
import { readPuzzles, readRows } from '../../src/puzzle/puzzles.ts'
import { hintsFor, riddleFrom, riddleOf } from '../../src/puzzle/riddle.ts'

const CODE = `class Counter {
  value = 0

  add(): void {
    // Never less than it was.
    this.check()
    this.value += 1
  }

  check(): void {
    if (this.value < 0) throw new Error('less')
  }
}
`
const PATH = 'part1/src/raft.ts'

function riddleWith(before: string, after: string) {
  return riddleFrom(CODE, CODE.replace(before, after), PATH)
}

test('the answer is the line that was changed, and its function is close', () => {
  const riddle = riddleWith('this.value += 1', 'this.value += 2')
  expect(riddle.file).toBe('src/raft.ts')
  expect(judge(riddle, 'src/raft.ts', 7)).toBe('right')
  expect(judge(riddle, 'src/raft.ts', 4)).toBe('close')
  expect(judge(riddle, 'src/raft.ts', 8)).toBe('close')
  expect(judge(riddle, 'src/raft.ts', 10)).toBe('wrong')
  expect(judge(riddle, 'src/storage.ts', 7)).toBe('wrong')
})

test('a line that was taken out is where it stood', () => {
  const riddle = riddleWith('    this.check()\n', '')
  expect(riddle.lines).toEqual([5, 6])
  expect(judge(riddle, 'src/raft.ts', 7)).toBe('close')
})

test('what a mistake says of itself is not in the puzzle', () => {
  const riddle = riddleWith(
    '    this.value += 1',
    '    // Two at once, which is wrong.\n    this.value += 2 // wrong\n    this.value -= 0',
  )
  expect(riddle.text).not.toContain('wrong')
  expect(riddle.text).toContain('// Never less than it was.')
  expect(riddle.text).toContain('    this.value += 2\n    this.value -= 0\n')
  expect(riddle.lines).toEqual([7, 8])
})

test('each hint says more', () => {
  const riddle = riddleWith('this.value += 1', 'this.value += 2')
  const breaks = '5.1: what a counter counts'
  const hints = hintsFor(riddle, { breaks } as Mistake)
  expect(hints).toHaveLength(3)
  expect(hints[0]).toBe('The rule that it breaks: 5.1: what a counter counts.')
  expect(hints[1]).toBe('It is in Counter.add, in src/raft.ts.')
  expect(hints[2]).toContain('     7      this.value += 2')
  expect(hints.slice(0, 2).join()).not.toContain('value')
})

test('a place is found again in a copy that somebody has written in', () => {
  const now = CODE.replace('    this.check()', '    this.trace()\n    this.check()')
  expect(lineBefore(CODE, now, 5)).toBe(5)
  expect(lineBefore(CODE, now, 6)).toBeNull()
  expect(lineBefore(CODE, now, 8)).toBe(7)
})

test('every mistake is a puzzle, by a number of its own', () => {
  const names = readGallery().mistakes.map(({ name }) => name)
  const rows = readRows()
  const how = 'npm run puzzle-seeds mends it'
  expect(Object.keys(rows).toSorted(), how).toEqual(names.toSorted())
  expect(new Set(Object.values(rows).map(({ number }) => number)).size).toBe(
    names.length,
  )
})

test('the easier ones come first, and there are enough of each kind', () => {
  const difficulties = readPuzzles().map(({ difficulty }) => difficulty)
  const counts = ['easy', 'medium', 'hard'].map(
    (one) => difficulties.filter((difficulty) => difficulty === one).length,
  )
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(difficulties.length / 5)
  expect(difficulties).toEqual([
    ...Array.from({ length: counts[0] ?? 0 }, () => 'easy'),
    ...Array.from({ length: counts[1] ?? 0 }, () => 'medium'),
    ...Array.from({ length: counts[2] ?? 0 }, () => 'hard'),
  ])
})

test.each(readPuzzles())('puzzle $number has an answer and three hints', (puzzle) => {
  const { mistake } = puzzle
  const riddle = riddleOf(mistake)
  expect(riddle.lines.length).toBeGreaterThan(0)
  expect(riddle.functions.length).toBeGreaterThan(0)
  for (const line of riddle.lines) expect(judge(riddle, riddle.file, line)).toBe('right')
  for (const hint of hintsFor(riddle, mistake)) {
    expect(hint).not.toContain(mistake.name)
    expect(hint).not.toContain(mistake.title)
  }
})

test('a system that had a mistake is known by its address', () => {
  expect(sourcesOf('etcd, issue 741; Consul, in its default mode')).toEqual([
    'https://github.com/etcd-io/etcd/issues/741',
  ])
  expect(sourcesOf('eliben/raft, after issue 26: becoming a follower')).toEqual([
    'https://github.com/eliben/raft/issues/26',
  ])
  expect(sourcesOf('a common first draft')).toEqual([])
  const issues = readGallery().mistakes.filter(({ seen }) => /issue \d/.test(seen))
  for (const { seen } of issues) expect(sourcesOf(seen), seen).not.toEqual([])
})
