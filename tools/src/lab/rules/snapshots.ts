import type { Rule } from './rule.ts'

export const snapshotsGoOn: Rule = {
  name: 'Snapshots Go On',
  text: 'a snapshot stands for what is committed, and for all that the log has no more',
  section: '7',
  ofLogs: true,
  watch() {
    /** By server, over all its lives. */
    const latest = new Map<number, number>()
    return {
      advanced({ id, now }) {
        const { snapshots, firstIndex, commitIndex } = now
        if (!snapshots) return
        const { lastIndex } = snapshots
        const before = latest.get(id) ?? 0
        latest.set(id, lastIndex)
        if (lastIndex < before) {
          return `the snapshot of server ${id} went back from entry ${before} to ${lastIndex}`
        }
        if (lastIndex > commitIndex) {
          return (
            `server ${id} has a snapshot up to entry ${lastIndex}, ` +
            `and has committed up to ${commitIndex}`
          )
        }
        if (firstIndex <= lastIndex + 1) return
        return (
          `the log of server ${id} begins at entry ${firstIndex}, ` +
          `and its snapshot ends at ${lastIndex}`
        )
      },
    }
  },
}
