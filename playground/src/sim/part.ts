/**
 * The parts that can be played with: whatever parts there are, their code as it is, put into
 * the simulated world. All that the playground knows of a part it knows from here.
 */
import type { Part as PartInLab } from 'tools/lab/part'

export interface Part {
  readonly number: number
  /** Its raft.ts, in the repository and as text. */
  readonly file: string
  readonly source: string
  readonly lab: PartInLab
  readonly hasLog: boolean
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
const sources: Record<string, string> = import.meta.glob('../../../part*/src/raft.ts', {
  eager: true,
  query: '?raw',
  import: 'default',
})

export const PARTS: readonly Part[] = Object.entries(modules)
  .map(([path, { part }]) => partAt(path.replace('test/lab.ts', 'src/raft.ts'), part))
  .sort((a, b) => a.number - b.number)

/** @throws when there is no such part: whoever asks has looked for it in PARTS. */
export function partOf(number: number): Part {
  const part = PARTS.find((part) => part.number === number)
  if (part) return part
  throw new Error(`there is no part ${number}`)
}

function partAt(path: string, lab: PartInLab): Part {
  return {
    number: Number(/part(\d+)/.exec(path)?.[1]),
    file: path.replaceAll('../', ''),
    source: sources[path] ?? '',
    lab,
    hasLog: lab.submit !== undefined,
  }
}
