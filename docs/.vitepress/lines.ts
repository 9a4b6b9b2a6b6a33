/**
 * Lines of code: those of a file's page can be linked to, and code in a chapter says, and
 * leads to, where it stands.
 */
import { lineOf, sourcePageFor } from './source-pages.ts'

/** What is used of markdown-it, which is VitePress' own. */
export interface Markdown {
  readonly core: {
    readonly ruler: { push(name: string, rule: (state: State) => void): void }
  }
  readonly renderer: { readonly rules: { fence?: Fence } }
}

type Fence = (tokens: Token[], at: number, ...rest: unknown[]) => string

interface State {
  tokens: Token[]
  readonly Token: new (type: string, tag: string, nesting: -1 | 0 | 1) => Token
}

interface Token {
  readonly type: string
  readonly info: string
  content: string
  children: Token[] | null
  attrSet(name: string, value: string): void
}

const ADDRESS = /<!-- excerpt: ([\w./-]+)/

export function withLines(md: Markdown): void {
  md.core.ruler.push('excerpt-links', (state) => {
    state.tokens = state.tokens.flatMap((token, at) => {
      const comment = state.tokens[at - 1]
      const file = comment?.type === 'html_block' && ADDRESS.exec(comment.content)?.[1]
      const isExcerpt = token.type === 'fence' && typeof file === 'string'
      return isExcerpt ? [token, ...linkTo(state, file, token.content)] : [token]
    })
  })
  const { fence } = md.renderer.rules
  if (!fence) return
  md.renderer.rules.fence = (tokens, at, ...rest) => {
    // VitePress takes the mark away when it has seen it.
    const isFile = tokens[at]?.info.includes(':line-numbers')
    const html = fence(tokens, at, ...rest)
    if (!isFile) return html
    let line = 0
    return html.replaceAll('<span class="line">', () => {
      line += 1
      return `<span class="line" id="L${line}">`
    })
  }
}

/** A line of its own below the code. */
function linkTo({ Token }: State, file: string, excerpt: string): Token[] {
  const page = sourcePageFor(`../${file}`)
  const line = lineOf(file, excerpt)
  if (!page || line === null) return []
  const open = new Token('paragraph_open', 'p', 1)
  open.attrSet('class', 'excerpt-source')
  const link = new Token('link_open', 'a', 1)
  link.attrSet('href', `/source/${page.slug}#L${line}`)
  const text = new Token('text', '', 0)
  text.content = `${file}, line ${line}`
  const inline = new Token('inline', '', 0)
  inline.content = text.content
  inline.children = [link, text, new Token('link_close', 'a', -1)]
  return [open, inline, new Token('paragraph_close', 'p', -1)]
}
