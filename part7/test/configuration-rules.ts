/** What must hold of configurations, whatever happens; and what a search must get to see. */
import type { Entry, Rule, View } from 'tools/lab'
import { mark } from 'tools/lab/reached'
import type { Configuration } from '../src/configuration.ts'
import type { LogEntry } from '../src/raft.ts'

/** What the laboratory sees of a server of this part. */
export interface MembersView extends View {
  readonly members: readonly number[]
  readonly learner: number | null
  readonly isHandingOver: boolean
  /** Whether it knows that it was removed. */
  readonly isRemoved: boolean
}

const isChanging = (part: { readonly members?: unknown }) => part.members !== undefined
const sees = (name: string) => mark(name, isChanging)

const added = sees('a server becomes a member')
const removed = sees('a member is removed')
const undone = sees('a configuration is undone, since it is overwritten')
const inherited = sees('a leader goes on with a change of an earlier one')
const removesItself = sees('a leader that was removed steps down')
const campaigns = sees('a server stands for election that its own log has removed')
const brought = sees('a snapshot brings a configuration')
const learnsBySnapshot = sees('a learner gets a snapshot')
const learnsToTheEnd = sees('a learner is given up, or its leader deposed')
export const handsOver = sees('a leader hands over, and another leads')

/** Two that follow each other in a log differ by one server, or by an address. */
const majoritiesMeet: Rule = {
  name: 'Majorities Meet',
  text: 'every majority of a configuration meets every majority of the next',
  section: '6; thesis 4.1',
  ofLogs: true,
  watch: () => ({
    added({ id, now }, index, entry) {
      const next = configurationOf(entry)
      if (!next) return
      const last = latestBefore(now as MembersView, index)
      if (!last) return
      const come = next.members.filter((each) => !has(last, each.id))
      const gone = last.members.filter((each) => !has(next, each.id))
      if (come.length > 0) added()
      if (gone.length > 0) removed()
      if (come.length + gone.length > 1) {
        return (
          `entry ${index} of server ${id} makes ${idsIn(next)} of ${idsIn(last)}: ` +
          'majorities of the two need have no server in common'
        )
      }
      const again = next.members.find((each) => last.removed.includes(each.id))
      if (!again) return
      return `entry ${index} of server ${id} uses the id ${again.id} a second time`
    },
    removed({ before }, index) {
      for (let at = index; at <= before.lastIndex; at += 1) {
        if (configurationOf(before.entryAt(at))) undone()
      }
      return undefined
    },
  }),
}

const oneChangeAtATime: Rule = {
  name: 'One Change at a Time',
  text: 'a leader’s log has at most one configuration beyond what is committed',
  section: '6; thesis 4.1',
  ofLogs: true,
  watch: () => ({
    added({ id, now }, index, entry) {
      if (now.role !== 'Leader' || !configurationOf(entry)) return
      if (!changesBeyond(now, now.commitIndex, index - 1)) return
      return `leader ${id} has begun a change at entry ${index}, and one is not committed`
    },
  }),
}

/** Before that, another leader’s change may be in more logs than it knows of. */
const ownTermFirst: Rule = {
  name: 'Own Term First',
  text: 'a leader changes the cluster when it has committed an entry of its term',
  section: 'thesis 4.1, as mended in 2015',
  ofLogs: true,
  watch: () => ({
    added({ id, now }, index, entry) {
      const { commitIndex, role, term } = now
      if (role !== 'Leader' || !configurationOf(entry)) return
      // The first configuration of all stands in the entry that begins a term.
      if (now.entryAt(index - 1)?.term !== term) return
      const isKnown = commitIndex >= now.firstIndex
      if (!isKnown || now.entryAt(commitIndex)?.term === term) return
      return `leader ${id} changes the cluster, and has committed nothing in term ${term}`
    },
  }),
}

/** By its log, or where that has none, by what was committed where it begins. */
const theLatestIsInForce: Rule = {
  name: 'The Latest Is in Force',
  text: 'a server counts by the latest configuration in its log',
  section: '6; thesis 4.1',
  ofLogs: true,
  watch() {
    const committed = new Map<number, Configuration>()
    const expectedOf = (view: View) => {
      const own = latestBefore(view, view.lastIndex + 1)
      if (own) return own
      const known = [...committed.keys()].filter((index) => index < view.firstIndex)
      return committed.get(Math.max(...known))
    }
    const compare = ({ id, now }: { readonly id: number; readonly now: View }) => {
      const { members } = now as MembersView
      const expected = expectedOf(now)
      if (!expected || idsIn(expected) === members.join(', ')) return
      return (
        `server ${id} counts by ${members.join(', ') || 'nobody'}, ` +
        `and the latest configuration in its log is ${idsIn(expected)}`
      )
    }
    return {
      changed: (server) => (server.now.role === 'Dead' ? undefined : compare(server)),
      committed(_server, index, entry) {
        const configuration = configurationOf(entry)
        if (configuration) committed.set(index, configuration)
        return undefined
      },
      elected: compare,
      removed: compare,
    }
  },
}

