import type { Setup } from './action.ts'
import type { Part } from './part.ts'
import { type Run, Simulation } from './simulation.ts'

/** A part that is not run in this page. */
export interface PartElsewhere extends Part {
  /** Begins a run of it, where that is. */
  readonly begin: (setup: Setup) => Run
  /** Gives up what its runs need; after it, none can be begun. */
  readonly close: () => void
}

export function begin(setup: Setup, part: Part | PartElsewhere): Run {
  return 'begin' in part ? part.begin(setup) : new Simulation(setup, part)
}

export function close(part: Part | PartElsewhere | null): void {
  if (part && 'close' in part) part.close()
}
