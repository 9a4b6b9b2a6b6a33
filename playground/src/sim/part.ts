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
  /** What it differs by from the repository, in words: `with the mistake`. */
  readonly difference: string | null
}

// Without type arguments, by which vitest would not see that this depends on other files.
const modules: Record<string, () => Promise<unknown>> = import.meta.glob(
  '../../../part*/test/lab.ts',
)
const texts: Record<string, () => Promise<unknown>> = import.meta.glob(
  [
    '../../../part*/src/raft.ts',
    '../../../part*/src/service.ts',
    '../../../part*/src/handover.ts',
  ],
  { query: '?raw', import: 'default' },
)

export const PART_NUMBERS: readonly number[] = Object.keys(modules)
  .map((path) => Number(/part(\d+)/.exec(path)?.[1]))
  .sort((a, b) => a - b)

const parts = new Map<number, Part>()

/** Loads a part, when somebody is about to play with it. */
export async function fetchPart(number: number): Promise<Part> {
  const part = parts.get(number) ?? (await load(number))
  parts.set(number, part)
  return part
}

/** @throws when it was never fetched */
export function partOf(number: number): Part {
  const part = parts.get(number)
  if (part) return part
  throw new Error(`part ${number} was not fetched`)
}

/** The part with a mistake of the gallery in it, which is loaded now. */
export async function withMistake(mistake: Mistake): Promise<Part> {
  const { part: lab, changed } = await mistake.load()
  const right = await fetchPart(mistake.part)
  const sources = right.sources.map((source) =>
    source.file === changed.file ? changed : source,
  )
  const isNew = !sources.includes(changed)
  return {
    ...right,
    lab,
    sources: isNew ? [...sources, changed] : sources,
    difference: 'with the mistake',
  }
}

interface InLab {
  readonly part: PartInLab
}

async function load(number: number): Promise<Part> {
  const inLab = modules[`../../../part${number}/test/lab.ts`] as () => Promise<InLab>
  const { part: lab } = await inLab()
  const own = Object.entries(texts).filter(([path]) => path.includes(`/part${number}/`))
  const sources = own.map(async ([path, text]) => {
    return { file: path.replaceAll('../', ''), text: (await text()) as string }
  })
  return {
    number,
    sources: await Promise.all(sources),
    lab,
    hasLog: lab.submit !== undefined,
    difference: null,
  }
}
