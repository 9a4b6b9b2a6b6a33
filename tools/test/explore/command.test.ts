import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { ROOT } from '../../src/cli/root.ts'
import { saveCase } from '../../src/explore/case.ts'
import { type ExploreOptions, seedsOfShard } from '../../src/explore/options.ts'
import { hunt, SLOW } from './hunt.ts'

const folder = mkdtempSync(join(tmpdir(), 'raft-explore-'))
afterAll(() => rmSync(folder, { recursive: true }))

const EMPTY = {
  seed: 1,
  servers: 3,
  durationMs: 1000,
  timeouts: 0,
  faults: [],
  commandsAtMs: [],
  file: null,
}

function run(program: 'explore' | 'gallery', ...args: string[]) {
  const main = join(ROOT, `tools/src/${program}/cli.ts`)
  const options = { cwd: ROOT, reject: false, stripFinalNewline: false } as const
  return execa(process.execPath, ['--import', 'tsx', main, ...args], options)
}

test('explore goes through the seeds, and says how fast', SLOW, async () => {
  const { exitCode, stdout, stderr } = await run('explore', 'part1', '--seeds', '50')
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^part1: 50 seeds, no violation\n/)
  expect(stdout).toMatch(/in each second of a core: [\d,]+ s simulated, [\d,]+ events/)
})

test('explore --json is one object', SLOW, async () => {
  const args = ['part2', '--seeds', '30', '--from', '7', '--servers', '3', '--json']
  const { exitCode, stdout } = await run('explore', ...args)
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ part: 'part2', seeds: 30, violations: [] })
})

test.each([
  [['part9'], 'there is no part9/test/lab.ts'],
  [[], 'name the part to explore'],
  [['part1', '--faults', 'earthquake'], 'It can be some of crash,pause,'],
  [['part1', '--shard', '4/3'], 'It can be like 2/8'],
  [['part1', '--merge', 'a.json'], 'what was found says of which part it is'],
  [['--merge', 'package.json'], 'package.json is not what explore --out has written'],
  [['--replay', 'no-such-file.json'], 'cannot read no-such-file.json'],
])('explore %j is refused in a sentence', SLOW, async (args, sentence) => {
  const { exitCode, stdout, stderr } = await run('explore', ...args)
  expect(exitCode).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain(sentence)
  expect(stderr).not.toMatch(/\n\s+at /)
})

test('a case that was saved is replayed, and fails as it did', SLOW, async () => {
  const { schedule, seed, violation } = await hunt('half-is-enough', 100)
  const file = join(folder, 'case.json')
  const mistake = 'half-is-enough'
  await saveCase(file, {
    part: 'part1',
    mistake,
    foundWithSeed: seed,
    violation,
    schedule,
  })
  const args = ['--replay', file, '--no-open', '--out-dir', folder]
  const { exitCode, stdout } = await run('explore', ...args)
  expect(stdout).toContain(violation.message)
  expect(exitCode).toBe(1)
})

test.each([
  ['lacks most', { part: 'part1', schedule: { seed: 1 } }],
  ['would never end', { part: 'part1', schedule: { ...EMPTY, servers: 1e9 } }],
  [
    'has a fault of no kind',
    { part: 'part1', schedule: { ...EMPTY, faults: [{ atMs: 1, kind: 'quake' }] } },
  ],
])('a case that %s is refused', SLOW, async (_what, found) => {
  const file = join(folder, 'other.json')
  writeFileSync(file, JSON.stringify(found))
  const { exitCode, stderr } = await run('explore', '--replay', file)
  expect(exitCode).toBe(2)
  expect(stderr).toContain(`error: ${file} is no case that the explorer saved: `)
})

test(
  'gallery run finds a mistake, makes it small, and writes its timeline',
  SLOW,
  async () => {
    const args = ['run', 'second-vote', '--no-open', '--out-dir', folder]
    const { exitCode, stdout } = await run('gallery', ...args)
    expect(exitCode).toBe(0)
    expect(stdout).toContain('One Vote per Term: server ')
    expect(stdout).toMatch(/Timeline: file:\S+second-vote\S*\.html/)
  },
)

test('gallery run fails when a mistake is not found', SLOW, async () => {
  const args = ['run', 'figure-8', '--seeds', '1', '--json']
  const { exitCode, stdout } = await run('gallery', ...args)
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout)).toEqual({
    name: 'figure-8',
    found: false,
    seeds: 1,
    invariant: null,
  })
})

test('gallery refuses a name that it does not know', SLOW, async () => {
  const { exitCode, stderr } = await run('gallery', 'show', 'no-such-thing')
  expect(exitCode).toBe(2)
  expect(stderr).toBe(
    'error: the gallery has no "no-such-thing"; npm run gallery -- list shows what it has\n',
  )
})

test('what all shares have found is told as if one machine had', SLOW, async () => {
  const asked = ['part2', '--seeds', '31', '--from', '7', '--servers', '3']
  const shares = [1, 2, 3].map((i) => ({ i, file: join(folder, `share-${i}.json`) }))
  await Promise.all(
    shares.map(({ i, file }) =>
      run('explore', ...asked, '--jobs', '1', '--shard', `${i}/3`, '--out', file),
    ),
  )
  const files = shares.map(({ file }) => file)
  const merged = await run('explore', '--json', '--merge', ...files.toReversed())
  const whole = await run('explore', ...asked, '--json')
  const told = ({ stdout }: { stdout: string }) => {
    const { part, seeds, events, simulatedSeconds, reached, violations } =
      JSON.parse(stdout)
    return { part, seeds, events, simulatedSeconds, reached, violations }
  }
  expect(told(merged)).toEqual(told(whole))
  expect(merged.exitCode).toBe(0)
})

test('of what shares have found, the first seed counts', SLOW, async () => {
  const asked = {
    ...{ part: 'part1', seeds: 40, from: 1, duration: 5 },
    ...{ keepGoing: false, servers: null, faults: null },
  }
  const found = (seed: number) => {
    const violation = { invariant: 'Election Safety', message: 'two lead', atMs: 1 }
    const tally = { seeds: 20, simulatedMs: 1000, events: 10, reached: {} }
    const times = { beganAt: 1000 * seed, seconds: 1, coreSeconds: 1 }
    return { tally: { ...tally, found: [{ seed, violation }] }, times }
  }
  const files = [9, 33].map((seed, i) => {
    const file = join(folder, `found-${seed}.json`)
    const shard = { index: i + 1, count: 2 }
    writeFileSync(
      file,
      JSON.stringify({ of: 'explore', asked, shard, found: found(seed) }),
    )
    return file
  })
  const { exitCode, stdout } = await run('explore', '--json', '--merge', ...files)
  expect(exitCode).toBe(1)
  const replay = 'npm run explore -- part1 --seeds 1 --from 9'
  expect(JSON.parse(stdout)).toMatchObject({
    seeds: 40,
    // From the beginning of the first to the end of the second.
    seconds: 25,
    violations: [{ seed: 9, replay }],
  })
})

test('the shares of all machines are all seeds, each once', () => {
  const numbers = {
    from: fc.nat(1000),
    seeds: fc.nat(500),
    count: fc.integer({ min: 1, max: 20 }),
  }
  fc.assert(
    fc.property(fc.record(numbers), ({ from, seeds, count }) => {
      fc.pre(seeds >= count)
      let next = from
      for (let index = 1; index <= count; index += 1) {
        const options = { from, seeds, shard: { index, count } }
        const share = seedsOfShard(options as ExploreOptions)
        expect(share.from).toBe(next)
        next += share.seeds
      }
      expect(next).toBe(from + seeds)
    }),
  )
})
