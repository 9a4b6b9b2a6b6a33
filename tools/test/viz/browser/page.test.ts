import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Locator, Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished } from 'vitest'
import { writeTimelines } from '../../../src/viz/index.ts'
import { seriousProblems } from '../../accessibility.ts'
import { pageTest as test } from '../../browser/page-test.ts'
import { input, logOf } from '../logs.ts'
import { eventfulLog, realLog } from '../real.ts'
import { SyntheticLog } from '../synthetic.ts'
import {
  browser,
  dir,
  open,
  rows,
  selectedRow,
  textOf,
  usePages,
  writeOne,
} from './opened.ts'

usePages()

/** The pages that most tests look at, written once. */
let eventful: string
let failed: string
let election: string

beforeAll(async () => {
  const error = new Error('server 2 has\n  "set x 1", not <b>"set y 2"</b>')
  const [whole, broken, short] = await Promise.all([
    writeOne('eventful', eventfulLog()),
    writeOne('failed', eventfulLog('a run that fails', error)),
    writeOne(
      'election',
      realLog({ test: 'an election' }, (w) => w.advance(250)),
    ),
  ])
  eventful = whole
  failed = broken
  election = short
})

const shownCount = async (page: Page) =>
  Number((await textOf(page.locator('.count b'))).split(' of ')[0]?.replace(',', ''))

/** The row whose text has this, brought into sight by searching for it. */
async function select(page: Page, text: string): Promise<void> {
  await page.locator('.row', { hasText: text }).first().click()
}

describe('the table', () => {
  test('has a column for the time, TEST and every server', async () => {
    const page = await open(election)
    const heads = await page.getByRole('columnheader').allInnerTexts()
    expect(heads.slice(0, 5)).toEqual(['ms', 'TEST', 'Server 0', 'Server 1', 'Server 2'])
  })

  test('shows a role by colour, by letter and by line, and a new term stands out', async () => {
    const page = await open(`${election}#hb=1`)
    const look = (role: string) =>
      page
        .locator(`.row .cell.on.role-${role}`)
        .first()
        .evaluate((cell) => ({
          color: getComputedStyle(cell).backgroundColor,
          line: getComputedStyle(cell, '::before').borderLeft,
          letter: cell.querySelector('.chip')?.textContent?.charAt(0),
        }))
    const looks = await Promise.all(['follower', 'candidate', 'leader'].map(look))
    expect(looks.map(({ letter }) => letter)).toEqual(['F', 'C', 'L'])
    expect(new Set(looks.map(({ color }) => color)).size).toBe(3)
    expect(new Set(looks.map(({ line }) => line)).size).toBe(3)
    const lightness = looks.map(({ color }) => greyOf(color))
    expect(Math.min(...differences(lightness))).toBeGreaterThan(10)
    const chips = page.locator('.row .chip.new-term')
    expect(await textOf(chips.first())).toMatch(/^C1$/)
    const plain = page.locator('.chip:not(.new-term)').first()
    const ground = (chip: typeof plain) =>
      chip.evaluate((element) => getComputedStyle(element).backgroundColor)
    expect(await ground(chips.first())).not.toBe(await ground(plain))
  })

  test('has only the rows in sight as elements, of 20,000 events', async () => {
    const href = await writeOne('long', [...new SyntheticLog().pieces(20_000)].join(''))
    const page = await open(`${href}#hb=1`)
    expect(await page.locator('*').count()).toBeLessThan(5000)
    expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe('20001')
    await page.getByRole('grid').focus()
    await page.keyboard.press('End')
    await page.waitForSelector('.row[aria-rowindex="20001"]')
    expect(await textOf(selectedRow(page))).toContain('passes')
    expect(await page.locator('*').count()).toBeLessThan(5000)
  })
})

/** How light a colour looks without its hue, from 0 to 255. */
function greyOf(color: string): number {
  const [r = 0, g = 0, b = 0] = (color.match(/\d+/g) ?? []).map(Number)
  return 0.299 * r + 0.587 * g + 0.114 * b
}

function differences(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.slice(1).map((value, i) => value - (sorted[i] ?? 0))
}

