/** What a chapter tells its reader to do, and what it says they will see. */
import { type Block, blocksOf } from '../../src/markdown/read.ts'

/** A change to make in a file, as a diff without line numbers; or a new file to write. */
interface Change {
  readonly file: string
  readonly lines: readonly string[]
  readonly isNew?: true
}

/** A command, after some changes, which are undone when it has run. New files stay. */
export interface Step {
  readonly changes: readonly Change[]
  readonly command: string
  /** What it prints. A line `…` stands for any lines, a `…` in a line for any text. */
  readonly output: readonly string[]
  readonly exitCode: number
  /** Of the command. */
  readonly line: number
}

/** Commands stand in `console` blocks, which say whether a test runs them, or why not. */
export function stepsOf(text: string): Step[] {
  const steps: Step[] = []
  let changes: Change[] = []
  for (const block of blocksOf(text)) {
    const file = /^change: (\S+)$/.exec(block.marker)?.[1]
    if (file) {
      changes.push({ file, lines: block.lines })
      continue
    }
    const newFile = /^file: (\S+)$/.exec(block.marker)?.[1]
    if (newFile) {
      changes.push({ file: newFile, lines: block.lines, isNew: true })
      continue
    }
    if (block.language !== 'console') continue
    if (/^not run: ./.test(block.marker)) continue
    const run = /^run(?: exit (?<code>\d+))?$/.exec(block.marker)
    if (!run) {
      throw new Error(
        `line ${block.firstLine - 1}: above a console block must stand ` +
          '<!-- run -->, <!-- run exit 1 --> or <!-- not run: why -->',
      )
    }
    steps.push(...commandsIn(block, changes, Number(run.groups?.code ?? 0)))
    changes = []
  }
  if (changes.length > 0) throw new Error('the last change is followed by no command')
  return steps
}

function commandsIn(block: Block, changes: readonly Change[], exitCode: number): Step[] {
  const starts = block.lines.flatMap((line, at) => (line.startsWith('$ ') ? [at] : []))
  if (starts[0] !== 0) {
    throw new Error(`line ${block.firstLine}: a console block begins with "$ "`)
  }
  return starts.map((start, i) => ({
    // What a change does is seen in every command of its block; a file is written once.
    changes: i === 0 ? changes : changes.filter(({ isNew }) => !isNew),
    command: (block.lines[start] as string).slice(2),
    output: block.lines.slice(start + 1, starts[i + 1]),
    exitCode,
    line: block.firstLine + start,
  }))
}

/** @returns the first expected line that the output does not have in its place, or null. */
export function firstMissing(
  expected: readonly string[],
  output: string,
): string | null {
  const lines = output.trimEnd().split('\n')
  let at = 0
  let canSkip = false
  for (const line of expected) {
    if (line === '…') {
      canSkip = true
      continue
    }
    const pattern = patternOf(line)
    let found = at
    while (canSkip && found < lines.length && !pattern.test(lines[found] as string)) {
      found += 1
    }
    if (!pattern.test(lines[found] ?? '\0')) return line
    at = found + 1
    canSkip = false
  }
  if (canSkip || at >= lines.length || expected.length === 0) return null
  return `nothing more, but it goes on: ${lines[at]}`
}

function patternOf(line: string): RegExp {
  const pieces = line.trimEnd().split('…').map(literal)
  return new RegExp(`^${pieces.join('.*')}\\s*$`)
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
