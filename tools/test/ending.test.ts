/** What a command leaves behind when it is stopped: nothing. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { ROOT } from '../src/cli/root.ts'

const ENDING = join(ROOT, 'tools/src/cli/ending.ts')
const PROGRAM = `
  import { atEnd, keepTemporaryFilesIn } from ${JSON.stringify(ENDING)}
  keepTemporaryFilesIn('raft-ending-')
  atEnd(() => console.log('done'))
  const forget = atEnd(() => console.log('forgotten'))
  forget()
  console.error(process.env.TMPDIR)
  if (process.argv[1] !== 'end') setInterval(() => {}, 1000)
`

function run(...args: string[]) {
  const options = ['--import', 'tsx', '--input-type=module', '-e', PROGRAM, ...args]
  const child = spawn(process.execPath, options, { cwd: ROOT })
  const exitCode = new Promise((resolve) => child.on('close', resolve))
  return { child, exitCode, stdout: text(child.stdout) }
}

const SLOW = { timeout: 120_000 }

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s takes back what was made', SLOW, async (signal, expected) => {
  const { child, exitCode, stdout } = run()
  const [bytes] = await new Promise<[Buffer]>((resolve) => {
    child.stderr.once('data', (...data: [Buffer]) => resolve(data))
  })
  const folder = String(bytes).trim()
  expect(existsSync(folder)).toBe(true)
  child.kill(signal)
  expect(await exitCode).toBe(expected)
  expect(await stdout).toBe('done\n')
  expect(existsSync(folder)).toBe(false)
})

test('and so does the end', SLOW, async () => {
  const { child, exitCode, stdout } = run('end')
  const folder = (await text(child.stderr)).trim()
  expect(await exitCode).toBe(0)
  expect(await stdout).toBe('done\n')
  expect(folder).toContain('raft-ending-')
  expect(existsSync(folder)).toBe(false)
})
