/** The site and the timeline show the same things in the same colours. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
const SITE = 'docs/.vitepress/theme/palette.css'
const TIMELINE = 'tools/src/viz/page/style.css'

test.each([
  ['light', ':root {', ':root {'],
  ['dark', '.dark {', '@media (prefers-color-scheme: dark) {'],
])('in %s', (_scheme, siteBlock, timelineBlock) => {
  const site = coloursIn(SITE, siteBlock)
  const timeline = coloursIn(TIMELINE, timelineBlock)
  expect(Object.keys(site)).toContain('--leader')
  expect(timeline).toMatchObject(site)
})

/** The variables of a block by their names, without those of VitePress itself. */
function coloursIn(file: string, block: string): Record<string, string> {
  const css = readFileSync(join(ROOT, file), 'utf8')
  const start = css.indexOf(block)
  const declarations = css
    .slice(start, css.indexOf('}', start))
    .matchAll(/(--(?!vp-)[\w-]+): ([^;]+);/g)
  return Object.fromEntries([...declarations].map(([, name, value]) => [name, value]))
}
