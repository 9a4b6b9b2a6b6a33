import { withBase } from 'vitepress'
import { mounted } from './mounted.ts'

/** The election's place on the home page. */
export const Election = mounted('election-place', null, async () => {
  const { mountElection } = await import('playground/election')
  const playgroundHref = (hash: string) => withBase(`/playground.html#${hash}`)
  return (root) => mountElection(root, { playgroundHref })
})