describe('messages and faults', () => {
  test('messages are drawn, and lost ones with a cross and the reason', async () => {
    const page = await open(`${eventful}#hb=1`)
    await page.keyboard.press('f')
    const canvas = page.locator('.sheet canvas')
    expect(Number(await canvas.getAttribute('data-arrows'))).toBeGreaterThan(10)
    expect(Number(await canvas.getAttribute('data-lost'))).toBeGreaterThan(0)
    const lost = page.locator('.row[data-event=drop]').first()
    expect(await textOf(lost)).toContain('lost: no link')
    // The cross is drawn in the ink of what is lost, which nothing else on the canvas has.
    const inks = await canvas.evaluate(inksOf, '--ink-lost')
    expect(inks).toBeGreaterThan(20)
  })

  test('a fault is marked on the server’s column for as long as it lasts', async () => {
    const page = await open(`${eventful}#hb=1`)
    const lines = eventfulLog().split('\n')
    for (const kind of ['disconnect', 'crash', 'pause', 'partition', 'cut']) {
      const row = lines.findIndex((line) => line.includes(`"fault":{"kind":"${kind}"`))
      await page.evaluate(
        (hash) => {
          location.hash = hash
        },
        `#hb=1&e=${row + 1}`,
      )
      await page.waitForSelector(`#row-${row}[aria-selected=true]`)
      const lasting = await page.evaluate(marksOf, [row, kind] as const)
      // From its beginning on, and not before.
      expect(lasting).toMatch(/^0+1{5,}0*$/)
      const mark = page.locator(`#row-${row} .fault-${kind} .mark.begins`)
      expect(await mark.count()).toBeGreaterThan(0)
    }
  })
})

test('a leader that does not know it was deposed is hatched, and it is said why', async () => {
  const page = await open(`${eventful}#hb=1`)
  await page.keyboard.press('l')
  expect(await page.locator('.row .deposed').count()).toBe(0)
  await page.keyboard.press('l')
  const hatched = page.locator('.row[aria-selected=true] .lane.deposed')
  expect(await hatched.count()).toBe(1)
  const ground = (element: Locator) =>
    element.evaluate((cell) => getComputedStyle(cell).backgroundImage)
  expect(await ground(hatched)).toContain('repeating-linear-gradient')
  const panel = page.locator('.states')
  expect(await panel.locator('.role.deposed').count()).toBe(1)
  expect(await textOf(panel)).toMatch(/Server \d still believes that it leads/)
  expect(await textOf(panel)).toMatch(/came to lead term 2/)
  await page.locator('.legend summary').click()
  expect(await textOf(page.locator('.legend'))).toContain('Hatched: deposed')
  expect(await seriousProblems(page)).toEqual([])
})

/** How many pixels of the canvas have the ink of a custom property. */
function inksOf(canvas: Element, name: string): number {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const wanted = (getComputedStyle(probe).color.match(/\d+/g) ?? []).map(Number)
  probe.remove()
  const { width, height } = canvas as HTMLCanvasElement
  const { data } =
    (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height) ??
    {}
  let count = 0
  for (let i = 0; data && i < data.length; i += 4) {
    const isInk = wanted.every((value, at) => Math.abs((data[i + at] ?? 0) - value) < 12)
    if (isInk && (data[i + 3] ?? 0) > 150) count += 1
  }
  return count
}

/** Row by row, whether the column that a fault begins in is under it. */
function marksOf([row, kind]: readonly [number, string]): string {
  const cells = [...(document.querySelector(`#row-${row}`)?.children ?? [])]
  const column = cells.findIndex((cell) => cell.matches(`.fault-${kind}`))
  return [...document.querySelectorAll('.row')]
    .map(({ children }) => (children[column]?.matches(`.fault-${kind}`) ? 1 : 0))
    .join('')
}

