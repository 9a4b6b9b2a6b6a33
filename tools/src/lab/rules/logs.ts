import type { Entry } from '../view.ts'
import { isSame, type Rule, show } from './rule.ts'

export const leaderAppendOnly: Rule = {
  name: 'Leader Append-Only',
  text: 'a leader removes nothing from its log',
  section: 'Figure 3; 5.3',
  ofLogs: true,
  watch: () => ({
    removed({ id, now, before }, index) {
      const still = now.role === 'Leader' && now.term === before.term
      if (!still || before.role !== 'Leader') return
      return (
        `server ${id} removed entry ${index} of its own log while it led ` +
        `term ${before.term}`
      )
    },
  }),
}

/** By induction: equal entries with equal terms before them mean equal logs up to them. */
export const logMatching: Rule = {
  name: 'Log Matching',
  text: 'logs with the same entry are the same up to it',
  section: 'Figure 3; 5.3',
  ofLogs: true,
  watch() {
    type Known = Entry & { readonly prevTerm: number | undefined }
    /** By term, then index: every entry that ever was in a log. */
    const entries = new Map<number, Map<number, Known>>()
    return {
      added({ id, before }, index, { term, command }) {
        const ofTerm = entries.get(term) ?? new Map<number, Known>()
        entries.set(term, ofTerm)
        const known = ofTerm.get(index)
        // Nothing is known of what a snapshot took the place of.
        const prevTerm = index === 1 ? 0 : before.entryAt(index - 1)?.term
        if (!known) {
          ofTerm.set(index, { term, command, prevTerm })
          return
        }
        const fits = prevTerm === undefined || known.prevTerm === undefined
        if (known.command === command && (fits || known.prevTerm === prevTerm)) return
        return (
          `server ${id} holds an entry ${index} of term ${term} that differs, ` +
          'itself or in what stands before it, from another log’s entry of that ' +
          'index and term'
        )
      },
    }
  },
}

export const leaderCompleteness: Rule = {
  name: 'Leader Completeness',
  text: 'what is committed is in the log of every later leader',
  section: 'Figure 3; 5.4',
  ofLogs: true,
  watch(servers) {
    /** At index - 1: every entry that was called committed, and the term of who did first. */
    const committed: (Entry & { readonly inTerm: number })[] = []
    return {
      committed({ id, now: { term } }, index, entry) {
        if (committed[index - 1]) return
        committed[index - 1] = { term: entry.term, command: entry.command, inTerm: term }
        for (const { id: leader, before } of servers.values()) {
          if (before.role !== 'Leader' || before.term <= term) continue
          if (isSame(before.entryAt(index), entry)) continue
          return (
            `server ${id} committed ${show(entry)} as entry ${index} in term ${term}, ` +
            `but server ${leader} leads term ${before.term} without it`
          )
        }
      },
      /** By Log Matching, to hold the last committed entry is to hold them all. */
      elected({ id, now }) {
        let index = committed.length
        while (index > 0 && (committed[index - 1]?.inTerm ?? 0) >= now.term) index -= 1
        const last = committed[index - 1]
        if (!last || index < now.firstIndex || isSame(now.entryAt(index), last)) return
        return (
          `server ${id} leads term ${now.term} without entry ${index}, ` +
          `which was committed in term ${last.inTerm}`
        )
      },
    }
  },
}
