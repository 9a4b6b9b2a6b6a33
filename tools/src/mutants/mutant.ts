import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { MutantResult } from '@stryker-mutator/api/core'
import { createPatch } from 'diff'
import { ROOT } from '../cli/root.ts'
import { definitionsIn } from '../source/definitions.ts'

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
    symbol: symbolAt(before, start.line),
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

/** The innermost definition that a line, counted from 1, stands in. */
export function symbolAt(text: string, line: number): string {
  const around = definitionsIn(text, 'a.ts').filter(
    ({ firstLine, lastLine }) => firstLine <= line && line <= lastLine,
  )
  return around.at(-1)?.name ?? ''
}
