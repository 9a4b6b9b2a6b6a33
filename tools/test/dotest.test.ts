/** dotest.sh from end to end, in a copy of the repository with spaces in its path. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hasDisplay } from '../src/cli/open.ts'
import { readRequest } from '../src/dotest/options.ts'
import { selectTests } from '../src/dotest/select.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = ['dotest.sh', 'package.json', 'pnpm-lock.yaml', 'vitest.config.ts']
const COPIED_FOLDERS = ['scripts', 'tools', 'part1']

/** In real time, for processes that start, also on a busy machine. */
const TIMEOUT_MS = 300_000

const sandbox = mkdtempSync(join(tmpdir(), 'dotest '))
const copy = join(sandbox, 'a copy')
const elsewhere = join(sandbox, 'another folder')

beforeAll(() => {
  mkdirSync(elsewhere)
  for (const name of [...COPIED, ...COPIED_FOLDERS]) {
    const options = { recursive: true, verbatimSymlinks: true }
    cpSync(join(ROOT, name), join(copy, name), options)
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const fixtures = join(ROOT, 'tools/test/fixtures/dotest')
  cpSync(join(fixtures, 'failing.txt'), join(copy, 'part1/test/fixture.test.ts'))
  mkdirSync(join(copy, 'part8/test'), { recursive: true })
  writeFileSync(join(copy, 'part8/test/lab.ts'), '')
  cpSync(join(fixtures, 'broken.txt'), join(copy, 'part8/test/broken.test.ts'))
})

afterAll(() => rmSync(sandbox, { recursive: true, force: true }))

interface Outcome {
  readonly exitCode: number
  readonly output: string
  readonly log: string
  readonly timeline: string
}

async function dotest(
  args: string[],
  variables: Record<string, string> = {},
): Promise<Outcome> {
  const { PATH = '', HOME = '' } = process.env
  const run = await execa(join(copy, 'dotest.sh'), args, {
    cwd: elsewhere,
    env: { PATH, HOME, CI: '1', ...variables },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
  })
  const output = run.stdout + run.stderr
  const timeline = /^timeline {2}(.*)$/m.exec(output)?.[1] ?? ''
  const log = /^test log {2}(.*)$/m.exec(output)?.[1] ?? ''
  return { exitCode: run.exitCode ?? -1, output, log, timeline }
}

describe.concurrent('dotest.sh', { timeout: TIMEOUT_MS }, () => {
  test('shows the events of the one test that matches, and its timeline', async () => {
    const run = await dotest(['part1', 'COMES BACK'])
    expect(run.output).toMatch(/^ +0\.000 {2}1 +Follower {2}t0 +starts as a follower/m)
    expect(run.output).toMatch(/becomes Leader of term 1 {2}votedFor=\d$/m)
    expect(run.output).toMatch(/^PASS {2}a follower that comes back .* \(\d+ ms\)$/m)
    expect(run.output.match(/^PASS/gm)).toHaveLength(1)
    expect(run.exitCode).toBe(0)
    expect(run.log.startsWith(join(copy, 'timelines/part1/seed-1/'))).toBe(true)
    expect(readFileSync(new URL(run.timeline), 'utf8')).toContain(
      'a follower that comes',
    )
    expect(run.output).not.toContain('\u001b')
  })

  test('writes the same log again for the same seed, and keeps those of others', async () => {
    const args = (seed: string) => ['part1', 'elects one leader', '--seed', seed]
    const first = await dotest(args('5'))
    const text = readFileSync(first.log, 'utf8')
    const [again, other] = [await dotest(args('5')), await dotest(args('6'))]
    expect(again.log).toBe(first.log)
    expect(readFileSync(again.log, 'utf8')).toBe(text)
    expect(other.log).not.toBe(first.log)
    expect(other.timeline).not.toBe(first.timeline)
    expect(readFileSync(other.log, 'utf8')).not.toBe(text)
    expect(readFileSync(first.log, 'utf8')).toBe(text)
  })

  test('says where a test failed and why, and how to replay it', async () => {
    const run = await dotest(['part1', 'from seed 3 on'], { RAFT_SEED: '4' })
    expect(run.exitCode).toBe(1)
    expect(run.output).toMatch(/^FAIL {2}the fixture fails from seed 3 on/m)
    expect(run.output).toContain('AssertionError: the seed is too large')
    expect(run.output).toMatch(/at part1\/test\/fixture\.test\.ts:\d+:\d+$/m)
    expect(run.output).toMatch(/^ *> +\d+ \| .*toBeLessThan\(3\)$/m)
    const replay = "./dotest.sh part1 'the fixture fails from seed 3 on' --seed 4"
    expect(run.output).toContain(`replay: ${replay}`)
    expect(readFileSync(new URL(run.timeline), 'utf8')).toContain('data-status="fail"')
  })

  test('says as much of a test that makes its harness by hand', async () => {
    const run = await dotest(['part1', 'by hand'])
    expect(run.exitCode).toBe(1)
    expect(run.output).toContain('AssertionError: by hand: expected 1 to be 9')
    // Without the colours that vitest gives a difference: this is no terminal.
    expect(run.output).toMatch(/^ *[+] Received$/m)
    const replay = "./dotest.sh part1 'a harness made by hand' --seed 7"
    expect(run.output).toContain(`replay: ${replay}`)
    expect(run.output).toMatch(/TEST +fails: by hand: expected 1 to be 9/)
    expect(readFileSync(new URL(run.timeline), 'utf8')).toContain('data-status="fail"')
  })

  test('finds the first seed that fails, and shows its timeline', async () => {
    const run = await dotest(['part1', 'from', 'seed', '3', 'on', '--seeds', '10'])
    expect(run.exitCode).toBe(1)
    expect(run.output).toContain('Seed 3 is the first to fail')
    expect(run.log).toContain(join('timelines', 'part1', 'seed-3'))
    expect(run.timeline).toMatch(/seed-3\/.*\.html$/)
    const held = await dotest(['part1', 'from seed 3 on', '--seeds', '2'])
    expect(held.output).toContain('Nothing failed with the seeds 1 to 2.')
    expect(held.output).not.toContain('becomes Leader')
    expect(held.exitCode).toBe(0)
  })

  test('a whole part writes no log, but that of the first test that fails', async () => {
    const run = await dotest(['part1'])
    expect(run.exitCode).toBe(1)
    expect(run.output.match(/^PASS/gm)?.length).toBeGreaterThan(30)
    expect(run.output).toMatch(/^Seed \d+ fails it; again, with the test log:$/m)
    expect(run.output.match(/^test log/gm)).toHaveLength(1)
    expect(readFileSync(new URL(run.timeline), 'utf8')).toContain('data-status="fail"')
  })

  test('folds the heartbeats that change nothing, unless all are asked for', async () => {
    const folded = await dotest(['part1', 'comes back'])
    expect(folded.output).toMatch(/^ {37}… \d+ heartbeats$/m)
    expect(folded.output).toMatch(/^ {37}… \d+ heartbeats, \d+ messages lost$/m)
    expect(folded.output).not.toMatch(/sends AppendEntries/)
    // One that is refused changes the leader: it is shown, from its arrival on.
    const refused = folded.output.indexOf('success=false')
    const before = folded.output.slice(0, refused).split('\n').at(-2)
    expect(before).toMatch(/2 +Candidate t3 +receives AppendEntries from 1/)
    const all = await dotest(['part1', 'comes back', '--verbose'])
    expect(all.output).toMatch(/sends AppendEntries/)
    expect(all.output).not.toMatch(/heartbeats/)
  })

  test('a whole name means that test alone, though others contain it', async () => {
    const one = await dotest(['part1', 'the fixture'])
    expect(one.output).toMatch(/^PASS {2}the fixture \(/m)
    expect(one.output).not.toContain('from seed 3 on')
    expect(one.exitCode).toBe(0)
    const both = await dotest(['part1', 'the fix.ure', '--seed', '2'])
    expect(both.output.match(/^PASS/gm)).toHaveLength(2)
    expect(both.timeline).toMatch(/index\.html$/)
  })

  test('runs in real time over gRPC', async () => {
    const run = await dotest(['part1', 'cluster of one', '--network', 'grpc'])
    expect(run.output).toMatch(/becomes Leader of term 1/)
    expect(run.log).toContain('seed-1-grpc')
    expect(run.exitCode).toBe(0)
  })

  test('lists the tests when none matches', async () => {
    const noTest = await dotest(['part1', 'nothing like it'])
    expect(noTest.output).toContain('no test of part1 matches "nothing like it"')
    expect(noTest.output).toMatch(/^ {2}a cluster of one elects itself$/m)
    expect(noTest.exitCode).toBe(2)
  })

  test('a test file that cannot be loaded is a failure that names the place', async () => {
    const run = await dotest(['part8'])
    expect(run.output).toContain('The tests of part8 cannot be loaded')
    expect(run.output).toContain('broken.test.ts')
    expect(run.exitCode).toBe(1)
  })

  test('a wrong option or setting is an error of one line, without a stack', async () => {
    const option = await dotest(['part1', 'a', '--seed', 'seven'])
    expect(option.output).toMatch(/^error: .*'seven' is invalid.*\n$/)
    expect(option.exitCode).toBe(2)
    const setting = await dotest(['part1', 'a'], { RAFT_SEED: 'x' })
    expect(setting.output).toMatch(/^error: RAFT_SEED is "x"; .*\n$/)
    expect(setting.exitCode).toBe(2)
  })
})

test.each([
  [['part1', 'a', '--seed', 'seven'], 'It can be a whole number from 0 to 4294967295'],
  [['part1', 'a', '--seed', '-1'], "'-1' is invalid"],
  [['part1', 'a', '--seed', '4294967296'], 'from 0 to 4294967295'],
  [['part1', 'a', '--seeds', '0'], 'from 1 to 4294967295'],
  [['part1', 'a', '--seed', '1', '--seeds', '2'], 'cannot be used with'],
  [['part1', 'a', '--network', 'tcp'], 'simulated, grpc'],
  [['part1', 'a', '--network', 'grpc', '--seeds', '2'], '--seeds is for virtual time'],
  [['part1', 'a', '--sed', '1'], 'Did you mean --seed?'],
  [['part1', '--seed'], 'argument missing'],
  [['part9'], 'there is no part "part9"; there are part1, part2'],
  [[], "missing required argument 'part'"],
])('%j is an error of one line', (args, message) => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    const argv = ['node', 'dotest', ...args]
    expect(() => readRequest(argv, ['part1', 'part2'])).toThrow(message)
    const output = written.mock.calls.map(([text]) => text).join('')
    expect(output).toMatch(/^error: .*\n$/)
    expect(output).toContain(message)
  } finally {
    written.mockRestore()
  }
})

