import { expect, test } from 'vitest'
import {
  compareFiles,
  compareSources,
  driftedTests,
  membersOf,
} from '../src/checks/copies.ts'

const SOURCE = `const TOP = 1

export class ConsensusModule {
  // A comment.
  currentTerm = 0
  votedFor: number | null = null
  private readonly id: number
  private timer: unknown

  constructor(options: Options) {
    this.id = options.id
    if (this.id) call(this.id)
  }

  start(): void {
    call()
  }

  private generic<T>(value: T): T {
    return value
  }
}

function after(): void {
  call()
}
`

test('the members of the class are found, in order', () => {
  const names = [
    'currentTerm',
    'votedFor',
    'id',
    'timer',
    'constructor',
    'start',
    'generic',
  ]
  expect(membersOf(SOURCE)).toEqual(names)
})

test('a part that only grows keeps every line', () => {
  const grown = SOURCE.replace('  start()', '  submit(): void {}\n\n  start()')
  expect(compareSources(SOURCE, grown)).toEqual({
    lines: SOURCE.split('\n').length - 1,
    kept: SOURCE.split('\n').length - 1,
    reindented: [],
    missing: [],
    moved: [],
  })
})

test('a line that changed is not kept', () => {
  const { lines, kept } = compareSources(
    SOURCE,
    SOURCE.replace('return value', 'return 1'),
  )
  expect(kept).toBe(lines - 1)
})

test('a line that was only indented is found; a bracket is not worth a word', () => {
  const wrapped = SOURCE.replace(
    '    this.id = options.id\n',
    '    if (options) {\n      this.id = options.id\n    }\n',
  )
  expect(compareSources(SOURCE, wrapped).reindented).toEqual([
    '    this.id = options.id',
  ])
})

test('a member that was renamed is missing, and one that moved is found', () => {
  const renamed = SOURCE.replace('  start()', '  begin()')
  expect(compareSources(SOURCE, renamed).missing).toEqual(['start'])
  const start = '  start(): void {\n    call()\n  }\n\n'
  const moved = SOURCE.replace(start, '').replace(
    '  constructor',
    `${start}  constructor`,
  )
  expect(compareSources(SOURCE, moved).missing).toEqual([])
  expect(compareSources(SOURCE, moved).moved).toEqual(['start'])
})

test('tests of one sentence are the same, or say why not', () => {
  const before = "test('a', () => {\n  call(1)\n})\n\ntest('b', () => {})\n"
  expect(driftedTests(before, before, 'part1')).toEqual([])
  const after = before.replace('call(1)', 'call(2)')
  expect(driftedTests(before, after, 'part1')).toEqual(["'a'"])
  expect(driftedTests(before, `// Not as in part1: two.\n${after}`, 'part1')).toEqual([])
  expect(driftedTests(before, `// Not as in part2: two.\n${after}`, 'part1')).toEqual([
    "'a'",
  ])
})

test('a file that drifted is found, unless the later part says that it changes it', () => {
  const before = {
    'README.md': 'one',
    'src/raft.ts': 'a',
    'src/kv.ts': 'b',
    'src/x.ts': 'c',
  }
  const after = { ...before, 'README.md': 'two', 'src/raft.ts': 'a+', 'src/kv.ts': 'b+' }
  const compare = (changes: string[]) =>
    compareFiles(
      new Map(Object.entries(before)),
      new Map(Object.entries(after)),
      changes,
    )
  expect(compare(['src/raft.ts', 'src/x.ts', 'src/new.ts'])).toEqual({
    same: ['src/x.ts'],
    drifted: ['src/kv.ts'],
    unchanged: ['src/x.ts', 'src/new.ts'],
  })
  expect(compare(['src/raft.ts', 'src/kv.ts'])).toMatchObject({
    drifted: [],
    unchanged: [],
  })
})
