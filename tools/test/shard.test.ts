/** Work that machines share, and what they found, joined. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { merge, shareOfMinutes } from '../src/chaos/shares.ts'
import { ROOT } from '../src/cli/root.ts'
import { keepShare, readShares } from '../src/cli/shard.ts'
import { linesOfShard } from '../src/mutants/lines.ts'
import { definitionsIn } from '../src/source/definitions.ts'

const folder = mkdtempSync(join(tmpdir(), 'raft-shards-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Written {
  readonly index: number
  readonly count?: number
  readonly asked?: object
  readonly found?: unknown
}

let files = 0

async function write(...shares: readonly Written[]): Promise<string[]> {
  const written = shares.map(async ({ index, count = 2, asked = {}, found = index }) => {
    files += 1
    const out = join(folder, `${files}.json`)
    await keepShare({ out, shard: { index, count } }, { of: 'chaos', asked, found })
    return out
  })
  return Promise.all(written)
}

test('shares are joined in their order, whatever the order of the files', async () => {
  const asked = { part: 'part1' }
  const shares = await write({ index: 2, asked }, { index: 1, asked })
  expect(readShares('chaos', shares)).toEqual({ asked, found: [1, 2] })
})

test.each([
  ['one is missing', [{ index: 1, count: 2 }], /what is missing: 2\/2$/],
  ['some are missing', [{ index: 2, count: 4 }], /missing: 1\/4, 3\/4 to 4\/4$/],
  ['one is there twice', [{ index: 1 }, { index: 1 }], /are the same share$/],
  [
    'one is of something else',
    [{ index: 1 }, { index: 2, asked: { part: 'part2' } }],
    /is no share of the same as/,
  ],
  [
    'they are shares of different size',
    [{ index: 1 }, { index: 2, count: 3 }],
    /no share/,
  ],
])('it is told when %s', async (_what, shares, sentence) => {
  const there = await write(...shares)
  expect(() => readShares('chaos', there)).toThrow(sentence)
})

test('a file of another command, or of none, is refused', async () => {
  const [file = ''] = await write({ index: 1, count: 1 })
  expect(() => readShares('mutants', [file])).toThrow('is not what mutants --out has')
  writeFileSync(file, 'null')
  expect(() => readShares('chaos', [file])).toThrow('is not what chaos --out has')
})

test('a machine breaks a cluster for its share of the time, with a seed of its own', () => {
  const all = { minutes: 60, seed: 7, servers: 3 }
  expect(shareOfMinutes(all)).toBe(all)
  const third = shareOfMinutes({ ...all, shard: { index: 3, count: 4 } })
  expect(third).toMatchObject({ minutes: 15, seed: 9, servers: 3 })
})

test('where one machine found that something is wrong, that is what was found', async () => {
  const seen = (exitCode: number) => ({ seed: 1, rows: [], exitCode })
  const codeOf = async (...codes: readonly number[]) => {
    const shares = codes.map((code, i) => ({
      ...{ index: i + 1, count: codes.length, asked: { part: 'part7' } },
      found: seen(code),
    }))
    return merge(await write(...shares), true)
  }
  expect(await codeOf(0, 0)).toBe(0)
  expect(await codeOf(0, 3)).toBe(3)
  expect(await codeOf(3, 1, 0)).toBe(1)
})

test('machines share all lines of a part, and no function is cut in two', () => {
  const names = ['part1/src/raft.ts', 'part1/src/server.ts']
  const textOf = (name: string) => readFileSync(join(ROOT, name), 'utf8')
  const shares = [1, 2, 3].map((index) =>
    linesOfShard(names, textOf, { index, count: 3 }),
  )
  const ranges = shares.map((share) =>
    share.map((range) => {
      const [, file = '', first, last] = /^(.+):(\d+)-(\d+)$/.exec(range) ?? []
      return { file, first: Number(first), last: Number(last) }
    }),
  )
  for (const name of names) {
    const text = textOf(name)
    const mine = ranges.flat().filter(({ file }) => file === name)
    const lines = mine.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    )
    expect(lines).toEqual(text.split('\n').map((_, i) => i + 1))
    const members = definitionsIn(text, name).filter(({ name }) => name.includes('.'))
    for (const { firstLine, lastLine } of members) {
      const around = mine.filter((r) => r.first <= firstLine && lastLine <= r.last)
      expect(around).toHaveLength(1)
    }
  }
  const sizes = ranges.map((share) =>
    share.reduce((sum, { first, last }) => sum + last - first + 1, 0),
  )
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(100)
})

test('the Job has as many pods as there are shares', () => {
  const job = readFileSync(join(ROOT, 'deploy/explore.yaml'), 'utf8')
  const numbers = [
    ...job.matchAll(/(?:completions|parallelism|maxFailedIndexes): (\d+)/g),
    ...job.matchAll(/--shard \$\(\(JOB_COMPLETION_INDEX \+ 1\)\)\/(\d+)/g),
    ...job.matchAll(/--max-log-requests (\d+)/g),
  ].map(([, number]) => number)
  expect(numbers).toEqual(['20', '20', '20', '20', '20'])
})
