/** The puzzles of the page: each has a run that fails, its lines, and three hints. */
import { judge } from 'tools/puzzle/judge'
import { readPuzzles } from 'tools/puzzle/puzzles'
import { expect, test } from 'vitest'
import { textsOf } from '../src/own/texts.ts'
import { fromHash } from '../src/sim/link.ts'
import { partOf } from '../src/sim/part.ts'
import { Playback } from '../src/sim/playback.ts'
import { keepProgress, nextOf, readProgress, UNTRIED } from '../src/sim/progress.ts'
import { PUZZLES } from '../src/sim/puzzles.ts'
import './parts.ts'

/** As a browser has one. */
function storageWith(text: string | null): Storage {
  let kept = text
  return {
    getItem: () => kept,
    setItem: (_key: string, value: string) => {
      kept = value
    },
  } as unknown as Storage
}

test('they are those of the command, by the same numbers, the easier ones first', () => {
  const numbers = readPuzzles().map(({ number }) => number)
  const shown = PUZZLES.map(({ number }) => number)
  expect(shown.length).toBeGreaterThan((numbers.length * 2) / 3)
  expect(numbers.filter((number) => shown.includes(number))).toEqual(shown)
})

test.each(PUZZLES)(
  'puzzle $number breaks a rule, and has its answer and hints',
  async ({ number, part, load }) => {
    const { part: lab, puzzle } = await load()
    const { file, lines, hints, text, explanation } = puzzle
    const texts = await textsOf(part)
    expect(texts[`part${part}/${file}`]).not.toBe(text)
    expect(Object.keys(texts)).toContain(`part${part}/${file}`)
    expect(hints).toHaveLength(3)
    for (const line of lines) expect(judge(puzzle, file, line)).toBe('right')
    const { mistake } = readPuzzles().find((one) => one.number === number) ?? {}
    expect(explanation.title).toBe(mistake?.title)
    for (const shown of [text, ...hints]) expect(shown).not.toContain(explanation.title)
    const target = fromHash(puzzle.run)
    if (!target || !('recording' in target)) throw new Error('no run')
    const { recording } = target
    const playback = new Playback(recording)
    await playback.loadAlone(recording, { ...partOf(part), lab })
    await playback.toBreak()
    expect(playback.twin).toBeNull()
    expect(playback.subject.violation).not.toBeNull()
  },
)

test('how far one is outlives the page, and nonsense does not', () => {
  const storage = storageWith(null)
  const progress = { current: 7, attempts: { 7: { ...UNTRIED, hints: 2, tries: 1 } } }
  keepProgress(storage, progress)
  expect(readProgress(storage)).toEqual(progress)
  const anew = { current: null, attempts: {} }
  for (const text of ['{', '{"current":"x"}', '{"current":1,"attempts":{"a":{}}}']) {
    expect(readProgress(storageWith(text))).toEqual(anew)
  }
  expect(readProgress(null)).toEqual(anew)
  keepProgress(null, progress)
})

test('none comes twice, and what was set aside comes last', () => {
  const open = UNTRIED
  const solved = { ...UNTRIED, state: 'solved' } as const
  const numbers = [3, 1, 2]
  expect(nextOf(numbers, { current: null, attempts: {} })).toBe(3)
  expect(nextOf(numbers, { current: 3, attempts: { 3: open } })).toBe(1)
  expect(
    nextOf(numbers, { current: 2, attempts: { 3: open, 1: solved, 2: open } }),
  ).toBe(3)
  expect(
    nextOf(numbers, { current: 2, attempts: { 3: solved, 1: solved, 2: open } }),
  ).toBe(2)
  expect(
    nextOf(numbers, { current: 2, attempts: { 3: solved, 1: solved, 2: solved } }),
  ).toBeNull()
})
