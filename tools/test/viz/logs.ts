import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'
import {
  type Timelines,
  type WriteOptions,
  writeTimelines,
} from '../../src/viz/index.ts'
import { type Data, decode, unpack } from '../../src/viz/page/decode.ts'
import { RawLines } from '../../src/viz/page/raw.ts'
import { Timeline } from '../../src/viz/page/timeline.ts'

/** Lines of a test log; what they do not say of time and test is the same for all. */
export function logOf(...lines: object[]): string {
  const full = lines.map((line, i) => ({ level: 30, time: i, test: 'a test', ...line }))
  return `${full.map((line) => JSON.stringify(line)).join('\n')}\n`
}

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'viz test '))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export function input(text: string | Buffer, name = 'The log') {
  return { name, stream: Readable.from([Buffer.from(text)]) }
}

export function write(
  text: string | Buffer,
  options: Partial<WriteOptions> = {},
): Promise<Timelines> {
  return writeTimelines({ inputs: [input(text)], outDir: folder(), ...options })
}

export interface ReadPage {
  readonly html: string
  readonly data: Data
  readonly timeline: Timeline
  readonly raw: RawLines
}

/** What a page's script finds in the page. */
export async function readPage(file: string): Promise<ReadPage> {
  const html = readFileSync(file, 'utf8')
  const block = (id: string) => new RegExp(`id="${id}">([^<]*)<`).exec(html)?.[1] ?? ''
  const data = decode(await unpack(block('data')))
  const timeline = new Timeline(data)
  const raw = new RawLines(timeline, (chunk) => block(`raw-${chunk}`))
  return { html, data, timeline, raw }
}

/** The page of a log of one test. */
export async function pageOf(
  text: string | Buffer,
  options: Partial<WriteOptions> = {},
): Promise<ReadPage> {
  const { pages } = await write(text, options)
  return readPage(pages[0]?.file ?? '')
}
