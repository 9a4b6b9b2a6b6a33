/**
 * What every command does with arguments that nobody means well, and where what it prints
 * reaches nobody. A new command joins by a line in `COMMANDS`.
 */
import { type SpawnOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../src/cli/root.ts'

/** For tests that start programs: on a busy machine they take their time. */
const SLOW = { timeout: 120_000 }

/** By the words before their arguments; the exit code is that of bad usage. */
const COMMANDS: readonly [words: string, exitCode?: number][] = [
  ['tools/bin/dotest.js'],
  ['tools/bin/parts-diff.js'],
  ['tools/bin/raft-testlog-viz.js', 1],
  ['tools/src/explore/cli.ts'],
  ['tools/src/gallery/cli.ts'],
  ['tools/src/gallery/cli.ts show'],
  ['tools/src/gallery/cli.ts run'],
  ['tools/src/linearizable/cli.ts'],
  ['tools/src/puzzle/cli.ts'],
  ['tools/src/mutants/cli.ts'],
  ['tools/src/checks/cli.ts'],
  ['tools/src/viz/screenshots.ts'],
  ['tools/bench/tests.ts'],
  ['tools/bench/throughput.ts'],
  ['tools/bench/links.ts'],
  ['tools/bench/kv.ts'],
  ['tools/bench/downtime.ts'],
  ['tools/bench/overload.ts'],
  ['tools/bench/viz.ts'],
  ['tools/bench/playground.ts'],
  ['scripts/excerpts.ts'],
]

/** Escapes that set a title, clear the screen, and write from right to left. */
const ESCAPES = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e'

const HOSTILE: Readonly<Record<string, string>> = {
  'an option that is none': `--${ESCAPES}`,
  'a name that is none': `../__proto__/${ESCAPES}\n${'x'.repeat(10_000)}`,
}

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

type Stdout = 'read' | 'closed' | { readonly path: string }

function run(words: string, args: readonly string[], stdout: Stdout): Promise<Ended> {
  const [program = '', ...first] = words.split(' ')
  const file = typeof stdout === 'object' ? openSync(stdout.path, 'w') : null
  const options: SpawnOptions = {
    cwd: ROOT,
    env: { ...process.env, CI: '1', NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', file ?? 'pipe', 'pipe'],
  }
  const all = ['--import', 'tsx', join(ROOT, program), ...first, ...args]
  const child = spawn(process.execPath, all, options)
  if (file !== null) closeSync(file)
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text) => {
      said[name] += text
    })
  }
  if (stdout === 'closed') child.stdout?.destroy()
  return new Promise((resolve) => {
    child.on('close', (exitCode) => resolve({ exitCode, ...said }))
  })
}

const STACK = /\n\s+at /
const CONTROLS = /(?!\n)[\p{Cc}\u202a-\u202e]/u

describe.concurrent.each(COMMANDS)('%s', SLOW, (words, exitCode = 2) => {
  test.each(Object.entries(HOSTILE))('refuses %s in a sentence', async (_what, text) => {
    const ended = await run(words, [text], 'read')
    expect(ended).toMatchObject({ exitCode, stdout: '' })
    expect(ended.stderr).toMatch(/^\S.* .*/)
    expect(ended.stderr).not.toMatch(STACK)
    expect(ended.stderr).not.toMatch(CONTROLS)
  })

  test('fails when what it says is lost', async () => {
    const ended = await run(words, ['--help'], { path: '/dev/full' })
    expect(ended.exitCode).toBe(exitCode)
    expect(ended.stderr).toMatch(/^\S+: what was found cannot be written: ENOSPC.*\n$/)
  })
})

describe.concurrent('what a search came to', SLOW, () => {
  const NOT_FOUND = ['figure-8', '--seeds', '1', '--no-open']
  const FOUND = ['second-vote', '--seeds', '100', '--json']

  test('is in the exit code also where nobody reads it to its end', async () => {
    const words = 'tools/src/gallery/cli.ts run'
    expect(await run(words, NOT_FOUND, 'closed')).toMatchObject({
      exitCode: 1,
      stderr: '',
    })
    expect(await run(words, FOUND, 'closed')).toMatchObject({ exitCode: 0, stderr: '' })
  })

  test('is not told on a full disk, and that is a failure', async () => {
    const full = { path: '/dev/full' }
    const ended = await run('tools/src/gallery/cli.ts run', FOUND, full)
    expect(ended).toMatchObject({ exitCode: 2 })
  })
})
