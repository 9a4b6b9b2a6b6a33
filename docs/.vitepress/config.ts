import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { mistakes } from 'playground/mistakes'
import { type DefaultTheme, defineConfig } from 'vitepress'
import { anchorOf } from '../../tools/src/markdown/anchor.ts'
import { type Markdown, withLines } from './lines.ts'
import { DOCS, sectionsOf, sourcePageFor } from './source-pages.ts'
import { withoutNode } from './without-node.ts'

/** Then VitePress splits the page by its headings, though its types do not say so. */
const OTHERWISE = undefined as unknown as []

const TITLE = 'Raft in TypeScript'

/** In reading order; a chapter that is not written yet is left out. */
const CHAPTERS = [
  { text: 'Part 0: consensus, and Raft', link: '/part0' },
  { text: 'Part 1: elections', link: '/part1' },
  { text: 'Part 2: commands and the log', link: '/part2' },
  { text: 'Part 3: persistence', link: '/part3' },
  { text: 'Part 4: a key/value service', link: '/part4' },
  { text: 'Part 5: exactly once, and reads', link: '/part5' },
  { text: 'Part 6: snapshots', link: '/part6' },
  { text: 'Part 7: membership changes', link: '/part7' },
]
const LABORATORY = [
  { text: 'Exercises: write your own', link: '/exercises' },
  { text: 'Puzzles: find the line', link: '/puzzles' },
  { text: 'The playground', link: '/playground' },
  { text: 'Exploring thousands of runs', link: '/exploring' },
  { text: 'Running it', link: '/running' },
  { text: 'Security', link: '/security' },
  { text: 'Architecture', link: '/architecture' },
]

export default defineConfig({
  title: TITLE,
  description: 'Learn Raft by reading it, running it and breaking it',
  lang: 'en',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/ring.svg' }]],
  cleanUrls: false,
  ignoreDeadLinks: [isToBeWritten],
  srcExclude: ['figures/**', 'public/**'],
  markdown: {
    // Links to headings lead where they do on a code host.
    anchor: { slugify: anchorOf },
    config: (md) => {
      md.core.ruler.push('source-links', linkToSource)
      md.core.ruler.push('pictures', reachPictures)
      withLines(md as unknown as Markdown)
      colourOnce(md as unknown as Coloured)
    },
  },
  themeConfig: {
    nav: [
      { text: 'Start', link: firstOf(CHAPTERS) },
      { text: 'Puzzles', link: '/puzzles' },
      { text: 'Playground', link: '/playground' },
    ],
    sidebar: [
      { text: 'Chapters', items: written(CHAPTERS) },
      { text: 'Laboratory', items: written(LABORATORY) },
    ],
    search: {
      provider: 'local',
      options: {
        miniSearch: {
          // Pages of files have no headings, and are found by what is defined in them.
          _splitIntoSections: (file) => sectionsOf(file) ?? OTHERWISE,
        },
      },
    },
    outline: { level: [2, 3] },
    docFooter: { prev: 'Before this', next: 'After this' },
  },
  vite: {
    plugins: [withoutNode(), mistakes()],
    // Known ahead: a page that is open need not load anew when they are first needed.
    optimizeDeps: {
      include: [
        ...['commands', 'lang-javascript', 'language', 'state', 'view'].map(
          (name) => `playground > @codemirror/${name}`,
        ),
        ...['@lezer/highlight', 'diff', 'sucrase'].map((name) => `playground > ${name}`),
      ],
    },
    // The parts' code is built as it is; anything else would be another program.
    build: {
      chunkSizeWarningLimit: 1000,
      rollupOptions: {
        // Of comments in packages, which matter to nobody here.
        onwarn: (warning, warn) => {
          if (warning.code !== 'INVALID_ANNOTATION') warn(warning)
        },
      },
    },
  },
})

function written(items: DefaultTheme.SidebarItem[]): DefaultTheme.SidebarItem[] {
  return items.filter(({ link }) => existsSync(join(DOCS, `${link}.md`)))
}

/** Chapters may speak of one that is still to come. */
function isToBeWritten(link: string): boolean {
  return [...CHAPTERS, ...LABORATORY].some((page) => `.${page.link}` === link)
}

function firstOf(items: DefaultTheme.SidebarItem[]): string {
  return written(items)[0]?.link ?? '/playground'
}

interface Coloured {
  readonly options: { highlight?: Highlight | null }
}

type Highlight = (code: string, language: string, attributes: string) => string

/** Two parts can have the same file, and the search reads each chapter once more. */
function colourOnce({ options }: Coloured): void {
  const { highlight } = options
  if (!highlight) return
  const known = new Map<string, string>()
  options.highlight = (...code) => {
    const key = JSON.stringify(code)
    const html = known.get(key) ?? highlight(...code)
    known.set(key, html)
    return html
  }
}

interface Token {
  readonly type: string
  content: string
  readonly children: Token[] | null
  attrGet(name: string): string | null
  attrSet(name: string, value: string): void
}

/** On a phone a picture is moved sideways: by keyboard, too, once it can be reached. */
function reachPictures({ tokens }: { tokens: Token[] }): void {
  for (const [i, token] of tokens.entries()) {
    if (token.type === 'html_block') {
      token.content = token.content.replace('<picture>', '<picture tabindex="0">')
    }
    const children = tokens[i + 1]?.children ?? []
    const isPicture = children.some(({ type }) => type === 'image')
    if (token.type === 'paragraph_open' && isPicture) token.attrSet('tabindex', '0')
  }
}

/** Leads links to files and folders of the repository to the pages that show them. */
function linkToSource({ tokens }: { tokens: Token[] }): void {
  for (const token of tokens.flatMap(({ children }) => children ?? [])) {
    if (token.type !== 'link_open') continue
    const href = token.attrGet('href') ?? ''
    const page = sourcePageFor(href)
    const line = /#L\d+$/.exec(href)?.[0] ?? ''
    if (page) token.attrSet('href', `/source/${page.slug}${line}`)
  }
}
