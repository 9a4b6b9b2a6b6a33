/** What is known of a server that is a process. */

/** What the process does. */
export type Condition = 'runs' | 'stands still' | 'is down'

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
}
