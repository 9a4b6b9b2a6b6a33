/** A file is written whole, or stays as it was. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeWhole } from '../src/cli/whole.ts'
import { makePipe } from './pipe.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whole '))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function* halfOf(text: string): AsyncGenerator<string> {
  yield text
  throw new Error('the rest is gone')
}

test('what fails on the way leaves what was there before, and nothing else', async () => {
  const file = join(folder, 'deep/page.html')
  await writeWhole(file, ['one ', 'page'])
  await expect(writeWhole(file, halfOf('another'))).rejects.toThrow('the rest is gone')
  expect(readFileSync(file, 'utf8')).toBe('one page')
  expect(readdirSync(join(folder, 'deep'))).toEqual(['page.html'])
})

test('what is written replaces what was there', async () => {
  const file = join(folder, 'page.html')
  await writeWhole(file, ['one'])
  await writeWhole(file, ['another'])
  expect(readFileSync(file, 'utf8')).toBe('another')
})

test('a pipe takes what is written, and stays one', async () => {
  const pipe = join(folder, 'pipe')
  makePipe(pipe)
  const taken = readFile(pipe, 'utf8')
  await writeWhole(pipe, ['one ', 'page'])
  expect(await taken).toBe('one page')
  expect(statSync(pipe).isFIFO()).toBe(true)
})
