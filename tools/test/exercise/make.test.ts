import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../../src/cli/root.ts'
import { isWritten, takeOut } from '../../src/exercise/bodies.ts'
import { carryFile } from '../../src/exercise/carry.ts'
import { makeExercise } from '../../src/exercise/make.ts'
import { partsWithExercise, placeOf, readPlan } from '../../src/exercise/plan.ts'
import { headingsOf } from '../../src/markdown/read.ts'
import { listParts } from '../../src/parts/find.ts'
import { bodiesIn, definitionsIn } from '../../src/source/definitions.ts'
import { emptyFolder, SLOW } from './copy.ts'

test('every part that has a chapter has an exercise', () => {
  const told = listParts(ROOT).filter((part) =>
    existsSync(join(ROOT, `docs/${part}.md`)),
  )
  expect(partsWithExercise(ROOT)).toEqual(told)
})

describe.each(partsWithExercise(ROOT))('the plan of %s', (part) => {
  const { stages, files } = readPlan(ROOT, part)
  const read = (file: string) => readFileSync(join(ROOT, part, file), 'utf8')

  test('names what there is: bodies, headings, each test once', () => {
    for (const { symbol } of stages.flatMap(({ write }) => write)) {
      const { file, name } = placeOf(symbol)
      expect(bodiesIn(read(file), file).map((body) => body.name)).toContain(name)
    }
    const chapter = readFileSync(join(ROOT, 'docs', `${part}.md`), 'utf8')
    const headings = headingsOf(chapter).map(({ text }) => text)
    for (const stage of stages) expect(headings).toContain(stage.chapter)
    const named = stages.flatMap(({ tests = [] }) => tests)
    expect(new Set(named).size).toBe(named.length)
    expect(stages.map(({ tests }) => tests === undefined)).toEqual(
      stages.map((_, i) => i === stages.length - 1),
    )
    expect(files.map(read).join('').length).toBeGreaterThan(0)
  })

  test('says above each body what is to be written', () => {
    for (const { symbol, rule } of stages.flatMap(({ write }) => write)) {
      const { file, name } = placeOf(symbol)
      const text = read(file)
      const { firstLine = 0 } =
        definitionsIn(text, file).find((definition) => definition.name === name) ?? {}
      const above = text.split('\n')[firstLine - 2] ?? ''
      const hasText = rule !== undefined || above.trimEnd().endsWith('*/')
      expect(hasText, `${symbol} has no text`).toBe(true)
    }
  })

  test('leaves what type-checks', SLOW, async () => {
    const folder = emptyFolder(part)
    makeExercise({ root: ROOT, part, folder, stage: 1, force: false })
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    const types = ['--typeRoots', join(ROOT, 'node_modules/@types')]
    const { stdout } = await execa(tsc, ['-p', folder, ...types], { reject: false })
    expect(stdout).toBe('')
  })
})

const text = `export class A {
  /** The sum (1.2). */
  sum(a: number): number {
    return a + 1
  }
}
`

test('a body that is taken out says what is to be written there', () => {
  const symbol = { symbol: 'src/a.ts#A.sum', sections: '1.2', rule: 'Add one.' }
  expect(takeOut(text, 'src/a.ts', [symbol])).toBe(
    text.replace(
      '    return a + 1',
      "    // Add one.\n    throw new Error('not yet: sum (1.2)')",
    ),
  )
  expect(isWritten(takeOut(text, 'src/a.ts', [symbol]))).toBe(false)
  expect(() =>
    takeOut(text, 'src/a.ts', [{ symbol: 'src/a.ts#A.no', sections: '' }]),
  ).toThrow('src/a.ts has no function or method A.no')
})

test('what a reader wrote comes along where the parts agree, and so does what was added', () => {
  const before = `${text}\nfunction other(): number {\n  return 1\n}\n`
  const after = before.replace('return 1\n', 'return 2\n')
  const own = before
    .replace('return a + 1', 'return this.one(a)')
    .replace('return 1\n', 'return 9\n')
    .replace(
      '  }\n}',
      '  }\n\n  /** Mine. */\n  private one(a: number): number {\n    return 1 + a\n  }\n}',
    )
  const carried = carryFile({ file: 'a.ts', own, before, after, exercise: after })
  expect(carried.own).toEqual(['A.sum', 'A.one'])
  expect(carried.changed).toEqual(['other'])
  expect(carried.text).toBe(own.replace('return 9\n', 'return 2\n'))
})

describe('the command', () => {
  function run(...args: string[]) {
    const main = join(ROOT, 'tools/src/exercise/cli.ts')
    return execa(process.execPath, ['--import', 'tsx', main, ...args], {
      cwd: ROOT,
      reject: false,
    })
  }

  test.each([
    [['part99'], 'there is no exercise of "part99"; there are part1, part2'],
    [['part1', '--stage', '0'], 'It can be a whole number from 1'],
    [
      ['part1', '--stage', '9', '--force'],
      'nothing of part1 is left to write from stage 9 on',
    ],
    [['part2', '--from', 'part1'], 'part1 is no exercise of a part before part2'],
    [
      ['part1', '--from', 'exercises/nosuch'],
      'exercises/nosuch is no exercise of a part',
    ],
  ])('refuses %j in a sentence', SLOW, async (args, sentence) => {
    const { exitCode, stdout, stderr } = await run(...args)
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(sentence)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  test('a folder that is there is not replaced, but by --force', () => {
    const folder = emptyFolder('part1')
    const options = { root: ROOT, part: 'part1', folder, stage: 1 }
    makeExercise({ ...options, force: false })
    writeFileSync(join(folder, 'src/raft.ts'), '// mine\n')
    expect(() => makeExercise({ ...options, force: false })).toThrow('is there already')
    expect(readFileSync(join(folder, 'src/raft.ts'), 'utf8')).toBe('// mine\n')
    makeExercise({ ...options, force: true })
    expect(readFileSync(join(folder, 'src/raft.ts'), 'utf8')).toContain('not yet: ')
  })
})
