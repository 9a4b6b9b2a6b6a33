/** What a reader wrote for one part, put into the exercise of the next. */
import { definitionsIn } from '../source/definitions.ts'
import { bodyTexts, isWritten, withBodies } from './bodies.ts'

/** One file, as it stands in three places. */
export interface Versions {
  readonly file: string
  /** The reader's, in the exercise of the earlier part. */
  readonly own: string
  /** That of the earlier part itself, … */
  readonly before: string
  /** … that of the later part, … */
  readonly after: string
  /** … and that of its exercise, with bodies taken out. */
  readonly exercise: string
}

export interface Carried {
  readonly text: string
  /** The names of what is the reader's own in it. */
  readonly own: readonly string[]
  /** What the reader wrote and the later part has otherwise, so that it had to stay. */
  readonly changed: readonly string[]
}

/**
 * Puts a reader's bodies into a file of the next exercise, where the two parts have the same
 * there; and what the reader has added, at the end of the class, or of the file.
 */
export function carryFile({ file, own, before, after, exercise }: Versions): Carried {
  const theirs = bodyTexts(before, file)
  const written = [...bodyTexts(own, file)].filter(([name, body]) => {
    return theirs.has(name) && theirs.get(name) !== body && isWritten(body)
  })
  const earlier = definitionTexts(before, file)
  const later = definitionTexts(after, file)
  const isSame = (name: string) => earlier.get(name) === later.get(name)
  const kept = written.filter(([name]) => isSame(name))
  const additions = additionsOf(own, file, [...earlier.keys(), ...later.keys()])
  return {
    text: withAdditions(withBodies(exercise, file, new Map(kept)), file, additions),
    own: [...kept.map(([name]) => name), ...additions.map(({ name }) => name)],
    changed: written.map(([name]) => name).filter((name) => !isSame(name)),
  }
}

/** Something that a reader has added, with the comment above it. */
interface Addition {
  readonly name: string
  readonly text: string
}

function additionsOf(own: string, file: string, known: readonly string[]): Addition[] {
  const lines = own.split('\n')
  const names = new Set(known)
  return definitionsIn(own, file)
    .filter(({ name }) => !names.has(name) && isAlone(name, names))
    .map(({ name, firstLine, lastLine }) => {
      let start = firstLine - 1
      while (/^\s*(\/\*\*|\*|\/\/)/.test(lines[start - 1] ?? '')) start -= 1
      return { name, text: lines.slice(start, lastLine).join('\n') }
    })
}

/** A member of a class that is new as a whole comes with it. */
function isAlone(name: string, known: ReadonlySet<string>): boolean {
  const [owner, member] = name.split('.')
  return member === undefined || known.has(owner ?? '')
}

function withAdditions(text: string, file: string, additions: readonly Addition[]) {
  return additions.reduce((soFar, { name, text: added }) => {
    const lines = soFar.trimEnd().split('\n')
    const [owner, member] = name.split('.')
    const home = member && definitionsIn(soFar, file).find((d) => d.name === owner)
    const at = home ? home.lastLine - 1 : lines.length
    return `${lines.toSpliced(at, 0, '', added).join('\n')}\n`
  }, text)
}

/** Whole definitions by their names: with their signatures, without what stands above. */
function definitionTexts(text: string, file: string): Map<string, string> {
  const lines = text.split('\n')
  return new Map(
    definitionsIn(text, file).map(({ name, firstLine, lastLine }) => [
      name,
      lines.slice(firstLine - 1, lastLine).join('\n'),
    ]),
  )
}
