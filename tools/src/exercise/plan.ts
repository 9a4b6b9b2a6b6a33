import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { UsageError } from '../cli/exit.ts'
import { listParts } from '../parts/find.ts'

/** What a part's exercise is, beside the part: its stages, as a person would build it. */
const PLAN_FILE = 'exercise.json'

const symbolToWrite = z.strictObject({
  /** `src/raft.ts#ConsensusModule.requestVote`, as an excerpt names it. */
  symbol: z.string().regex(/^src\/[\w.-]+#\S+$/),
  /** Of the paper or the thesis. */
  sections: z.string(),
  /** What the text above it does not say already. */
  rule: z.string().optional(),
})

const stage = z.strictObject({
  /** What the cluster can do when it is written. */
  title: z.string(),
  write: z.array(symbolToWrite),
  /** The sections to read again when it does not hold, … */
  read: z.string(),
  /** … and the heading in the part's chapter. */
  chapter: z.string(),
  /** The sentences of its tests. In the last stage: all others of the `files`. */
  tests: z.array(z.string()).optional(),
})

const plan = z.strictObject({
  /** What one has learned at the end, in a sentence. */
  teaches: z.string(),
  /** The tests, relative to the part. None of them waits in real time. */
  files: z.array(z.string()),
  stages: z.array(stage),
})

export type SymbolToWrite = z.infer<typeof symbolToWrite>
export type Stage = z.infer<typeof stage>
export type Plan = z.infer<typeof plan>

/** The parts that have an exercise, in order. */
export function partsWithExercise(root: string): string[] {
  return listParts(root).filter((part) => existsSync(join(root, part, PLAN_FILE)))
}

/** @throws UsageError when the part has no exercise, or its file is wrong. */
export function readPlan(root: string, part: string): Plan {
  const parts = partsWithExercise(root)
  if (!parts.includes(part)) {
    throw new UsageError(
      `there is no exercise of ${part}; there are ${parts.join(', ')}`,
    )
  }
  const file = join(root, part, PLAN_FILE)
  const { data, error } = plan.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (data) return data
  throw new UsageError(`${part}/${PLAN_FILE}: ${z.prettifyError(error)}`)
}

/** A symbol's file, relative to the part, and its name in it. */
export function placeOf(symbol: string): {
  readonly file: string
  readonly name: string
} {
  const [file = '', name = ''] = symbol.split('#')
  return { file, name }
}

/** What it is called in a sentence: without its class. */
export function shortName(symbol: string): string {
  const { name } = placeOf(symbol)
  return name.slice(name.lastIndexOf('.') + 1)
}
