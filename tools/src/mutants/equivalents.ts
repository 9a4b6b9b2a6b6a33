/**
 * Changes that change nothing: the code does the same with them, or what is another does
 * not matter. No test can notice them, so each is listed with its reason.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../cli/root.ts'
import type { Mutant } from './mutant.ts'

export const LIST = 'tools/mutants/equivalents.json'

export interface Equivalent {
  /** Where it stands, relative to the repository: parts share what they repeat. */
  readonly files: readonly string[]
  readonly symbol: string
  /** The changed lines before and after, as one line; `…` stands for any text. */
  readonly from: string
  readonly to: string
  readonly reason: string
}

export interface Verdict {
  /** Neither noticed nor listed. */
  readonly survivors: readonly Mutant[]
  readonly equivalents: readonly Mutant[]
  /** What is wrong with the list, in sentences. */
  readonly problems: readonly string[]
}

export function readEquivalents(): Equivalent[] {
  return JSON.parse(readFileSync(join(ROOT, LIST), 'utf8'))
}

/** Sets the mutants of one file beside the list. */
export function judge(
  file: string,
  mutants: readonly Mutant[],
  listed: readonly Equivalent[],
): Verdict {
  const entries = listed.filter(({ files }) => files.includes(file))
  const unnoticed = mutants.filter(({ isNoticed }) => !isNoticed)
  const isListed = (mutant: Mutant) => entries.some((entry) => fits(entry, mutant))
  return {
    survivors: unnoticed.filter((mutant) => !isListed(mutant)),
    equivalents: unnoticed.filter(isListed),
    problems: entries
      .filter((entry) => !unnoticed.some((mutant) => fits(entry, mutant)))
      .map((entry) => problemOf(entry, file, mutants)),
  }
}

/** An entry that says what is not so any more must go, or it hides the next survivor. */
function problemOf(entry: Equivalent, file: string, mutants: readonly Mutant[]): string {
  const { symbol, from, to } = entry
  const isNoticed = mutants.some((mutant) => fits(entry, mutant))
  const what = isNoticed ? 'a test notices it' : 'no change is like it any more'
  return `${LIST} lists "${from}" → "${to}" in ${symbol} of ${file}, but ${what}; take it out`
}

function fits({ symbol, from, to }: Equivalent, mutant: Mutant): boolean {
  return mutant.symbol === symbol && isLike(from, mutant.from) && isLike(to, mutant.to)
}

function isLike(pattern: string, text: string): boolean {
  const literals = pattern
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${literals.join('.*')}$`).test(text)
}
