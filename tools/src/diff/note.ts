import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import MarkdownIt from 'markdown-it'

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
  const lines = markdown.split('\n')
  const { at, level } = findHeading(lines)
  if (at === -1) return null
  const rest = lines.slice(at + 1)
  const end = rest.findIndex((line, i) => {
    return headingLevel(line) <= level && !isInFence(rest, i)
  })
  const section = rest.slice(0, end === -1 ? rest.length : end)
  return section.join('\n').trim() || null
}

function findHeading(lines: readonly string[]): { at: number; level: number } {
  const at = lines.findIndex((line, i) => {
    const title = line.replace(/^#+\s*/, '')
    const isHeading = headingLevel(line) < Number.POSITIVE_INFINITY
    return isHeading && HEADINGS.test(title) && !isInFence(lines, i)
  })
  return { at, level: headingLevel(lines[at] ?? '') }
}

function headingLevel(line: string): number {
  return /^(#+)\s/.exec(line)?.[1]?.length ?? Number.POSITIVE_INFINITY
}

/** A line of code can look like a heading. */
function isInFence(lines: readonly string[], at: number): boolean {
  return lines.slice(0, at).filter((line) => line.startsWith('```')).length % 2 === 1
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
