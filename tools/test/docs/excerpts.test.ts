/** The excerpts in the chapters are the code, and a wrong address is never filled in. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { expect, test, vi } from 'vitest'
import { type Filled, fillExcerpts, main } from '../../../scripts/excerpts.ts'
import { definitionsIn } from '../../src/source/definitions.ts'

const ROOT = join(import.meta.dirname, '../../..')

const SOURCE = `import { x } from 'y'

/** A comment. */
export const LIMIT = 10

type Role =
  | 'Follower'
  | 'Leader'

export class Server {
  private readonly id: number
  private lines: string[] = [
    'a',
  ]

  constructor(id: number) {
    this.id = id
  }

  /** Also a comment. */
  private async call(
    id: number,
  ): Promise<void> {
    if (id) {
      this.id = id
    }

    return
  }

  calls = 0
}

scenario('it comes back', 3, async (h) => {
  await h.sleepMs(1)
})

function id(): void {}
`

const fence = '```'
const chapter = (address: string, body = '') =>
  `Text.\n\n<!-- excerpt: ${address} -->\n${fence}ts\n${body}${fence}\n\nMore.\n`

function fill(text: string): Filled {
  return fillExcerpts(text, () => SOURCE)
}

function bodyOf(address: string): string {
  return fill(chapter(address)).text.split(`${fence}ts\n`)[1]?.split(fence)[0] ?? ''
}

test('a symbol is shown whole, without its comment and its indentation', () => {
  expect(bodyOf('a.ts#LIMIT')).toBe('export const LIMIT = 10\n')
  expect(bodyOf('a.ts#Role')).toBe("type Role =\n  | 'Follower'\n  | 'Leader'\n")
  expect(bodyOf('a.ts#Server.lines')).toBe("private lines: string[] = [\n  'a',\n]\n")
  expect(bodyOf('a.ts#Server.id')).toBe('private readonly id: number\n')
  expect(bodyOf('a.ts#id')).toBe('function id(): void {}\n')
  expect(bodyOf('a.ts#Server.call')).toMatch(/^private async call\((.|\n)*return\n\}\n$/)
  expect(bodyOf("a.ts#'it comes back'")).toMatch(/^scenario(.|\n)*\n\}\)\n$/)
})

test('a part of a symbol is shown from one line to another', () => {
  const address = 'a.ts#Server.call from "if (id)" to "}"'
  expect(bodyOf(address)).toBe('if (id) {\n  this.id = id\n}\n')
})

test('a block that differs is named by its line, and filled again', () => {
  const { text, differences } = fill(chapter('a.ts#LIMIT', 'export const LIMIT = 11\n'))
  expect(differences).toEqual(['5: differs from a.ts#LIMIT'])
  expect(text).toBe(chapter('a.ts#LIMIT', 'export const LIMIT = 10\n'))
  expect(fill(text)).toEqual({ text, differences: [], problems: [] })
})

test.each([
  ['a.ts#Gone', '3: a.ts has no Gone'],
  ['a.ts#Server.gone', '3: a.ts has no Server.gone'],
  ['a.ts#Server.call.id', '3: a.ts has no Server.call.id'],
  // A field that others begin with, and a word in a body, are no definitions.
  ['a.ts#Server.cal', '3: a.ts has no Server.cal'],
  ["a.ts#'it comes'", "3: a.ts has no 'it comes'"],
  ['a.ts', '3: "a.ts" is no address of an excerpt; one is part1/src/raft.ts#Role'],
  ['a.ts#LIMIT from "no"', '3: a.ts#LIMIT from "no": no line has "no"'],
  [
    'a.ts#Server from "id" to "}"',
    '3: a.ts#Server from "id" to "}": more than one line has "id"',
  ],
])('%s is an error, and changes nothing', (address, problem) => {
  const text = chapter(address, 'as it was\n')
  expect(fill(text)).toEqual({ text, differences: [], problems: [problem] })
})

test('an address without a block below it is an error', () => {
  const text = 'Text.\n\n<!-- excerpt: a.ts#LIMIT -->\n\nMore.\n'
  expect(fill(text).problems).toEqual(['3: no block of code stands below this'])
})

const MARKS_NOTHING = 'this comment marks nothing; '