test('what is asked for is read, and the environment where nothing is', () => {
  const read = (...args: string[]) => readRequest(['node', 'dotest', ...args], ['part1'])
  const plain = { part: 'part1', pattern: '', seed: 1, seeds: null, open: true }
  const defaults = { network: 'simulated', verbose: false }
  expect(read('part1')).toEqual({ ...plain, ...defaults })
  expect(read('./part1/', 'two', 'words', '--no-open', '--seeds', '9')).toMatchObject({
    part: 'part1',
    pattern: 'two words',
    seeds: 9,
    open: false,
  })
  vi.stubEnv('RAFT_SEED', '7')
  vi.stubEnv('RAFT_NETWORK', 'grpc')
  expect(read('part1')).toMatchObject({ seed: 7, network: 'grpc' })
  expect(read('part1', '--seed', '8', '--network', 'simulated')).toMatchObject({
    seed: 8,
    network: 'simulated',
  })
  vi.unstubAllEnvs()
})

test('a pattern is a name, or a text or regular expression in any case', async () => {
  const names = ['a leader', 'a leader is lost', 'A new LEADER (5.2)', 'a [ b']
  expect(await selectTests(names, 'a leader')).toEqual(['a leader'])
  expect(await selectTests(names, 'Leader')).toEqual(names.slice(0, 3))
  expect(await selectTests(names, '^a (new|leader) ')).toEqual(names.slice(1, 3))
  expect(await selectTests(names, '(5.2)')).toEqual(['A new LEADER (5.2)'])
  expect(await selectTests(names, '[')).toEqual(['a [ b'])
  expect(await selectTests(names, '')).toEqual(names)
  expect(await selectTests(names, 'nothing')).toEqual([])
  // JavaScript's own engine would not come back from this one.
  expect(await selectTests(['a'.repeat(1_000)], '(a+)+$b')).toEqual([])
})

test('a browser is opened where there is a display, and not by CI', () => {
  expect(hasDisplay({ DISPLAY: ':0' }, 'linux')).toBe(true)
  expect(hasDisplay({ WAYLAND_DISPLAY: 'wayland-0' }, 'linux')).toBe(true)
  expect(hasDisplay({}, 'linux')).toBe(false)
  expect(hasDisplay({}, 'darwin')).toBe(true)
  expect(hasDisplay({}, 'win32')).toBe(true)
  expect(hasDisplay({ DISPLAY: ':0', CI: 'true' }, 'linux')).toBe(false)
})
