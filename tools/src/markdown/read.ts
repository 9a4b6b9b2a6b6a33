/** What stands in a Markdown text, and where. Lines count from 1, as in an editor. */
import MarkdownIt, { type Token } from 'markdown-it'

const parser = new MarkdownIt({ html: true })

/** A fenced block, and the comment on the line before it, if there is one. */
export interface Block {
  /** What the comment says: `run`, `excerpt: …`. */
  readonly marker: string
  /** What stands behind the backticks. */
  readonly language: string
  /** Without the indentation that a block in a list has. */
  readonly lines: readonly string[]
  readonly indentation: string
  /** The first line of its text. */
  readonly firstLine: number
}

/** A block that goes on to the end of the text, as where its end is misspelt. */
export class OpenBlockError extends Error {
  readonly line: number

  constructor(line: number) {
    super(`line ${line}: a block that does not end`)
    this.line = line
  }
}

/** @throws OpenBlockError */
export function blocksOf(text: string): Block[] {
  const lines = text.split('\n')
  return parser.parse(text, {}).flatMap((token) => {
    if (token.type !== 'fence') return []
    const [start, end] = linesOf(token)
    if (end - start < 2 || lines[end - 1]?.trim() !== token.markup) {
      throw new OpenBlockError(start + 1)
    }
    return {
      marker: commentIn(lines[start - 1]?.trim() ?? '') ?? '',
      language: token.info,
      lines: token.content.split('\n').slice(0, -1),
      indentation: /^ */.exec(lines[start] ?? '')?.[0] ?? '',
      firstLine: start + 2,
    }
  })
}

/** A comment, wherever it stands but in code within a line or in a block of code. */
export interface Comment {
  /** What it says, if it has a line to itself, as `<!-- … -->`; null otherwise. */
  readonly text: string | null
  readonly line: number
  /** Whether a block stands right below it. */
  readonly hasBlock: boolean
}

export function commentsOf(text: string): Comment[] {
  const tokens = parser.parse(text, {})
  return tokens.flatMap((token, at) => {
    if (!hasComment(token)) return []
    const [start, end] = linesOf(token)
    const next = tokens[at + 1]
    const hasBlock = next?.type === 'fence' && linesOf(next)[0] === end
    const text = token.type === 'html_block' ? commentIn(token.content.trim()) : null
    return { text, line: start + 1, hasBlock }
  })
}

/** So far to the right that it is code, or within a sentence, it marks nothing. */
function hasComment(token: Token): boolean {
  if (token.type === 'inline') return (token.children ?? []).some(hasComment)
  const isHtml = ['html_block', 'html_inline', 'code_block'].includes(token.type)
  return isHtml && token.content.includes('<!--')
}

function commentIn(line: string): string | null {
  return /^<!-- (.*) -->$/.exec(line)?.[1] ?? null
}

export interface Heading {
  /** 1 for a title. */
  readonly level: number
  readonly text: string
  readonly line: number
}

export function headingsOf(text: string): Heading[] {
  const tokens = parser.parse(text, {})
  return tokens.flatMap((token, at) => {
    if (token.type !== 'heading_open') return []
    const level = Number(token.tag.slice(1))
    return { level, text: tokens[at + 1]?.content ?? '', line: linesOf(token)[0] + 1 }
  })
}

export interface Link {
  readonly target: string
  readonly line: number
}

/** Links and pictures, those in HTML as well. */
export function linksOf(text: string): Link[] {
  let line = 1
  return parser.parse(text, {}).flatMap((token) => {
    if (token.map) line = token.map[0] + 1
    if (token.type === 'html_block') return linksInHtml(token.content, line)
    return token.type === 'inline' ? linksInline(token.children ?? [], line) : []
  })
}

function linksInline(tokens: readonly Token[], firstLine: number): Link[] {
  let line = firstLine
  return tokens.flatMap((token) => {
    if (token.type === 'softbreak' || token.type === 'hardbreak') line += 1
    if (token.type === 'html_inline') return linksInHtml(token.content, line)
    const target = token.attrGet('href') ?? token.attrGet('src')
    return target === null ? [] : [{ target: String(target), line }]
  })
}

function linksInHtml(html: string, firstLine: number): Link[] {
  return html.split('\n').flatMap((text, at) =>
    [...text.matchAll(/ (?:src|srcset|href)="([^"]+)"/g)].map(([, target = '']) => ({
      target,
      line: firstLine + at,
    })),
  )
}

/** The first line of a token, from 0, and the line behind its last. */
function linesOf(token: Token): [start: number, end: number] {
  if (token.map) return token.map
  throw new Error(`Markdown of the type ${token.type} has no line`)
}
