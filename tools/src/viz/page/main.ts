import { App } from './app.ts'
import { decode, unpack } from './decode.ts'
import { RawLines } from './raw.ts'
import { Timeline } from './timeline.ts'

/** The text of a block of packed data. */
function block(id: string): string {
  return document.getElementById(id)?.textContent ?? ''
}

/** Resolves when the browser has nothing better to do. */
function idle(): Promise<void> {
  return new Promise((resolve) => {
    if ('requestIdleCallback' in window)
      requestIdleCallback(() => resolve(), { timeout: 1000 })
    else setTimeout(resolve, 50)
  })
}

async function main(root: HTMLElement): Promise<void> {
  const timeline = new Timeline(decode(await unpack(block('data'))))
  // Drawn on a canvas, a font is not waited for.
  await document.fonts.load('12px Symbols', '★')
  const raw = new RawLines(timeline, (chunk) => block(`raw-${chunk}`))
  new App(timeline, raw).mount(root)
  document.body.dataset.ready = 'true'
  // Unpacked, the lines take ten times the room, and most readers look for nothing.
  const search = root.querySelector('input[type=search]')
  search?.addEventListener('focus', () => void raw.warmUp(idle), { once: true })
}

const root = document.getElementById('app')
if (root && document.getElementById('data')) {
  main(root).catch((error: unknown) => {
    // A page that was cut off, or a browser that cannot unpack it: say so, show no blank.
    const status = document.getElementById('loading')
    if (status) status.textContent = `This timeline cannot be shown: ${error}`
    throw error
  })
}
