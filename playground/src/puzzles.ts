/** Puts the puzzles into a page. @returns what takes them away again. */
import './style.css'
import './puzzles.css'
import { fetchPart } from './sim/part.ts'
import { Puzzles, type PuzzlesOptions } from './view/puzzles.ts'

export async function mountPuzzles(
  root: HTMLElement,
  options: PuzzlesOptions,
): Promise<() => void> {
  await fetchPart(Puzzles.first.part)
  const puzzles = new Puzzles(options)
  root.replaceChildren(puzzles.element)
  return () => {
    puzzles.dispose()
    root.replaceChildren()
  }
}
