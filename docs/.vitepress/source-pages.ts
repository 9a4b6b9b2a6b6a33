/**
 * Chapters link to files of the repository, outside of docs. On a code host and in an editor
 * these links work as they are. The site gets a page for each of these files.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, extname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const DOCS = dirname(dirname(fileURLToPath(import.meta.url)))
const ROOT = dirname(DOCS)

/** Linked from the playground, whatever the chapters say. */
const ALWAYS = readdirSync(ROOT)
  .filter((name) => /^part\d+$/.test(name))
  .flatMap((part) => [`${part}/src/raft.ts`, `${part}/src/service.ts`])
  .filter((file) => existsSync(join(ROOT, file)))

const LANGUAGES: Readonly<Record<string, string>> = {
  '.ts': 'ts',
  '.js': 'js',
  '.json': 'json',
  '.md': 'md',
  '.sh': 'sh',
  '.proto': 'protobuf',
  '.yaml': 'yaml',
}

export interface SourcePage {
  /** In the repository, with slashes. */
  readonly file: string
  readonly slug: string
}

/** The page for what a link in docs points to; null where it is not such a link. */
export function sourcePageFor(href: string): SourcePage | null {
  const [path = ''] = href.split('#')
  if (!path.startsWith('../')) return null
  const target = resolve(DOCS, decodeURI(path))
  if (!target.startsWith(ROOT + sep)) return null
  const file = fileAt(target)
  if (file === null) return null
  const name = relative(ROOT, file).split(sep).join('/')
  return { file: name, slug: slugOf(name) }
}

/** Every file that a chapter links to, once. */
export function sourcePages(): SourcePage[] {
  const pages = new Map(ALWAYS.map((file) => [file, { file, slug: slugOf(file) }]))
  for (const chapter of readdirSync(DOCS).filter((name) => name.endsWith('.md'))) {
    const markdown = readFileSync(join(DOCS, chapter), 'utf8')
    for (const [, href = ''] of markdown.matchAll(/\]\(([^)\s]+)\)/g)) {
      const page = sourcePageFor(href)
      if (page) pages.set(page.file, page)
    }
  }
  return [...pages.values()]
}

/** The file as a page: its text in a fence that nothing in it can end. */
export function markdownOf({ file }: SourcePage): string {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const fence = '`'.repeat(longestRun(text) + 3)
  return `${fence}${LANGUAGES[extname(file)] ?? 'txt'}:line-numbers\n${text}\n${fence}\n`
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
}

/** A folder is shown by its README. */
function fileAt(target: string): string | null {
  if (!existsSync(target)) return null
  if (statSync(target).isFile()) return target
  const readme = join(target, 'README.md')
  return existsSync(readme) ? readme : null
}

function slugOf(file: string): string {
  return file.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-/, '')
}
