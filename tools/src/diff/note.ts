import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import MarkdownIt from 'markdown-it'
import { headingsOf } from '../markdown/read.ts'

/** Under one of these headings a part's README says what it changes. */
const HEADINGS =
  /^(?:what changes and why|what this part adds|what is new|what changes)\b/i

/** What a part says of its changes. */
export interface Note {
  readonly part: string
  /** Safe to stand in a page: markup in the README is shown as text. */
  readonly html: string
}

/** The note in a part's README; null when there is none. */
export function readNote(root: string, part: string): Note | null {
  const markdown = readIfThere(join(root, part, 'README.md'))
  const section = markdown === null ? null : sectionOf(markdown)
  if (section === null) return null
  return { part, html: markdownToHtml(section, `${part}/`) }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/** What stands under the heading, up to the next of its level or above. */
export function sectionOf(markdown: string): string | null {
  const headings = headingsOf(markdown)
  const start = headings.find(({ text }) => HEADINGS.test(text))
  if (!start) return null
  const end = headings.find(({ line, level }) => {
    return line > start.line && level <= start.level
  })
  const section = markdown.split('\n').slice(start.line, end && end.line - 1)
  return section.join('\n').trim() || null
}

/** Links in a README are from its own folder; the page lies elsewhere, so they are texts. */
function markdownToHtml(markdown: string, folder: string): string {
  const renderer = new MarkdownIt({ html: false, linkify: false })
  renderer.renderer.rules.link_open = (tokens, at) => {
    const href = String(tokens[at]?.attrGet('href') ?? '')
    const title = /^https?:/.test(href) ? href : `${folder}${href}`
    return `<span class="link" title="${renderer.utils.escapeHtml(title)}">`
  }
  renderer.renderer.rules.link_close = () => '</span>'
  renderer.renderer.rules.image = (tokens, at) =>
    renderer.utils.escapeHtml(tokens[at]?.content ?? '')
  return renderer.render(markdown)
}
