/** What the grader gives: nothing for nothing, all for the part itself, less for a mistake. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../../src/cli/root.ts'
import { makeExercise } from '../../src/exercise/make.ts'
import { partsWithExercise, readPlan, type Stage } from '../../src/exercise/plan.ts'
import { failureOfSearch, failureOfTest } from '../../src/grade/failure.ts'
import type { Found } from '../../src/grade/protocol.ts'
import { junitOf } from '../../src/grade/report.ts'
import { readGallery, textWith } from '../../src/parts/mistake.ts'
import { change, copyOf, emptyFolder, gradeOf, SLOW } from './copy.ts'

const about = {
  ...{ root: ROOT, part: 'part1', exercise: 'exercises/part1', folder: '/of/a/reader' },
  stage: readPlan(ROOT, 'part1').stages[0] as Stage,
  outDir: '/of/a/reader/out',
}

/** An assertion of the test x, that failed. */
function failed(error: { message: string; diff?: string }) {
  return { name: 'x', seed: null, errors: [{ name: 'AssertionError', ...error }] }
}

/** Of each part, one; EXERCISE_ALL=1 takes all that the gallery has, which takes minutes. */
const MISTAKES_PER_PART = process.env.EXERCISE_ALL ? Number.POSITIVE_INFINITY : 1

const parts = partsWithExercise(ROOT)

// Each runs in a process of its own, and all but that is waiting.
describe.concurrent.each(parts)('an exercise of %s', (part) => {
  const { stages } = readPlan(ROOT, part)
  const steps = stages.length + 2

  test('is worth nothing as it comes', SLOW, async () => {
    const folder = emptyFolder(part)
    makeExercise({ root: ROOT, part, folder, stage: 1, force: false })
    const { percent, failure } = await gradeOf(part, folder)
    expect(percent).toBe(0)
    expect(failure?.stage).toBe(stages[0]?.title)
    expect(failure?.why).toMatch(/^\w+ is not written yet \(.+\)$/)
  })

  test('holds up to the stage that is left to write', SLOW, async () => {
    const last = stages.findLastIndex(({ write }) => write.length > 0)
    const folder = emptyFolder(part)
    makeExercise({ root: ROOT, part, folder, stage: last + 1, force: false })
    const { percent, failure } = await gradeOf(part, folder)
    expect(percent).toBe(Math.floor((100 * last) / steps))
    expect(failure?.why).toMatch(/^\w+ is not written yet \(.+\)$/)
  })

  test('is worth everything with the part’s own code', SLOW, async () => {
    const graded = await gradeOf(part, copyOf(part))
    expect(graded.failure).toBeNull()
    expect(graded.percent).toBe(100)
  })

  const mistakes = readGallery().mistakes.filter((mistake) => mistake.part === part)
  // Of a sample, those that stand last: the first are found by the first stages.
  test.each(mistakes.slice(-MISTAKES_PER_PART))(
    'is worth less with $name',
    SLOW,
    async (mistake) => {
      const folder = copyOf(part)
      writeFileSync(join(folder, mistake.path.slice(part.length)), textWith(mistake))
      const { percent, failure } = await gradeOf(part, folder, 1_000)
      expect(percent).toBeLessThan(100)
      expect(failure?.why).not.toBe('')
    },
  )
})

