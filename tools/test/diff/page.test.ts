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
import { passagesOf } from '../../src/diff/chapter.ts'
import { paint } from '../../src/diff/colour.ts'
import { compareParts, only, pathsOf, placesIn } from '../../src/diff/compare.ts'
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
  expect(placesIn(file?.after ?? '', 'raft.ts')(3)).toBe('start()')
})

test('a comparison can be cut down to one file', () => {
  const comparison = compareParts(root, 'part1', 'part2')
  expect(pathsOf(only(comparison, ['src/server.ts']))).toEqual(['src/server.ts'])
})

test('the words that changed are marked, and code has its colours', async () => {
  const page = await pageOf(compareParts(root, 'part1', 'part2'), [])
  expect(page).toMatch(/<del><span class="s\d+">1<\/span><\/del>/)
  expect(page).toMatch(/<ins><span class="s\d+">2<\/span>.*<\/ins>/)
  const [, name] = /<span class="(s\d+)">class<\/span>/.exec(page) ?? []
  expect(page).toContain(`.${name}{color:light-dark(`)
})

test('colours begin and end where marks and entities leave them room', () => {
  const line = [
    { length: 3, style: 's1' },
    { length: 2, style: 's2' },
  ]
  expect(paint('a&lt;<ins>b</ins>cd', line)).toBe(
    '<span class="s1">a&lt;</span><ins><span class="s1">b</span></ins>' +
      '<span class="s2">cd</span>',
  )
  expect(paint('whatever', [])).toBe('whatever')
})

test('what did not change is folded on both sides, but not near a change', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `line(${i + 1})\n`)
  put('part3/src/raft.ts', lines.join(''))
  put('part4/src/raft.ts', lines.with(19, 'changed\n').join(''))
  const table = (page: string) => page.match(/<tbody[\s\S]*?<\/tbody>/g) ?? []
  const page = await pageOf(compareParts(root, 'part3', 'part4'), [])
  const folded = table(page).filter((body) => body.includes(' hidden>'))
  const counts = folded.map((body) => body.match(/<tr>/g)?.length)
  expect(counts).toEqual([14, 15, 14, 15])
  expect(page.match(/class="change"/g)).toHaveLength(1)
})

test('a change leads to the passage of the chapter that tells of it', async () => {
  const method = (name: string, body: string) => `  ${name}() {\n    ${body}\n  }\n`
  const classOf = (...members: string[]) => `class A {\n${members.join('')}}\n`
  const gap = '  // nothing\n'.repeat(20)
  put('part5/src/raft.ts', classOf('  n = 1\n', gap, method('start', 'old()')))
  const after = classOf(
    '  n = 2\n',
    gap,
    method('start', 'one()'),
    method('stop', 'two()'),
  )
  put('part6/src/raft.ts', after)
  const excerpt = (address: string, text: string) =>
    `<!-- excerpt: part6/src/raft.ts#${address} -->\n\`\`\`ts\n${text}\n\`\`\`\n`
  put(
    'docs/part6.md',
    `# Six\n\n## What <i>it</i> holds\n\n${excerpt('A from "n" to "n"', 'n = 2')}\n` +
      `## How it starts: at once\n\n${excerpt('A.start', 'start() {')}\n` +
      excerpt('A.gone', 'gone() {'),
  )
  const passages = passagesOf(root, 'part6', '../docs')
  const page = await pageOf(compareParts(root, 'part5', 'part6'), [], passages)
  const links = [...page.matchAll(/Chapter: (.*?)<\/div>/g)].map(([, links]) => links)
  expect(links).toEqual([
    '<a href="../docs/part6.md#what-iiti-holds">What &lt;i&gt;it&lt;/i&gt; holds</a>',
    '<a href="../docs/part6.md#how-it-starts-at-once">How it starts: at once</a>',
  ])
})

test('nothing that stands in a file is taken for markup', async () => {
  const note = readNote(root, 'part2')
  const page = await pageOf(compareParts(root, 'part1', 'part2'), note ? [note] : [])
  // The page's own script is the only one.
  expect(page.match(/<script/g)).toHaveLength(1)
  expect(page).not.toContain('<img')
  expect(page).not.toContain('<b>"')
  expect(page.replace(/<\/?span[^>]*>/g, '')).toContain('&lt;img src')
})

test('the note is the section of the README under its heading', () => {
  const { html = '' } = readNote(root, 'part2') ?? {}
  expect(html).toContain('<strong>log</strong>')
  expect(html).toContain('# a comment, no heading')
  expect(html).toContain('still of it')
  expect(html).not.toContain('not of it')
  expect(html).toContain('title="part2/src/raft.ts"')
})

test('a part without a note is shown without one', async () => {
  expect(readNote(root, 'part1')).toBeNull()
  expect(sectionOf('# Part 1\n\ntext\n')).toBeNull()
  const page = await pageOf(compareParts(root, 'part1', 'part2'), [])
  expect(page).toContain('part2/README.md has no section')
})
