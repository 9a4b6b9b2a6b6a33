/** A mistake as something to be found: the text that has it, and the lines that are it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffLines } from 'diff'
import { ROOT } from '../cli/root.ts'
import { type Mistake, textWith } from '../parts/mistake.ts'
import { type Definition, definitionsIn } from '../source/definitions.ts'
import { holds, type Riddle } from './judge.ts'

/** @throws UsageError when the mistake does not apply any more. */
export function riddleOf(mistake: Mistake): Riddle {
  const before = readFileSync(join(ROOT, mistake.path), 'utf8')
  return riddleFrom(before, textWith(mistake), mistake.path)
}

/** Of a file as it stands, and with a mistake in it. */
export function riddleFrom(before: string, mistaken: string, path: string): Riddle {
  const text = withoutItsComments(before, mistaken)
  const lines = changedLines(before, text)
  return {
    file: path.slice(path.indexOf('/') + 1),
    text,
    lines,
    functions: functionsAt(lines, definitionsIn(text, path)),
  }
}

/** What to tell somebody who asks, one after the other: each says more. */
export function hintsFor(riddle: Riddle, { breaks }: Mistake): readonly string[] {
  const names = riddle.functions.map(({ name }) => name)
  const where = names.length > 0 ? `in ${names.join(', and in ')}` : 'in no function'
  return [
    `The rule that it breaks: ${breaks}.`,
    `It is ${where}, in ${riddle.file}.`,
    `It is among these lines of ${riddle.file}:\n${excerpts(riddle).join('\n   …\n')}`,
  ]
}

/** A mistake may come with a comment that says what it does. */
function withoutItsComments(before: string, mistaken: string): string {
  return diffLines(before, mistaken)
    .filter(({ removed }) => !removed)
    .map(({ added, value }) => (added ? withoutComments(value) : value))
    .join('')
}

function withoutComments(text: string): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !/^\s*(\/\/|\/\*|\*)/.test(line))
    .map((line) => line.replace(/\s+\/\/ .*$/m, ''))
    .join('')
}

/** Where lines were taken out, those that stand there now: before and after the place. */
function changedLines(before: string, text: string): number[] {
  const lines: number[] = []
  let next = 1
  const changes = diffLines(before, text)
  for (const [i, { added, removed, count }] of changes.entries()) {
    if (added) lines.push(...Array.from({ length: count }, (_, at) => next + at))
    if (removed && !changes[i + 1]?.added) lines.push(next - 1, next)
    if (!removed) next += count
  }
  return lines
}

function functionsAt(
  lines: readonly number[],
  definitions: readonly Definition[],
): Definition[] {
  // A class is no place to look in: what stands in it has names of its own.
  const innermost = definitions.filter(
    (one) => !definitions.some(({ name }) => name.startsWith(`${one.name}.`)),
  )
  return innermost.filter((one) => lines.some((line) => holds(one, line)))
}

/** Of lines that are farther apart than this, each has an excerpt of its own. */
const APART = 8
/** So many lines stand around them, not evenly: the middle would be the answer. */
const AROUND = 7

function excerpts({ lines, text }: Riddle): string[] {
  const all = text.split('\n')
  return groupsOf(lines).map(([first, last]) => {
    const above = 2 + (first % 4)
    const from = Math.max(1, first - above)
    const to = Math.min(all.length, last + AROUND - above)
    const shown = all.slice(from - 1, to)
    return shown.map((line, i) => `${`${from + i}`.padStart(6)}  ${line}`).join('\n')
  })
}

/** The first and the last line of each group of neighbours. */
function groupsOf(lines: readonly number[]): [number, number][] {
  const groups: [number, number][] = []
  for (const line of lines) {
    const group = groups.at(-1)
    if (group && line - group[1] <= APART) group[1] = line
    else groups.push([line, line])
  }
  return groups
}
