/** The colours of code, by shiki: as classes, so that the page stays small. */
import { type BundledLanguage, codeToTokens } from 'shiki'

const THEMES = {
  light: 'github-light-high-contrast',
  dark: 'github-dark-high-contrast',
} as const

/** Comments in the light theme are too pale for the ground of words that changed. */
const DARKER = { 'github-light-high-contrast': { '#66707b': '#454c54' } }

const LANGUAGES: Readonly<Record<string, BundledLanguage>> = {
  ts: 'typescript',
  proto: 'proto',
  md: 'markdown',
}

/** A stretch of a line in one colour; `length` in characters. */
interface Stretch {
  readonly length: number
  readonly style: string
}

/** A line of code, as it stands in the file. */
export type ColouredLine = readonly Stretch[]

/** Colours texts, and remembers the styles that the page has to say. */
export class Palette {
  /** By both colours: the name of their class. */
  private readonly names = new Map<string, string>()

  /** The lines of a file; without colours where its language has none. */
  async colour(path: string, text: string): Promise<ColouredLine[]> {
    const lang = LANGUAGES[path.slice(path.lastIndexOf('.') + 1)]
    if (!lang) return []
    const { tokens } = await codeToTokens(text, {
      lang,
      themes: THEMES,
      colorReplacements: DARKER,
    })
    return tokens.map((line) =>
      line.map(({ content, htmlStyle }) => ({
        length: content.length,
        style: this.nameOf(htmlStyle as Record<string, string>),
      })),
    )
  }

  css(): string {
    const rules = [...this.names].map(([colours, name]) => {
      return `.${name}{color:light-dark(${colours})}`
    })
    return rules.join('\n')
  }

  private nameOf(style: Record<string, string>): string {
    const colours = `${style.color},${style['--shiki-dark']}`
    const name = this.names.get(colours) ?? `s${this.names.size}`
    this.names.set(colours, name)
    return name
  }
}

/**
 * Puts colours into a line of HTML that has text, entities and marks of its own (what was
 * inserted or deleted); a stretch that a mark begins or ends in is cut in two.
 */
export function paint(html: string, line: ColouredLine): string {
  const pieces = html.match(/<[^>]*>|&[^;]*;|[^<&]/gu) ?? []
  let painted = ''
  let open = ''
  let stretch = 0
  let left = line[0]?.length ?? 0
  const close = () => {
    if (open) painted += '</span>'
    open = ''
  }
  for (const piece of pieces) {
    if (piece.startsWith('<')) {
      close()
      painted += piece
      continue
    }
    while (left <= 0 && stretch < line.length) {
      stretch += 1
      left = line[stretch]?.length ?? 0
    }
    const style = line[stretch]?.style ?? ''
    if (style !== open) {
      close()
      if (style) painted += `<span class="${style}">`
      open = style
    }
    painted += piece
    left -= piece.startsWith('&') ? 1 : piece.length
  }
  close()
  return painted
}
