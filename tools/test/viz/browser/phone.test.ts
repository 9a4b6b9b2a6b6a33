import type { Page } from 'playwright-core'
import { beforeAll, describe, expect } from 'vitest'
import { seriousProblems } from '../../accessibility.ts'
import { pageTest as test } from '../../browser/page-test.ts'
import { eventfulLog, leaderOf, realLog } from '../real.ts'
import { open, rows, selectedRow, textOf, usePages, writeOne } from './opened.ts'

usePages()

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true }

let eventful: string
let many: string

beforeAll(async () => {
  eventful = await writeOne('eventful', eventfulLog())
  const log = realLog({ test: 'many entries' }, (world) => {
    world.advance(400)
    for (let i = 1; i <= 40; i += 1) {
      world.submit(leaderOf(world), `set key${i} ${'value '.repeat(i)}`)
    }
    world.advance(200)
  })
  many = await writeOne('many', log)
})

/** Of an element, in px of the window. */
async function boxOf(page: Page, selector: string) {
  const box = await page.locator(selector).boundingBox()
  return box ?? { x: 0, y: 0, width: 0, height: 0 }
}

describe('on a phone', () => {
  test('the details are a sheet that covers nothing of the row it explains', async () => {
    const page = await open(`${eventful}#e=300`, PHONE)
    await rows(page).nth(12).tap()
    const row = await boxOf(page, '.row[aria-selected=true]')
    const sheet = await boxOf(page, 'aside')
    expect(row.y).toBeGreaterThan(0)
    expect(row.y + row.height).toBeLessThanOrEqual(sheet.y)
    expect(sheet.height).toBeGreaterThan(844 * 0.35)
    expect(sheet.y + sheet.height).toBeLessThanOrEqual(845)
    expect(await textOf(page.locator('aside'))).toContain('Servers after event')
  })

  test('it is pulled up and down, tapped away, and moved by keys', async () => {
    const page = await open(`${eventful}#e=300`, PHONE)
    await rows(page).nth(12).tap()
    const height = async () => (await boxOf(page, 'aside')).height
    const half = await height()
    const handle = await boxOf(page, '.handle')
    await page.mouse.move(200, handle.y + 12)
    await page.mouse.down()
    await page.mouse.move(200, handle.y - 200)
    await page.mouse.up()
    expect(await height()).toBeGreaterThan(half + 150)
    const separator = page.getByRole('separator', { name: 'Height of the details' })
    expect(Number(await separator.getAttribute('aria-valuenow'))).toBeGreaterThan(60)
    await page.locator('.handle').click()
    expect(await height()).toBeLessThan(100)
    await separator.focus()
    await page.keyboard.press('Enter')
    expect(await height()).toBeCloseTo(half, -1)
    const row = await selectedRow(page).getAttribute('id')
    await page.keyboard.press('ArrowUp')
    expect(await height()).toBeGreaterThan(half + 50)
    expect(await selectedRow(page).getAttribute('id')).toBe(row)
  })

  test.each(['light', 'dark'] as const)(
    'axe finds nothing serious, %s',
    async (theme) => {
      const page = await open(`${eventful}#e=300`, { ...PHONE, colorScheme: theme })
      await rows(page).nth(12).tap()
      await page.locator('.legend summary').click()
      expect(await seriousProblems(page)).toEqual([])
    },
  )
})

describe('much to show', () => {
  test('many entries are a summary, in the row and in the panel, that unfolds', async () => {
    const page = await open(`${many}#hb=1&look=lanes&q=appends+40`)
    await page.keyboard.press('n')
    const gist = selectedRow(page).locator('.gist')
    expect(await textOf(gist)).toMatch(/^\+40 \[set key1 value .* …\]$/)
    expect((await textOf(gist)).length).toBeLessThan(90)
    const unfolding = page.locator('.fields .unfolding')
    expect(await textOf(unfolding.locator('summary'))).toMatch(
      /^40 items \[\{"index":1,/,
    )
    expect(await unfolding.locator('li').count()).toBe(0)
    await unfolding.locator('summary').click()
    await unfolding.locator('li').last().waitFor()
    expect(await unfolding.locator('li').count()).toBe(40)
    expect(await textOf(unfolding.locator('li').last())).toContain(
      'set key40 value value',
    )
    expect(await seriousProblems(page)).toEqual([])
  })

  test('so are those of a message, beside its other fields', async () => {
    const page = await open(`${many}#hb=1&look=lanes&q=appends+40`)
    for (const key of 'nnM') await page.keyboard.press(key)
    const step = page.locator('.rpc li').first()
    await step.locator('summary').click()
    await step.locator('.list li').last().waitFor()
    expect(await step.locator('.list li').count()).toBe(40)
    expect(await textOf(step)).toContain('prevLogIndex: 0')
  })
})
