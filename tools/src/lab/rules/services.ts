/** For the parts that serve clients: what their state machines hold, and what is answered. */
import type { Entry } from '../view.ts'
import type { Rule, Watched } from './rule.ts'

const equalStates: Rule = {
  name: 'Equal States',
  text: 'after the same entry, all state machines hold the same',
  section: '2; 5.4.3',
  ofLogs: true,
  watch() {
    /** By index: what the first server held that applied it. */
    const states = new Map<number, { readonly id: number; readonly state: string }>()
    const compare = ({ id, now: { state } }: Watched, index: number) => {
      if (state === undefined) return
      const first = states.get(index)
      if (!first) states.set(index, { id, state })
      else if (first.state !== state) {
        return (
          `after entry ${index} server ${id} holds ${state}, ` +
          `and server ${first.id} held ${first.state}`
        )
      }
      return
    }
    return {
      applied: compare,
      /** A snapshot has brought it there, and holds what all the entries give. */
      advanced(server) {
        const { now, before } = server
        if (now.lastApplied > before.lastApplied) return compare(server, now.lastApplied)
        return
      },
    }
  },
}

const notDoneIsNever: Rule = {
  name: 'Not Done Is Never',
  text: 'what a client was told is not done is never applied',
  section: '8',
  ofLogs: true,
  watch() {
    const nameOf = (index: number, { term }: Entry) => `${index} of term ${term}`
    const denied = new Set<string>()
    const committed = new Set<string>()
    return {
      denied({ id }, index, entry) {
        const name = nameOf(index, entry)
        denied.add(name)
        if (!committed.has(name)) return
        return `server ${id} told a client that entry ${name} was not done; it was`
      },
      committed({ id }, index, entry) {
        const name = nameOf(index, entry)
        committed.add(name)
        if (!denied.has(name)) return
        return `server ${id} committed entry ${name}; a client was told that it was not done`
      },
    }
  },
}

export const SERVICE_RULES: readonly Rule[] = [equalStates, notDoneIsNever]
