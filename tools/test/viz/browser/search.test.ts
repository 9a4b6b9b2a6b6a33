import { beforeAll, describe, expect } from 'vitest'
import { seriousProblems } from '../../accessibility.ts'
import { pageTest as test } from '../../browser/page-test.ts'
import { eventfulLog } from '../real.ts'
import { open, rows, selectedRow, textOf, usePages, writeOne } from './opened.ts'

usePages()

let eventful: string

beforeAll(async () => {
  eventful = await writeOne('eventful', eventfulLog())
})

describe('a search', () => {
  test('marks what it finds in the row and in the overview, and counts', async () => {
    const page = await open(`${eventful}#hb=1`)
    const before = await rows(page).count()
    const strip = page.locator('.strip canvas')
    expect(await strip.getAttribute('data-found')).toBe('0')
    await page.keyboard.press('/')
    await page.keyboard.type('SET Y')
    const hits = page.locator('.hits')
    expect(await textOf(hits)).toContain('22 found')
    // The others stay: what is around it tells what it means.
    expect(await rows(page).count()).toBe(before)
    await page.keyboard.press('Enter')
    expect(await textOf(hits)).toContain('1 of 22 found')
    expect(await textOf(selectedRow(page).locator('mark'))).toBe('set y')
    expect(await selectedRow(page).getAttribute('data-found')).not.toBeNull()
    expect(Number(await strip.getAttribute('data-found'))).toBeGreaterThan(3)
  })

  test('steps from hit to hit, and says where there are no more', async () => {
    const page = await open(`${eventful}#hb=1&q=becomes+leader`)
    const found = page.locator('.hits [role=status]')
    for (const term of [1, 2]) {
      await page.keyboard.press('n')
      expect(await textOf(selectedRow(page))).toContain(`becomes Leader of term ${term}`)
      expect(await textOf(found)).toBe(`${term} of 5 found`)
    }
    await page.keyboard.press('N')
    expect(await textOf(found)).toBe('1 of 5 found')
    await page.getByRole('button', { name: 'Next found event' }).click()
    expect(await textOf(found)).toBe('2 of 5 found')
    for (const key of 'NN') await page.keyboard.press(key)
    const toast = page.locator('.toast')
    expect(await textOf(toast)).toBe('There is no found event before this event.')
  })

  test('says how many it found that the filters hide', async () => {
    const page = await open(`${eventful}#hb=1&q=becomes+leader`)
    await page.locator('.menu summary', { hasText: 'Events' }).click()
    await page.getByLabel('role', { exact: true }).uncheck()
    const found = page.locator('.hits [role=status]')
    expect(await textOf(found)).toBe('0 found, 5 hidden')
  })

  test('a field is searched for in lines whose text does not have it', async () => {
    const page = await open(`${eventful}#hb=1&q=conflictIndex:1`)
    await page.keyboard.press('n')
    expect(await textOf(selectedRow(page))).toContain('refused, conflictTerm 1')
    expect(await selectedRow(page).getAttribute('data-found')).not.toBeNull()
  })
})

describe('following a message', () => {
  test('by keys: to its arrival, what came of it, and back', async () => {
    const page = await open(`${eventful}#hb=1&q=sends+RequestVote+to+0`)
    await page.keyboard.press('n')
    const says = async (text: string) =>
      expect(await textOf(selectedRow(page).locator('.sentence'))).toContain(text)
    await says('Server 1 sends RequestVote to 0')
    await page.keyboard.press('m')
    await says('Server 0 receives RequestVote from 1')
    await page.keyboard.press('m')
    await says('Server 0 keeps term 1 and its vote')
    for (const key of 'mmmm') await page.keyboard.press(key)
    await says('Server 0 answers RequestVote of 1')
    await page.keyboard.press('M')
    await says('Server 0 receives RequestVote from 1')
    for (const key of 'MM') await page.keyboard.press(key)
    await says('Server 1 heard no leader')
    await page.keyboard.press('M')
    expect(await textOf(page.locator('.toast'))).toContain('does not say')
  })

  test('by clicks on what it came of, and what came of it', async () => {
    const page = await open(`${eventful}#hb=1&q=becomes+leader`)
    await page.keyboard.press('n')
    const panel = page.locator('.telling')
    await panel
      .getByRole('button', { name: 'receives the answer to RequestVote' })
      .click()
    const answer = 'Server 1 receives the answer to RequestVote from 4'
    expect(await textOf(selectedRow(page))).toContain(answer)
    const effects = panel.locator('.chain', { hasText: 'What came of it' })
    expect(await effects.getByRole('button').count()).toBe(5)
    await effects.getByRole('button', { name: 'becomes Leader' }).click()
    expect(await textOf(selectedRow(page))).toContain('becomes Leader of term 1')
  })
})

describe('the panel', () => {
  test('says first what happened, why it matters, and what the server knew', async () => {
    const page = await open(`${eventful}#hb=1&q=removes`)
    await page.keyboard.press('n')
    const panel = page.locator('aside > :first-child')
    const said = panel.locator('h2, .rule, .knew')
    await said.nth(2).waitFor()
    expect(await said.allInnerTexts()).toEqual([
      'Server 1 removes entry 2 and what follows',
      expect.stringMatching(/^The same index and another term: .* \(Figure 2, Append/),
      'Server 1 was a follower in term 2, had given no vote in it, and its log ended with ' +
        'entry 2 of term 1. Its entry 2 was of term 1, and it had committed up to entry 1.',
    ])
  })

  test.each(['light', 'dark'] as const)(
    'axe finds nothing serious, %s',
    async (theme) => {
      const page = await open(`${eventful}#hb=1&q=set+y`, { colorScheme: theme })
      for (const key of 'nnnnnnn') await page.keyboard.press(key)
      await page.locator('.knew').waitFor()
      expect(await seriousProblems(page)).toEqual([])
    },
  )
})