describe('a selected event', () => {
  test('shows its fields, its RPC, and both servers before and after', async () => {
    const page = await open(`${election}#hb=1`)
    await select(page, 'RequestVote from 1')
    const side = page.locator('aside')
    const steps = side.locator('.rpc li')
    expect((await steps.allInnerTexts()).map((text) => text.split('\n')[0])).toEqual([
      expect.stringMatching(/^request sent, Server 1 \+0\.0 ms/),
      expect.stringMatching(/^request received, Server \d \+\d/),
      expect.stringMatching(/^reply sent, Server \d/),
      expect.stringMatching(/^reply received, Server 1/),
    ])
    expect(await textOf(steps.first())).toContain('candidateId: 1')
    expect(await side.locator('.changes').count()).toBe(2)
    expect(await textOf(side.locator('.fields'))).toContain('receives RequestVote')
    await page.keyboard.press('M')
    expect(await textOf(selectedRow(page))).toContain('RequestVote to')
  })

  test('marks what the event changed', async () => {
    const page = await open(election)
    await select(page, 'becomes Leader')
    const changed = page.locator('.changes tr.changed')
    expect(await textOf(changed.first())).toMatch(/role\s+Candidate\s+Leader/)
  })

  test('shows every server’s role, term, vote, commit index and log at that row', async () => {
    const page = await open(`${eventful}#q=commits+up+to+entry+2&only=1`)
    await rows(page).last().click()
    const leader = page.locator('.servers tbody tr', { hasText: 'Leader' }).last()
    expect(await textOf(leader)).toMatch(/Leader\s+\d\s+\d\s+2\s+\d/)
    const boxes = page.locator('.logs .entry')
    const colors = await boxes.evaluateAll((all) =>
      all.map((box) => `${box.textContent} ${getComputedStyle(box).backgroundColor}`),
    )
    expect(new Set(colors).size).toBeGreaterThan(1)
    expect(await page.locator('.entry.committed').count()).toBeGreaterThan(4)
  })

  test('an entry that the leader’s log has not is marked, and one that it has alone', async () => {
    const page = await open(`${eventful}#q=removes`)
    await page.keyboard.press('n')
    await page.keyboard.press('k')
    const logs = page.locator('.logs')
    expect(await textOf(logs.locator('.entry.differs'))).toContain('lost command')
    expect(await textOf(logs.locator('tbody th', { hasText: '★' }))).toBe('★ 4')
    await page.keyboard.press('j')
    // What it removed it lacks now, until it has appended the leader's.
    expect(await logs.locator('.entry.differs').count()).toBe(0)
    const lacks = await logs.locator('.entry.lacks').getAttribute('title')
    expect(lacks).toBe('missing, compared with the log of server 4, the leader')
    const title = await logs.locator('.entry.committed').first().getAttribute('title')
    expect(title).toContain('(committed and applied)')
    expect(await textOf(logs.locator('.entry.committed b').first())).toBe('1 ✓')
  })

  test('a part without a log shows none', async () => {
    const log = logOf(
      { event: 'test-start', servers: 2 },
      { event: 'role', server: 0, role: 'Leader', term: 1, state: { votedFor: 0 } },
    )
    const page = await open(`${await writeOne('no log', log)}#e=2`)
    expect(await textOf(page.locator('.servers'))).toMatch(/Leader\s+1\s+0/)
    expect(await page.locator('.logs').count()).toBe(0)
  })
})

describe('what nobody has heard of', () => {
  test('a kind, a method and a fault are drawn by their words', async () => {
    const rpc = { id: 'a', method: 'InstallSnapshot', kind: 'request', from: 0, to: 1 }
    const log = logOf(
      { event: 'test-start', servers: 2 },
      { event: 'lease', server: 0, msg: 'takes one', lastIncludedIndex: 4 },
      { event: 'send', server: 0, rpc: { ...rpc, args: { term: 1, offset: 0 } } },
      { event: 'fault', fault: { kind: 'smoke', peer: 1 }, msg: 'there is smoke' },
    )
    const page = await open(`${await writeOne('unheard of', log)}#e=2`)
    expect(await textOf(selectedRow(page).locator('.kind'))).toBe('lease')
    expect(await textOf(selectedRow(page).locator('.gist'))).toBe('lastIncludedIndex 4')
    expect(await textOf(page.locator('.mark.begins'))).toBe('smoke')
    await page.getByText('What am I looking at?').click()
    expect(await textOf(page.locator('.legend'))).toContain('InstallSnapshot')
    await page.getByText('Events', { exact: true }).click()
    await page.getByLabel('lease', { exact: true }).uncheck()
    expect(await rows(page).count()).toBe(3)
    expect(await seriousProblems(page)).toEqual([])
  })
})

