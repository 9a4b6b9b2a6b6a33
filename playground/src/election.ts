/** Puts an election into a page that goes on, until somebody breaks it. */
import './style.css'
import { fetchPart } from './sim/part.ts'
import { Election, type ElectionOptions } from './view/election.ts'

export async function mountElection(
  root: HTMLElement,
  options: ElectionOptions,
): Promise<() => void> {
  await fetchPart(Election.run.part)
  const election = new Election(options)
  root.replaceChildren(election.element)
  return () => {
    election.dispose()
    root.replaceChildren()
  }
}
