import { configurationIn, membersText } from '../../testlog/configuration.ts'
import { isKnown, ownFields } from '../../testlog/event.ts'
import { isHeartbeat } from '../../testlog/rpc.ts'
import type { LoggedEntry, Rpc, RunEvent } from '../shared/event.ts'

/** A command of many words would push everything else out of the row. */
const LONGEST_COMMAND = 40
const MOST_COMMANDS = 4
/** So many characters of commands leave room for the fields behind them. */
const MOST_CHARACTERS = 60

/** What the entry at an index, of a term, changes about the cluster, if it is known. */
type ChangeAt = (index: number, term: number) => string | null

/** What a row says beside the event's message: the fields that tell the story. */
export function gistOf(event: Omit<RunEvent, 'test'>, changeAt?: ChangeAt): string {
  if (!isKnown(event.event)) return namedFields(ownFields(event)).join(', ')
  if (event.event === 'invoke' || event.event === 'return') return askedGist(event)
  if (event.reason !== undefined) return lossText(event.reason)
  if (event.rpc) return rpcGist(event.rpc, changeAt)
  if (event.entries) return entriesGist(event.entries, changeAt)
  if (event.invariant !== undefined) return `broken: ${event.invariant}`
  return ''
}

/** What a client asks for, beside its name and the key; and what it is answered. */
function askedGist(event: object): string {
  const { f: _f, key: _key, outcome: _outcome, answer, ...more } = ownFields(event)
  const answered = typeof answer === 'object' && answer !== null ? answer : {}
  return namedFields({ ...more, ...answered }).join(', ')
}

/** A message's row in a narrow column: the sign before it says sent, received or lost. */
export function shortTextOf({ event, rpc }: RunEvent): string | null {
  if (!rpc || !MESSAGE_EVENTS.has(event)) return null
  const what = rpc.kind === 'request' ? rpc.method : 'reply'
  return event === 'receive' ? `${what} from ${rpc.from}` : `${what} to ${rpc.to}`
}

const MESSAGE_EVENTS: ReadonlySet<string> = new Set(['send', 'receive', 'drop'])

/**
 * What a message says: in words what Figure 2 has words for, in the order of their weight,
 * and other fields by their names, whatever the method. Who sent it is seen.
 */
function rpcGist(rpc: Omit<Rpc, 'id'>, changeAt?: ChangeAt): string {
  const { term, entries, success, voteGranted, leaderCommit, ...others } = rpc.args
  const { lastLogIndex, lastLogTerm, prevLogIndex, prevLogTerm, ...more } = others
  const { candidateId: _candidate, leaderId: _leader, isHandover, ...rest } = more
  const words: string[] = []
  if (term !== undefined) words.push(`term ${term}`)
  if (isHeartbeat(rpc)) words.push('heartbeat')
  else if (Array.isArray(entries)) {
    const first = Number(prevLogIndex) + 1
    const placed = entries.map((entry, i) => ({ ...entry, index: first + i }))
    words.push(entriesGist(placed, changeAt))
  }
  if (success !== undefined) words.push(success ? 'success' : 'refused')
  if (voteGranted !== undefined) words.push(voteGranted ? 'vote granted' : 'no vote')
  if (leaderCommit !== undefined) words.push(`commit ${leaderCommit}`)
  if (lastLogIndex !== undefined) {
    words.push(`last entry ${lastLogIndex} of term ${lastLogTerm}`)
  }
  if (prevLogIndex !== undefined) {
    words.push(`after entry ${prevLogIndex} of term ${prevLogTerm}`)
  }
  if (isHandover === true) words.push('the leader asked for it')
  const told = snapshotGist(rest)
  return [...words, ...(told ?? namedFields(rest))].join(', ')
}

/** What is said of a snapshot that goes in pieces (Figure 13); null where nothing is. */
function snapshotGist(args: object): string[] | null {
  const { lastIncludedIndex, lastIncludedTerm, offset, data, done, ...rest } =
    args as Record<string, unknown>
  if (typeof data === 'string' && typeof lastIncludedIndex === 'number') {
    const what = `snapshot up to entry ${lastIncludedIndex} of term ${lastIncludedTerm}`
    const isQuestion = data === '' && done === false
    const piece = `${data.length} characters at ${offset}${done === true ? ', the last' : ''}`
    return [what, isQuestion ? 'how much has come?' : piece, ...namedFields(rest)]
  }
  const { installed, received, ...more } = args as Record<string, unknown>
  if (typeof installed !== 'boolean' || typeof received !== 'number') return null
  const state = installed ? 'has all that it stands for' : `has ${received} of it`
  return [state, ...namedFields(more)]
}

function namedFields(fields: object): string[] {
  return Object.entries(fields).map(([name, value]) => `${name} ${commandText(value)}`)
}

function entriesGist(
  entries: readonly Partial<LoggedEntry>[],
  changeAt?: ChangeAt,
): string {
  const shown: string[] = []
  let characters = 0
  for (const entry of entries.slice(0, MOST_COMMANDS)) {
    const text = entryText(entry, changeAt)
    characters += text.length
    if (shown.length > 0 && characters > MOST_CHARACTERS) break
    shown.push(text)
  }
  if (entries.length > shown.length) shown.push('…')
  return `+${entries.length} [${shown.join(' ')}]`
}

function entryText(entry: Partial<LoggedEntry>, changeAt?: ChangeAt): string {
  const configuration = configurationIn(entry)
  if (!configuration) return commandText(entry.command)
  const change = changeAt?.(entry.index ?? 0, entry.term ?? 0)
  if (change) return change
  return membersText(configuration.members.map(({ id }) => id))
}

/** Why a message was lost. */
function lossText(reason: string): string {
  return reason === 'lost' ? reason : `lost: ${reason}`
}

/** A command as a person writes it: a string without its quotes. */
export function commandText(command: unknown): string {
  const text = typeof command === 'string' ? command : (JSON.stringify(command) ?? '')
  return text.length > LONGEST_COMMAND ? `${text.slice(0, LONGEST_COMMAND)}…` : text
}
