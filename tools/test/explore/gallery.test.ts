import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  compileMistake,
  findMistake,
  readGallery,
  textWith,
} from '../../src/parts/mistake.ts'
import { makePipe } from '../pipe.ts'
import { hunt, SLOW } from './hunt.ts'

const { mistakes: gallery, problems } = readGallery()

test('the gallery has mistakes of every kind', () => {
  const groups = new Set(gallery.map(({ group }) => group))
  expect(problems).toEqual([])
  expect(gallery.length).toBeGreaterThanOrEqual(25)
  expect([...groups]).toEqual([
    ...['elections', 'log', 'persistence', 'liveness', 'service', 'snapshots'],
    'membership',
  ])
})

test.each(gallery)('$name applies to its part, and compiles', SLOW, async (mistake) => {
  const code = await compileMistake(mistake)
  expect(code).toContain('ConsensusModule')
  expect(mistake.path.startsWith(`${mistake.part}/src/`)).toBe(true)
  expect(mistake.breaks).toMatch(/\d|Figure/)
})

test('a file that holds no mistake is named, and the others are read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gallery '))
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text)
  const { diff } = findMistake('figure-8')
  const head = 'title: a\ngroup: log\nbreaks: 5.4.2\nseen: often\n\nA story.\n\n'
  try {
    put('good.diff', head + diff)
    put('empty.diff', '')
    put('far.diff', head + diff.replaceAll('part2/src/raft.ts', '../../etc/passwd'))
    put('group.diff', (head + diff).replace('group: log', 'group: \u001b[31m'))
    put('hunk.diff', head + diff.replace(/@@.*@@/, '@@ @@'))
    put('title.diff', (head + diff).replace('title: a\n', ''))
    mkdirSync(join(folder, 'folder.diff'))
    makePipe(join(folder, 'pipe.diff'))
    const { mistakes, problems } = readGallery(folder)
    expect(mistakes.map(({ name }) => name)).toEqual(['good'])
    const noDiff = 'has no diff of one file like part1/src/raft.ts'
    expect(problems.toSorted()).toEqual([
      `tools/gallery/empty.diff ${noDiff}`,
      `tools/gallery/far.diff ${noDiff}`,
      expect.stringContaining('tools/gallery/group.diff is of the group "'),
      `tools/gallery/hunk.diff ${noDiff}`,
      'tools/gallery/title.diff does not say "title: …" before its diff',
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
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
  ['waits-too-late', 'Availability'],
  ['clock-in-state-machine', 'Equal States'],
  ['deposed-is-not-done', 'Not Done Is Never'],
  ['reads-beside-log', 'Linearizability'],
  ['waiting-forgotten', 'Every Request Is Answered'],
  ['lease-without-promise', 'Lease Safety'],
])('%s breaks %s', SLOW, async (name, invariant) => {
  const { violation } = await hunt(name, 500)
  expect(violation.invariant).toBe(invariant)
})
