/** The site as it is built, and the playground on it, in a browser. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { launchBrowser } from '../../src/browser/launch.ts'
import { seriousProblems } from '../accessibility.ts'
import { pageTest } from '../browser/page-test.ts'
import { serveSite } from './site.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** In real time: the site is built, and a browser started. */
const BUILD_TIMEOUT_MS = 600_000
const TIMEOUT_MS = 120_000
/** Of one step; less, so that the report says which. */
const STEP_TIMEOUT_MS = 90_000
vi.setConfig({ testTimeout: TIMEOUT_MS })

const site = mkdtempSync(join(tmpdir(), 'raft-site-'))
let browser: Browser
let server: Awaited<ReturnType<typeof serveSite>>

beforeAll(async () => {
  server = await serveSite(site)
  if (inject('hasBrowser')) browser = await launchBrowser()
}, BUILD_TIMEOUT_MS)

afterAll(async () => {
  await browser?.close()
  await server?.close()
  rmSync(site, { recursive: true })
})

const PHONE = { viewport: { width: 380, height: 760 }, hasTouch: true }
const DESK = { viewport: { width: 1280, height: 900 } }

/** What a page shows once its own script has filled it. */
const FILLED: Readonly<Record<string, string>> = {
  playground: '.playground .node',
  puzzles: '.listing .line',
}

/** The playground with a scene or a run, and what went wrong on its page. */
async function playground(hash: string, options: BrowserContextOptions = DESK) {
  const page = await browser.newPage(options)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  // A busy machine is no reason to fail.
  page.setDefaultTimeout(STEP_TIMEOUT_MS)
  await page.goto(`${server.address}/playground.html#${hash}`)
  await page.locator('.playground').waitFor()
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  return { page, errors, press }
}

/** The home page, once its own script runs: before, it hears no click and no key. */
async function home() {
  const page = await browser.newPage(DESK)
  page.setDefaultTimeout(STEP_TIMEOUT_MS)
  await page.goto(server.address)
  await page.locator('.election .node').first().waitFor()
  return page
}

function timeOf(page: Page): Promise<number> {
  return page
    .locator('.clock')
    .textContent()
    .then((text) => Number.parseFloat(text ?? ''))
}

function html(name: string): string {
  return readFileSync(join(site, `${name}.html`), 'utf8')
}

function chapters(): string[] {
  return readdirSync(join(ROOT, 'docs'))
    .filter((name) => /^part\d+\.md$/.test(name))
    .map((name) => name.replace('.md', ''))
    .sort()
}

test('every chapter is a page, with the next and the one before', () => {
  for (const [i, chapter] of chapters().entries()) {
    const text = html(chapter)
    expect(text).toContain('pager-link next')
    if (i > 0) expect(text).toContain(`href="/${chapters()[i - 1]}.html"`)
    expect(text).toContain('VPNavBarSearch')
    expect(text).toContain('href="/playground.html"')
  }
})