test.each([
  ['a misspelt word', '<!-- excerp: a.ts#LIMIT -->', MARKS_NOTHING],
  ['no colon', '<!-- excerpt a.ts#LIMIT -->', MARKS_NOTHING],
  ['no address', '<!-- excerpt: -->', MARKS_NOTHING],
  ['no spaces', '<!--excerpt: a.ts#LIMIT-->', MARKS_NOTHING],
  ['words before it', 'See <!-- excerpt: a.ts#LIMIT -->', MARKS_NOTHING],
  ['words after it', '<!-- excerpt: a.ts#LIMIT --> see', MARKS_NOTHING],
  ['so far to the right that it is code', '    <!-- excerpt: a.ts -->', MARKS_NOTHING],
  ['two lines', '<!-- excerpt:\na.ts#LIMIT -->', MARKS_NOTHING],
  ['a misspelt run', '<!-- run exit -->', MARKS_NOTHING],
  ['a line end of Windows', '<!-- excerpt: a.ts#LIMIT -->\r', 'ends as lines do on'],
])('a marker with %s is an error, and changes nothing', (_what, marker, problem) => {
  const text = `Text.\n\n${marker}\n${fence}ts\nas it was\n${fence}\n`
  const filled = fill(text)
  expect(filled).toMatchObject({ text, differences: [] })
  expect(filled.problems).toEqual([expect.stringContaining(`3: ${problem}`)])
})

test('a space behind a marker, and one in code, do not matter', () => {
  expect(fill(chapter('a.ts#LIMIT').replace('-->', '-->  ')).differences).toHaveLength(1)
  expect(fill('Write `<!-- excerp: -->` above it.\n').problems).toEqual([])
})

test('a block that does not end is an error', () => {
  const text = chapter('a.ts#LIMIT').replace(/```\n\nMore/, '')
  expect(fill(text)).toMatchObject({ text, problems: ['4: this block does not end'] })
})

test('what is no UTF-8, and what is outside, is told with file and line', () => {
  const root = mkdtempSync(join(tmpdir(), 'excerpts '))
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    const latin = Buffer.from('One.\n\nCaf\xe9.\n', 'latin1')
    writeFileSync(join(root, 'latin.md'), latin)
    writeFileSync(join(root, 'outside.md'), chapter('../../etc/passwd#root'))
    expect(main(root, false)).toBe(1)
    expect(said.mock.calls.join('')).toBe(
      'latin.md:3: is no UTF-8; save the file as that\n' +
        'outside.md:3: there is no file ../../etc/passwd\n',
    )
    expect(readFileSync(join(root, 'latin.md')).equals(latin)).toBe(true)
  } finally {
    said.mockRestore()
    rmSync(root, { recursive: true })
  }
})

test('a block in a list keeps its indentation', () => {
  const text = `- Text.\n\n  <!-- excerpt: a.ts#Role -->\n  ${fence}ts\n  old\n  ${fence}\n`
  const filled = fill(text)
  expect(filled.differences).toEqual(['5: differs from a.ts#Role'])
  expect(filled.text).toBe(
    text.replace('old', "type Role =\n    | 'Follower'\n    | 'Leader'"),
  )
  expect(fill(filled.text).differences).toEqual([])
})

test('an excerpt of more than 15 lines is too long', () => {
  expect(fill(chapter('a.ts#Server')).problems[0]).toMatch(/has 23 lines, more than 15/)
})

test('every symbol of the parts is found where it begins and ends', {
  timeout: 60_000,
}, () => {
  for (const part of ['part1', 'part2', 'part3']) {
    for (const file of ['raft.ts', 'server.ts', 'storage.ts']) {
      if (part !== 'part3' && file === 'storage.ts') continue
      const path = `${part}/src/${file}`
      const source = readFileSync(join(ROOT, path), 'utf8')
      const lines = source.split('\n')
      const found = definitionsIn(source, path)
      expect(found.map(({ name }) => name)).toEqual(
        expect.arrayContaining(symbolsOf(source)),
      )
      for (const { name, firstLine, lastLine } of found) {
        const text = lines.slice(firstLine - 1, lastLine).join('\n')
        // What is not whole, or has a piece of what follows, is no TypeScript.
        const code = name.includes('.') ? `class Whole {\n${text}\n}` : text
        expect(() => transformSync(code, { loader: 'ts' }), name).not.toThrow()
      }
    }
  }
})

const TOP = /^(?:export )?(?:class|function|interface|type|const) (\w+)/
const MEMBER = /^ {2}(?:private |readonly )*(\w+)(?:[(:]| =)/

function symbolsOf(source: string): string[] {
  let outer = ''
  return source.split('\n').flatMap((line) => {
    const top = TOP.exec(line)?.[1]
    if (top) outer = /class/.test(line) ? top : ''
    const member = outer && MEMBER.exec(line)?.[1]
    if (top) return [top]
    return member ? [`${outer}.${member}`] : []
  })
}
