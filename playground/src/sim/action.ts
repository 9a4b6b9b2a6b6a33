/** What a person can do to the cluster. With the seed, the actions decide everything. */
import { FAULT_WORDS, type FaultWord } from 'tools/lab/faults/buttons'

export type Action =
  | { readonly do: 'timeout'; readonly at: number; readonly server: number }
  | { readonly do: FaultWord; readonly at: number; readonly server: number }
  | {
      readonly do: 'submit'
      readonly at: number
      readonly server: number
      readonly command: string
    }
  | {
      readonly do: 'cut' | 'mend'
      readonly at: number
      readonly server: number
      readonly other: number
    }

/** An action that is yet to get its time. */
export type Deed = Action extends infer A
  ? A extends Action
    ? Omit<A, 'at'>
    : A
  : never

export type Verb = Action['do']

export const VERBS: readonly Verb[] = [
  'timeout',
  ...FAULT_WORDS,
  'submit',
  'cut',
  'mend',
]

/** Which cluster, before anything happens to it. */
export interface Setup {
  readonly part: number
  readonly servers: number
  readonly seed: number
}

/** All that happened: enough to let it happen again. */
export interface Recording extends Setup {
  readonly actions: readonly Action[]
}

export const SIZES = [3, 4, 5, 7] as const
export const MAX_SEED = 2 ** 31 - 1
/** Ten minutes of simulated time, in ms: further than anybody watches. */
export const MAX_TIME_MS = 600_000
export const MAX_ACTIONS = 500
export const MAX_COMMAND_LENGTH = 40

/** Times in links are whole tenths of a ms, which read well. */
const TENTHS = 10
/** What is nearer to a whole tenth than this is meant to be one. */
const ROUNDING = 1e-6

/** The next whole tenth: what has happened by a time has happened by then. */
export function inTenths(time: number): number {
  return Math.ceil(time * TENTHS - ROUNDING) / TENTHS
}
