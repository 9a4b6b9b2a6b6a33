import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execaSync } from 'execa'
import { expect, test, vi } from 'vitest'
import { folder, logOf } from './logs.ts'

vi.setConfig({ testTimeout: 60_000 })

const program = fileURLToPath(new URL('../../bin/raft-testlog-viz.js', import.meta.url))

const LOG = logOf(
  { test: 'first one', event: 'test-start', servers: 1 },
  { test: 'first one', event: 'test-end', status: 'pass' },
  { test: 'second', event: 'test-end', status: 'fail', error: { message: 'no' } },
)

interface Result {
  readonly code: number | undefined
  readonly out: string
  readonly err: string
}

function viz(
  args: readonly string[],
  options: { cwd?: string; input?: string } = {},
): Result {
  const cwd = options.cwd ?? folder()
  const { exitCode, stdout, stderr } = execaSync(process.execPath, [program, ...args], {
    cwd,
    input: options.input ?? '',
    env: { NO_COLOR: '1', FORCE_COLOR: undefined },
    reject: false,
    stripFinalNewline: false,
  })
  return { code: exitCode, out: stdout, err: stderr }
}

test('a log that is piped in becomes pages, whose addresses are printed', () => {
  const cwd = folder()
  const { code, out } = viz([], { cwd, input: `noise\n${LOG}` })
  expect(code).toBe(0)
  const page = pathToFileURL(join(cwd, 'timelines/first-one.html')).href
  expect(out).toContain(`pass  first one\n      ${page}`)
  expect(out).toContain('2 tests: 1 pass, 1 fail; 1 line is no event and was skipped')
  expect(out.trimEnd()).toMatch(/timelines\/index\.html$/)
})

test('files are read from folders with spaces, into the folder that is asked for', () => {
  const cwd = join(folder(), 'a b')
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'run 1.log'), LOG)
  const args = ['run 1.log', '--out-dir', 'my pages', '--test', '/^second$/']
  expect(viz(args, { cwd }).code).toBe(0)
  expect(readdirSync(join(cwd, 'my pages'))).toEqual(['second.html'])
})

test('the page’s script is smaller than 90 kB, and the page asks for nothing else', () => {
  const cwd = folder()
  viz([], { cwd, input: LOG })
  const html = readFileSync(join(cwd, 'timelines/second.html'), 'utf8')
  const [script = ''] = /<script>.*?<\/script>/s.exec(html) ?? []
  expect(script.length).toBeGreaterThan(10_000)
  expect(Buffer.byteLength(script)).toBeLessThan(90_000)
  expect(html).not.toMatch(/<(link|img|iframe)|src=|@import|url\((?!"?data:)/)
})

test.each([
  [
    'a file that does not exist',
    ['no.log'],
    '',
    /^raft-testlog-viz: no\.log does not exist\n$/,
  ],
  [
    'one log to compare',
    ['--compare', 'no.log'],
    '',
    /^raft-testlog-viz: --compare takes two logs, of two runs of one test\n$/,
  ],
  ['a folder', ['.'], '', /^raft-testlog-viz: \. is a folder, not a test log\n$/],
  ['nothing', [], '', /^raft-testlog-viz: The standard input is empty\n$/],
  ['no event', [], 'a\n\0\n', /no event of a test log in it: none of its lines is/],
  [
    'a pattern that matches nothing',
    ['--test', 'third'],
    LOG,
    /No test matches "third".*\n {2}first one\n {2}second/,
  ],
  ['a pattern that is none', ['--test', '/(/'], LOG, /is no regular expression\n$/],
  ['an unknown option', ['--colour'], LOG, /unknown option/],
])('%s ends with 1 and one clear sentence', (_, args, input, message) => {
  const cwd = folder()
  const { code, out, err } = viz(args, { cwd, input })
  expect(code).toBe(1)
  expect(err).toMatch(message)
  expect(err).not.toMatch(/^\s+at /m)
  expect(out).toBe('')
  expect(existsSync(join(cwd, 'timelines'))).toBe(false)
})

test('--help shows examples and what the exit codes mean', () => {
  const { code, out } = viz(['--help'])
  expect(code).toBe(0)
  expect(out).toMatch(/Examples:\n.*raft-testlog-viz run\.log/)
  expect(out).toContain('Exit codes: 0')
})
