/** The picture of a history: what it says, and that a person can find it out. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { check } from '../../../src/histories/check.ts'
import { readHistory } from '../../../src/histories/read.ts'
import type { HistoryRow } from '../../../src/histories/rows.ts'
import { HistoryPages } from '../../../src/viz/history.ts'
import { seriousProblems } from '../../accessibility.ts'
import { pageTest as test } from '../../browser/page-test.ts'
import { dir, open, textOf, usePages, writeOne } from './opened.ts'

usePages()

const put = { process: 0, f: 'put', key: 'x', value: '1' }
const lost = { process: 3, f: 'append', key: 'x', value: '</script>' }
const refused = { process: 4, f: 'delete', key: 'x' }
const get = (process: number) => ({ process, f: 'get', key: 'x' })

/** The second get begins after the first has seen the put, and sees nothing. */
const STALE: readonly HistoryRow[] = [
  { type: 'invoke', time: 0, ...put },
  { type: 'invoke', time: 1, ...lost },
  { type: 'invoke', time: 2, ...get(1) },
  { type: 'ok', time: 5, ...get(1), value: '1', version: 1 },
  { type: 'invoke', time: 5, ...refused },
  { type: 'fail', time: 6, ...refused },
  { type: 'invoke', time: 6, ...get(2) },
  { type: 'ok', time: 9, ...get(2), value: null },
  { type: 'ok', time: 9.5, ...put, version: 1, previous: null },
]

async function openPicture(
  rows: readonly HistoryRow[],
  options: Parameters<typeof open>[1] = {},
): Promise<Page> {
  const file = join(dir, `${Math.random()}.ndjson`)
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const { history, model } = await readHistory(file)
  const limits = { deadline: Number.POSITIVE_INFINITY, maxSteps: 1_000 }
  const found = check(history, { model, split: true, limits })
  const pages = new HistoryPages(dir)
  return open(await pages.draw('a <b>history</b>', { history, model, found }), options)
}

const bar = (page: Page, name: string) =>
  page.getByRole('region', { name: 'Operations' }).getByRole('button', { name })
const details = (page: Page) => textOf(page.locator('.details'))

test('each operation is a bar, by its outcome, and what has no place stands out', async () => {
  const page = await openPicture(STALE)
  expect(await textOf(page.locator('h1'))).toContain('a <b>history</b>')
  const kinds = await page
    .locator('.field .bar')
    .evaluateAll((bars) => bars.map(({ className }) => className))
  expect(kinds.sort()).toEqual([
    ...[
      'bar done',
      'bar done',
      'bar done stuck selected',
      'bar not-done',
      'bar unknown',
    ],
  ])
  // Where it opens: before is the state that it cannot have seen.
  const said = await details(page)
  expect(said).toContain('process 2: get x → nothing')
  expect(said).toMatch(/before\s+"1"/)
  expect(said).toContain('✗ nothing')
  expect(said).toContain('No order goes on from here')
})

test('the pointer and the keys show the state before and after each', async () => {
  const page = await openPicture(STALE)
  await bar(page, 'put').hover()
  expect(await details(page)).toMatch(/before\s+nothing\s+put "1"\s+after\s+"1"/)
  expect(await details(page)).toContain('number 1 of the order')
  await bar(page, 'append').focus()
  expect(await details(page)).toContain('in this order, never')
  await bar(page, 'put').focus()
  await page.keyboard.press('ArrowRight')
  expect(await details(page)).toContain('process 1: get x')
  await page.keyboard.press('ArrowRight')
  expect(await details(page)).toContain('No order goes on from here')
})

test('a stale read that goes back is shown with what was newer', async () => {
  const aside = { stale: true, server: 0, life: 1 } as const
  const page = await openPicture([
    { type: 'invoke', ...put },
    { type: 'ok', ...put, version: 1, previous: null },
    ...['1', null].flatMap((value): HistoryRow[] => [
      { type: 'invoke', ...get(1), stale: true },
      { type: 'ok', ...get(1), value, ...(value && { version: 1 }), ...aside },
    ]),
  ])
  expect(await textOf(page.locator('.facts'))).toContain(
    'older than its server had shown',
  )
  expect(await page.locator('.bar.newer').count()).toBe(1)
  expect(await details(page)).toContain('had shown a newer state before')
})

test('the timeline of a run that fails by its history leads to the picture', async () => {
  const message =
    'Linearizability: no order\n  picture: file:///a/history.html\n  replay: x'
  const log = [
    { event: 'test-start', time: 0, test: 'one', servers: 1, msg: '' },
    {
      event: 'test-end',
      time: 1,
      test: 'one',
      status: 'fail',
      error: { message },
      msg: '',
    },
  ]
  const lines = log.map((line) => `${JSON.stringify(line)}\n`).join('')
  const page = await open(await writeOne('fails', lines))
  const link = page.getByRole('link', { name: 'what clients saw' })
  expect(await link.getAttribute('href')).toBe('file:///a/history.html')
})

test('a history that is linearizable shows its order', async () => {
  const page = await openPicture(STALE.filter(({ process }) => process !== 2))
  expect(await textOf(page.locator('.status'))).toMatch(/^linearizable$/i)
  expect(await page.locator('.step:not(.head)').count()).toBe(2)
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`nothing keeps anyone from using it, in ${colorScheme} and on a phone`, async () => {
    for (const width of [1280, 390]) {
      const viewport = { width, height: 800 }
      const page = await openPicture(STALE, { colorScheme, viewport })
      expect(await seriousProblems(page)).toEqual([])
      // The bars scroll by themselves, and the page does not.
      const { scrollWidth } = await page.evaluate(() => document.documentElement)
      expect(scrollWidth ?? 0).toBeLessThanOrEqual(width)
    }
  })
}
