/** What the prose names in passing is there: scripts, tests, mistakes of the gallery. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { markdownFiles } from '../../src/markdown/files.ts'

const ROOT = join(import.meta.dirname, '../../..')

const { scripts } = JSON.parse(read('package.json')) as { scripts: object }

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** Whether a part has a text in quotes that the pattern finds, as a test's name is. */
function hasTest(part: string, pattern: string): boolean {
  const folder = join(ROOT, part, 'test')
  const files = existsSync(folder) ? readdirSync(folder) : []
  const sources = files.map((file) => read(join(part, 'test', file)))
  const names = sources.flatMap((source) => [...source.matchAll(/(['`])(.+?)\1/g)])
  return names.some(([, , name]) => new RegExp(pattern, 'i').test(name as string))
}

/** Where a text is not true, as `line: what is not there`. */
function missingIn(text: string): string[] {
  return text.split('\n').flatMap((line, at) => {
    const missing: string[] = []
    for (const [, script = ''] of line.matchAll(/npm run ([a-z][a-z:-]*)/g)) {
      if (!(script in scripts)) missing.push(`npm run ${script}`)
    }
    for (const [, part = '', pattern = ''] of line.matchAll(
      /`(?:RAFT_\w+=1 )?\.\/dotest\.sh (part\d)(?: '([^'`]+)')?[^`]*`/g,
    )) {
      // In capitals it stands for whatever the reader puts there.
      if (pattern && /[a-z]/.test(pattern) && !hasTest(part, pattern))
        missing.push(`${part} '${pattern}'`)
    }
    const mistakes = [
      ...line.matchAll(/npm run gallery -- (?:run|show) ([a-z0-9][a-z0-9-]*)/g),
      ...line.matchAll(/^- `([a-z0-9]+-[a-z0-9-]+)`:/g),
    ]
    for (const [, name = ''] of mistakes) {
      if (!existsSync(join(ROOT, 'tools/gallery', `${name}.diff`))) missing.push(name)
    }
    return missing.map((what) => `${at + 1}: there is no ${what}`)
  })
}

test.each(markdownFiles(ROOT))('what %s names is there', (file) => {
  expect(missingIn(read(file))).toEqual([])
})

test('what is not there is told', () => {
  expect(missingIn('npm run nothing')).toEqual(['1: there is no npm run nothing'])
  expect(missingIn("\n`./dotest.sh part1 'no such'`")).toEqual([
    "2: there is no part1 'no such'",
  ])
  expect(missingIn('- `no-such`: x')).toEqual(['1: there is no no-such'])
  expect(missingIn("`./dotest.sh part1 'comes back'` and `npm run docs`")).toEqual([])
})
