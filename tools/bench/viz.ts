/**
 * Prints what the timeline takes: to write it, to open it, to filter it. The log is made for
 * this; nothing is asserted, since a busy machine says little.
 */
import { createWriteStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execa } from 'execa'
import type { Browser, Page } from 'playwright-core'
import { requireBrowser } from '../src/browser/find.ts'
import { launchBrowser } from '../src/browser/launch.ts'
import { program } from '../src/cli/command.ts'
import { temporaryFolder } from '../src/cli/ending.ts'
import { exitCodeOf } from '../src/cli/exit.ts'
import { SyntheticLog } from '../test/viz/synthetic.ts'

const TIMES = 5
const MB = 1024 * 1024
const cli = fileURLToPath(new URL('../bin/raft-testlog-viz.js', import.meta.url))

let folder = ''

async function measure(lines: number): Promise<void> {
  const log = join(folder, `${lines}.log`)
  const pieces = new SyntheticLog(`${lines} lines`).pieces(lines)
  await pipeline(Readable.from(pieces), createWriteStream(log))
  console.log(`\n${lines.toLocaleString('en')} lines, ${await megabytes(log)}`)
  const times = lines > 100_000 ? 1 : TIMES
  const page = await measureWriting(log, times)
  await measureReading(page, times)
}

async function measureWriting(log: string, times: number): Promise<string> {
  const outDir = join(folder, 'out')
  const written: number[] = []
  // Once before, to bundle the page's script: that is kept.
  for (let i = 0; i <= times; i += 1) {
    const start = performance.now()
    await execa(process.execPath, [cli, '--out-dir', outDir, log])
    if (i > 0) written.push(performance.now() - start)
  }
  const usage = ['--import', `data:text/javascript,${encodeURIComponent(PEAK_MEMORY)}`]
  const { stderr } = await execa(process.execPath, [...usage, cli, '-o', outDir, log])
  const [name = ''] = (await readdir(outDir)).filter((file) =>
    file.startsWith(lines(log)),
  )
  const page = join(outDir, name)
  say(
    'written in',
    ms(written),
    `${await megabytes(page)}, node at most ${stderr.trim()}`,
  )
  return page
}

const PEAK_MEMORY = `process.on('exit', () => {
  console.error(Math.round(process.resourceUsage().maxRSS / 1024) + ' MiB')
})`

function lines(log: string): string {
  return log.split('/').at(-1)?.replace('.log', '') ?? ''
}

async function measureReading(file: string, times: number): Promise<void> {
  const loads: number[] = []
  const settles: number[] = []
  let memory = 0
  for (let i = 0; i < times; i += 1) {
    const browser = await launchBrowser()
    const page = await browser.newPage()
    const start = performance.now()
    await page.goto(pathToFileURL(file).href, { timeout: 300_000 })
    loads.push(performance.now() - start)
    await page.waitForSelector('body[data-ready]', { timeout: 300_000 })
    await settle(page)
    settles.push(performance.now() - start)
    memory = Math.max(memory, await memoryOf(browser))
    if (i === times - 1) await measureUse(page)
    await browser.close()
  }
  say('load event after', ms(loads))
  const [all, empty] = [memory, await memoryOfAnEmptyPage()].map((n) =>
    Math.round(n / MB),
  )
  say(
    'settled after',
    ms(settles),
    `Chromium in all: ${all} MiB, ${empty} without a page`,
  )
}

async function memoryOfAnEmptyPage(): Promise<number> {
  const browser = await launchBrowser()
  await settle(await browser.newPage())
  const memory = await memoryOf(browser)
  await browser.close()
  return memory
}

async function measureUse(page: Page): Promise<void> {
  const nodes = await page.evaluate('document.querySelectorAll("*").length')
  say('DOM nodes', String(nodes))
  for (const [name, script] of Object.entries(ACTIONS)) {
    const times: number[] = []
    for (let i = 0; i < TIMES; i += 1) {
      times.push(await page.evaluate(`(${timed})(() => { ${script} })`))
      await page.evaluate(`(${timed})(() => { ${RESET} })`)
    }
    say(name, ms(times))
  }
  for (const px of [30, 600]) {
    const frames: number = await page.evaluate(`(${scrolled})(${px})`)
    say(`scrolled by ${px} px`, `${Math.round(frames)} frames a second, in lanes`)
  }
  await page.keyboard.press('End')
  await settle(page)
  const last = await page.evaluate('document.querySelector(".row:last-child").innerText')
  say('last row', String(last).replaceAll(/\s+/g, ' '))
}

/** Runs an action, and gives the time until the page has drawn what came of it. */
const timed = `async (action) => {
  const start = performance.now()
  action()
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
  return performance.now() - start
}`

/** Scrolls the table at every frame for some time, and gives the frames a second. */
const scrolled = `async (px) => {
  const table = document.querySelector('.table')
  const start = performance.now()
  let frames = 0
  while (performance.now() - start < 2000) {
    table.scrollTop += px
    await new Promise(requestAnimationFrame)
    frames += 1
  }
  return (1000 * frames) / (performance.now() - start)
}`

const search = (text: string) => `
  const field = document.querySelector('input[type=search]')
  field.focus()
  field.value = '${text}'
  field.dispatchEvent(new Event('input'))`
const click = (label: string) => `
  const labels = [...document.querySelectorAll('label')]
  labels.find((label) => label.textContent.trim() === '${label}').click()`
const RESET = `${search('')}
  const buttons = [...document.querySelectorAll('.count button')]
  buttons.find((button) => button.textContent === 'Show all')?.click()`

const ACTIONS: Readonly<Record<string, string>> = {
  'search "value123"': search('value123'),
  'search "becomes"': search('becomes'),
  'filter: heartbeats': click('Hide heartbeats'),
  'filter: server 2': click('Server 2'),
  'filter: RequestVote': click('RequestVote'),
  'filter: apply': click('apply'),
}

/** Until for two frames nothing is left to do. */
async function settle(page: Page): Promise<void> {
  await page.evaluate(`new Promise((done) => requestAnimationFrame(() =>
    requestAnimationFrame(() => requestIdleCallback(done, { timeout: 1000 }))))`)
}

/** The memory of all of Chromium's processes, what they share counted once. In bytes. */
async function memoryOf(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  let kibibytes = 0
  for (const { id } of processInfo) {
    const rollup = await readFile(`/proc/${id}/smaps_rollup`, 'utf8').catch(() => '')
    kibibytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0)
  }
  return kibibytes * 1024
}

async function megabytes(file: string): Promise<string> {
  const { size } = await stat(file)
  return `${(size / MB).toFixed(1)} MiB`
}

/** The median, and the least and most. */
function ms(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b).map(Math.round)
  const median = sorted[Math.floor(sorted.length / 2)]
  return sorted.length === 1
    ? `${median} ms`
    : `${median} ms (${sorted[0]}–${sorted.at(-1)})`
}

function say(what: string, value: string, note = ''): void {
  console.log(`  ${what.padEnd(22)} ${value}${note && `; ${note}`}`)
}

process.exitCode = await exitCodeOf(async () => {
  program('npm run bench:viz --').description('What the timeline takes.').parse()
  await requireBrowser()
  folder = temporaryFolder('bench-viz-')
  await measure(100_000)
  await measure(1_000_000)
  return 0
})
