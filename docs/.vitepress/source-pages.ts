/**
 * Chapters link to files of the repository, outside of docs. On a code host and in an editor
 * these links work as they are. The site gets a page for each of these files, and for each
 * folder without a README.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, extname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const DOCS = dirname(dirname(fileURLToPath(import.meta.url)))
const ROOT = dirname(DOCS)

/** All that the parts are made of, whatever the chapters link to. */
const ALWAYS = readdirSync(ROOT)
  .filter((name) => /^part\d+$/.test(name))
  .flatMap((part) =>
    readdirSync(join(ROOT, part, 'src')).map((name) => `${part}/src/${name}`),
  )
  .filter((file) => /(?<!\.d)\.ts$/.test(file))

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

/** Every file and folder that a chapter links to, once. */
export function sourcePages(): SourcePage[] {
  const pages = new Map(ALWAYS.map((file) => [file, { file, slug: slugOf(file) }]))
  for (const chapter of readdirSync(DOCS).filter((name) => name.endsWith('.md'))) {
    const markdown = readFileSync(join(DOCS, chapter), 'utf8')
    const links = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, href = '']) => href)
    const excerpts = [...markdown.matchAll(/<!-- excerpt: ([\w./-]+)/g)]
    for (const href of [...links, ...excerpts.map(([, file]) => `../${file}`)]) {
      const page = sourcePageFor(href)
      if (page) pages.set(page.file, page)
    }
  }
  return [...pages.values()]
}

/** The file as a page: its text in a fence that nothing in it can end. Of a folder, a list. */
export function markdownOf({ file }: SourcePage): string {
  if (isFolder(file)) return listOf(file)
  const text = readFileSync(join(ROOT, file), 'utf8')
  const fence = '`'.repeat(longestRun(text) + 3)
  return `${fence}${LANGUAGES[extname(file)] ?? 'txt'}:line-numbers\n${text}\n${fence}\n`
}

/** What is in a folder; what has a page of its own is a link to it. */
function listOf(folder: string): string {
  const slugs = new Set(sourcePages().map(({ slug }) => slug))
  const lines = readdirSync(join(ROOT, folder)).map((name) => {
    const path = `${folder}/${name}`
    const text = `\`${isFolder(path) ? `${name}/` : name}\``
    const slug = slugOf(path)
    return slugs.has(slug) ? `- [${text}](/source/${slug})` : `- ${text}`
  })
  return `${lines.join('\n')}\n`
}

function isFolder(file: string): boolean {
  return statSync(join(ROOT, file)).isDirectory()
}

/** A part of a file that the search finds by itself: a function, a class, a member, a test. */
interface Section {
  readonly anchor: string
  readonly titles: string[]
  readonly text: string
}

const DEFINITION =
  /^(?:export )?(?:abstract |async |declare )*(?:class|function|interface|type|const|enum) (\w+)/
const MEMBER =
  /^ {2}(?:(?:private|protected|static|readonly|override|async|get|set) )*(\w+)(?:<.*>)?\(/
const TEST = /^test(?:\.\w+)?\((['`])(.+?)\1/

/** What the search is to know of a page that shows a file; null for any other page. */
export function sectionsOf(pageFile: string): Section[] | null {
  const slug = /source\/([\w-]+)\.md$/.exec(pageFile)?.[1]
  const page = sourcePages().find((page) => page.slug === slug)
  if (!page) return null
  if (isFolder(page.file)) {
    return [{ anchor: '', titles: [page.file], text: markdownOf(page) }]
  }
  const lines = readFileSync(join(ROOT, page.file), 'utf8').split('\n')
  const starts = lines.flatMap((line, at) => {
    const name =
      DEFINITION.exec(line)?.[1] ?? MEMBER.exec(line)?.[1] ?? TEST.exec(line)?.[2]
    return name === undefined || KEYWORDS.has(name) ? [] : [{ at, name }]
  })
  const sections = starts.map(({ at, name }, i) => ({
    anchor: `L${at + 1}`,
    titles: [page.file, name],
    text: lines.slice(at, starts[i + 1]?.at).join('\n'),
  }))
  const head = lines.slice(0, starts[0]?.at).join('\n')
  return [{ anchor: '', titles: [page.file], text: head || page.file }, ...sections]
}

/** They look like calls of members. */
const KEYWORDS: ReadonlySet<string> = new Set(['if', 'for', 'while', 'switch', 'return'])

/** Where lines of a chapter stand in a file of the repository; null if they do not. */
export function lineOf(file: string, excerpt: string): number | null {
  const path = join(ROOT, file)
  if (!existsSync(path)) return null
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
  const wanted = excerpt
    .trimEnd()
    .split('\n')
    .map((line) => line.trim())
  const at = lines.findIndex((_, i) => wanted.every((line, j) => lines[i + j] === line))
  return at === -1 ? null : at + 1
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
}

/** A folder is shown by its README, if it has one. */
function fileAt(target: string): string | null {
  if (!existsSync(target)) return null
  const readme = join(target, 'README.md')
  return existsSync(readme) ? readme : target
}

function slugOf(file: string): string {
  return file.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-/, '')
}
