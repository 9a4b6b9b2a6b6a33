import { type Browser, chromium } from 'playwright-core'
import { findBrowser } from './find.ts'

/** A browser without what would look for the network, or for a sandbox that root lacks. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await findBrowser(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
