import { withBase } from 'vitepress'
import { mounted } from './mounted.ts'

/** Where the site shows a line of a file of the repository. */
function sourceHref(file: string, line: number): string {
  const slug = file.replace(/[^A-Za-z0-9]+/g, '-')
  return withBase(`/source/${slug}.html#L${line}`)
}

export const Playground = mounted('playground-place', 'Loading …', async () => {
  const { mountPlayground } = await import('playground')
  return (root) => mountPlayground(root, { sourceHref })
})

export const Puzzles = mounted('playground-place', 'Loading …', async () => {
  const { mountPuzzles } = await import('playground/puzzles')
  return (root) => mountPuzzles(root, { sourceHref })
})
