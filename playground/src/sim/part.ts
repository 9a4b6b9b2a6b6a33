/**
 * The parts that can be played with: whatever parts there are, their code as it is, put into
 * the simulated world. All that the playground knows of a part it knows from here.
 */
import type { Part as PartInLab } from 'tools/lab/part'
import type { Source } from './excerpt.ts'
import type { Mistake } from './gallery.ts'

export interface Part {
  readonly number: number
  /** Those of its files in which explanations point to lines: in the repository, as text. */
  readonly sources: readonly Source[]
  readonly lab: PartInLab
  readonly hasLog: boolean
  /** What was changed in it; null when it is as it stands in the repository. */
  readonly mistake: Mistake | null
}

/**
 * In ms of simulated time. Twice the times of the tests, and messages that take ten times
 * as long: so that they can be seen flying. What the paper asks for still holds: messages
 * are much faster than election timeouts.
 */
export const TIMING = { electionTimeout: [300, 600], heartbeatInterval: 100 } as const
export const LATENCY_MS = [15, 35] as const

// Without type arguments, by which vitest would not see that this depends on other files.
const modules: Record<string, { readonly part: PartInLab }> = import.meta.glob(
  '../../../part*/test/lab.ts',
  { eager: true },
)
const texts: Record<string, string> = import.meta.glob(
  ['../../../part*/src/raft.ts', '../../../part*/src/service.ts'],
  { eager: true, query: '?raw', import: 'default' },
)

export const PARTS: readonly Part[] = Object.entries(modules)
  .map(([path, { part }]) => partFrom(Number(/part(\d+)/.exec(path)?.[1]), part))
  .sort((a, b) => a.number - b.number)

/** @throws when there is no such part: whoever asks has looked for it in PARTS. */
export function partOf(number: number): Part {
  const part = PARTS.find((part) => part.number === number)
  if (part) return part
  throw new Error(`there is no part ${number}`)
}

/** The part with a mistake of the gallery in it, which is loaded now. */
export async function withMistake(mistake: Mistake): Promise<Part> {
  const { part: lab, changed } = await mistake.load()
  const right = partOf(mistake.part)
  const sources = right.sources.map((source) =>
    source.file === changed.file ? changed : source,
  )
  const isNew = !sources.includes(changed)
  return { ...right, lab, sources: isNew ? [...sources, changed] : sources, mistake }
}

function partFrom(number: number, lab: PartInLab): Part {
  const sources = Object.entries(texts).map(([path, text]) => {
    return { file: path.replaceAll('../', ''), text }
  })
  return {
    number,
    sources: sources.filter(({ file }) => file.startsWith(`part${number}/`)),
    lab,
    hasLog: lab.submit !== undefined,
    mistake: null,
  }
}
