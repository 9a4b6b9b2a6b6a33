import type { Page } from 'playwright-core'
import { beforeAll, expect } from 'vitest'
import { begin } from '../../../src/lab/faults/index.ts'
import { seriousProblems } from '../../accessibility.ts'
import { pageTest as test } from '../../browser/page-test.ts'
import { eventfulLog, leaderOf, realLog } from '../real.ts'
import { open, selectedRow, textOf, usePages, writeOne } from './opened.ts'

usePages()

const LAPTOP = { viewport: { width: 1280, height: 800 } }
const PHONE = { viewport: { width: 390, height: 844 } }

/** The pages of a run of so many servers, and of one with all kinds of faults in it. */
const pages = new Map<number, string>()
let eventful: string

beforeAll(async () => {
  for (const servers of [3, 5, 7]) {
    pages.set(servers, await writeOne(`${servers} servers`, logOfServers(servers)))
  }
  eventful = await writeOne('eventful', eventfulLog())
})

/** An election, two commands, and a leader that is cut off, with so many servers. */
function logOfServers(servers: number): string {
  return realLog({ test: `${servers} servers`, servers }, (world) => {
    world.advance(400)
    const first = leaderOf(world)
    world.submit(first, 'set x 1')
    world.submit(first, 'set y 2')
    world.advance(150)
    begin(world, { kind: 'disconnect', server: first })
    world.advance(700)
    world.submit(leaderOf(world), 'set z 3')
    world.advance(200)
  })
}

interface Texts {
  readonly all: number
  readonly cut: readonly string[]
  /** Of these, what was cut of the words; of others it was the fields behind them. */
  readonly words: readonly string[]
}

/** Of all rows that the filters let through, the texts that do not fit in their place. */
async function textsOf(page: Page): Promise<Texts> {
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')))
  return page.evaluate(() => {
    const texts = [
      ...document.querySelectorAll<HTMLElement>('.row .lines, .row .on > *'),
    ]
    const said = texts.filter((text) => text.matches('.lines, .text, .gist'))
    const cut = said.filter(
      (text) =>
        text.scrollHeight > text.clientHeight + 1 || text.scrollWidth > text.clientWidth,
    )
    const isCut = (text: HTMLElement) => {
      const words = text.querySelector('.text') ?? text
      return (
        words.getBoundingClientRect().bottom > text.getBoundingClientRect().bottom + 1
      )
    }
    const contents = (texts: HTMLElement[]) =>
      texts.map((text) => text.textContent ?? '')
    return { all: said.length, cut: contents(cut), words: contents(cut.filter(isCut)) }
  })
}

test.each([5, 7])(
  'of %i servers every text can be read on a laptop',
  async (servers) => {
    const page = await open(`${pages.get(servers)}#hb=1`, LAPTOP)
    expect(await page.getByLabel('Lanes').isChecked()).toBe(true)
    const { all, cut } = await textsOf(page)
    expect(all).toBeGreaterThan(400)
    expect(cut).toEqual([])
    const inColumns = await open(`${pages.get(servers)}#hb=1&look=columns`, LAPTOP)
    const before = await textsOf(inColumns)
    expect(before.cut.length).toBeGreaterThan(before.all / 2)
  },
)

test('what all faults of a run have to say can be read on a laptop', async () => {
  const page = await open(`${eventful}#hb=1`, LAPTOP)
  const { all, cut } = await textsOf(page)
  expect(all).toBeGreaterThan(1000)
  expect(cut).toEqual([])
})

test('of three servers on a laptop each has a column', async () => {
  const page = await open(pages.get(3) ?? '', LAPTOP)
  expect(await page.getByLabel('Lanes').isChecked()).toBe(false)
  const heads = await page.locator('.head .cell').allInnerTexts()
  expect(heads).toEqual(['ms', 'TEST', 'Server 0', 'Server 1', 'Server 2'])
})

test.each([3, 5, 7])('of %i servers all words can be read on a phone', async (n) => {
  const page = await open(`${pages.get(n)}#hb=1`, PHONE)
  expect(await page.getByLabel('Lanes').isChecked()).toBe(true)
  const { cut, words } = await textsOf(page)
  expect(words).toEqual([])
  // Of the fields, the last: which entry goes before, or is the log's last. The panel has it.
  const others = cut.filter(
    (text) => !/, (after|last) entry \d+ of term \d+$/.test(text),
  )
  expect(others).toEqual([])
  const wide = await page.getByRole('grid').evaluate((grid) => grid.scrollWidth)
  expect(wide).toBe(390)
})

