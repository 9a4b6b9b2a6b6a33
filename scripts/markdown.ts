/** The Markdown files of the repository, and what stands in them. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A fenced block, and the comment on the line before it, if there is one. */
export interface Block {
  /** What the comment says: `run`, `excerpt: …`. */
  readonly marker: string
  /** What stands behind the three backticks. */
  readonly language: string
  readonly lines: readonly string[]
  /** The first line of its text, as an editor counts. */
  readonly firstLine: number
}

/** Paths relative to `root`, in order; what is installed or built is left out. */
export function markdownFiles(root: string, folder = ''): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  return entries
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      const isBuilt = ['node_modules', 'timelines', 'dist'].includes(entry.name)
      if (isBuilt || entry.name.startsWith('.')) return []
      if (entry.isDirectory()) return markdownFiles(root, path)
      return entry.name.endsWith('.md') ? [path] : []
    })
    .sort()
}

export function blocksOf(text: string): Block[] {
  const lines = text.split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const language = /^```(.*)$/.exec(lines[at] ?? '')?.[1]
    if (language === undefined) continue
    const end = lines.indexOf('```', at + 1)
    if (end === -1) throw new Error(`line ${at + 1}: a block that does not end`)
    const marker = /^<!-- (.*) -->$/.exec(lines[at - 1] ?? '')?.[1] ?? ''
    blocks.push({ marker, language, lines: lines.slice(at + 1, end), firstLine: at + 2 })
    at = end
  }
  return blocks
}
