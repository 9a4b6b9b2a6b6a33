/** Opens a page in the browser, where a person would see that. */
export async function openPage(address: string): Promise<void> {
  if (hasDisplay(process.env, process.platform)) await show(address)
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

/** Opens it, whatever the environment says. */
export async function show(address: string): Promise<void> {
  const { default: open } = await import('open')
  const browser = await open(address)
  // The address was printed: without a browser, nothing is lost.
  browser.on('error', () => {})
  browser.unref()
}
