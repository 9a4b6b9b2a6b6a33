/** Puts the playground into a page. @returns what takes it away again. */
import './style.css'
import { App, type AppOptions } from './view/app.ts'

export function mountPlayground(root: HTMLElement, options: AppOptions): () => void {
  const app = new App(options)
  root.replaceChildren(app.element)
  return () => {
    app.dispose()
    root.replaceChildren()
  }
}
