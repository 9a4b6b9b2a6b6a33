/** What is known of a server that is a process. */

/** What the process does. */
export type Condition = 'runs' | 'stands still' | 'is down' | 'is gone'

/** What a server knows of itself, as far as it is shown here. */
export interface Status {
  readonly id: number
  readonly term: number
  readonly role: string
  readonly leader: number | null
  readonly commitIndex: number
  readonly lastApplied: number
  readonly log: { readonly first: number; readonly last: number }
  readonly blocked: boolean
  /** Who is in the cluster; where that can change: who is brought up to date, … */
  readonly members?: readonly { readonly id: number }[]
  readonly learner?: { readonly id: number } | null
  /** … and who was removed from it, for good. */
  readonly removed?: readonly number[]
}
