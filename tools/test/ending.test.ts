/** What a command leaves behind when it is stopped: nothing. */

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
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
  return execa(process.execPath, options, { cwd: ROOT, reject: false })
}

const SLOW = { timeout: 120_000 }

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s takes back what was made', SLOW, async (signal, expected) => {
  const child = run()
  const [bytes] = await once(child.stderr, 'data')
  const folder = String(bytes).trim()
  expect(existsSync(folder)).toBe(true)
  child.kill(signal)
  expect(await child).toMatchObject({ exitCode: expected, stdout: 'done' })
  expect(existsSync(folder)).toBe(false)
})

test('and so does the end', SLOW, async () => {
  const { exitCode, stdout, stderr: folder } = await run('end')
  expect(exitCode).toBe(0)
  expect(stdout).toBe('done')
  expect(folder).toContain('raft-ending-')
  expect(existsSync(folder)).toBe(false)
})