/** Learners have no vote, nor have those who were removed, nor is anybody else counted. */
const onlyMembersCount: Rule = {
  name: 'Only Members Count',
  text: 'elections and commits rest on a majority of the configuration in force',
  section: '6; thesis 4.1, 4.2.1',
  ofLogs: true,
  watch: (servers) => ({
    elected({ id, now }) {
      const { members, isRemoved } = now as MembersView
      if (changesBeyond(now, now.commitIndex, lastOfEarlierTerms(now))) inherited()
      if (isRemoved) return `server ${id} leads, and knows that it was removed`
      const voters = members.filter((member) => {
        const view = servers.get(member)?.now
        const hasVoted = view?.term === now.term && view.votedFor === id
        return hasVoted || (view?.term ?? 0) > now.term
      })
      if (voters.length > members.length / 2) return
      return (
        `server ${id} leads term ${now.term} by the votes of ${voters.join(', ')}, ` +
        `who are no majority of ${members.join(', ')}`
      )
    },
    advanced({ id, now, before }) {
      if (now.role !== 'Leader' || now.commitIndex === before.commitIndex) return
      const { members } = now as MembersView
      const term = now.entryAt(now.commitIndex)?.term
      const holders = members.filter((member) => {
        const view = servers.get(member)?.now
        if (!view || term === undefined) return view !== undefined
        return now.commitIndex < view.firstIndex || holds(view, now.commitIndex, term)
      })
      if (holders.length > members.length / 2) return
      return (
        `leader ${id} has committed entry ${now.commitIndex}, which is held by ` +
        `${holders.join(', ') || 'nobody'}: no majority of ${members.join(', ')}`
      )
    },
  }),
}

/** Pre-vote asks for a term that nobody has, and may never have (9.6). */
const termsBeginWithCandidates: Rule = {
  name: 'Terms Begin with Candidates',
  text: 'no server has a term in which nobody has stood for election',
  section: 'thesis 9.6',
  ofLogs: false,
  watch() {
    const begun = new Set([0])
    return {
      changed({ id, now: { term, votedFor }, before }) {
        // One that starts may have it on its disk from before anybody looked.
        if (votedFor === id || before.role === 'Dead') begun.add(term)
        if (begun.has(term)) return
        return `server ${id} has term ${term}, in which nobody has stood for election`
      },
    }
  },
}

/** What a server must not do any more when it has been removed, or is about to lead no more. */
const theyLetGo: Rule = {
  name: 'Who Leaves Lets Go',
  text: 'who was removed leads no more; who hands over takes nothing',
  section: 'thesis 3.10, 4.2.2',
  ofLogs: true,
  watch: () => ({
    changed({ id, now }) {
      const { isRemoved, role, term } = now as MembersView
      if (!isRemoved || role !== 'Candidate') return
      return `server ${id} stands for election in term ${term}, and knows that it was removed`
    },
    advanced({ id, now }) {
      if (!(now as MembersView).isRemoved || now.role !== 'Leader') return
      return `server ${id} still leads term ${now.term}, and its removal is committed`
    },
    added({ id, now }, index, { command }) {
      const { isHandingOver, role } = now as MembersView
      if (!isHandingOver || role !== 'Leader' || command === null) return
      return `leader ${id} takes entry ${index} while it hands its leadership over`
    },
  }),
}

/** Only marks. */
const events: Rule = {
  name: 'Changes',
  text: 'what a search must get to see',
  section: 'thesis 4',
  ofLogs: true,
  watch() {
    let learning: number | null = null
    return {
      changed({ id, now, before }) {
        const { isRemoved, members } = now as MembersView
        const isCandidate = now.role === 'Candidate' && before.role !== 'Candidate'
        if (isCandidate && !members.includes(id)) campaigns()
        const stepsDown = before.role === 'Leader' && now.role === 'Follower'
        if (stepsDown && isRemoved) removesItself()
        if (stepsDown && learning !== null) learnsToTheEnd()
        return undefined
      },
      advanced({ id, now, before }) {
        const { learner } = now as MembersView
        if (now.role === 'Leader') learning = learner
        const last = now.snapshots?.lastIndex ?? 0
        const isNew = last > (before.snapshots?.lastIndex ?? 0)
        if (isNew && now.lastIndex === last) brought()
        if (now.snapshots?.isArriving && id === learning) learnsBySnapshot()
        return undefined
      },
    }
  },
}

export const configurationRules: readonly Rule[] = [
  majoritiesMeet,
  oneChangeAtATime,
  ownTermFirst,
  theLatestIsInForce,
  onlyMembersCount,
  termsBeginWithCandidates,
  theyLetGo,
  events,
]

/** Whether a log has a configuration behind one entry, up to another. */
function changesBeyond(view: View, index: number, lastIndex = view.lastIndex): boolean {
  for (let at = Math.max(index + 1, view.firstIndex); at <= lastIndex; at += 1) {
    if (configurationOf(view.entryAt(at))) return true
  }
  return false
}

function lastOfEarlierTerms(view: View): number {
  let index = view.lastIndex
  while (index >= view.firstIndex && view.entryAt(index)?.term === view.term) index -= 1
  return index
}

function holds(view: View, index: number, term: number): boolean {
  return view.entryAt(index)?.term === term
}

function configurationOf(entry: Entry | undefined): Configuration | undefined {
  return (entry as LogEntry | undefined)?.configuration
}

function latestBefore(view: View, index: number): Configuration | undefined {
  for (let at = index - 1; at >= view.firstIndex; at -= 1) {
    const found = configurationOf(view.entryAt(at))
    if (found) return found
  }
  return undefined
}

function has({ members }: Configuration, id: number): boolean {
  return members.some((member) => member.id === id)
}

function idsIn({ members }: Configuration): string {
  return members.map(({ id }) => id).join(', ') || 'nobody'
}
