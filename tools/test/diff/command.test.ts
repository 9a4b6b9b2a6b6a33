/** parts-diff from its command line to the page in a browser. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { launchBrowser } from '../../src/browser/launch.ts'
import { seriousProblems } from '../accessibility.ts'
import { pageTest } from '../browser/page-test.ts'

const COMMAND = fileURLToPath(new URL('../../bin/parts-diff.js', import.meta.url))

/** In real time, for processes that start. */
const TIMEOUT_MS = 120_000

const folder = mkdtempSync(join(tmpdir(), 'parts-diff '))
afterAll(() => rmSync(folder, { recursive: true }))

async function partsDiff(...args: string[]) {
  const options = { cwd: folder, env: { CI: '1' }, reject: false } as const
  const run = await execa(process.execPath, [COMMAND, ...args], options)
  return { exitCode: run.exitCode, output: run.stdout + run.stderr }
}

pageTest('a page shows what part 2 changes', { timeout: TIMEOUT_MS }, async () => {
  const { exitCode, output } = await partsDiff('part1', 'part2', '--out', 'page.html')
  expect(exitCode).toBe(0)
  expect(output).toMatch(/changed {4}src\/raft\.ts {2}\+\d+ −\d+/)
  expect(output).toMatch(/new {8}test\/replication\.test\.ts/)
  const address = pathToFileURL(join(folder, 'page.html')).href
  expect(output).toContain(`page  ${address}`)

  const browser = await launchBrowser()
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme })
    await page.goto(address)
    expect(await page.locator('section.file h3').first().textContent()).toMatch(/raft/)
    // The two sides stand line by line beside each other.
    const sides = page.locator('#file-src-raft-ts .d2h-file-side-diff')
    const heights = await sides.evaluateAll((all) =>
      all.map((side) => side.scrollHeight),
    )
    expect(heights[0]).toBe(heights[1])
    const width = 'document.documentElement.scrollWidth - window.innerWidth'
    expect(await page.evaluate<number>(width)).toBeLessThanOrEqual(0)
    await page.close()
  }
  await browser.close()
})

pageTest(
  'keys lead from change to change, and open what is folded',
  {
    timeout: TIMEOUT_MS,
  },
  async () => {
    const raft = ['--file', 'raft.ts', '--out', 'raft.html']
    expect((await partsDiff('part1', 'part2', ...raft)).exitCode).toBe(0)
    const browser = await launchBrowser()
    const page = await browser.newPage()
    await page.goto(pathToFileURL(join(folder, 'raft.html')).href)
    const count = page.locator('output')
    const inFocus = () => page.evaluate<string>('document.activeElement.id')
    await page.keyboard.press('n')
    const first = await inFocus()
    expect(await count.textContent()).toMatch(/^1 of \d+ changes$/)
    await page.keyboard.press('n')
    expect(await inFocus()).not.toBe(first)
    await page.keyboard.press('p')
    expect(await inFocus()).toBe(first)

    const lines = page.locator('[data-folded]:visible')
    expect(await lines.count()).toBe(0)
    await page.locator('[data-fold]:visible').first().click()
    expect(await lines.count()).toBe(2)
    await browser.close()
  },
)

pageTest.each(['light', 'dark'] as const)(
  'the page can be read by all, %s, what is folded as well',
  { timeout: TIMEOUT_MS },
  async (colorScheme) => {
    // A file that differs, and one that is new, with all that a click opens.
    for (const [from, file] of [
      ['part1', 'raft.ts'],
      ['part2', 'storage.ts'],
    ] as const) {
      const to = from === 'part1' ? 'part2' : 'part3'
      const out = `${file}-${colorScheme}.html`
      const args = [from, to, '--file', file, '--no-open', '--out', out]
      expect((await partsDiff(...args)).exitCode).toBe(0)
      const browser = await launchBrowser()
      const page = await browser.newPage({ colorScheme })
      await page.goto(pathToFileURL(join(folder, out)).href)
      await page.evaluate(
        "for (const one of document.querySelectorAll('details')) one.open = true",
      )
      if (file === 'raft.ts')
        await page.getByRole('button', { name: 'All lines' }).click()
      await page.keyboard.press('n')
      expect(await seriousProblems(page)).toEqual([])
      await browser.close()
    }
  },
)

test('one file can be asked for', { timeout: TIMEOUT_MS }, async () => {
  const { exitCode, output } = await partsDiff(
    ...['part2', 'part3', '--no-open', '--file', 'raft.ts', '--out', 'one.html'],
  )
  expect(exitCode).toBe(0)
  expect(output).toContain('part2 → part3: 1 file changed, 0 new, 0 unchanged')
})

test('what cannot be done is said in a line', { timeout: TIMEOUT_MS }, async () => {
  const cases: [args: string[], message: string][] = [
    [['part1', 'part99'], 'error: there is no part "part99"; there are part1, part2'],
    [['part1', 'part1'], 'error: part1 is the same as part1; name another part'],
    [['part1'], "error: missing required argument 'partB' (npm run diff"],
    [['part1', 'part2', '--nope'], "error: unknown option '--nope'"],
    [['part1', 'part2', '--file', 'x.ts'], 'error: there is no file "x.ts"; there are'],
    [['part1', 'part2', '--out', '/dev/null/x'], 'error: the page cannot be written'],
  ]
  for (const [args, message] of cases) {
    const { exitCode, output } = await partsDiff(...args)
    expect(output).toContain(message)
    expect(output).not.toMatch(/^\s+at /m)
    expect(exitCode).toBe(2)
  }
  expect(existsSync(join(folder, 'x'))).toBe(false)
})
