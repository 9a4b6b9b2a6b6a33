/** The page of a cluster, in a browser, over real processes. */
import type { Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { seriousProblems } from '../accessibility.ts'
import { pageTest } from '../browser/page-test.ts'
import { browser, usePages } from '../viz/browser/opened.ts'
import { startCommand } from './command.ts'

/** In ms: elections, on a machine that is busy. */
const LONG = { timeout: 60_000 }
vi.setConfig({ testTimeout: 240_000 })
usePages()

async function openCluster(...args: readonly string[]) {
  const started = await startCommand(...args)
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (line) => {
    if (line.type() === 'error') errors.push(line.text())
  })
  await page.goto(started.ready.page)
  await page.waitForSelector('.row', LONG)
  return { ...started, page, errors }
}

const card = (page: Page, id: number) => page.locator(`[data-server="${id}"]`)
const press = (page: Page, id: number, name: string) =>
  card(page, id).getByRole('button', { name, exact: true }).click()

/** Who leads, as the page says it. */
async function leader(page: Page, other: number | null = null): Promise<number> {
  const found = () =>
    page
      .locator('.card.role-leader')
      .evaluateAll((cards) =>
        cards.map((one) =>
          Number((one as unknown as { dataset: { server: string } }).dataset.server),
        ),
      )
  await expect
    .poll(async () => (await found()).filter((id) => id !== other).length, LONG)
    .toBe(1)
  return (await found()).find((id) => id !== other) as number
}

interface Asked {
  readonly op: 'get' | 'put'
  readonly key: string
  readonly value?: string
  /** Which server is asked first. */
  readonly of: number
}

/** @returns what came of it, in the words of the page. */
async function ask(page: Page, { op, key, value, of }: Asked): Promise<string> {
  const form = page.locator('.console')
  await form.getByLabel('What to do').selectOption(op)
  await form.getByLabel('Key').fill(key)
  if (value) await form.getByLabel('Value').fill(value)
  await form.getByLabel('Which server is asked first').selectOption(String(of))
  await form.getByRole('button', { name: 'Ask' }).click()
  const first = page.locator('.answers li').first()
  await expect.poll(() => first.textContent(), LONG).not.toContain('waits')
  return (await first.textContent()) ?? ''
}

pageTest(
  'a leader is cut off, killed and restarted, and the service goes on',
  async () => {
    const { page, errors, ready, command } = await openCluster()
    const first = await leader(page)
    expect(
      await ask(page, { op: 'put', key: 'color', value: 'blue', of: first }),
    ).toMatch(/^doneput color blueversion \d+/)

    await press(page, first, 'Cut off')
    const second = await leader(page, first)
    await expect.poll(() => card(page, first).textContent(), LONG).toContain('cut off')
    expect(await ask(page, { op: 'get', key: 'color', of: second })).toMatch(
      /^doneget color"blue"/,
    )

    await press(page, first, 'Let back')
    await press(page, second, 'Kill −9')
    await expect.poll(() => card(page, second).textContent(), LONG).toContain('is down')
    const third = await leader(page, second)
    expect(
      await ask(page, { op: 'put', key: 'color', value: 'red', of: third }),
    ).toMatch(/^done.*before: "blue"/)

    await press(page, second, 'Restart')
    // Its log becomes that of the others.
    const lasts = async () => {
      const cards = [0, 1, 2].map((id) => card(page, id).locator('dd').first())
      return new Set(await Promise.all(cards.map((one) => one.textContent()))).size
    }
    await expect.poll(lasts, LONG).toBe(1)

    // All of it stands in the timeline, which goes on until somebody looks closer.
    const faults = page.locator('.jump', { hasText: 'fault' })
    expect(Number(await faults.locator('small').textContent())).toBeGreaterThanOrEqual(4)
    await faults.getByRole('button', { name: 'Previous fault' }).click()
    await expect.poll(() => page.locator('.livebar').textContent()).toContain('Held')
    expect(await page.locator('.telling h2').textContent()).toContain(
      `restart server ${second}`,
    )
    await page.getByRole('button', { name: 'Go on live' }).click()
    await expect.poll(() => page.locator('.livebar').textContent()).toContain('Live')

    expect(await seriousProblems(page)).toEqual([])
    expect(errors).toEqual([])
    await page.close()
    command.kill('SIGINT')
    expect((await command).exitCode).toBe(0)
    expect(ready.servers).toHaveLength(3)
  },
)

pageTest(
  'a link is cut one way, and what was seen is saved and opened again',
  async () => {
    const { page, errors, events } = await openCluster()
    const id = await leader(page)
    const other = (id + 1) % 3
    await page.locator(`[data-link="cut ${id} ${other}"]`).click()
    await expect
      .poll(
        () => events.some(({ text }) => text === `cut the link ${id} → ${other}`),
        LONG,
      )
      .toBe(true)
    await page.getByRole('button', { name: 'Mend all' }).click()
    await expect
      .poll(
        () => events.some(({ text }) => text === `mend the link ${id} → ${other}`),
        LONG,
      )
      .toBe(true)
    await ask(page, { op: 'put', key: 'a', value: '1', of: id })
    await page.getByRole('button', { name: 'Save' }).click()
    const [timeline, history] = await Promise.all(
      ['timeline', 'history'].map((name) =>
        page.locator('.said').getByRole('link', { name }).getAttribute('href', LONG),
      ),
    )
    for (const [href, ready] of [
      [timeline, 'body[data-ready]'],
      [history, '#history svg, #history table, #history > *'],
    ]) {
      const saved = await browser.newPage()
      await saved.goto(new URL(href ?? '', page.url()).href)
      await saved.waitForSelector(ready ?? '', LONG)
      await saved.close()
    }
    expect(errors).toEqual([])
    await page.close()
  },
)
