import type { Seen } from '../seen.ts'
import { Desk } from './desk.ts'
import { LiveTimeline } from './live.ts'

const desk = document.getElementById('desk')
const app = document.getElementById('app')
if (desk && app) main(desk, app)

function main(deskRoot: HTMLElement, appRoot: HTMLElement): void {
  const live = new LiveTimeline(appRoot)
  const view = new Desk()
  deskRoot.replaceChildren(view.element, live.bar)
  const source = new EventSource('seen')
  source.onmessage = ({ data }) => {
    const seen = JSON.parse(data) as Seen
    view.show(seen)
    live.notice(seen.events)
    document.body.dataset.ready = 'true'
  }
  // The command has ended, or is about to come back.
  source.onerror = () => view.showGone()
}
