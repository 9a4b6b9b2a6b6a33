/** The page of a cluster, in a browser, over real processes. */
import type { Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { seriousProblems } from '../accessibility.ts'
import { pageTest } from '../browser/page-test.ts'
import { browser, usePages } from '../viz/browser/opened.ts'
import { runs, startCommand } from './command.ts'

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

/** What a server knows of the others. */
interface Heard {
  readonly peers: readonly { readonly id: number; readonly heardMsAgo: number | null }[]
}

interface Insisting {
  readonly id: number
  readonly name: string
  readonly until: RegExp
}

/** On a busy machine there may be no leader that could do it. */
async function insist(page: Page, { id, name, until }: Insisting): Promise<void> {
  const there = card(page, id)
  const isDone = async () => {
    if (until.test((await there.textContent()) ?? '')) return true
    const pressed = there.getByRole('button', { name, exact: true })
    await pressed.click({ timeout: 1_000 }).catch(() => {})
    return false
  }
  await expect.poll(isDone, { ...LONG, interval: 1_000 }).toBe(true)
}

const standing = (page: Page, id: number) =>
  card(page, id).locator('.standing').textContent()

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

/**
 * Asks until it is done: on a busy machine a leader can be deposed meanwhile, and an answer
 * be lost.
 *
 * @returns what came of it, in the words of the page.
 */
async function ask(page: Page, asked: Asked): Promise<string> {
  let answer = ''
  const askOnce = async () => {
    answer = await answerTo(page, asked)
    return answer
  }
  await expect.poll(askOnce, LONG).toMatch(/^done/)
  return answer
}

async function answerTo(page: Page, { op, key, value, of }: Asked): Promise<string> {
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
    expect(await ask(page, { op: 'get', key: 'color', of: third })).toContain('"blue"')
    await ask(page, { op: 'put', key: 'color', value: 'red', of: third })

    await press(page, second, 'Restart')
    // Its log becomes that of the others.
    const lasts = async () => {
      const cards = [0, 1, 2].map((id) => card(page, id).locator('dd').first())
      return new Set(await Promise.all(cards.map((one) => one.textContent()))).size
    }
    await expect.poll(lasts, LONG).toBe(1)

    // All of it stands in the timeline, which goes on until somebody looks closer.
    const faults = page.locator('.jump', { hasText: 'fault' })
    const count = async () => Number(await faults.locator('small').textContent())
    await expect.poll(count, LONG).toBeGreaterThanOrEqual(4)
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
  'a server joins, another leaves, one is let lead, and the service goes on',
  async () => {
    const { page, errors, events, ready } = await openCluster()
    const first = await leader(page)
    const put = (value: string, of: number) =>
      ask(page, { op: 'put', key: 'color', value, of })
    const get = (of: number) => ask(page, { op: 'get', key: 'color', of })
    await put('blue', first)

    await page.getByRole('button', { name: 'Add a server' }).click()
    await expect.poll(() => standing(page, 3), LONG).toBe('member')
    // Its column begins in the middle.
    const column = page.getByRole('columnheader', { name: 'Server 3' })
    await expect.poll(() => column.count(), LONG).toBeGreaterThan(0)
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'members', members: [0, 1, 2, 3] }),
    )

    await insist(page, { id: 3, name: 'Let it lead', until: /Leader/ })
    expect(await get(3)).toContain('"blue"')
    await put('red', 3)

    // Whoever told it where the others are: what it says does not arrive.
    for (const id of [0, 1, 2]) await page.locator(`[data-link="cut 3 ${id}"]`).click()
    const heard = async () => {
      const agos = ready.servers.map(async ({ address }) => {
        const answer = await fetch(`http://${address}/status`)
        const { peers } = (await answer.json()) as Heard
        return peers.find(({ id }) => id === 3)?.heardMsAgo ?? 0
      })
      return Math.min(...(await Promise.all(agos)))
    }
    await expect.poll(heard, LONG).toBeGreaterThan(1_000)
    await page.getByRole('button', { name: 'Mend all' }).click()

    const gone = /has ended \(exit code 0\)/
    await insist(page, { id: first, name: 'Remove', until: gone })
    expect(await standing(page, first)).toBe('removed')
    const end = `server ${first} was removed, and has ended (exit code 0)`
    expect(events).toContainEqual(expect.objectContaining({ text: end }))
    expect(events.filter(({ event }) => event === 'death')).toEqual([])
    expect(runs(ready.servers[first]?.pid as number)).toBe(false)
    expect(await page.locator('.desk .state').textContent()).toContain(
      '3 of 3 can speak',
    )
    expect(await get(await leader(page))).toContain('"red"')

    expect(await seriousProblems(page)).toEqual([])
    // What was refused is no mistake of the page.
    expect(errors.filter((text) => !text.includes('409'))).toEqual([])
    await page.close()
  },
)

pageTest('where a cluster stays as it is, nobody is added or removed', async () => {
  const { page, ready } = await openCluster('--part', 'part6', '--servers', '1')
  expect(await leader(page)).toBe(0)
  for (const name of ['Add a server', 'Let it lead', 'Remove']) {
    expect(await page.getByRole('button', { name }).count()).toBe(0)
  }
  expect(await card(page, 0).locator('.standing').isVisible()).toBe(false)
  const body = JSON.stringify({ act: 'add' })
  const answer = await fetch(`${ready.page}act`, { method: 'POST', body })
  expect(await answer.json()).toEqual({ error: 'the cluster of part6 stays as it is' })
  await page.close()
})

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
