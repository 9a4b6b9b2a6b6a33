import { HistoryPage } from './history.ts'

/** In px: what stands to the left and the right of a history's bars. */
const AROUND_FIELD = 122

const history = document.getElementById('history') as HTMLElement
const picture = JSON.parse(document.getElementById('picture')?.textContent ?? '')
new HistoryPage(picture, history.clientWidth - AROUND_FIELD).mount(history)
document.body.dataset.ready = 'true'
