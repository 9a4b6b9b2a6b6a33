import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyPatch, parsePatch } from 'diff'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { compilePart } from './compile.ts'

/** Where the gallery is kept: a file for each mistake, a few words and a diff. */
const FOLDER = join(ROOT, 'tools/gallery')

const GROUPS = [
  'elections',
  'log',
  'persistence',
  'liveness',
  'service',
  'snapshots',
  'membership',
] as const

/** One line of Raft left out or changed. */
export interface Mistake {
  readonly name: string
  readonly title: string
  readonly group: (typeof GROUPS)[number]
  /** The sentence of the paper that it breaks, and where that stands. */
  readonly breaks: string
  /** Who made it. */
  readonly seen: string
  /** What goes wrong. */
  readonly story: string
  /** Whether it is one where reads are answered in a lease. */
  readonly lease: boolean
  readonly part: string
  /** The file that it changes, relative to the repository. */
  readonly path: string
  readonly diff: string
}

export interface Gallery {
  readonly mistakes: readonly Mistake[]
  /** A sentence for each file that holds none: it must not keep the others from view. */
  readonly problems: readonly string[]
}

/** All mistakes, in the order of a table of contents. */
export function readGallery(folder = FOLDER): Gallery {
  const mistakes: Mistake[] = []
  const problems: string[] = []
  for (const name of namesIn(folder)) {
    try {
      mistakes.push(readMistake(folder, name))
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      problems.push(error.message)
    }
  }
  mistakes.sort((a, b) => orderOf(a) - orderOf(b) || a.name.localeCompare(b.name, 'en'))
  return { mistakes, problems }
}

/** @throws UsageError when the gallery has no such mistake. */
export function findMistake(name: string): Mistake {
  if (namesIn(FOLDER).includes(name)) return readMistake(FOLDER, name)
  throw new UsageError(
    `the gallery has no "${name}"; npm run gallery -- list shows what it has`,
  )
}

function namesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.diff'))
    .map(({ name }) => name.slice(0, -'.diff'.length))
}

/**
 * The text of the part's file with the mistake in it.
 *
 * @throws UsageError when the file has changed so much that the mistake has no place in it.
 */
export function textWith({ name, path, diff }: Mistake): string {
  const text = applyPatch(readFileSync(join(ROOT, path), 'utf8'), diff)
  if (text !== false) return text
  throw new UsageError(
    `tools/gallery/${name}.diff does not apply to ${path} any more; ` +
      'make the mistake in it by hand, and put what git diff says into that file',
  )
}

/**
 * The same mistake in another part, where its lines stand, too: parts share most of them.
 *
 * @throws UsageError when they do not.
 */
export function mistakeIn(part: string, mistake: Mistake): Mistake {
  if (part === mistake.part) return mistake
  const path = mistake.path.replace(mistake.part, part)
  const text = existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : ''
  if (applyPatch(text, mistake.diff) !== false) return { ...mistake, part, path }
  throw new UsageError(
    `the mistake ${mistake.name} is one of ${mistake.part}, and its lines are not in ${part}`,
  )
}

/** Compiles a part with a mistake in it. */
export async function compileMistake(mistake: Mistake): Promise<string> {
  const { part, path } = mistake
  return compilePart(part, { path, text: textWith(mistake) })
}

function readMistake(folder: string, name: string): Mistake {
  const text = readFileSync(join(folder, `${name}.diff`), 'utf8')
  const wrong = (problem: string) =>
    new UsageError(`tools/gallery/${name}.diff ${problem}`)
  const start = text.indexOf('\n--- ') + 1
  const [head = '', story = ''] = text.slice(0, start).split('\n\n')
  const diff = text.slice(start)
  const path = pathIn(diff)
  if (path === null) throw wrong('has no diff of one file like part1/src/raft.ts')
  const fields = new Map(head.split('\n').map((line) => splitAt(line, ': ')))
  const field = (key: string) => {
    const value = fields.get(key)
    if (value) return value
    throw wrong(`does not say "${key}: …" before its diff`)
  }
  const group = GROUPS.find((group) => group === field('group'))
  if (!group)
    throw wrong(`is of the group "${field('group')}"; one is ${GROUPS.join(', ')}`)
  return {
    name,
    title: field('title'),
    group,
    breaks: field('breaks'),
    seen: field('seen'),
    story: story.replaceAll('\n', ' ').trim(),
    lease: fields.get('lease') === 'yes',
    part: path.split('/')[0] ?? '',
    path,
    diff,
  }
}

function pathIn(diff: string): string | null {
  try {
    const [first, ...others] = parsePatch(diff)
    const path = others.length === 0 ? (first?.oldFileName ?? '') : ''
    return /^part\d+\/src\/[\w.-]+$/.test(path) ? path : null
  } catch {
    return null
  }
}

function splitAt(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator)
  return [line.slice(0, at), line.slice(at + separator.length)]
}

function orderOf({ group }: Mistake): number {
  return GROUPS.indexOf(group)
}
