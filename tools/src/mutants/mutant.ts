import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { MutantResult } from '@stryker-mutator/api/core'
import { createPatch } from 'diff'
import { MEMBER } from '../checks/copies.ts'
import { ROOT } from '../explore/compile.ts'

/** One change of one thing, and whether a test failed because of it. */
export interface Mutant {
  /** Relative to the repository. */
  readonly file: string
  /** What was changed, named as in the chapters: `ConsensusModule.stop`. */
  readonly symbol: string
  readonly line: number
  /** The lines that it changes, before and after, each as one line. */
  readonly from: string
  readonly to: string
  readonly diff: string
  readonly isNoticed: boolean
}

const CONTEXT_LINES = 2

/** StrykerJS counts lines and columns from 1, and ends behind the last one. */
export function toMutant({
  fileName,
  location,
  replacement,
  status,
}: MutantResult): Mutant {
  const before = readFileSync(fileName, 'utf8')
  const lines = before.split('\n')
  const { start, end } = location
  const changed = lines.slice(start.line - 1, end.line)
  const head = changed[0]?.slice(0, start.column - 1) ?? ''
  const tail = changed.at(-1)?.slice(end.column - 1) ?? ''
  const to = `${head}${replacement}${tail}`
  const after = lines.toSpliced(start.line - 1, changed.length, to).join('\n')
  return {
    file: relative(ROOT, fileName),
    symbol: symbolAt(lines, start.line),
    line: start.line,
    from: oneLine(changed.join('\n')),
    to: oneLine(to),
    diff: diffOf(before, after),
    isNoticed: status !== 'Survived' && status !== 'NoCoverage',
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ')
}

function diffOf(before: string, after: string): string {
  const patch = createPatch('', before, after, '', '', { context: CONTEXT_LINES })
  return patch.slice(patch.indexOf('@@'))
}

const TOP_LEVEL =
  /^(?:export )?(?:abstract |async )?(?<keyword>class|function|const|let)\*? (?<name>\w+)/

/** What a line, counted from 1, stands in; found by the layout that the formatter gives. */
export function symbolAt(lines: readonly string[], line: number): string {
  const above = lines.slice(0, line)
  const top = above.findLastIndex((text) => TOP_LEVEL.test(text))
  const { keyword, name = '' } = TOP_LEVEL.exec(above[top] ?? '')?.groups ?? {}
  if (keyword !== 'class') return name
  const members = above.slice(top + 1).flatMap((text) => [...text.matchAll(MEMBER)])
  return [name, ...members.slice(-1).map((match) => match[1])].join('.')
}
