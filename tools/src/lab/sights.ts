/** What a search over many seeds must get to see of the servers, or it is no search. */

import type { Part } from './part.ts'
import { mark } from './reached.ts'
import type { Watched, Watcher } from './rules/rule.ts'

interface Sight {
  readonly name: string
  watch(servers: ReadonlyMap<number, Watched>): Watcher
}

const hasLog = (part: Part) => part.submit !== undefined
const hasSnapshots = (part: Part) => 'InstallSnapshot' in part.rpcs

const splitVote = mark('a split vote')
const yields = mark('a candidate yields to the leader of its term')
const deposed = mark('a leader is deposed that has uncommitted entries', hasLog)
const rejoined = mark('entries of several terms give way to a leader’s', hasLog)
const takenAlong = mark('an entry of an older term is committed along: figure 8', hasLog)

const appliesMeanwhile = mark(
  'entries are applied while a snapshot arrives',
  hasSnapshots,
)
const takesMeanwhile = mark('a snapshot is taken while another arrives', hasSnapshots)
const stopsSending = mark('a leader is deposed that sends a snapshot', hasSnapshots)

/** Two or more were candidates in a term, and one of them must try again in the next. */
const splitVotes: Sight = {
  name: 'split votes',
  watch() {
    const candidates = new Map<number, number>()
    return {
      changed({ now: { role, term }, before }) {
        if (role !== 'Candidate' || term === before.term) return undefined
        const tried = before.role === 'Candidate' ? candidates.get(before.term) : 0
        if ((tried ?? 0) > 1) splitVote()
        candidates.set(term, (candidates.get(term) ?? 0) + 1)
        return undefined
      },
    }
  },
}

const roles: Sight = {
  name: 'roles',
  watch: () => ({
    changed({ now, before }) {
      if (now.role !== 'Follower' || now.role === before.role) return undefined
      if (before.role === 'Candidate' && now.term === before.term) yields()
      if (before.role === 'Leader' && before.lastIndex > before.commitIndex) deposed()
      return undefined
    },
  }),
}

const logs: Sight = {
  name: 'logs',
  watch: () => ({
    removed({ before }, index) {
      const first = before.entryAt(index)?.term
      if (before.entryAt(before.lastIndex)?.term !== first) rejoined()
      return undefined
    },
    committed({ now }, index, { term }) {
      const last = now.entryAt(now.commitIndex)
      const isLeader = now.role === 'Leader' && last?.term === now.term
      if (isLeader && term < now.term && index < now.commitIndex) takenAlong()
      return undefined
    },
  }),
}

const snapshots: Sight = {
  name: 'snapshots',
  watch: () => ({
    changed({ now, before }) {
      if (before.role !== 'Leader' || now.role !== 'Follower') return undefined
      if (before.snapshots?.isSending) stopsSending()
      return undefined
    },
    advanced({ now }) {
      if (now.snapshots?.isTaking && now.snapshots.isArriving) takesMeanwhile()
      return undefined
    },
    applied({ now }) {
      if (now.snapshots?.isArriving) appliesMeanwhile()
      return undefined
    },
  }),
}

export const SIGHTS: readonly Sight[] = [splitVotes, roles, logs, snapshots]
