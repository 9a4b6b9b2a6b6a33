/**
 * Finds a browser for everything that needs one: tests, screenshots and benches.
 *
 * What is installed is taken as it is. Where nothing is, this installs: tests that are
 * skipped on a bare machine are tests that nobody runs there.
 */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { chromium } from 'playwright-core'
import { UsageError } from '../cli/exit.ts'

/** What Chromium, Chrome and Edge are called in $PATH. */
const COMMANDS = ['chromium', 'google-chrome', 'google-chrome-stable', 'microsoft-edge']
/** And in a Mac's folders of applications. */
const APPLICATIONS = ['Chromium', 'Google Chrome', 'Microsoft Edge']

const APT_INSTALL = `
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=600 chromium`
const PLAYWRIGHT = join(import.meta.dirname, '../../node_modules/playwright-core/cli.js')

/** The path of a browser that starts. Fails with a sentence that says what to install. */
export async function findBrowser(): Promise<string> {
  const named = process.env.CHROMIUM
  if (named) {
    if (await starts(named)) return named
    throw new Error(
      `CHROMIUM names ${named}, and that does not start. ` +
        'Let it name a Chromium, Chrome or Edge, or unset it to have one found.',
    )
  }
  const found =
    (await firstThatStarts()) ?? (await installWithApt()) ?? (await download())
  if (found !== undefined) return found
  throw new Error(
    'There is no browser here, and none could be installed. ' +
      'Install Chromium, Chrome or Edge, or let CHROMIUM name one.',
  )
}

/** For a program: without a browser it ends, with that sentence. @throws UsageError */
export async function requireBrowser(): Promise<void> {
  try {
    await findBrowser()
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function firstThatStarts(): Promise<string | undefined> {
  for (const path of places()) {
    if (existsSync(path) && (await starts(path))) return path
  }
  return undefined
}

function places(): string[] {
  // A browser from a snap has a /tmp of its own, and cannot open the pages written there.
  const folders = (process.env.PATH ?? '').split(delimiter)
  const usable = folders.filter((folder) => folder && !folder.startsWith('/snap/'))
  const macFolders = ['/Applications', join(homedir(), 'Applications')]
  return [
    ...COMMANDS.flatMap((name) => usable.map((folder) => join(folder, name))),
    ...APPLICATIONS.flatMap((name) =>
      macFolders.map((folder) => join(folder, `${name}.app/Contents/MacOS/${name}`)),
    ),
    chromium.executablePath(),
  ]
}

/** A file is not enough: a downloaded browser may lack libraries of the system. */
async function starts(path: string): Promise<boolean> {
  return succeeds(path, '--version')
}

async function installWithApt(): Promise<string | undefined> {
  if (!(await succeeds('apt-get', '--version'))) return undefined
  const isRoot = process.getuid?.() === 0
  if (!isRoot && !(await succeeds('sudo', '-n', 'true'))) return undefined
  say('No browser here: installing Debian’s with apt-get (once, a minute or two) …')
  const shell = isRoot ? ['sh'] : ['sudo', '-n', 'sh']
  await succeeds(...shell, '-c', APT_INSTALL)
  return firstThatStarts()
}

async function download(): Promise<string | undefined> {
  say('No browser here: downloading Chromium by playwright-core (once, minutes) …')
  await succeeds(process.execPath, PLAYWRIGHT, 'install', '--no-shell', 'chromium')
  return firstThatStarts()
}

async function succeeds(...[command = '', ...args]: string[]): Promise<boolean> {
  const { failed } = await execa(command, args, { reject: false })
  return !failed
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
