/** Files that hold no history: refused with the place, without reading them for ever. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readHistory } from '../../src/histories/read.ts'

const folder = mkdtempSync(join(tmpdir(), 'histories '))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['/no/such/file', '/no/such/file does not exist'],
  [folder, `${folder} is a folder, not a history`],
  ['/dev/zero', '/dev/zero is a device, not a history'],
])('%s is refused', async (file, reason) => {
  await expect(readHistory(file)).rejects.toThrow(reason)
})

test('a line that has no end is refused, with its number', async () => {
  const file = join(folder, 'long.ndjson')
  writeFileSync(file, `\n${'x'.repeat(17_000_000)}\n`)
  await expect(readHistory(file)).rejects.toThrow(
    `${file}:2: this line is longer than that of any history`,
  )
})

const invoke = (rest: string) => `{"type":"invoke","process":0,${rest}}\n`

test.each([
  [invoke('"f":"frob"'), ':1: f is one of read, write, cas, get, put, append'],
  [invoke('"f":"toString"'), ':1: f is one of'],
  [invoke('"f":"cas","value":5'), ':1: the value of a cas is two'],
  ['INFO  jepsen.util - 0\t:invoke\t:cas\t3\n', ':1: the value of a cas is two'],
])('what no model knows is refused: %j', async (text, reason) => {
  const file = join(folder, 'unknown.ndjson')
  writeFileSync(file, text)
  await expect(readHistory(file)).rejects.toThrow(`${file}${reason}`)
})
