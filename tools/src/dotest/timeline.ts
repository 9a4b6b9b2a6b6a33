import { pathToFileURL } from 'node:url'

/**
 * Writes the timelines of a test log.
 *
 * @returns their addresses, the one to open first: all tests side by side, if there are
 *   several, and then those that failed.
 */
export async function timelinesOf(log: string, outDir: string): Promise<string[]> {
  const { writeTimelines } = await import('../viz/index.ts')
  const { pages, index } = await writeTimelines({ inputs: [log], outDir })
  const failed = pages.filter(({ status }) => status === 'fail')
  const first = index ?? failed[0]?.file ?? pages[0]?.file
  const files = [first, ...failed.map(({ file }) => file)].filter((f) => f !== undefined)
  return [...new Set(files)].map((file) => pathToFileURL(file).href)
}

/** Whether a browser that is opened would be seen. */
export function hasDisplay(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): boolean {
  if (env.CI) return false
  if (platform === 'darwin' || platform === 'win32') return true
  return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
}

export async function show(address: string): Promise<void> {
  const { default: open } = await import('open')
  const browser = await open(address)
  // The address was printed: without a browser, nothing is lost.
  browser.on('error', () => {})
  browser.unref()
}