describe.concurrent('what fails', () => {
  test('is a rule, with its servers, its moment and its timeline', SLOW, async () => {
    const folder = copyOf('part1')
    change(
      ...([folder, 'src/raft.ts', 'this.votesReceived = new Set([this.id])'] as const),
      'this.votesReceived.add(this.id)',
    )
    const { failure } = await gradeOf('part1', folder)
    const grown = await gradeOf('part1', folder)
    expect(grown.failure).toEqual(failure)
    expect(failure?.why).toMatch(/ \(seed \d+, at \d+ ms\)$/)
    expect(failure?.command).toMatch(/^\.\/dotest\.sh exercises\/part1 '.+' --seed \d+$/)
    expect(existsSync(fileURLToPath(failure?.timeline ?? ''))).toBe(true)
    expect(failure?.read).toMatch(/^5\.\d.*; docs\/part1\.md, “.+”$/)
  })

  test('is a body that is missing, though no test has called it', SLOW, async () => {
    const folder = copyOf('part1')
    const text = readFileSync(join(folder, 'src/raft.ts'), 'utf8')
    const [, body = ''] = /countVotes\(\): void \{(.+?)\n {2}\}/s.exec(text) ?? []
    change(folder, 'src/raft.ts', body, "throw new Error('not yet: countVotes (5.2)')")
    change(folder, 'src/raft.ts', '    this.countVotes()\n', '')
    const { percent, failure } = await gradeOf('part1', folder)
    expect(failure?.why).toBe('countVotes is not written yet (5.2)')
    expect(percent).toBe(0)
  })

  test('is what waits for ever', SLOW, async () => {
    const folder = copyOf('part4')
    const begins = 'let backoffMs = FIRST_BACKOFF_MS'
    change(folder, 'src/client.ts', begins, `await new Promise(() => {})\n${begins}`)
    const { failure } = await gradeOf('part4', folder)
    expect(failure?.why).toMatch(/^“.+” waits for what never comes$/)
  })

  const countVotes = 'private countVotes(): void {'
  test.each([
    ['for (;;);', /does not come to an end: after 3 s of work it is still running$/],
    [
      'const a: object[] = []; for (;;) a.push(Array(1e6).fill(0.5))',
      /takes more than 1024 MB of memory$/,
    ],
    [
      "for (;;) console.log('hello')",
      /does not come to an end: after 3 s of work it is still running$/,
    ],
    [
      '(null as unknown as Peer).id',
      /ends in TypeError: .* at exercises\/part1\/src\/raft\.ts:\d+$/,
    ],
    [
      "void Promise.reject(new Error('lost'))",
      /^Something fails where nobody catches it: lost$/,
    ],
    ['if (', /^The code cannot be loaded: exercises\/part1\/src\/raft\.ts:\d+:\d+: /],
  ])('is told of %s', SLOW, async (code, sentence) => {
    const folder = copyOf('part1')
    change(folder, 'src/raft.ts', countVotes, `${countVotes}\n    ${code}\n`)
    // Of what has no end, there is nothing more to be seen after 3 s of work.
    const seconds = code.startsWith('for (;;)') ? 3 : undefined
    const { percent, failure } = await gradeOf('part1', folder, 100, seconds)
    expect(failure?.why).toMatch(sentence)
    expect(percent).toBe(0)
  })

  test('is a cluster of some size, when the explorer found it', async () => {
    const violation = { invariant: 'Availability', message: 'nobody leads', atMs: 800 }
    const found = { seed: 17, servers: 1, violation, isLogged: false } as Found
    const { why } = await failureOfSearch(found, '', about)
    expect(why).toBe(
      'nobody leads (seed 17 of the explorer, in a cluster of 1, at 800 ms)',
    )
  })

  const list = (...lines: string[]) =>
    ['- Expected', '+ Received', '', ...lines].join('\n')
  test.each([
    [
      list('  [', '-   "a",', '    "b",', '+   "b",', '  ]'),
      'missing: a; not expected: b',
    ],
    [list('  [', '    "a",', '-   "b",', '  ]'), 'missing: b'],
    [list('  [', '    "a",', '-   "b",', '+   "c",', '  ]'), 'expected b, but it is c'],
    [
      list('  {', '-   "role": "L",', '+   "role": "F",', '  }'),
      'expected role: L, but it is role: F',
    ],
    [
      // As it is shown where an object is like the one after it.
      list(
        '    {',
        '+     "n": 1,',
        '+   },',
        '+   {',
        '+     "n": 2,',
        '+   },',
        '+   {',
      ),
      'not expected: n: 1; n: 2',
    ],
    [list('-   {', '-     "n": 1,', '-   },'), 'missing: n: 1'],
    [
      list(
        '-   "a": [],',
        '+   "a": [',
        '+     {',
        '+       "n": 1,',
        '+     },',
        '+   ],',
      ),
      'expected a: [], but it is a: [{n: 1}]',
    ],
    [
      list('-   "a",', `+   "${'a'.repeat(101)}",`),
      `expected a, but it is ${'a'.repeat(100)}…`,
    ],
    [list('  [', `-   "${'a'.repeat(101)}",`, '  ]'), `missing: ${'a'.repeat(100)}…`],
    ['- Expected:\nnull\n\n+ Received:\n1', 'as it said'],
    ['', 'as it said'],
  ])('is told of the difference %j', async (diff, sentence) => {
    const { why } = await failureOfTest(
      failed({ message: 'as it said', diff }),
      null,
      about,
    )
    expect(why).toBe(`“x” does not hold: ${sentence}`)
  })

  test('names no command that runs the part itself', async () => {
    const message = 'it is not\n  replay: ./dotest.sh part1 x --seed 1'
    const { why, details } = await failureOfTest(failed({ message }), null, about)
    expect(why).toBe('“x” does not hold: it is not')
    expect(details).toBe('')
  })

  test('stands in JUnit’s XML, with what was not reached', () => {
    const xml = junitOf({
      part: 'part1',
      exercise: 'exercises/part1',
      percent: 0,
      steps: [
        { title: 'a < b', state: 'fails', extent: '' },
        { title: 'c', state: 'not reached', extent: '' },
      ],
      failure: {
        ...{
          stage: 'a < b',
          why: '“x” & y',
          details: 'expected <1>',
          test: 'x',
          seed: 1,
        },
        ...{ rule: null, atMs: 1, command: './dotest.sh', read: '5.2', timeline: null },
      },
    })
    expect(xml).toContain('tests="2" failures="1" skipped="1"')
    expect(xml).toContain('<testcase classname="exercises/part1" name="a &lt; b">')
    expect(xml).toContain('<failure message="“x” &amp; y">expected &lt;1&gt;')
    expect(xml.match(/<skipped /g)).toHaveLength(1)
  })
})
