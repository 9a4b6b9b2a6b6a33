import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The Markdown files below a folder, as paths relative to it, in order; what is installed, built or a reader's own is left out. */
export function markdownFiles(root: string, folder = ''): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  return entries
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      const isBuilt = ['node_modules', 'timelines', 'dist', 'exercises'].includes(
        entry.name,
      )
      if (isBuilt || entry.name.startsWith('.')) return []
      if (entry.isDirectory()) return markdownFiles(root, path)
      return entry.name.endsWith('.md') ? [path] : []
    })
    .sort()
}