test('the site needs nothing from elsewhere', () => {
  for (const name of ['index', 'playground', ...chapters()]) {
    expect(html(name)).not.toMatch(/<(script|link|img)[^>]+(src|href)="https?:/)
  }
})

test('links to files of the repository lead to pages with their text', () => {
  for (const chapter of chapters()) {
    for (const [, slug = ''] of html(chapter).matchAll(/href="\/source\/([^"#]+)"/g)) {
      expect(existsSync(join(site, 'source', slug)), slug).toBe(true)
    }
  }
  expect(html('source/part1-src-raft-ts')).toContain('part1/src/raft.ts')
})

pageTest('the search finds a word of a chapter', async () => {
  const page = await home()
  await page.locator('#local-search button').click()
  await page.locator('#localsearch-input').fill('election')
  await page.locator('.results .result').first().waitFor()
  await page.close()
})

pageTest(
  'the search finds what is defined in the code, and leads to its line',
  async () => {
    const page = await home()
    await page.locator('#local-search button').click()
    await page.locator('#localsearch-input').fill('becomeFollower')
    await page
      .locator('.results .result', { hasText: 'part3/src/raft.ts' })
      .first()
      .click()
    const line = page.locator('.linked-line')
    await line.waitFor()
    expect(await line.textContent()).toContain('private becomeFollower(term: number)')
    await page.close()
  },
)

pageTest('code in a chapter leads to where it stands', async () => {
  const page = await browser.newPage(DESK)
  page.setDefaultTimeout(STEP_TIMEOUT_MS)
  await page.goto(`${server.address}/part1.html`)
  const link = page.locator('.excerpt-source a').first()
  const code = page.locator('div:has(+ .excerpt-source) .line').first()
  const first = (await code.textContent())?.trim()
  await link.click()
  await page.locator('.linked-line').waitFor()
  expect((await page.locator('.linked-line').textContent())?.trim()).toBe(first)
  expect(page.url()).toMatch(/source\/part1-src-[\w-]+\.html#L\d+$/)
  await page.close()
})

pageTest('the home begins with an election, and one click breaks it', async () => {
  const page = await home()
  await page.locator('.election .node.role-leader').waitFor()
  const cut = page.getByRole('button', { name: 'Cut off the leader' })
  await cut.click()
  await page.locator('.election .node.role-leader.disconnected').waitFor()
  await page.locator('.election .node.role-leader:not(.disconnected)').waitFor()
  await page.getByRole('button', { name: 'Mend it' }).click()
  await page.locator('.election .node.disconnected').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Pause' }).click()
  expect(await seriousProblems(page)).toEqual([])
  const terms = () => page.locator('.stage .term').allTextContents()
  const before = await terms()
  await page.getByRole('link', { name: 'Go on in the playground' }).click()
  await page.locator('.transport').waitFor()
  // The one that was cut off may not have heard yet.
  await page.locator('.node.role-leader').first().waitFor()
  expect(await terms()).toEqual(before)
  await page.close()
})

// What is wrong with colours is so at any width, and what is wrong with the layout in any.
pageTest.each([
  ['light', 'desk'],
  ['dark', 'phone'],
] as const)(
  'no page keeps anybody out, in the %s, on a %s',
  async (colorScheme, where) => {
    const options = where === 'desk' ? DESK : PHONE
    const page = await browser.newPage({ ...options, colorScheme })
    page.setDefaultTimeout(STEP_TIMEOUT_MS)
    const named = ['index', 'exploring', 'architecture', 'playground', 'puzzles']
    const pages = [...named, 'exercises', ...chapters()]
    const found: string[] = []
    for (const name of [...pages, 'source/part1-src-server-ts']) {
      await page.goto(`${server.address}/${name}.html`)
      await page
        .locator(FILLED[name] ?? '.VPContent')
        .first()
        .waitFor()
      const problems = await seriousProblems(page)
      found.push(...problems.map((problem) => `${name}: ${problem}`))
    }
    expect(found).toEqual([])
    await page.close()
  },
  BUILD_TIMEOUT_MS,
)

pageTest('nor does the search, once it is open', async () => {
  const page = await home()
  await page.keyboard.press('Control+k')
  await page.locator('#localsearch-input').fill('election')
  await page.locator('.results .result').first().waitFor()
  expect(await seriousProblems(page, '.VPLocalSearchBox')).toEqual([])
  await page.close()
})

pageTest('a scene plays, and stops to be read', async () => {
  const { page, errors, press } = await playground('scene=first-election')
  expect(await page.locator('.caption').textContent()).toContain('Five servers')
  for (let i = 0; i < 4; i += 1) await press('Faster')
  await press('Play')
  await page.locator('.caption', { hasText: 'Server 1 was the first' }).waitFor()
  expect(await timeOf(page)).toBe(317.4)
  const node = page.locator('.node').nth(1)
  expect(await node.getAttribute('aria-label')).toBe(
    'Server 1, Candidate, term 1, 1 of 5 votes',
  )
  expect(await page.locator('.explanation .marked').textContent()).toContain('Candidate')
  await press('Back')
  expect(await timeOf(page)).toBe(317.3)
  await press('Start')
  expect(await timeOf(page)).toBe(0)
  expect(errors).toEqual([])
  await page.close()
})

pageTest('what a person does is in the address', async () => {
  const { page, errors, press } = await playground('part=3&servers=5&seed=1')
  await press('Time out now')
  for (let i = 0; i < 12; i += 1) await press('Step')
  await page.locator('.node.role-leader').waitFor()
  await page.getByLabel('Command').fill('colour=blue; all')
  await press('Submit to server 0')
  await press('Cut the link to server 3')
  await page.locator('.node').nth(4).click()
  await press('Crash')
  for (let i = 0; i < 6; i += 1) await press('Step')
  const picture = () => page.locator('.stage, .logs').allTextContents()
  const before = await picture()
  expect(before.join()).toContain('colour=blue; all')
  expect(before.join()).toContain('crashed')
  const hash = page.url().split('#')[1] ?? ''
  expect(hash).toMatch(/do=0,timeout,0;.*submit,0,colour%3Dblue%3B%20all;.*crash,4$/)
  const shared = await playground(hash)
  await press('Back')
  expect(await shared.page.locator('.logs').textContent()).toContain('colour=blue; all')
  expect(await shared.page.locator('.stage').textContent()).toContain('crashed')
  expect(errors).toEqual([])
  await shared.page.close()
  await page.close()
})

pageTest('a rule that breaks turns its lamp', async () => {
  const { page } = await playground('scene=a-crash-forgets')
  expect(await page.locator('.lamps.broken').count()).toBe(0)
  const slider = page.getByLabel('Time', { exact: true })
  for (let i = 0; i < 40 && !(await page.locator('.alarm').isVisible()); i += 1) {
    await page.getByRole('button', { name: 'Step', exact: true }).click()
  }
  expect(await page.locator('.lamps li.broken').textContent()).toContain(
    'Monotonic Term',
  )
  expect(await page.locator('.alarm').textContent()).toContain('fell from 1 to 0')
  expect(await slider.getAttribute('aria-valuetext')).toBe('400.0 ms')
  await page.close()
})

pageTest('all of it can be done with the keyboard', async () => {
  const { page } = await playground('part=3&servers=3&seed=1')
  await page.locator('.node').nth(2).focus()
  await page.keyboard.press('Enter')
  expect(await page.locator('.server h3').textContent()).toBe(
    'Server 2: Follower in term 0',
  )
  await page.keyboard.press('ArrowRight')
  const first = await timeOf(page)
  expect(first).toBeGreaterThan(0)
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowLeft')
  expect(await timeOf(page)).toBe(first)
  await page.keyboard.press('+')
  expect(await page.locator('.speed').textContent()).toBe('5× slowed')
  await page.getByRole('button', { name: 'Disconnect' }).focus()
  await page.keyboard.press('Enter')
  expect(await page.locator('.node').nth(2).getAttribute('class')).toContain(
    'disconnected',
  )
  const heard = page.locator('.playground .unseen[aria-live]')
  await heard.filter({ hasText: 'Server 2 is disconnected, at' }).waitFor({
    state: 'attached',
  })
  await page.close()
})

pageTest('the keys are those of RaftScope', async () => {
  const { page, errors } = await playground('part=3&servers=3&seed=1')
  const press = (key: string) => page.keyboard.press(key)
  const words = () => page.locator('.stage').first().textContent()
  await press('t')
  for (let i = 0; i < 14; i += 1) await press('ArrowRight')
  await page.locator('.node.role-leader').waitFor()
  await press('c')
  expect(page.url()).toMatch(/spread;[\d.]+,submit,0,x%3D1$/)
  await press('r')
  await page.locator('.node.role-leader').waitFor({ state: 'detached' })
  expect(page.url()).toMatch(/crash,0;[\d.]+,restart,0$/)
  await page.locator('.node').nth(1).click()
  await page.getByRole('button', { name: 'Disconnect' }).click()
  expect(await words()).toContain('disconnected')
  await press('b')
  expect(await words()).not.toContain('disconnected')
  await press('?')
  await page.locator('.key-help[open]').waitFor()
  expect(await seriousProblems(page)).toEqual([])
  await press('Escape')
  await press('l')
  await page.locator('.caption', { hasText: 'Server 0 will lead' }).waitFor()
  expect(errors).toEqual([])
  await page.close()
})

pageTest(
  'everything is on one screen of a laptop, and two swipes on a phone',
  async () => {
    const laptop = { viewport: { width: 1280, height: 720 } }
    const { page } = await playground('part=4&servers=5&seed=1', laptop)
    for (const shown of [
      '.stage',
      '.logs',
      '.server',
      '.console',
      '.explanation',
      '.keys',
    ]) {
      const box = await page.locator(shown).first().boundingBox()
      expect((box?.y ?? 0) + (box?.height ?? 9999), shown).toBeLessThanOrEqual(720)
    }
    await page.setViewportSize({ width: 390, height: 844 })
    const end = await page.locator('.events').boundingBox()
    expect((end?.y ?? 0) + (end?.height ?? 9999)).toBeLessThanOrEqual(3 * 844)
    await page.close()
  },
)

pageTest('a client is told what came of what it asked for', async () => {
  const { page, errors, press } = await playground('part=4&servers=3&seed=1')
  await press('Time out now')
  await page.getByLabel('Value').fill('blue; "1"')
  await press('Ask')
  for (let i = 0; i < 4; i += 1) await press('Faster')
  await press('Play')
  await page.locator('.answers .outcome.done').waitFor()
  await page.getByLabel('What the client asks for').selectOption('get')
  expect(await page.getByLabel('Value').isVisible()).toBe(false)
  await press('Ask')
  await page.locator('.answers', { hasText: 'found "blue; \\"1\\""' }).waitFor()
  await press('Pause')
  const answers = await page.locator('.answers').textContent()
  const shared = await playground(page.url().split('#')[1] ?? '')
  await shared.page.locator('.answers li:nth-child(2)').waitFor()
  expect(await shared.page.locator('.answers').textContent()).toBe(answers)
  expect(errors).toEqual([])
  await shared.page.close()
  await page.close()
})

pageTest(
  'a mistake runs beside the part as it stands, until a rule breaks',
  async () => {
    const { page, errors, press } = await playground('scene=first-election')
    const loaded = await loadedBy(page)
    expect(loaded.filter((name) => /gallery|chooser/.test(name))).toEqual([])
    await press('Break it …')
    await page.getByLabel('Filter the mistakes').fill('majority')
    expect(await seriousProblems(page)).toEqual([])
    await page.locator('.chooser li button', { hasText: 'Half of an even' }).click()
    await page.locator('figcaption', { hasText: 'With the mistake' }).waitFor()
    await press('Run until it breaks')
    await page.locator('.alarm', { hasText: 'both elected leader of term 1' }).waitFor()
    expect(await page.locator('.node.role-leader').count()).toBeGreaterThanOrEqual(2)
    expect(await seriousProblems(page)).toEqual([])
    const shared = await playground(page.url().split('#')[1] ?? '')
    await shared.page.locator('.alarm', { hasText: 'of term 1' }).waitFor()
    await shared.press('Leave')
    await shared.page.locator('figcaption').waitFor({ state: 'detached' })
    expect(errors).toEqual([])
    await shared.page.close()
    await page.close()
  },
)

const MAJORITY = 'Math.floor(servers / 2) + 1'

/** Writes into the editor what part 1 has, but for one text. */
async function write(page: Page, from: string, to: string): Promise<void> {
  const text = readFileSync(join(ROOT, 'part1/src/raft.ts'), 'utf8')
  expect(text).toContain(from)
  await page.locator('.cm-content').click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(text.replace(from, to))
}

/** As the browser counts them: what a page has loaded. */
function loadedBy(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(
    'performance.getEntriesByType("resource").map(({ name }) => name)',
  )
}

pageTest.each(['light', 'dark'] as const)(
  'who changes the code sees the rule that breaks, and the difference, in the %s',
  async (colorScheme) => {
    const options = { ...DESK, colorScheme }
    const { page, errors, press } = await playground('part=1&servers=4&seed=7', options)
    expect((await loadedBy(page)).filter((name) => /own|worker/.test(name))).toEqual([])
    await press('Edit …')
    await write(page, MAJORITY, 'Math.ceil(servers / 2)')
    expect(await seriousProblems(page)).toEqual([])
    await page.keyboard.press('Control+Enter')
    await page.locator('.alarm', { hasText: 'both elected leader of term 1' }).waitFor()
    const difference = page.locator('.mistake .difference')
    expect(await difference.locator('.removed').textContent()).toContain(MAJORITY)
    expect(await difference.locator('.added').textContent()).toContain('Math.ceil')
    expect(await page.locator('figcaption').allTextContents()).toEqual([
      'As it stands',
      'As changed',
    ])
    expect(await seriousProblems(page)).toEqual([])
    // What was written is there to go on from, until it is what it was.
    await press('Edit it')
    expect(await page.locator('.editor').textContent()).toContain('part1/src/raft.ts')
    await press('As it was')
    await press('Run it')
    await page.locator('figcaption').waitFor({ state: 'detached' })
    expect(errors).toEqual([])
    await page.close()
  },
)

pageTest('a link carries a change, and nothing of it runs before a click', async () => {
  const { page, press } = await playground('part=1&servers=4&seed=7')
  await press('Edit …')
  await write(page, MAJORITY, 'Math.ceil(servers / 2)')
  await press('Run it')
  await page.locator('.alarm', { hasText: 'of term 1' }).waitFor()
  const hash = page.url().split('#')[1] ?? ''
  expect(hash).toMatch(/&change=[\w-]{50,400}$/)
  const shared = await playground(hash)
  const consent = shared.page.locator('.consent[open]')
  await consent.waitFor()
  expect(await consent.locator('.added').textContent()).toContain('Math.ceil')
  expect(await seriousProblems(shared.page)).toEqual([])
  await shared.page.waitForTimeout(200)
  expect(shared.page.workers()).toEqual([])
  expect(await shared.page.locator('figcaption').count()).toBe(0)
  await shared.press('Leave it')
  await shared.page.locator('.caption', { hasText: 'stands as it is' }).waitFor()
  expect(shared.page.workers()).toEqual([])
  expect(shared.page.url()).not.toContain('change=')
  await shared.page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await consent.waitFor()
  await shared.press('Run it')
  await shared.page.locator('.alarm', { hasText: 'of term 1' }).waitFor()
  expect(shared.page.workers()).toHaveLength(1)
  await shared.press('Leave')
  await shared.page.locator('figcaption').waitFor({ state: 'detached' })
  await vi.waitFor(() => expect(shared.page.workers()).toEqual([]))
  await shared.page.evaluate(`location.hash = ${JSON.stringify(`${hash}AAAA`)}`)
  await shared.page.locator('.problem', { hasText: 'cannot be read' }).waitFor()
  expect(shared.errors).toEqual([])
  await shared.page.close()
  await page.close()
})

pageTest('the code is left by Escape, and says where it cannot be run', async () => {
  const { page, errors, press } = await playground('part=1&servers=3&seed=1')
  await page.getByRole('button', { name: 'Edit …' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('.cm-content:focus').waitFor()
  await page.keyboard.press('Tab')
  expect(await page.locator('.cm-line').first().textContent()).toMatch(/^ {2}\/\*\*/)
  await page.keyboard.press('Escape')
  const focused = () => page.evaluate<string>('document.activeElement.textContent')
  expect(await focused()).toBe('Run it')
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('As it was')
  await write(page, 'private majority(): number {', 'private majority(: number {')
  await press('Run it')
  await page.locator('.said', { hasText: /^It cannot be run\. Line \d+: / }).waitFor()
  await page.locator('.cm-activeLine', { hasText: 'majority(' }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await page.locator('.editor').waitFor({ state: 'hidden' })
  expect(errors).toEqual([])
  await page.close()
})

pageTest('code without an end is stopped', async () => {
  const { page, press } = await playground('part=1&servers=3&seed=1')
  await press('Edit …')
  await write(
    page,
    'private countVotes(): void {',
    'private countVotes(): void { for (;;);',
  )
  await press('Run it')
  await page.locator('.alarm', { hasText: 'still running after 5 s' }).waitFor()
  await press('Leave')
  await page.locator('figcaption').waitFor({ state: 'detached' })
  await page.close()
})

pageTest.each([
  "fetch('/away')",
  "new XMLHttpRequest().open('GET', '/away')",
  "new WebSocket('ws://127.0.0.1:1/away')",
  "importScripts('/away')",
  "import('/away')",
  'eval(\'import("/away")\')',
  '(() => {}).constructor(\'return import("/away")\')()',
  '(async () => {}).constructor(\'return import("/away")\')()',
  'setTimeout(\'import("/away")\', 0)',
  "new Worker('/away')",
  "self.constructor.prototype.fetch('/away')",
])('nothing leaves the page by %s', async (code) => {
  const { page, press } = await playground('part=1&servers=3&seed=1')
  const asked: string[] = []
  page.context().on('request', (request) => asked.push(request.url()))
  page.on('websocket', (socket) => asked.push(socket.url()))
  await press('Edit …')
  const tries = `(this as unknown as { tries: unknown }).tries = ${code} as unknown`
  const start = 'private startElection(): void {'
  await write(page, start, `${start} ${tries.replaceAll('self.', '(self as any).')}\n`)
  await press('Run it')
  // As what is not there, or in a promise that nobody waits for.
  await page.locator('figcaption', { hasText: 'As changed' }).waitFor()
  await page.locator('.alarm:visible, .caption:visible').first().waitFor()
  expect(asked.filter((url) => url.includes('away'))).toEqual([])
  await page.close()
})

/** The puzzles as somebody finds them who has never been there, or was there before. */
async function puzzles(hash: string, options: BrowserContextOptions = DESK) {
  const page = await browser.newPage(options)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.setDefaultTimeout(STEP_TIMEOUT_MS)
  await page.goto(`${server.address}/puzzles.html${hash}`)
  await page.locator('.listing li').first().waitFor()
  const press = (name: string | RegExp) => {
    return page.getByRole('button', { name }).click()
  }
  return { page, errors, press }
}

pageTest.each([
  ['a desk', DESK],
  ['a phone', PHONE],
  ['a dark room', { ...DESK, colorScheme: 'dark' as const }],
])('a puzzle is solved, on %s', async (_, options) => {
  const { page, errors, press } = await puzzles('', options)
  const said = page.locator('.said')
  const first = await page.getByLabel('Puzzle', { exact: true }).inputValue()
  await page.locator('.alarm', { hasText: 'both elected leader of term 1' }).waitFor()
  expect(await seriousProblems(page, '.VPDoc')).toEqual([])
  await page.locator('.listing li').nth(20).click()
  await press('Is it line 21?')
  expect(await said.textContent()).toMatch(/^No: /)
  for (let i = 0; i < 3; i += 1) await press(/^Hint/)
  expect(await page.locator('.hints > li').count()).toBe(3)
  expect(await page.getByRole('button', { name: 'No more hints' }).isDisabled()).toBe(
    true,
  )
  const code = await page.locator('.listing li').allTextContents()
  const line = code.findIndex((text) => text.includes('Math.ceil(servers / 2)'))
  // By keyboard: the lines are one stop, and the arrow keys go from one to the next.
  await page
    .locator('.listing li')
    .nth(line - 2)
    .click()
  await page.keyboard.press('ArrowDown')
  await press(`Is it line ${line}?`)
  expect(await said.textContent()).toMatch(/^Close: /)
  await page.locator('.listing').focus()
  await page.keyboard.press('ArrowDown')
  await press(`Is it line ${line + 1}?`)
  expect(await said.textContent()).toMatch(/^Right: .* with 3 tries and 3 hints\.$/)
  const what = page.locator('.mistake')
  expect(await what.textContent()).toContain('Half of an even cluster')
  expect(await what.locator('.removed').textContent()).toContain('Math.floor')
  expect(await what.textContent()).toContain('Breaks 5.2')
  expect(await what.textContent()).toContain('Seen: ')
  expect(await seriousProblems(page, '.VPDoc')).toEqual([])
  const width = 'document.documentElement.scrollWidth - window.innerWidth'
  expect(await page.evaluate<number>(width)).toBeLessThanOrEqual(0)
  // Whoever comes back is where they were, and gets another.
  await page.reload()
  await said.filter({ hasText: 'Solved.' }).waitFor()
  await press('Next puzzle')
  await said.filter({ hasText: 'Solved.' }).waitFor({ state: 'detached' })
  expect(await page.getByLabel('Puzzle', { exact: true }).inputValue()).not.toBe(first)
  expect(await page.locator('.setup').textContent()).toMatch(/1 of \d+ solved/)
  expect(errors).toEqual([])
  await page.close()
})

pageTest('the run of a puzzle can be gone through, and given up', async () => {
  const { page, errors, press } = await puzzles('#puzzle=17')
  await press('Start')
  await page.locator('.alarm').waitFor({ state: 'hidden' })
  for (let i = 0; i < 4; i += 1) await press('Faster')
  await press('Play')
  await page.locator('.alarm', { hasText: 'both elected leader of term 1' }).waitFor()
  await press('Give up')
  expect(await page.locator('.said').textContent()).toBe('Given up.')
  expect(await page.locator('.listing .answer').count()).toBe(1)
  expect(await page.locator('.mistake').isVisible()).toBe(true)
  expect(errors).toEqual([])
  await page.close()
})

pageTest('a link that cannot be followed says why', async () => {
  const { page } = await playground('part=9')
  await page.locator('.problem').waitFor()
  expect(await page.locator('.problem').textContent()).toContain('part is "9"')
  await page.close()
})

pageTest('a run outlives anchors and wrong links', async () => {
  const { page, press } = await playground('part=3&servers=3&seed=1')
  await press('Time out now')
  await press('Step')
  const time = await timeOf(page)
  expect(time).toBeGreaterThan(0)
  for (const hash of [
    'VPContent',
    'how-to-read-it',
    'part=9',
    'scene=no',
    'part=1&do=%',
    'part=1&mistake=no-such',
    'part=3&mistake=half-is-enough',
  ]) {
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
    await page.waitForTimeout(50)
    expect(await timeOf(page), hash).toBe(time)
    const isLink = hash.includes('=')
    expect(await page.locator('.problem').isVisible(), hash).toBe(isLink)
  }
  await page.close()
})

pageTest.each([
  ['a desk', DESK],
  ['a phone', PHONE],
  ['a dark room', { ...DESK, colorScheme: 'dark' as const }],
])('it is for all, on %s', async (_, options) => {
  const { page } = await playground('scene=figure-8', options)
  for (let i = 0; i < 30; i += 1) {
    await page.getByRole('button', { name: 'Step', exact: true }).click()
  }
  const width = 'document.documentElement.scrollWidth - window.innerWidth'
  expect(await page.evaluate<number>(width)).toBeLessThanOrEqual(0)
  expect(await seriousProblems(page, '.VPDoc')).toEqual([])
  await page.close()
})

/** Of five servers, there and back. */
const LINKS = 5 * 4

pageTest('who wants no motion sees messages stand', async () => {
  const { page, press } = await playground('part=1', {
    ...DESK,
    reducedMotion: 'reduce',
  })
  await press('Time out now')
  await press('Play')
  // Messages stand in the middle of their links, and there are only so many of these.
  const places = await page.evaluate<number>(`new Promise((resolve) => {
    const places = new Set()
    let frames = 0
    requestAnimationFrame(function look() {
      for (const mark of document.querySelectorAll('.messages > :not(.idle) .at')) {
        places.add(mark.getAttribute('transform'))
      }
      frames += 1
      if (frames < 120) requestAnimationFrame(look)
      else resolve(places.size)
    })
  })`)
  expect(places).toBeGreaterThan(0)
  expect(places).toBeLessThanOrEqual(LINKS)
  await page.close()
})