describe('moving through time', () => {
  test('dragging the strip moves the table, and keys do', async () => {
    const page = await open(`${eventful}#hb=1`)
    const strip = page.getByRole('slider')
    const { x, y, width } = (await strip.boundingBox()) ?? { x: 0, y: 0, width: 0 }
    const time = async () =>
      Number((await textOf(selectedRow(page).locator('.time'))).replace(',', ''))
    await page.mouse.move(x + 0.25 * width, y + 10)
    await page.mouse.down()
    const early = await time()
    await page.mouse.move(x + 0.75 * width, y + 10)
    const late = await time()
    await page.mouse.up()
    expect(late).toBeGreaterThan(2 * early)
    await strip.focus()
    await page.keyboard.press('Home')
    expect(await strip.getAttribute('aria-valuenow')).toBe('1')
    expect(await time()).toBe(0)
  })

  test('idle time is a visible break, or to scale', async () => {
    const page = await open(eventful)
    const breaks = page.locator('.row[data-break]')
    expect(await breaks.first().getAttribute('data-break')).toMatch(/ms idle$/)
    expect(await textOf(page.locator('.count'))).toContain('idle time is compressed')
    const height = () => page.locator('.space').evaluate((space) => space.clientHeight)
    const before = await height()
    await page.getByLabel('Time to scale').check()
    expect(await breaks.count()).toBe(0)
    expect(await height()).toBeGreaterThan(2 * before)
  })

  test('next and previous go to leader changes, faults and commits', async () => {
    const page = await open(eventful)
    await page.getByRole('button', { name: 'Next leader' }).click()
    expect(await textOf(selectedRow(page))).toContain('becomes Leader of term 1')
    await page.keyboard.press('l')
    expect(await textOf(selectedRow(page))).toContain('becomes Leader of term 2')
    await page.keyboard.press('L')
    expect(await textOf(selectedRow(page))).toContain('becomes Leader of term 1')
    await page.keyboard.press('c')
    expect(await textOf(selectedRow(page))).toContain('commits up to entry 1')
    await page.keyboard.press('f')
    expect(await textOf(selectedRow(page))).toContain('is disconnected')
    await page.keyboard.press('F')
    expect(await textOf(page.locator('.toast'))).toContain('There is no fault before')
  })
})

describe('filters', () => {
  test('always say how many events of how many are shown, and why not all', async () => {
    const page = await open(eventful)
    const text = await textOf(page.locator('.count'))
    expect(text).toMatch(/^\d+ of 1,\d+ events · hidden: [\d,]+ of heartbeats/)
    await page.getByRole('button', { name: 'Show all' }).click()
    expect(await textOf(page.locator('.count'))).toMatch(/^(1,\d+) of \1 events/)
    expect(await page.getByLabel('Hide heartbeats').isChecked()).toBe(false)
  })

  test('by text, server, RPC and event', async () => {
    const page = await open(`${eventful}#hb=1`)
    const all = await shownCount(page)
    await page.getByLabel('Search the events').fill('BECOMES LEADER')
    expect(await shownCount(page)).toBe(all)
    await page.getByLabel('Only these').check()
    expect(await shownCount(page)).toBeLessThan(10)
    expect(await textOf(rows(page).first())).toContain('becomes Leader')
    await page.getByLabel('Search the events').fill('')
    expect(await shownCount(page)).toBe(all)
    await page
      .getByText('Servers ▾')
      .or(page.locator('.menu summary').first())
      .first()
      .click()
    const server1 = page.getByRole('checkbox', { name: 'Server 1' })
    const head = page.getByRole('columnheader', { name: 'Server 1' })
    expect(await head.count()).toBe(1)
    await server1.uncheck()
    expect(await head.count()).toBe(0)
    expect(await textOf(page.locator('.count'))).toContain('of server 1')
    await server1.check()
    await page.locator('.menu summary', { hasText: 'RPCs' }).click()
    await page.getByLabel('AppendEntries').uncheck()
    expect(await shownCount(page)).toBeLessThan(all / 2)
    expect(await page.locator('.row', { hasText: 'AppendEntries' }).count()).toBe(0)
    await page.locator('.menu summary', { hasText: 'Events' }).click()
    await page.getByLabel('persist').uncheck()
    expect(await page.locator('.row[data-event=persist]').count()).toBe(0)
  })

  test('a field of the raw line can be searched for', async () => {
    const page = await open(`${eventful}#hb=1&only=1`)
    await page.getByLabel('Search the events').fill('leaderCommit:2')
    await page.waitForFunction(
      () => !document.querySelector('.count')?.textContent?.startsWith('1,'),
    )
    expect(await shownCount(page)).toBeGreaterThan(5)
    expect(await textOf(rows(page).first())).toContain('commit 2')
  })
})

