/** Files that people hand over: what is wrong with one is told in a sentence, and it is left. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect } from 'vitest'
import { fillExcerpts } from '../../../scripts/excerpts.ts'
import { UsageError } from '../../src/cli/exit.ts'
import { readCase } from '../../src/explore/case.ts'
import { describeSchedule } from '../../src/explore/describe.ts'
import { HistoryError } from '../../src/histories/events.ts'
import { readHistory } from '../../src/histories/read.ts'
import { fuzz, spoilt } from './fuzz.ts'

const folder = mkdtempSync(join(tmpdir(), 'fuzz '))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'file')

const CASE = {
  part: 'part3',
  foundWithSeed: 1,
  violation: { invariant: 'Election Safety', message: 'two leaders', atMs: 12 },
  schedule: {
    ...{ seed: 1, servers: 3, durationMs: 1000, timeouts: 0, commandsAtMs: [3, 4] },
    faults: [
      { kind: 'crash', atMs: 1, forMs: 5, server: 0, moment: { on: 'write', count: 2 } },
      { kind: 'partition', atMs: 1, groups: [[0], [1, 2]], fromLeader: true },
      { kind: 'clock', atMs: 1, server: 1, rate: 1.5 },
      {
        kind: 'slow-disk',
        atMs: 1,
        server: 1,
        speed: { bytesPerSecond: 100, syncMs: 3 },
      },
    ],
    file: {
      steps: [{ kind: 'entry', index: 1, term: 1 }, { kind: 'sync' }],
      trouble: { kind: 'torn', share: 0.5 },
    },
  },
}

fuzz('a case is one that can be told, or is refused', spoilt(CASE), async (value) => {
  writeFileSync(file, JSON.stringify(value) ?? '')
  try {
    describeSchedule((await readCase(file)).schedule)
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
  }
})

const invoke = { type: 'invoke', process: 0, f: 'put', key: 'x', value: '1', time: 1 }
const HISTORY = [invoke, { ...invoke, type: 'ok', time: 2 }]

const history = fc
  .array(fc.oneof(...HISTORY.map(spoilt), fc.string()), { maxLength: 6 })
  .map((lines) => {
    const texts = lines.map((l) => (typeof l === 'string' ? l : JSON.stringify(l)))
    return texts.join('\n')
  })

fuzz('a history is read, or refused', history, async (text) => {
  writeFileSync(file, text)
  try {
    await readHistory(file)
  } catch (error) {
    expect(error).toBeInstanceOf(HistoryError)
  }
})

const PIECES = [
  ...['```', '````', '```ts', '<!-- excerpt: a.ts#X -->', '<!--', '-->', '\r', '\ufffd'],
  ...[
    '<!-- excerp: a.ts#X -->',
    '<!-- run -->',
    '    ',
    '- ',
    '> ',
    'text',
    '\n',
    '\n\n',
  ],
]
const chapter = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string()))
  .map((pieces) => pieces.join(''))

fuzz('a chapter with problems is left as it is', chapter, (text) => {
  const filled = fillExcerpts(text, () => 'export const X = 1\n')
  if (filled.problems.length > 0) expect(filled.text).toBe(text)
  for (const problem of filled.problems) expect(problem).toMatch(/^\d+: ./)
})
