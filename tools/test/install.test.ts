/** scripts/install.sh, in a folder with few packages, on machines with an npx that tells. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execaSync } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const LOCKFILE = 'lockfileVersion: 9\n'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raft install '))
  mkdirSync(join(folder, 'bin'))
  command('node', 'echo v20.19.0')
  command('npx', 'echo "npx $*" >&2')
  cpSync(join(ROOT, 'scripts/install.sh'), join(folder, 'scripts/install.sh'))
  for (const name of ['a', 'b']) {
    const store = `node_modules/.pnpm/${name}@1/node_modules/${name}`
    mkdirSync(join(folder, store), { recursive: true })
  }
  writeFileSync(join(folder, 'pnpm-lock.yaml'), LOCKFILE)
  writeFileSync(join(folder, 'node_modules/.pnpm/lock.yaml'), LOCKFILE)
})

afterEach(() => rmSync(folder, { recursive: true }))

function command(name: string, script: string): void {
  const options = { mode: 0o755 }
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, options)
}

function install() {
  const { exitCode, stderr } = execaSync('sh', [join(folder, 'scripts/install.sh')], {
    env: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
  })
  return { exitCode, stderr }
}

const NOTHING = { exitCode: 0, stderr: '' }

test('what is installed is installed once', () => {
  expect(install().stderr).toMatch(/^Installing .*\nnpx --yes --package=pnpm.*\n$/)
  expect(install()).toEqual(NOTHING)
})

test('a package that is gone is installed again', () => {
  install()
  rmSync(join(folder, 'node_modules/.pnpm/a@1/node_modules/a'), { recursive: true })
  expect(install().stderr).toMatch(/^Installing/)
})

test('a link of one of ours to a package is made again', () => {
  mkdirSync(join(folder, 'tools/node_modules/@types/node'), { recursive: true })
  install()
  expect(install()).toEqual(NOTHING)
  rmSync(join(folder, 'tools/node_modules/@types/node'), { recursive: true })
  expect(install().stderr).toMatch(/^Installing/)
})

test('packages of another lockfile are installed', () => {
  install()
  writeFileSync(join(folder, 'pnpm-lock.yaml'), `${LOCKFILE}packages: {}\n`)
  expect(install().stderr).toMatch(/^Installing/)
})

test('an installation that failed is tried again', () => {
  command('npx', 'exit 3')
  expect(install().exitCode).toBe(3)
  expect(install().exitCode).toBe(3)
})

test.each(['v18.20.8', 'v20.18.3'])('Node %s is told to be too old', (version) => {
  command('node', `echo ${version}`)
  expect(install()).toEqual({
    exitCode: 1,
    stderr:
      `Node 20.19 or later is needed (found: ${version}). ` +
      'Install one from nodejs.org.\n',
  })
})

test.each(['v20.19.0', 'v22.2.0', 'v100.0.0'])('Node %s will do', (version) => {
  install()
  command('node', `echo ${version}`)
  expect(install()).toEqual(NOTHING)
})

test('every package asks for the Node that the script asks for', () => {
  const folders = readdirSync(ROOT).filter((name) => /^(part\d+|tools|docs)$/.test(name))
  for (const name of ['.', ...folders]) {
    const text = readFileSync(join(ROOT, name, 'package.json'), 'utf8')
    expect(JSON.parse(text), name).toMatchObject({ engines: { node: '>=20.19' } })
  }
})
