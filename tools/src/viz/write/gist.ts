import type { LoggedEntry, Rpc, RunEvent } from '../shared/event.ts'

/** A command of many words would push everything else out of the row. */
const LONGEST_COMMAND = 40
const MOST_COMMANDS = 4

/** What a row says beside the event's message: the fields that tell the story. */
export function gistOf(event: RunEvent): string {
  if (event.reason !== undefined) return lossText(event.reason)
  if (event.rpc) return rpcGist(event.rpc)
  if (event.entries) return entriesGist(event.entries)
  if (event.invariant !== undefined) return `broken: ${event.invariant}`
  return ''
}

/** A message's row in a narrow column: the sign before it says sent, received or lost. */
export function shortTextOf({ event, rpc }: RunEvent): string | null {
  if (!rpc || !MESSAGE_EVENTS.has(event)) return null
  const what = rpc.kind === 'request' ? rpc.method : 'reply'
  return event === 'receive' ? `${what} from ${rpc.from}` : `${what} to ${rpc.to}`
}

const MESSAGE_EVENTS: ReadonlySet<string> = new Set(['send', 'receive', 'drop'])

function rpcGist({ method, kind, args }: Rpc): string {
  if (method === 'RequestVote') return kind === 'request' ? asks(args) : votes(args)
  if (method === 'AppendEntries') return kind === 'request' ? appends(args) : acks(args)
  return JSON.stringify(args)
}

type Args = Rpc['args']

function asks({ term, lastLogIndex, lastLogTerm }: Args): string {
  if (lastLogIndex === undefined) return `term ${term}`
  return `term ${term}, last entry ${lastLogIndex} of term ${lastLogTerm}`
}

function votes({ term, voteGranted }: Args): string {
  return `term ${term}, ${voteGranted ? 'vote granted' : 'no vote'}`
}

function appends({
  term,
  prevLogIndex,
  prevLogTerm,
  leaderCommit,
  entries,
}: Args): string {
  if (prevLogIndex === undefined) return `term ${term}, heartbeat`
  const news = Array.isArray(entries) && entries.length > 0 ? entriesGist(entries) : ''
  return (
    `term ${term}, ${news || 'heartbeat'}, after entry ${prevLogIndex} ` +
    `of term ${prevLogTerm}, commit ${leaderCommit}`
  )
}

function acks({ term, success, ...rest }: Args): string {
  const hints = Object.entries(rest).map(([name, value]) => `${name} ${value}`)
  return [`term ${term}`, success ? 'success' : 'refused', ...hints].join(', ')
}

function entriesGist(entries: readonly Partial<LoggedEntry>[]): string {
  const shown = entries
    .slice(0, MOST_COMMANDS)
    .map(({ command }) => commandText(command))
  if (entries.length > MOST_COMMANDS) shown.push('…')
  return `+${entries.length} [${shown.join(' ')}]`
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
