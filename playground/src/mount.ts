/** Puts the playground into a page. @returns what takes it away again. */
import './style.css'
import { fetchPart } from './sim/part.ts'
import { App, type AppOptions } from './view/app.ts'

export async function mountPlayground(
  root: HTMLElement,
  options: AppOptions,
): Promise<() => void> {
  await Promise.all(App.partsFor(window.location.hash).map(fetchPart))
  const app = new App(options)
  root.replaceChildren(app.element)
  return () => {
    app.dispose()
    root.replaceChildren()
  }
}