test('the look is chosen by a switch and a key, and stands in the address', async () => {
  const page = await open(pages.get(3) ?? '', LAPTOP)
  await page.getByLabel('Lanes').check()
  const heads = await page.locator('.head .cell').allInnerTexts()
  expect(heads).toEqual(['ms', 'TEST', 'S0', 'S1', 'S2', 'What happened'])
  await page.waitForFunction(() => location.hash.includes('look=lanes'))
  const colleague = await open(page.url(), LAPTOP)
  expect(await colleague.getByLabel('Lanes').isChecked()).toBe(true)
  await colleague.keyboard.press('v')
  expect(await colleague.getByLabel('Lanes').isChecked()).toBe(false)
})

test('another width has another look, unless one was chosen', async () => {
  const page = await open(pages.get(3) ?? '', LAPTOP)
  await page.keyboard.press('l')
  const row = await selectedRow(page).getAttribute('id')
  await page.setViewportSize(PHONE.viewport)
  await page.waitForSelector('.table[data-look=lanes].narrow')
  expect(await page.locator(`#${row}`).count()).toBe(1)
  await page.setViewportSize(LAPTOP.viewport)
  await page.waitForSelector('.table[data-look=columns]')
  await page.keyboard.press('v')
  await page.setViewportSize({ width: 1900, height: 800 })
  expect(await page.getByLabel('Lanes').isChecked()).toBe(true)
})

test('a lane has a mark where its server does something, and the sentence says what', async () => {
  const page = await open(eventful, LAPTOP)
  await page.keyboard.press('l')
  const row = selectedRow(page)
  expect(await textOf(row.locator('.sentence'))).toBe(
    'Server 1 becomes Leader of term 1',
  )
  expect(await textOf(row.locator('.on.role-leader .chip'))).toBe('L1')
  expect(await textOf(row.locator('.on .sign'))).toBe('◆')
  await page.keyboard.press('f')
  expect(await textOf(row.locator('.sentence'))).toBe('server 1 is disconnected')
  const mark = row.locator('.lane.fault-disconnect .mark.begins')
  expect(await textOf(mark)).toBe('⚡')
  expect(await mark.getAttribute('title')).toBe('cut off')
  const arrows = await page.locator('.sheet canvas').getAttribute('data-arrows')
  expect(Number(arrows)).toBeGreaterThan(5)
})

test('rows that scroll in join those that stay, in order and without a gap', async () => {
  const page = await open(`${eventful}#hb=1`, LAPTOP)
  const table = page.getByRole('grid')
  for (const by of [400, 700, 5000, -300, -4000, 30_000, -20_000, -99_999]) {
    await table.evaluate((element, px) => {
      element.scrollTop += px
      return new Promise((done) =>
        requestAnimationFrame(() => requestAnimationFrame(done)),
      )
    }, by)
    const rows = await page.locator('.row').evaluateAll((all) =>
      all.map((row) => ({
        row: Number(row.getAttribute('data-row')),
        top: row.getBoundingClientRect().top,
        gap: row.hasAttribute('data-break') ? 22 : 0,
      })),
    )
    for (const [i, { row, top, gap }] of rows.slice(1).entries()) {
      const before = rows[i] ?? { row: 0, top: 0 }
      expect([row, top]).toEqual([before.row + 1, before.top + 31 + gap])
    }
    const strip = page.getByRole('slider')
    const first = Number(await strip.getAttribute('aria-valuenow')) - 1
    const head = await page.locator('.headgroup').boundingBox()
    const bottom = (head?.y ?? 0) + (head?.height ?? 0)
    expect(rows.filter(({ top }) => top <= bottom + 1).at(-1)?.row).toBe(first)
  }
})

test.each(['light', 'dark'] as const)(
  'axe finds nothing serious, %s',
  async (scheme) => {
    for (const size of [LAPTOP, PHONE]) {
      const page = await open(`${eventful}#hb=1&look=lanes`, {
        ...size,
        colorScheme: scheme,
      })
      for (const key of 'llff') await page.keyboard.press(key)
      expect(await seriousProblems(page)).toEqual([])
    }
  },
)
