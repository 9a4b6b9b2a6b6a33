/** Puts an election into a page that goes on, until somebody breaks it. */
import './style.css'
import { Election, type ElectionOptions } from './view/election.ts'

export function mountElection(root: HTMLElement, options: ElectionOptions): () => void {
  const election = new Election(options)
  root.replaceChildren(election.element)
  return () => {
    election.dispose()
    root.replaceChildren()
  }
}