describe('a failed test', () => {
  test('opens at the failing assertion, with its message on top', async () => {
    const page = await open(failed)
    expect(await textOf(page.locator('h1'))).toContain('FAIL')
    const message = await textOf(page.locator('.banner .failure'))
    expect(message).toContain('server 2 has\n  "set x 1", not <b>"set y 2"</b>')
    expect(await textOf(selectedRow(page))).toContain('fails: server 2')
    await page.keyboard.press('Home')
    await page.keyboard.press('x')
    expect(await textOf(selectedRow(page))).toContain('fails: server 2')
  })

  test('opens at the violated invariant when there is one', async () => {
    const log = logOf(
      { event: 'test-start', servers: 1 },
      { event: 'check', invariant: 'Election Safety', msg: 'two leaders of term 2' },
      { event: 'note', msg: 'and on' },
      { event: 'test-end', status: 'fail', error: { message: 'Election Safety' } },
    )
    const page = await open(await writeOne('violated', log))
    expect(await textOf(selectedRow(page))).toContain('two leaders of term 2')
  })

  test('can be told to open elsewhere', async () => {
    const outDir = join(dir, 'elsewhere')
    const inputs = [input(eventfulLog())]
    const { pages } = await writeTimelines({ inputs, outDir, openAt: 9 })
    const page = await open(pathToFileURL(pages[0]?.file ?? '').href)
    expect(await selectedRow(page).getAttribute('data-row')).toBe('9')
  })
})

describe('for everyone', () => {
  test('? lists the keys, Escape leaves, and the focus can be seen', async () => {
    const page = await open(eventful)
    await page.keyboard.press('?')
    const dialog = page.getByRole('dialog')
    expect(await textOf(dialog)).toContain('next leader')
    await page.keyboard.press('Escape')
    expect(await dialog.isVisible()).toBe(false)
    const outlines: string[] = []
    for (let i = 0; i < 12; i += 1) {
      await page.keyboard.press('Tab')
      const outline = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement ?? document.body)
        return `${style.outlineStyle} ${style.outlineWidth}`
      })
      outlines.push(outline)
    }
    expect(outlines.every((outline) => /^(solid|auto) [1-9]/.test(outline))).toBe(true)
  })

  test('every control can be reached by the keyboard alone', async () => {
    const page = await open(eventful)
    await page.keyboard.press('/')
    await page.keyboard.type('votes for')
    await page.keyboard.press('Enter')
    expect(await textOf(selectedRow(page))).toContain('votes for')
    await page.keyboard.press('Escape')
    expect(
      await page.getByRole('grid').evaluate((e) => e === document.activeElement),
    ).toBe(true)
    await page.keyboard.press('End')
    await page.keyboard.press('k')
    const row = await selectedRow(page).getAttribute('id')
    expect(await page.getByRole('grid').getAttribute('aria-activedescendant')).toBe(row)
    await page.keyboard.press('b')
    expect(await page.getByLabel('Hide heartbeats').isChecked()).toBe(false)
    await page.keyboard.press('t')
    expect(await page.getByLabel('Time to scale').isChecked()).toBe(true)
  })

  test.each(['light', 'dark'] as const)(
    'axe finds nothing serious, %s',
    async (colorScheme) => {
      for (const href of [failed, `${eventful}#e=700&hb=1`]) {
        const page = await open(href, { colorScheme })
        await page.locator('.legend summary').click()
        expect(await seriousProblems(page)).toEqual([])
      }
    },
  )

  test('dark mode is dark', async () => {
    const ground = async (colorScheme: 'light' | 'dark') => {
      const page = await open(eventful, { colorScheme })
      return greyOf(
        await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
      )
    }
    expect(await ground('light')).toBeGreaterThan(200)
    expect(await ground('dark')).toBeLessThan(60)
  })

  test('nothing moves by itself for those who want less motion', async () => {
    const page = await open(eventful, { reducedMotion: 'reduce' })
    const moving = await page.evaluate(
      () =>
        [...document.querySelectorAll('*')].filter((element) => {
          const { transitionDuration, animationName } = getComputedStyle(element)
          return parseFloat(transitionDuration) > 0 || animationName !== 'none'
        }).length,
    )
    expect(moving).toBe(0)
  })

  test('on paper all rows stand one after the other, and say which they are', async () => {
    const page = await open(eventful)
    const onScreen = await rows(page).count()
    await page.emulateMedia({ media: 'print' })
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')))
    expect(await rows(page).count()).toBe(await shownCount(page))
    expect(await rows(page).count()).toBeGreaterThan(onScreen)
    const printed = await page.getByRole('grid').getAttribute('data-printed')
    expect(printed).toMatch(/^events 1 to 1,\d+ of 1,\d+$/)
    const tops = await rows(page).evaluateAll((all) =>
      all.map((row) => row.getBoundingClientRect().top),
    )
    expect(Math.min(...differences(tops))).toBeGreaterThanOrEqual(26)
  })

  test('a browser that prints says so to the page, and gets all rows', async () => {
    const page = await open(election, { viewport: { width: 1400, height: 500 } })
    const pdf = await page.pdf()
    expect(pdf.length).toBeGreaterThan(10_000)
    expect(await page.getByRole('grid').getAttribute('data-printed')).toMatch(
      /^events 1/,
    )
  })

  test('on a narrow screen nothing is wider than it but the table', async () => {
    const page = await open(eventful, { viewport: { width: 390, height: 800 } })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
  })
})

