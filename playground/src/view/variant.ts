import type { Recording } from '../sim/action.ts'
import type { PartElsewhere } from '../sim/elsewhere.ts'
import type { Mistake } from '../sim/gallery.ts'
import { type Part, withMistake } from '../sim/part.ts'

/** A part that is not as it stands: what runs beside the one that is. */
export interface Variant {
  readonly part: number
  /** How a link says it. */
  readonly inLink: { readonly mistake?: string; readonly change?: string }
  readonly title: string
  readonly story: string
  readonly note: string
  readonly difference: string
  /** A run in which a rule breaks, as a link; null where none is known. */
  readonly run: string | null
  /** Its raft.ts, where a person has written in it. */
  readonly text: string | null
  readonly load: () => Promise<Part | PartElsewhere>
  /** Looks for a run in which a rule breaks, where that is not known. */
  readonly search?: () => Promise<{
    readonly found: Recording | null
    readonly tried: number
  }>
}

const NO_RUN =
  'No run of this page was found in which a rule breaks: it takes a disk, or slow links, ' +
  'that it does not have. Try.'

export function variantOf(mistake: Mistake): Variant {
  const { part, name, title, story, breaks, diff, run } = mistake
  return {
    ...{ part, title, story, run, text: null },
    inLink: { mistake: name },
    note: `Breaks ${breaks}. ${run === null ? NO_RUN : ''}`,
    difference: diff,
    load: () => withMistake(mistake),
  }
}
