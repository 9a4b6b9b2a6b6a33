/** One process has a file. Real processes, in real time. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FileStorage, StorageError } from '../src/storage.ts'
import { eventually, ServerProcess } from './process-cluster.ts'

const SLOW = { timeout: 60_000 }

function startOn(file: string): ServerProcess {
  const server = new ServerProcess({ id: 0, file, address: '127.0.0.1:0' })
  onTestFinished(() => void server.kill())
  return server
}

test('a file is one process’s, until that ends, however it ends', SLOW, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'raft-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'server-0.log')
  const holder = startOn(file)
  await holder.ask('start', [await holder.address()])
  await eventually('a leader', () => holder.ask('submit', ['kept']))
  const pid = Number(readFileSync(`${file}.pid`, 'utf8'))
  const refusal = `${file} is in use by process ${pid}. Two servers with one memory`
  const before = readFileSync(file)

  const second = await startOn(file).ended
  expect(second).toMatchObject({ code: 1, errors: expect.stringContaining(refusal) })
  expect(() => new FileStorage(file)).toThrow(StorageError)

  // One that stands still may go on at any time, and believe that the file is its own.
  process.kill(pid, 'SIGSTOP')
  expect(() => new FileStorage(file)).toThrow(refusal)
  expect(readFileSync(file)).toEqual(before)

  await holder.kill()
  const storage = new FileStorage(file)
  expect(storage.load().log).toMatchObject([{ command: 'kept' }])
  storage.close()
})
