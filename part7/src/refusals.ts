/**
 * What no request can say: it was damaged, its sender has forgotten what it promised, or
 * somebody lies. Raft's rules rest on its not being so, and do not look. The request is
 * refused, and a person is told.
 */
import type { Configuration } from './configuration.ts'
import type { AppendEntriesArgs, ConsensusModule, RequestVoteArgs } from './raft.ts'
import type { InstallSnapshotArgs } from './snapshots.ts'

/** As far as it is looked at. */
type Held = Pick<ConsensusModule, 'currentTerm' | 'commitIndex' | 'base' | 'log'>

type Args = Partial<RequestVoteArgs & AppendEntriesArgs & InstallSnapshotArgs>

/** What a connection can be tried to, at least. */
const ADDRESS = /^[^\s/]\S*$/

/** @returns null when nothing is wrong with it. */
export function faultOfRequest(args: Args, from: number, held: Held): string | null {
  const { candidateId = from, leaderId = from } = args
  const other = [candidateId, leaderId].find((id) => id !== from)
  if (other !== undefined) return `it speaks for server ${other}, and is not of it`
  if ('lastIncludedIndex' in args) {
    const configuration = args.placed?.configuration
    if (!configuration) return 'it does not say who is in the cluster'
    return faultOfConfiguration(configuration)
  }
  for (const { configuration } of args.entries ?? []) {
    const fault = configuration && faultOfConfiguration(configuration)
    if (fault) return fault
  }
  return contradiction(args, held)
}

function faultOfConfiguration({ members }: Configuration): string | null {
  if (members.length === 0) return 'there is nobody in its cluster'
  const ids = new Set(members.map(({ id }) => id))
  if (ids.size !== members.length) return 'a server is in its cluster twice'
  const nowhere = members.find(({ address }) => !ADDRESS.test(address))
  return nowhere ? `server ${nowhere.id} of its cluster has no address` : null
}

/** What is committed stays (5.4): no leader of this term, or a later one, has another entry. */
function contradiction(args: Args, held: Held): string | null {
  const { term = 0, prevLogIndex = 0, entries = [] } = args
  const { currentTerm, commitIndex, base, log } = held
  // One that was deposed may have another, and has to hear of it.
  if (term < currentTerm) return null
  const known = Math.min(entries.length, commitIndex - prevLogIndex)
  for (let i = 0; i < known; i += 1) {
    const index = prevLogIndex + 1 + i
    const theirs = entries[i]?.term
    const ours = index === base.index ? base.term : log[index - 1 - base.index]?.term
    if (ours !== undefined && ours !== theirs) {
      return `its entry ${index} is of term ${theirs}, and the one that is committed of ${ours}`
    }
  }
  return null
}

/** A piece of a snapshot says what the state machine cannot read. */
export class UnreadablePiece extends Error {}