describe('a view', () => {
  test('stands in the address, so that a colleague opens the same', async () => {
    const page = await open(eventful)
    await page.getByLabel('Search the events').fill('becomes')
    await page.getByLabel('Only these').check()
    await page.getByLabel('Time to scale').check()
    await rows(page).nth(4).click()
    await page.keyboard.press('p')
    await page.waitForFunction(() => location.hash.includes('pin='))
    const colleague = await open(page.url())
    expect(await textOf(colleague.locator('.count'))).toBe(
      await textOf(page.locator('.count')),
    )
    expect(await selectedRow(colleague).getAttribute('id')).toBe(
      await selectedRow(page).getAttribute('id'),
    )
    expect(await colleague.locator('.row[data-pinned]').count()).toBe(1)
    expect(await colleague.getByLabel('Time to scale').isChecked()).toBe(true)
  })

  test('that is asked for when a busy page is to write its own is shown', async () => {
    const page = await open(`${eventful}#hb=1`)
    await page.evaluate(() => {
      const putOffMs = 150
      setTimeout(() => {
        location.hash = '#hb=1&e=40'
      }, putOffMs)
      const target = document.activeElement ?? document.body
      target.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }))
      // Until both are overdue: the page writes before it hears of what is asked for.
      for (const end = performance.now() + 2 * putOffMs; performance.now() < end; );
    })
    await page.waitForSelector('#row-39[aria-selected=true]')
  })

  test('a pinned event’s raw lines are copied as they are in the log', async () => {
    const page = await open(eventful, {
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    await page.evaluate(catchCopies)
    await page.keyboard.press('l')
    await page.keyboard.press('p')
    await page.keyboard.press('l')
    await page.keyboard.press('p')
    await page.keyboard.press('y')
    await page.waitForFunction(() => 'copied' in window)
    const copied = String(await page.evaluate('window.copied'))
    const lines = copied.trimEnd().split('\n')
    const log = eventfulLog().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines.every((line) => log.includes(line))).toBe(true)
    expect(await textOf(page.locator('.toast'))).toContain('2 raw lines copied')
  })

  test('has a legend, the chapter, the seed and the command that runs it again', async () => {
    const page = await open(eventful)
    const header = page.locator('header')
    const text = await textOf(header)
    expect(text).toContain('seed 1')
    expect(text).toContain("./dotest.sh part3 'an eventful run' --seed 1")
    await page.locator('.legend summary').click()
    expect(await textOf(header)).toContain('Leader: a majority voted for it')
    const href = await page.getByRole('link', { name: 'chapter' }).getAttribute('href')
    expect(href).toMatch(/docs\/part3\.md$/)
  })
})

