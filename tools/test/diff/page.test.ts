/** What parts-diff finds in two parts, and how the page shows it. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareParts, only, pathsOf } from '../../src/diff/compare.ts'
import { readNote, sectionOf } from '../../src/diff/note.ts'
import { pageOf, summaryOf } from '../../src/diff/page.ts'
import { makePipe } from '../pipe.ts'

const root = mkdtempSync(join(tmpdir(), 'parts-diff '))

function put(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), text)
}

beforeAll(() => {
  put('part1/src/raft.ts', 'class A {\n  start() {\n    vote(1)\n  }\n}\n')
  put('part1/src/server.ts', 'export const same = 1\n')
  put('part1/package.json', '{}\n')
  put('part1/node_modules/x/index.js', 'x\n')
  cpSync(join(root, 'part1'), join(root, 'part2'), { recursive: true })
  put('part2/package.json', '{ "name": "part2" }\n')
  put('part2/src/raft.ts', 'class A {\n  start() {\n    vote(2, "<b>")\n  }\n}\n')
  put('part2/test/a <script>alert(1)</script>.ts', '<img src=x onerror=alert(1)>\n')
  put(
    'part2/README.md',
    [
      '# Part 2',
      '## What changes and why',
      'The **log**, <script>alert(1)</script>, see [here](src/raft.ts).',
      '```sh',
      '# a comment, no heading',
      '```',
      '### Below it',
      'still of it',
      '## Next',
      'not of it',
    ].join('\n'),
  )
})

afterAll(() => rmSync(root, { recursive: true }))

test('files are sorted into changed, new, gone and unchanged ones', () => {
  const comparison = compareParts(root, 'part1', 'part2')
  expect(comparison.changed.map(({ path }) => path)).toEqual(['src/raft.ts'])
  expect(comparison.added.map(({ path }) => path)).toEqual([
    'README.md',
    'test/a <script>alert(1)</script>.ts',
  ])
  expect(comparison.unchanged).toEqual(['src/server.ts'])
  expect(summaryOf(comparison)).toBe('1 file changed, 2 new, 1 unchanged')
  const back = compareParts(root, 'part2', 'part1')
  expect(summaryOf(back)).toBe('1 file changed, 0 new, 2 gone, 1 unchanged')
})

test('what cannot be read beside the rest is left out, and named', () => {
  const folder = join(root, 'part3')
  cpSync(join(root, 'part1'), folder, { recursive: true })
  makePipe(join(folder, 'pipe'))
  symlinkSync('nowhere', join(folder, 'dangling.ts'))
  symlinkSync('src', join(folder, 'linked'))
  writeFileSync(join(folder, 'run.log'), 'a line\n'.repeat(100_000))
  const comparison = compareParts(root, 'part1', 'part3')
  expect(comparison.leftOut.toSorted()).toEqual([
    ...['dangling.ts', 'linked', 'pipe', 'run.log'],
  ])
  expect(summaryOf(comparison)).toBe('0 files changed, 0 new, 2 unchanged')
})

test('a change is shown under the definition that it is in', () => {
  const [file] = compareParts(root, 'part1', 'part2').changed
  expect(file?.diff.addedLines).toBe(1)
  expect(file?.diff.blocks[0]?.header).toBe('class A')
})

test('a comparison can be cut down to one file', () => {
  const comparison = compareParts(root, 'part1', 'part2')
  expect(pathsOf(only(comparison, ['src/server.ts']))).toEqual(['src/server.ts'])
})

test('the words that changed are marked', () => {
  const page = pageOf(compareParts(root, 'part1', 'part2'), [])
  expect(page).toContain('<del>1</del>')
  expect(page).toMatch(/<ins>2, .*<\/ins>/)
})

test('nothing that stands in a file is taken for markup', () => {
  const note = readNote(root, 'part2')
  const page = pageOf(compareParts(root, 'part1', 'part2'), note ? [note] : [])
  expect(page).not.toContain('<script')
  expect(page).not.toContain('<img')
  expect(page).not.toContain('<b>"')
  expect(page).toContain('&lt;img src')
})

test('the note is the section of the README under its heading', () => {
  const { html = '' } = readNote(root, 'part2') ?? {}
  expect(html).toContain('<strong>log</strong>')
  expect(html).toContain('# a comment, no heading')
  expect(html).toContain('still of it')
  expect(html).not.toContain('not of it')
  expect(html).toContain('title="part2/src/raft.ts"')
})

test('a part without a note is shown without one', () => {
  expect(readNote(root, 'part1')).toBeNull()
  expect(sectionOf('# Part 1\n\ntext\n')).toBeNull()
  const page = pageOf(compareParts(root, 'part1', 'part2'), [])
  expect(page).toContain('part2/README.md has no section')
})
