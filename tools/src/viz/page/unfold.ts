/** Values of any length: what is long is a summary that unfolds. */
import { visible } from '../shared/text.ts'
import { button, h } from './dom.ts'
import { count, counted } from './words.ts'

/** Characters that are read at a glance. */
const SHORT = 120
/** A list of more takes too long to lay out. */
const MOST_ITEMS = 1000
const TEXT_SHOWN = 2000
const BLOCK_CHARACTERS = 8000

export function isLong(value: unknown): boolean {
  return (JSON.stringify(value)?.length ?? 0) > SHORT
}

/** A value of a field; a long list or object as how much of what is in it, to be unfolded. */
export function unfolding(value: unknown): (Node | string)[] {
  if (typeof value === 'string') return textWithMore(value)
  if (!isLong(value)) return [visible(JSON.stringify(value) ?? '')]
  const items = Object.entries(value as object)
  const isList = Array.isArray(value)
  const size = isList ? counted(items.length, 'item') : counted(items.length, 'field')
  const begin = visible(JSON.stringify(value).slice(0, SHORT))
  const unfolded = h('details', { class: 'unfolding' })
  unfolded.append(h('summary', {}, size, h('small', {}, ` ${begin}…`)))
  // A list of thousands is made when somebody asks for it.
  const fill = () => unfolded.append(listOf(items, isList))
  unfolded.addEventListener('toggle', fill, { once: true })
  return [unfolded]
}

function listOf(items: readonly [string, unknown][], isList: boolean): HTMLElement {
  const lines = items.slice(0, MOST_ITEMS).map(([name, item]) => {
    const text = typeof item === 'string' ? item : (JSON.stringify(item) ?? '')
    return h('li', {}, isList ? '' : `${visible(name)}: `, ...textWithMore(text))
  })
  const more = items.length - lines.length
  if (more > 0) lines.push(h('li', {}, `and ${count(more)} more, in the raw line`))
  return h(isList ? 'ol' : 'ul', { class: 'list' }, ...lines)
}

/** A text, or its beginning and a button for the rest. */
export function textWithMore(text: string): (Node | string)[] {
  if (text.length <= TEXT_SHOWN) return [visible(text)]
  const rest = button(`show all ${count(text.length)} characters`, () => {
    rest.replaceWith(...blocks(visible(text.slice(TEXT_SHOWN))))
  })
  return [visible(text.slice(0, TEXT_SHOWN)), rest]
}

/** In pieces, of which the browser lays out only those in sight: a text can be of 10 MB. */
function blocks(text: string): HTMLElement[] {
  const elements: HTMLElement[] = []
  for (let start = 0; start < text.length; start += BLOCK_CHARACTERS) {
    const piece = text.slice(start, start + BLOCK_CHARACTERS)
    elements.push(h('div', { class: 'block' }, piece))
  }
  return elements
}