/** The clipboard of a window that is not there cannot be read; what is written to it can. */
function catchCopies(): void {
  navigator.clipboard.writeText = async (text) => {
    Object.assign(window, { copied: text })
  }
}

test('several tests get a page that lists them, with what happened in each', async () => {
  const log = [
    realLog({ test: 'good <b>' }, (w) => w.advance(300)),
    eventfulLog('bad', new Error('no <i>good</i>')),
  ].join('')
  const inputs = [input(log)]
  const { index } = await writeTimelines({ inputs, outDir: join(dir, 'several') })
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  await page.goto(pathToFileURL(index ?? '').href)
  const cells = await page
    .locator('tbody tr')
    .evaluateAll((all) =>
      all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')),
    )
  expect(cells[0]?.slice(0, 3)).toEqual(['good <b>', 'pass', '300 ms'])
  expect(cells[1]?.[0]).toContain('no <i>good</i>')
  expect(cells[1]?.slice(1, 2)).toEqual(['fail'])
  expect(Number(cells[1]?.[5])).toBeGreaterThan(2)
  await page.getByRole('link', { name: 'bad' }).click()
  await page.waitForSelector('body[data-ready]')
  expect(await textOf(selectedRow(page))).toContain('fails')
})

describe('what a log says is shown, and never run', () => {
  const evil = [
    '<script>window.hacked = 1</script>',
    '</script><script>window.hacked = 1</script>',
    '<img src=x onerror="window.hacked = 1">',
    '<b>bold</b> & &amp; {{test}} {{{test}}}',
    'null \0 and \u2028 line \u2029 ends \u001f',
    '<!--',
    ']]>\u202e',
  ]

  test('in names, messages, fields, commands, errors and stacks', async () => {
    const text = evil.join('')
    const lines = evil.map((msg) => ({
      test: text,
      event: 'append',
      server: 0,
      msg,
      role: 'Leader',
      state: { [msg]: msg },
      entries: [{ index: 1, term: 1, command: msg }],
    }))
    const rpc = {
      id: text,
      method: text,
      kind: 'request',
      from: 0,
      to: 1,
      args: { a: text },
    }
    const log = logOf(
      { test: text, event: 'test-start', servers: 2, part: text, replay: text },
      ...lines,
      { test: text, event: 'send', server: 0, rpc, msg: text },
      {
        test: text,
        event: 'test-end',
        status: 'fail',
        error: { message: text, stack: text },
      },
    )
    const page = await open(await writeOne('evil', log))
    const shown = await textOf(page.locator('.table'))
    expect(shown).toContain('<script>window.hacked = 1</script>')
    expect(shown).toContain('null ␀ and ␤ line ␤ ends ␟')
    expect(shown).toContain('{{test}} {{{test}}}')
    for (let i = 0; i < evil.length + 3; i += 1) await page.keyboard.press('k')
    for (let i = 0; i < evil.length + 3; i += 1) await page.keyboard.press('j')
    await page.locator('.raw-line summary').click()
    expect(await page.evaluate('window.hacked')).toBeUndefined()
    expect(await page.locator('b:text("bold"), img, .row script').count()).toBe(0)
    expect(await page.title()).toContain('<b>bold</b>')
  })

  test('a message of 10 MB', async () => {
    const long = `<b>${'x'.repeat(10_000_000)}`
    const log = logOf({ event: 'test-start', servers: 1 }, { server: 0, msg: long })
    const page = await open(`${await writeOne('long message', log)}#e=2`)
    expect(await textOf(selectedRow(page))).toContain('<b>xxx')
    const field = page.locator('.fields dd', { hasText: '<b>' })
    await field.getByRole('button', { name: 'show all' }).click()
    const length = await field.evaluate((element) => element.textContent?.length)
    expect(length).toBe(long.length)
  })

  test('the page’s policy admits its own script and nothing else', async () => {
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(eventful)
    await page.waitForSelector('body[data-ready]')
    const meta = page.locator('meta[http-equiv=Content-Security-Policy]')
    const policy = await meta.getAttribute('content')
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/,
    )
    expect(policy).not.toContain('unsafe')
    const ran = await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.hacked = 1'
      document.body.append(script)
      return 'hacked' in window
    })
    expect(ran).toBe(false)
  })
})
