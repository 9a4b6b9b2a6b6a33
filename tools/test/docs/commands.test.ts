/** What the chapters and READMEs tell a reader to type prints what they say. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { markdownFiles } from '../../src/markdown/files.ts'
import { firstMissing, stepsOf } from './chapter.ts'
import { COMMAND_TIMEOUT_MS, Scratch } from './scratch.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Of an output that is not as it should be, in characters; its end tells most. */
const MAX_SHOWN_LENGTH = 2_000

for (const file of markdownFiles(ROOT)) {
  const steps = stepsOf(readFileSync(join(ROOT, file), 'utf8'))
  if (steps.length === 0) continue
  test(`${file} shows what its commands print`, {
    timeout: steps.length * COMMAND_TIMEOUT_MS,
  }, async () => {
    const scratch = new Scratch(ROOT)
    try {
      for (const step of steps) {
        for (const { file, lines, isNew } of step.changes) {
          if (isNew) scratch.write(file, lines)
          else scratch.change(file, lines)
        }
        const { output, exitCode } = await scratch.run(step.command)
        scratch.undo()
        const where = `${file}:${step.line}: ${step.command}`
        const end = output.slice(-MAX_SHOWN_LENGTH)
        expect(firstMissing(step.output, output), `${where}\n${end}`).toBeNull()
        expect(exitCode, `exit code of ${where}\n${end}`).toBe(step.exitCode)
      }
    } finally {
      scratch.remove()
    }
  })
}

describe('a block of commands', () => {
  const fence = '```'

  test('has lines to type, and what they print', () => {
    const text = `<!-- run exit 1 -->\n${fence}console\n$ one\na\n…\n$ two\n${fence}\n`
    expect(stepsOf(text)).toEqual([
      { changes: [], command: 'one', output: ['a', '…'], exitCode: 1, line: 3 },
      { changes: [], command: 'two', output: [], exitCode: 1, line: 6 },
    ])
  })

  test('may stand in a list', () => {
    const text = `- a\n\n  <!-- run -->\n  ${fence}console\n  $ one\n    b\n  ${fence}\n`
    expect(stepsOf(text)).toEqual([
      { changes: [], command: 'one', output: ['  b'], exitCode: 0, line: 5 },
    ])
  })

  test('comes after the changes it is about', () => {
    const change = `<!-- change: part1/src/raft.ts -->\n${fence}diff\n-a\n+b\n${fence}\n`
    const text = `${change}\n<!-- run -->\n${fence}console\n$ one\n${fence}\n`
    expect(stepsOf(text)[0]?.changes).toEqual([
      { file: 'part1/src/raft.ts', lines: ['-a', '+b'] },
    ])
    expect(() => stepsOf(change)).toThrow('the last change is followed by no command')
  })

  test('says whether it is run', () => {
    const block = `${fence}console\n$ one\n${fence}\n`
    expect(() => stepsOf(block)).toThrow('line 1: above a console block must stand')
    expect(stepsOf(`<!-- not run: it takes an hour -->\n${block}`)).toEqual([])
  })
})

test.each([
  [['a', 'b'], 'a\nb\n', null],
  [['a'], 'a\nb\n', 'nothing more, but it goes on: b'],
  [['a', '…'], 'a\nb\n', null],
  [['…', 'b'], 'a\nb\n', null],
  [['…', 'c', '…'], 'a\nb\n', 'c'],
  [['b', '…'], 'a\nb\n', 'b'],
  [['a (… ms)'], 'a (12 ms)\n', null],
  [['a+ … b'], 'aa x b\n', 'a+ … b'],
  [[], 'whatever\n', null],
])('%j shows %j: %j', (expected, output, missing) => {
  expect(firstMissing(expected, output)).toBe(missing)
})
