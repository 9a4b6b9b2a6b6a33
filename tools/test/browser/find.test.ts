/** Where a browser comes from, on machines whose commands are all made here. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

/** In real time, for processes that start. */
vi.setConfig({ testTimeout: 120_000 })

const TOOLS = join(import.meta.dirname, '../..')
const FIND = pathToFileURL(join(TOOLS, 'src/browser/find.ts')).href
/** Whoever runs the tests, it is a user like others, with what sudo gives to them. */
const PROGRAM = `
  process.getuid = () => 1000
  import { findBrowser } from ${JSON.stringify(FIND)}
  console.log(await findBrowser().catch((error) => error.message))`

const WORKS = 'exit 0'
const FAILS = 'exit 1'
/** Brings a chromium to root, and nothing else that is asked for. */
const APT = `
  PATH=/usr/bin:/bin
  [ "$1$AS_ROOT" = installyes ] && cp "$0" "$(dirname "$0")/chromium"
  exit 0`
/** Asks for no password: runs what stands behind `-n`. */
const SUDO = 'export PATH=$PATH:/usr/bin:/bin AS_ROOT=yes; shift; exec "$@"'

let bin: string

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'raft browser '))
  symlinkSync('/bin/sh', join(bin, 'sh'))
})

afterEach(() => rmSync(bin, { recursive: true }))

function command(name: string, script: string): string {
  const path = join(bin, name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return path
}

/** What is found, or the error; and what was said on the way. */
async function find(env: NodeJS.ProcessEnv = {}) {
  const machine = {
    PATH: bin,
    HOME: bin,
    PLAYWRIGHT_BROWSERS_PATH: bin,
    PLAYWRIGHT_DOWNLOAD_HOST: 'http://127.0.0.1:9',
  }
  const { stdout, stderr } = await execa(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', PROGRAM],
    { cwd: TOOLS, env: { ...machine, ...env }, extendEnv: false },
  )
  return { found: stdout.trim(), said: stderr.split('\n').filter(Boolean) }
}

test('the browser that CHROMIUM names is taken before others', async () => {
  command('chromium', WORKS)
  const named = command('mine', WORKS)
  expect(await find({ CHROMIUM: named })).toEqual({ found: named, said: [] })
})

test('another is not taken in silence when the one that CHROMIUM names fails', async () => {
  command('chromium', WORKS)
  const { found } = await find({ CHROMIUM: '/no/such' })
  expect(found).toMatch(/^CHROMIUM names \/no\/such, and that does not start\. Let it/)
})

test('an installed browser is taken, if it starts', async () => {
  command('chromium', FAILS)
  const chrome = command('google-chrome', WORKS)
  expect(await find()).toEqual({ found: chrome, said: [] })
})

/** A Mac has its browsers in one place, whatever $PATH says. */
const testWithoutBrowsers = test.skipIf(process.platform === 'darwin')

testWithoutBrowsers('apt brings one where there is none', async () => {
  command('apt-get', APT)
  command('sudo', SUDO)
  const { found, said } = await find()
  expect(found).toBe(join(bin, 'chromium'))
  expect(said).toEqual([expect.stringMatching(/installing .* apt-get \(once, a minute/)])
})

testWithoutBrowsers('where nothing helps, it is said what to install', async () => {
  // Nobody can be asked for a password.
  command('apt-get', APT)
  command('sudo', FAILS)
  const { found, said } = await find()
  expect(found).toMatch(/^There is no browser here, .* Install Chromium, Chrome or Edge/)
  expect(said).toEqual([
    expect.stringMatching(/downloading .* playwright-core \(once, minutes/),
  ])
})
