/**
 * The parts repeat each other on purpose. What they repeat must not drift, and what the next
 * part adds to `src/raft.ts` must stand beside what was there: then the difference between
 * two parts shows the new idea and nothing else.
 */
import { diffArrays } from 'diff'
import { definitionsIn } from '../source/definitions.ts'

/** What every part has of its own, and need not say so. */
const ITS_OWN = ['README.md', 'package.json', 'exercise.json', 'test/lab.ts']

/** A part's files: their texts by their paths in it. */
export type Files = ReadonlyMap<string, string>

interface Copies {
  /** What two neighbours have in common, byte for byte. */
  readonly same: readonly string[]
  /** What is not the same, though the later part does not say that it changes it. */
  readonly drifted: readonly string[]
  /** What the later part says it changes, and does not. */
  readonly unchanged: readonly string[]
}

/** Two neighbours have the same files, but for those that the later one changes. */
export function compareFiles(
  before: Files,
  after: Files,
  changes: readonly string[],
): Copies {
  const isSame = (file: string) => before.get(file) === after.get(file)
  const shared = [...after.keys()].filter(
    (file) => before.has(file) && !ITS_OWN.includes(file),
  )
  return {
    same: shared.filter(isSame),
    drifted: shared.filter((file) => !isSame(file) && !changes.includes(file)),
    unchanged: changes.filter((file) => !before.has(file) || isSame(file)),
  }
}

/** The lines of raft.go in the Go original; ours has to be shorter. */
export const GO_LINES: Readonly<Record<string, number>> = {
  part1: 385,
  part2: 583,
  part3: 752,
}

/** In percent of a part's lines: how many stand unchanged in the next part. */
export const LEAST_KEPT = 95

export interface Growth {
  readonly lines: number
  /** Lines that the next part has as well, unchanged and in the same order. */
  readonly kept: number
  /** Lines that the next part has with other white space before or after them. */
  readonly reindented: readonly string[]
  /** Members of the class that the next part has no more. */
  readonly missing: readonly string[]
  /** Members that stand in another order than they did: the first of each such step. */
  readonly moved: readonly string[]
}

/** What became of a part's raft.ts in the next part. */
export function compareSources(before: string, after: string): Growth {
  const [old, next] = [linesOf(before), linesOf(after)]
  const lost = diffArrays(old, next).flatMap(({ removed, value }) =>
    removed ? value : [],
  )
  const names = membersOf(after)
  const kept = membersOf(before).filter((name) => names.includes(name))
  return {
    lines: old.length,
    kept: old.length - lost.length,
    reindented: reindented(old, next).filter((line) => lost.includes(line)),
    missing: membersOf(before).filter((name) => !names.includes(name)),
    moved: kept.filter(
      (name, i) => i > 0 && names.indexOf(name) < names.indexOf(kept[i - 1] as string),
    ),
  }
}

/** The names of the class's members, in order: fields, the constructor, methods. */
export function membersOf(source: string): string[] {
  return definitionsIn(source, 'raft.ts')
    .filter(({ name }) => name.startsWith(CLASS))
    .map(({ name }) => name.slice(CLASS.length))
}

const CLASS = 'ConsensusModule.'

export function linesOf(text: string): string[] {
  return text.replace(/\n$/, '').split('\n')
}

/**
 * The tests of a file that say the same sentence in the next part's and do not do the same,
 * unless the comment above the later one begins with "Not as in partN" and says why.
 */
export function driftedTests(before: string, after: string, part: string): string[] {
  const earlier = testsOf(before)
  return [...testsOf(after)].flatMap(([sentence, { text, comment }]) => {
    const old = earlier.get(sentence)
    const isSame = old === undefined || old.text === text
    return isSame || comment.includes(`Not as in ${part}`) ? [] : [sentence]
  })
}

interface TestCase {
  readonly text: string
  /** The line above it. */
  readonly comment: string
}

function testsOf(source: string): Map<string, TestCase> {
  const lines = linesOf(source)
  const tests = definitionsIn(source, 'test.ts').filter(({ name }) =>
    name.startsWith("'"),
  )
  return new Map(
    tests.map(({ name, firstLine, lastLine }) => [
      name,
      {
        text: lines.slice(firstLine - 1, lastLine).join('\n'),
        comment: lines[firstLine - 2] ?? '',
      },
    ]),
  )
}

/** Lines with words in them; those of brackets alone often match by chance. */
function reindented(old: readonly string[], next: readonly string[]): string[] {
  const changes = diffArrays(old as string[], next as string[], {
    comparator: (a, b) => a.trim() === b.trim(),
  })
  const found: string[] = []
  let [i, j] = [0, 0]
  for (const { added, removed, value } of changes) {
    for (let k = 0; k < value.length; k += 1) {
      const line = old[i + k] ?? ''
      if (!added && !removed && line !== next[j + k] && /\w/.test(line)) found.push(line)
    }
    if (!added) i += value.length
    if (!removed) j += value.length
  }
  return found
}
