import type { Rule } from './rule.ts'

export const electionSafety: Rule = {
  name: 'Election Safety',
  text: 'at most one leader in a term',
  section: 'Figure 3; 5.2',
  ofLogs: false,
  watch() {
    /** By term, over the whole run. */
    const leaders = new Map<number, number>()
    return {
      elected({ id, now: { term } }) {
        const other = leaders.get(term) ?? id
        leaders.set(term, id)
        if (other === id) return
        return `servers ${other} and ${id} were both elected leader of term ${term}`
      },
    }
  },
}

export const oneVotePerTerm: Rule = {
  name: 'One Vote per Term',
  text: 'a vote that is given stays given',
  section: 'Figure 2; 5.2',
  ofLogs: false,
  watch: () => ({
    changed({ id, now, before }) {
      const { term, votedFor } = before
      if (votedFor === null || now.term !== term || now.votedFor === votedFor) return
      return (
        `server ${id} voted for ${votedFor} in term ${term}, ` +
        `and then changed that to ${now.votedFor}`
      )
    },
  }),
}

export const monotonicTerm: Rule = {
  name: 'Monotonic Term',
  text: 'a server’s term never falls',
  section: 'Figure 2; 5.1',
  ofLogs: false,
  watch: () => ({
    changed({ id, now, before }) {
      if (now.term >= before.term) return
      return `the current term of server ${id} fell from ${before.term} to ${now.term}`
    },
  }),
}

export const leaseSafety: Rule = {
  name: 'Lease Safety',
  text: 'while a leader answers reads in a lease, no other is elected',
  section: 'thesis 6.4.1',
  ofLogs: false,
  watch: (servers) => ({
    elected({ id, now: { term } }) {
      for (const { id: other, now } of servers.values()) {
        if (now.term >= term || !now.hasLease) continue
        return (
          `server ${id} leads term ${term}, and server ${other} reads in the ` +
          `lease of term ${now.term}`
        )
      }
      return undefined
    },
  }),
}
