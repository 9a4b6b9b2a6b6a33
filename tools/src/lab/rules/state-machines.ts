import type { Entry } from '../view.ts'
import { isSame, type Rule, show } from './rule.ts'

export const stateMachineSafety: Rule = {
  name: 'State Machine Safety',
  text: 'no two servers apply different commands at an index',
  section: 'Figure 3; 5.4.3',
  ofLogs: true,
  watch() {
    /** At index - 1: every entry that was called committed. */
    const committed: Entry[] = []
    return {
      removed({ id, before }, index) {
        if (index > before.commitIndex) return
        return `server ${id} removed entry ${index}, which it had called committed`
      },
      committed({ id }, index, entry) {
        const known = committed[index - 1] ?? entry
        committed[index - 1] = known
        if (isSame(known, entry)) return
        return (
          `server ${id} committed ${show(entry)} as entry ${index}, ` +
          `where ${show(known)} had been committed`
        )
      },
      applied({ id, before: { lastApplied } }, index) {
        if (index === lastApplied + 1) return
        return (
          `server ${id} applied entry ${index} after entry ${lastApplied}; ` +
          'a server applies every entry once, in the order of the log'
        )
      },
    }
  },
}

export const monotonicCommit: Rule = {
  name: 'Monotonic Commit',
  text: 'what is committed stays so',
  section: 'Figure 2; 5.3',
  ofLogs: true,
  watch: () => ({
    advanced({ id, now, before }) {
      const { commitIndex, lastApplied, lastIndex } = now
      if (commitIndex < before.commitIndex) {
        return (
          `the commit index of server ${id} fell from ${before.commitIndex} ` +
          `to ${commitIndex}`
        )
      }
      if (commitIndex <= lastIndex && lastApplied <= commitIndex) return
      return (
        `server ${id} applied up to ${lastApplied} and committed up to ${commitIndex} ` +
        `of a log that ends at ${lastIndex}`
      )
    },
  }),
}
