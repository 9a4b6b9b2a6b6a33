/** Two runs of one test side by side: one page with both timelines where they first differ. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import Handlebars from 'handlebars'
import { writeWhole } from '../cli/whole.ts'
import { type Difference, differencesOf } from './differences.ts'
import { InputError, type WriteOptions, writeTimelines } from './index.ts'
import { decode, unpack } from './page/decode.ts'
import { Timeline } from './page/timeline.ts'
import { shorten, visible } from './shared/text.ts'
import type { Page } from './write/index-page.ts'

export interface CompareOptions {
  readonly logs: readonly [a: string, b: string]
  readonly outDir: string
  readonly testPattern?: WriteOptions['testPattern']
}

export interface Compared {
  /** The path of the page with both. */
  readonly file: string
  readonly pages: readonly [Page, Page]
  readonly differences: readonly Difference[]
}

const LONGEST = 160

/** Both timelines, to the same address again: a fragment moves the page that is there. */
const SCRIPT = `
const frames = document.querySelectorAll('iframe')
addEventListener('click', ({ target }) => {
  const button = target.closest('button')
  if (!button) return
  frames.forEach((frame, i) => { frame.src = [button.dataset.a, button.dataset.b][i] })
  for (const other of document.querySelectorAll('button')) {
    other.setAttribute('aria-pressed', String(other === button))
  }
})`

/** @throws InputError when the logs have not one test in common. */
export async function compareRuns(options: CompareOptions): Promise<Compared> {
  const { logs, outDir } = options
  const test = await testOfBoth(options)
  const write = async (log: string, suffix: string) => {
    const testPattern = (name: string) => name === test
    const written = await writeTimelines({ inputs: [log], outDir, testPattern, suffix })
    return written.pages[0] as Page
  }
  const a = await write(logs[0], 'a')
  const b = await write(logs[1], 'b')
  const differences = differencesOf(await timelineIn(a), await timelineIn(b))
  const file = resolve(join(outDir, `${basename(a.file, '-a.html')}-compared.html`))
  await writeWhole(file, [await pageOf(test, [a, b], logs, differences)])
  return { file, pages: [a, b], differences }
}

/** The one test that both logs have, or that the pattern leaves of them. */
async function testOfBoth({
  logs,
  outDir,
  testPattern,
}: CompareOptions): Promise<string> {
  const [a, b] = await Promise.all(logs.map((log) => testsIn(log, outDir)))
  const isWanted = (name: string) =>
    testPattern === undefined ||
    (typeof testPattern === 'string' ? name.includes(testPattern) : testPattern(name))
  const both = a?.filter((name) => b?.includes(name) && isWanted(name)) ?? []
  const [test, another] = both
  if (test === undefined) {
    throw new InputError(`${logs[0]} and ${logs[1]} have no such test in common`)
  }
  if (another !== undefined) {
    const names = both.map((name) => `\n  ${name}`).join('')
    throw new InputError(
      `Two runs of one test are compared: choose by --test. Both have:${names}`,
    )
  }
  return test
}

async function testsIn(log: string, outDir: string): Promise<string[]> {
  const testPattern = () => false
  const { tests } = await writeTimelines({ inputs: [log], outDir, testPattern })
  return [...new Set(tests)]
}

async function timelineIn({ file }: Page): Promise<Timeline> {
  const html = await readFile(file, 'utf8')
  const [, data = ''] = /id="data">([^<]*)</.exec(html) ?? []
  return new Timeline(decode(await unpack(data)))
}

async function pageOf(
  test: string,
  pages: readonly [Page, Page],
  logs: readonly [string, string],
  differences: readonly Difference[],
): Promise<string> {
  const [a, b] = pages
  const sides = pages.map((page, i) => ({
    name: 'AB'[i],
    status: page.status,
    source: visible(logs[i] ?? ''),
    src: addressOf(page, differences[0]?.[i === 0 ? 'a' : 'b'].row ?? 0),
  }))
  const cut = (text: string) => shorten(visible(text), LONGEST)
  const rows = differences.map((difference, i) => ({
    what: difference.what,
    isFirst: String(i === 0),
    a: { text: cut(difference.a.text), src: addressOf(a, difference.a.row) },
    b: { text: cut(difference.b.text), src: addressOf(b, difference.b.row) },
  }))
  const template = fileURLToPath(new URL('templates/compare.hbs', import.meta.url))
  return Handlebars.compile(await readFile(template, 'utf8'))({
    title: visible(test),
    sides,
    rows,
    script: SCRIPT,
    scriptHash: createHash('sha256').update(SCRIPT).digest('base64'),
  })
}

/** With its heartbeats, which can be what differs. */
function addressOf(page: Page, row: number): string {
  return `${encodeURIComponent(basename(page.file))}#e=${row + 1}&hb=1`
}
