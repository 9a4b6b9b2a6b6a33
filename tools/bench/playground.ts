/**
 * Prints how many frames a second the playground draws of a cluster of five under load, and
 * how much of a frame's time its script needs, beside an empty page in the same browser.
 * Nothing is asserted, since a busy machine says little.
 */
import type { Browser, Page } from 'playwright-core'
import { requireBrowser } from '../src/browser/find.ts'
import { launchBrowser } from '../src/browser/launch.ts'
import { program } from '../src/cli/command.ts'
import { temporaryFolder } from '../src/cli/ending.ts'
import { exitCodeOf } from '../src/cli/exit.ts'
import { say } from '../src/cli/print.ts'
import { serveSite } from '../test/site/site.ts'
import { quantile } from './numbers.ts'

const FRAMES = 600
/** More than one waits for the next in a frame. */
const PROMISES = 50
const FRAME_MS = 1000 / 60

/** In ms: from frame to frame, and what the page's script took of each. */
interface Frames {
  readonly apart: readonly number[]
  readonly script: readonly number[]
}

process.exitCode = await exitCodeOf(async () => {
  program('npm run bench:playground --')
    .description('How many frames a second the playground draws.')
    .parse()
  await requireBrowser()
  const server = await serveSite(temporaryFolder('raft-site-'))
  const browser = await launchBrowser()
  try {
    const empty = await measureEmpty(browser)
    say(`an empty page:           ${describe(empty)}`)
    for (const servers of [3, 5, 7]) {
      const frames = await measurePlayground(browser, server.address, servers)
      const ratio = quantile(frames.apart, 0.5) / quantile(empty.apart, 0.5)
      say(
        `part 3 with ${servers} servers:   ${describe(frames)}; ` +
          `${ratio.toFixed(2)} × the empty page`,
      )
    }
    return 0
  } finally {
    await browser.close()
    await server.close()
  }
})

async function measureEmpty(browser: Browser): Promise<Frames> {
  const page = await browser.newPage()
  await page.evaluate(
    'requestAnimationFrame(function next() { requestAnimationFrame(next) })',
  )
  return measure(page)
}

async function measurePlayground(
  browser: Browser,
  site: string,
  servers: number,
): Promise<Frames> {
  const page = await browser.newPage()
  await page.goto(`${site}/playground.html#part=3&servers=${servers}&seed=1`)
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  for (let i = 0; i < 2; i += 1) await press('Faster')
  await press('Play')
  return measure(page)
}

async function measure(page: Page): Promise<Frames> {
  const frames = await page.evaluate<Frames>(`new Promise((resolve) => {
    const [apart, script] = [[], []]
    const original = window.requestAnimationFrame.bind(window)
    let last = performance.now()
    window.requestAnimationFrame = (callback) => original(async (now) => {
      apart.push(now - last)
      last = now
      const start = performance.now()
      callback(now)
      // What the frame is drawn by comes in promises, all of which are settled here.
      for (let i = 0; i < ${PROMISES}; i += 1) await null
      script.push(performance.now() - start)
      if (script.length === ${FRAMES}) resolve({ apart, script })
    })
  })`)
  await page.close()
  return frames
}

function describe({ apart, script }: Frames): string {
  const perSecond = (1000 * apart.length) / apart.reduce((sum, ms) => sum + ms, 0)
  const [half, most] = [quantile(script, 0.5), quantile(script, 0.99)]
  const share = (100 * half) / FRAME_MS
  return (
    `${perSecond.toFixed(0)} frames/s; its script ${half.toFixed(1)} ms a frame ` +
    `(p99 ${most.toFixed(1)}), ${share.toFixed(0)} % of its time`
  )
}
