/**
 * The parts repeat each other on purpose. What they repeat must not drift, and what the next
 * part adds to `src/raft.ts` must stand beside what was there: then the difference between
 * two parts shows the new idea and nothing else.
 */
import { diffArrays } from 'diff'
import { definitionsIn } from '../source/definitions.ts'

/** Part 4 leaves Raft as it is, and puts a service on it. */
const FROM_PART3 = [
  'raft.proto',
  'src/fs-native-extensions.d.ts',
  'src/raft.ts',
  'src/server.ts',
  'src/storage.ts',
  'src/stream.ts',
  'test/harness.ts',
  'test/lab.ts',
  'test/optimization.test.ts',
  'test/persistence.test.ts',
  'test/rules.test.ts',
  'test/server.test.ts',
  'test/slow.test.ts',
  'test/storage-damage.test.ts',
  'test/storage.test.ts',
  'test/stream.test.ts',
]

/** Files that these parts share, byte for byte. */
export const SHARED_FILES: readonly { file: string; parts: readonly string[] }[] = [
  { file: 'src/server.ts', parts: ['part1', 'part2'] },
  { file: 'test/election.test.ts', parts: ['part1', 'part2', 'part3', 'part4'] },
  { file: 'test/replication.test.ts', parts: ['part2', 'part3', 'part4'] },
  ...FROM_PART3.map((file) => ({ file, parts: ['part3', 'part4'] })),
]

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
