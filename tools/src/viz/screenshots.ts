/**
 * Takes the pictures of timelines that the README and the chapters show: `npm run
 * screenshots` runs three real runs, draws two histories, and writes docs/public/shots/*.png, each in a light and
 * in a dark version.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execa } from 'execa'
import type { Browser, Page } from 'playwright-core'
import { requireBrowser } from '../browser/find.ts'
import { launchBrowser } from '../browser/launch.ts'
import { program } from '../cli/command.ts'
import { temporaryFolder } from '../cli/ending.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { say } from '../cli/print.ts'
import { writeTimelines } from './index.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const shots = join(root, 'docs/public/shots')
/** For the raw line of the selected event to be unpacked and shown. */
const SETTLE_MS = 300
/**
 * In CSS px. A chapter is 690 wide, and what is written in a picture must be legible there:
 * so narrow, the page puts its panel under the table.
 */
const WIDTH = 880
const SCALE = 2

interface Shot {
  readonly name: string
  /** What of the page is seen; and the height of its window, of which the table takes most. */
  readonly height: number
  readonly windowHeight: number
  /** Makes the run. @returns the path of its timeline. */
  readonly write: (folder: string) => Promise<string>
  /** Brings the page to the moment that the picture is about. */
  readonly pose: (page: Page) => Promise<void>
}

const SHOTS: readonly Shot[] = [
  {
    name: 'election',
    height: 880,
    windowHeight: 880,
    write: (folder) =>
      timelineOfTest(
        folder,
        'part1',
        'a follower that comes back forces a new election',
      ),
    pose: async (page) => {
      await page.keyboard.press('l')
      await page.evaluate("document.querySelector('.table').scrollTop = 0")
    },
  },
  {
    name: 'partition-heals',
    height: 820,
    windowHeight: 820,
    write: (folder) =>
      timelineOfTest(folder, 'part3', 'the side of a partition with the majority'),
    pose: async (page) => {
      await page.keyboard.press('f')
      await page.keyboard.press('f')
      await page.evaluate("document.querySelector('.table').scrollTop += 190")
    },
  },
  {
    name: 'lost-entry',
    height: 1170,
    windowHeight: 600,
    write: timelineOfMistake,
    pose: async () => {},
  },
  ...['fresh', 'stale'].map((name) => ({
    name: `${name}-history`,
    height: 590,
    windowHeight: 590,
    write: (folder: string) => pictureOfHistory(folder, name),
    pose: async () => {},
  })),
]

const NAMES = SHOTS.map(({ name }) => name)

/** Runs the one test whose name has this in it with its log on, as `dotest.sh` does. */
async function timelineOfTest(
  folder: string,
  part: string,
  test: string,
): Promise<string> {
  const log = join(folder, `${part}.log`)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--project', part, '-t', test]
  await execa(process.execPath, args, {
    cwd: root,
    env: { RAFT_LOG: log, RAFT_SEED: '1' },
  })
  const { pages } = await writeTimelines({
    inputs: [log],
    outDir: folder,
    testPattern: test,
  })
  const [page] = pages
  if (!page) throw new Error(`${part} has no test "${test}" any more`)
  return page.file
}

/** A server that commits by counting copies of old entries: figure 8 of the paper. */
async function timelineOfMistake(folder: string): Promise<string> {
  const outDir = join(folder, 'lab')
  const program = join(root, 'tools/src/gallery/cli.ts')
  const args = ['--import', 'tsx', program, 'run', 'figure-8', '--no-open']
  await execa(process.execPath, [...args, '--out-dir', outDir], { cwd: root })
  const page = readdirSync(outDir).find((name) => name.endsWith('.html'))
  if (page === undefined) throw new Error('the mistake figure-8 was not found')
  return join(outDir, page)
}

/** One of the two histories of part 4's chapter. */
async function pictureOfHistory(folder: string, name: string): Promise<string> {
  const file = join(root, 'part4/histories', `${name}.ndjson`)
  const command = join(root, 'tools/src/linearizable/cli.ts')
  const args = ['--import', 'tsx', command, file, '--open', '--out-dir', folder]
  // One of them is not linearizable, and that is no failure here.
  await execa(process.execPath, args, { reject: false, env: { CI: '1' } })
  return join(folder, `${name}-history.html`)
}

async function take(browser: Browser, shot: Shot): Promise<void> {
  const { name, height, windowHeight, write, pose } = shot
  const folder = temporaryFolder('screenshots-')
  const file = await write(folder)
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({
      viewport: { width: WIDTH, height: windowHeight },
      deviceScaleFactor: SCALE,
      colorScheme,
    })
    await page.goto(pathToFileURL(file).href)
    await page.waitForSelector('body[data-ready]')
    await pose(page)
    // A link back to the index says nothing in a picture.
    await page.evaluate("document.querySelector('.banner > a')?.remove()")
    await page.waitForTimeout(SETTLE_MS)
    const path = join(shots, `${name}-${colorScheme}.png`)
    const clip = { x: 0, y: 0, width: WIDTH, height }
    await page.screenshot({ path, clip, fullPage: true })
    say(`${path}: ${Math.round(statSync(path).size / 1024)} KiB`)
    await page.close()
  }
}

process.exitCode = await exitCodeOf(async () => {
  const { args } = program('npm run screenshots --')
    .description(`Takes the pictures of timelines again: ${shots}/*.png.`)
    .argument('[picture...]', `only these of ${NAMES.join(', ')}`)
    .parse()
  for (const name of args) {
    if (NAMES.includes(name)) continue
    throw new UsageError(`there is no picture "${name}"; there are ${NAMES.join(', ')}`)
  }
  await requireBrowser()
  mkdirSync(shots, { recursive: true })
  const browser = await launchBrowser()
  try {
    for (const shot of SHOTS) {
      if (args.length === 0 || args.includes(shot.name)) await take(browser, shot)
    }
  } finally {
    await browser.close()
  }
  return 0
})
