/**
 * What a cluster owes when nobody troubles it: a leader that stays, logs that are the same,
 * an answer for everyone. It is no rule of Figure 3, since it may take its time.
 */
import { InvariantViolation } from 'tools/lab/rules/rule'
import type { View } from 'tools/lab/view'

/** So long nothing was wrong and nobody did anything, in ms: a dozen election timeouts. */
export const PEACE_MS = 5_000
/** In the last part of which nobody may have stood for election any more. */
const STABLE_MS = 3_000

export interface Peace {
  readonly now: number
  /** Whose views these are: of the members, where there are others. */
  readonly ids: readonly number[]
  readonly views: readonly View[]
  /** When somebody last became a candidate. */
  readonly lastCandidacy: { readonly server: number; readonly at: number } | null
}

/** @throws InvariantViolation when the cluster does not do its work. */
export function mustWork({ now, ids, views, lastCandidacy }: Peace): void {
  const problem =
    leadership(ids, views) ??
    stability(now, lastCandidacy) ??
    sameness(ids, views) ??
    answers(ids, views)
  if (problem === null) return
  throw new InvariantViolation(
    'Availability',
    `all servers and links have been in order for ${PEACE_MS / 1000} s, and ${problem}`,
  )
}

function leadership(ids: readonly number[], views: readonly View[]): string | null {
  const leaders = views.filter(({ role }) => role === 'Leader')
  const [leader] = leaders
  const follow = views.filter(
    ({ role, term }) => role === 'Follower' && term === leader?.term,
  )
  if (leaders.length === 1 && follow.length === views.length - 1) return null
  const states = views.map(
    ({ role, term }, i) => `server ${ids[i]} is ${role} in term ${term}`,
  )
  return `there is no leader that all follow: ${states.join('; ')}`
}

function stability(now: number, last: Peace['lastCandidacy']): string | null {
  if (last === null || last.at <= now - STABLE_MS) return null
  return `server ${last.server} still stood for election at ${last.at} ms`
}

function sameness(ids: readonly number[], views: readonly View[]): string | null {
  const leader = views.find(({ role }) => role === 'Leader')
  if (!leader) return null
  const { lastIndex, term } = leader
  const last = leader.entryAt(lastIndex)
  const behind = views.findIndex((view) => {
    const own = view.entryAt(lastIndex)
    // Where a snapshot stands for it there is no entry to compare.
    const differs = own && last && own.term !== last.term
    return view.lastIndex !== lastIndex || differs
  })
  if (behind !== -1) return `the log of server ${ids[behind]} is not the leader’s`
  // An entry of an older term waits for one of the leader's own (5.4.2).
  if (last?.term !== term) return null
  const late = views.findIndex(({ lastApplied }) => lastApplied !== lastIndex)
  return late === -1 ? null : `server ${ids[late]} has not applied entry ${lastIndex}`
}

function answers(ids: readonly number[], views: readonly View[]): string | null {
  const waiting = views.findIndex(({ waiting = 0 }) => waiting > 0)
  return waiting === -1
    ? null
    : `somebody still waits for an answer of server ${ids[waiting]}`
}
