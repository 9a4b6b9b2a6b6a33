/** No link in a Markdown file leads nowhere. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { anchorOf } from '../../src/markdown/anchor.ts'
import { markdownFiles } from '../../src/markdown/files.ts'
import { headingsOf, linksOf } from '../../src/markdown/read.ts'

const ROOT = join(import.meta.dirname, '../../..')

function anchorsIn(text: string): string[] {
  return headingsOf(text).map((heading) => anchorOf(heading.text))
}

/** What is wrong with a link, or null. */
function problemOf(file: string, target: string): string | null {
  if (/^[a-z]+:/.test(target)) {
    // Nothing here asks the network.
    const url = URL.canParse(target) ? new URL(target) : null
    const isWeb = url?.protocol === 'https:' && url.hostname.includes('.')
    return isWeb ? null : 'is no https address'
  }
  const [path = '', anchor] = target.split('#')
  const base = path.startsWith('/')
    ? join(ROOT, 'docs', path)
    : join(dirname(file), path)
  const full = path === '' ? file : base
  const found = [
    full,
    `${full}.md`,
    join(dirname(full), 'public', relative(dirname(full), full)),
  ].find((candidate) => existsSync(candidate))
  if (found === undefined) return 'leads to no file'
  // With a sign of equality it is no heading, but what a page is to show at first.
  if (anchor === undefined || anchor.includes('=') || !found.endsWith('.md')) return null
  const isThere = anchorsIn(readFileSync(found, 'utf8')).includes(anchor)
  return isThere ? null : `leads to no heading "${anchor}"`
}

test.each(markdownFiles(ROOT))('the links of %s lead somewhere', (name) => {
  const file = join(ROOT, name)
  const problems = linksOf(readFileSync(file, 'utf8')).flatMap(({ target, line }) => {
    const problem = problemOf(file, target)
    return problem === null ? [] : [`${name}:${line}: ${target} ${problem}`]
  })
  expect(problems).toEqual([])
})

test('a link that leads nowhere is told', () => {
  const readme = join(ROOT, 'README.md')
  expect(problemOf(readme, 'docs/nowhere.md')).toBe('leads to no file')
  expect(problemOf(readme, 'docs/part1.md#nowhere')).toBe(
    'leads to no heading "nowhere"',
  )
  expect(problemOf(readme, 'docs/part1.md#one-turn-at-a-time')).toBeNull()
  expect(problemOf(readme, 'http://example')).toBe('is no https address')
  expect(linksOf('<img src="a.png">')).toEqual([{ target: 'a.png', line: 1 }])
  expect(linksOf('`[a](b)` [c](d)\n```\n[e](f)\n```')).toEqual([
    { target: 'd', line: 1 },
  ])
})
