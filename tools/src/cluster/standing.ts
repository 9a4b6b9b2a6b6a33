/** Who is in a cluster that changes, by what its servers know. */
import type { Status } from '../processes/server.ts'

/** What a server is there. */
export type Standing = 'member' | 'learns' | 'no member yet' | 'removed'

/** By the log of one server. */
export interface View {
  readonly members: readonly number[]
  /** Whom the leader brings up to date, before it counts. */
  readonly learner: number | null
  readonly removed: readonly number[]
}

/** By the log of whoever knows best; null where a cluster stays as it is. */
export function viewOf(statuses: Iterable<Status | null>): View | null {
  // One that is new has no log yet that could say it.
  const known = [...statuses].filter((status) => status?.members?.length) as Status[]
  const [best] = known.sort((a, b) => rankOf(b) - rankOf(a))
  // Where a cluster stays as it is, nobody can have been removed.
  if (!best?.removed) return null
  const { members = [], learner, removed } = best
  return { members: members.map(({ id }) => id), learner: learner?.id ?? null, removed }
}

export function standingIn(view: View, id: number): Standing {
  if (view.members.includes(id)) return 'member'
  if (view.learner === id) return 'learns'
  return view.removed.includes(id) ? 'removed' : 'no member yet'
}

/** A later term has more than an earlier one, and its leader more than the others. */
function rankOf({ term, role }: Status): number {
  return role === 'Leader' ? term + 0.5 : term
}
