/** The list of changes that change nothing, and what it is compared with. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'
import { expect, test } from 'vitest'
import { ROOT } from '../src/cli/root.ts'
import { type Equivalent, judge, readEquivalents } from '../src/mutants/equivalents.ts'
import { type Mutant, symbolAt } from '../src/mutants/mutant.ts'

const mutant = (changes: Partial<Mutant>): Mutant => ({
  file: 'part1/src/raft.ts',
  symbol: 'ConsensusModule.stop',
  line: 1,
  from: "if (this.role === 'Dead') return",
  to: 'if (false) return',
  diff: '',
  isNoticed: false,
  ...changes,
})

const entry = (changes: Partial<Equivalent>): Equivalent => ({
  files: ['part1/src/raft.ts'],
  symbol: 'ConsensusModule.stop',
  from: 'if (…) return',
  to: 'if (false) return',
  reason: 'a second stop does the same',
  ...changes,
})

const SOURCE = `const LIMIT = 1

export class Log {
  private readonly lines: string[] = []

  add(line: string): void {
    if (line) this.lines.push(line)
  }
}

function after(): void {
  call()
}
`

test('a change is in the member or the function that it stands in', () => {
  const lines = SOURCE.split('\n')
  const symbolOf = (text: string) =>
    symbolAt(SOURCE, lines.findIndex((line) => line.includes(text)) + 1)
  expect(symbolOf('LIMIT')).toBe('LIMIT')
  expect(symbolOf('string[]')).toBe('Log.lines')
  expect(symbolOf('push')).toBe('Log.add')
  expect(symbolOf('call()')).toBe('after')
})

test('what survives is told, unless it is listed', () => {
  const listed = mutant({})
  const other = mutant({ to: 'if (true) return' })
  const elsewhere = mutant({ symbol: 'ConsensusModule.start' })
  const noticed = mutant({ symbol: 'ConsensusModule.submit', isNoticed: true })
  const mutants = [listed, other, elsewhere, noticed]
  const { survivors, equivalents, problems } = judge(listed.file, mutants, [entry({})])
  expect(survivors).toEqual([other, elsewhere])
  expect(equivalents).toEqual([listed])
  expect(problems).toEqual([])
})

test('an entry of the list that is not so any more is told', () => {
  const mutants = [mutant({ isNoticed: true })]
  const list = [
    entry({}),
    entry({ from: 'if (gone) return' }),
    entry({ files: ['part2/src/raft.ts'], from: 'of another part' }),
  ]
  const { problems } = judge('part1/src/raft.ts', mutants, list)
  expect(problems).toEqual([
    expect.stringContaining('but a test notices it'),
    expect.stringContaining('but no change is like it any more'),
  ])
})

test('what is listed stands in files that are there, with a reason', () => {
  for (const { files, reason } of readEquivalents()) {
    for (const file of files) expect(existsSync(join(ROOT, file))).toBe(true)
    expect(reason).toMatch(/\w \w/)
  }
})

test.each([
  [['part9'], 'there is no part "part9"; there are part1'],
  [['part1', '--file', 'src/storage.ts'], 'part1 has no file "src/storage.ts"; it has'],
  [['part1', '--lines', '1-2'], '--file must say which file'],
  [
    ['part1', '--file', 'src/raft.ts', '--lines', '1-2,9-8'],
    '"9-8" is no range of lines',
  ],
  [['part1', '--file', 'src/raft.ts', '--lines', 'all'], '"all" is no range of lines'],
])('%s is refused in a sentence', (args, sentence) => {
  const program = join(ROOT, 'tools/src/mutants/cli.ts')
  const node = ['--import', 'tsx', program, ...args]
  const run = execaSync(process.execPath, node, { cwd: ROOT, reject: false })
  expect(run.stderr).toContain(sentence)
  expect(run.exitCode).toBe(2)
})
