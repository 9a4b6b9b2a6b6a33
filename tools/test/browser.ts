import axe, { type AxeResults } from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Without what a browser does by itself: look for updates, keep a sandbox as root. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
}

/** What axe-core finds in a part of a page that keeps some people from using it. */
export async function seriousProblems(page: Page, part = 'body'): Promise<string[]> {
  // Into the page's own world, past a policy that admits no script.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>(`axe.run('${part}')`)
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`)
}
