import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest'
import { launchBrowser } from '../../../src/browser/launch.ts'
import { writeTimelines } from '../../../src/viz/index.ts'
import { input } from '../logs.ts'

/** What the tests of a file share: a folder for pages, and a browser to open them. */
export let browser: Browser
export let dir: string

const TIMEOUT_MS = 120_000

/** To be called by each file: this module is loaded once for several. */
export function usePages(): void {
  // A busy machine is no reason to fail.
  vi.setConfig({ testTimeout: TIMEOUT_MS, hookTimeout: TIMEOUT_MS })
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'viz page '))
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(dir, { recursive: true, force: true })
  })
}

/** Writes a log's page. @returns its address. */
export async function writeOne(name: string, log: string): Promise<string> {
  const outDir = join(dir, name)
  const { pages } = await writeTimelines({ inputs: [input(log)], outDir })
  return pathToFileURL(pages[0]?.file ?? '').href
}

/** Opens a page in a window of its own, and fails the test on any error in it. */
export async function open(
  href: string,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1400, height: 900 },
    ...options,
  })
  context.setDefaultTimeout(TIMEOUT_MS)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (line) => {
    if (line.type() === 'error') errors.push(line.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) errors.push(`asks for ${request.url()}`)
  })
  onTestFinished(async () => {
    await context.close()
    expect(errors).toEqual([])
  })
  await page.goto(href)
  await page.waitForSelector('body[data-ready]')
  return page
}

/** What a person reads of an element. */
// biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not read
export const textOf = (element: Locator) => element.innerText()
export const rows = (page: Page) => page.locator('.row')
export const selectedRow = (page: Page) => page.locator('.row[aria-selected=true]')
