/** What the page asks of the worker in which a person's own code runs, and is told by it. */
import type { Action, Setup } from '../sim/action.ts'
import type { Request as Asked, Flight, PlayEvent, Run } from '../sim/simulation.ts'

/** A part's files as text, by their places in the repository. */
export type Texts = Readonly<Record<string, string>>

export type Request =
  /** Whether it can be loaded at all. */
  | { readonly do: 'load'; readonly part: number; readonly texts: Texts }
  /** Begins a run with what was loaded last. */
  | { readonly do: 'begin'; readonly setup: Setup }
  | { readonly do: 'perform'; readonly action: Action }
  | { readonly do: 'runTo'; readonly time: number }
  | { readonly do: 'step'; readonly end: number }

export type Reply =
  /** It is at work, and comes along. */
  | { readonly kind: 'works' }
  | { readonly kind: 'loaded'; readonly problem: Problem | null }
  /** The code does what not even a simulation can go on with. */
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'state'; readonly state: State; readonly hasHappened: boolean }

/** Why code cannot be loaded. */
export interface Problem {
  readonly text: string
  /** From 1; null when no line is to blame. */
  readonly line: number | null
}

/** All that is seen of a run, as plain data. */
export interface State {
  readonly now: number
  /** Those that are new. */
  readonly events: readonly PlayEvent[]
  readonly flights: Flight[]
  readonly requests: Asked[]
  readonly servers: readonly ServerState[]
  readonly members: readonly number[]
  readonly clientId: number | null
  readonly answersHeld: number | null
  readonly violation: { readonly invariant: string; readonly text: string } | null
}

export interface ServerState {
  readonly view: Omit<ReturnType<Run['view']>, 'entryAt'>
  /** From the first of them on. */
  readonly entries: readonly ReturnType<ReturnType<Run['view']>['entryAt']>[]
  readonly condition: ReturnType<Run['condition']>
  readonly buttons: ReturnType<Run['buttonsAt']>
  readonly canTakeSnapshot: ReturnType<Run['canTakeSnapshot']>
  readonly changes: ReturnType<Run['changesAt']>
  readonly standing: ReturnType<Run['standing']>
  /** To whom it has a link. */
  readonly linkedTo: readonly number[]
}
