import type { EventName, Fault, LoggedEntry, Role } from '../shared/event.ts'
import { splitGoList } from './govalues.ts'

/** What a line of the Go original says of its server, as far as its prose can be trusted. */
export interface Prose {
  readonly event: EventName
  readonly role?: Role
  readonly term?: number
  readonly commitIndex?: number
  readonly votedFor?: number
  readonly message?: ProseMessage
  /** The server's whole log, where the line tells it; Go counts from 0. */
  readonly entries?: readonly LoggedEntry[]
  readonly fault?: Fault
}

/** A message, with what can be known of it before it is matched with its other end. */
export interface ProseMessage {
  readonly method: string
  readonly kind: 'request' | 'reply'
  readonly isSent: boolean
  /** The server at the other end, where the line names it. */
  readonly peer: number | null
  /** The message itself, as Go prints it; null where the line does not repeat it. */
  readonly body: string | null
}

const BECOMES = /^becomes (Follower|Candidate|Leader|Dead)\b/
const TERM = /(?:\bterm=|\bcurrentTerm=|\{Term:)(\d+)/
const SENDS = /^sending (\w+) to (\d+): (?:ni=-?\d+, args=)?(.*)$/
const RECEIVES = /^(RequestVote|AppendEntries|InstallSnapshot): (\{.*\})/
const ANSWERS = /^(?:\.\.\. )?(\w+) reply: &?(\{.*\})$/
const HEARS_ANSWER = /^received (\w+?)Reply (\{.*\})$/
const HEARS_APPEND = /^(\w+) reply from (\d+) (?:!?success)/
const SENDER = /(?:CandidateId|LeaderId):(\d+)/
const LOSES = /^(drop|delay) (RequestVote|AppendEntries)/
const COMMITS = /(?:setting commitIndex=|leader sets commitIndex := )(-?\d+)/
const SUBMITS = /^Submit received by /

/** Reads the prose of a server's line. */
export function readServerProse(text: string): Prose {
  const message = readMessage(text)
  if (message)
    return { event: message.isSent ? 'send' : 'receive', ...term(text), message }
  const [, role] = BECOMES.exec(text) ?? []
  const entries = readLog(text)
  if (role) return { event: 'role', role: role as Role, ...term(text), ...entries }
  const [, commitIndex] = COMMITS.exec(text) ?? []
  if (commitIndex !== undefined) {
    return { event: 'commit', commitIndex: Number(commitIndex) }
  }
  if (SUBMITS.test(text)) return { event: 'submit' }
  if (LOSES.test(text)) return { event: 'drop' }
  if (text.startsWith('election timer started')) {
    return { event: 'timer', ...term(text) }
  }
  if (text.startsWith('... log')) return { event: 'append', ...entries }
  if (text.startsWith('send on commitchan')) return { event: 'apply' }
  return { event: 'note' }
}

/** `… log is now: [{42 1} {7 2}]`: the commands, each with its term. */
function readLog(text: string): { entries?: LoggedEntry[] } {
  const [, list] = /\blog(?: is now: |=)\[(.*)\]$/.exec(text) ?? []
  if (list === undefined) return {}
  const entries: LoggedEntry[] = []
  for (const item of splitGoList(list)) {
    const [, command, term] = /^\{(.*) (\d+)\}$/.exec(item) ?? []
    if (term === undefined) return {}
    entries.push({ index: entries.length, term: Number(term), command })
  }
  return { entries }
}

/** The term that a server is in, which a message that it got need not be of. */
function term(text: string): { term?: number } {
  const isFromAnother = RECEIVES.test(text) || HEARS_ANSWER.test(text)
  const own = isFromAnother ? /\bcurrentTerm=(\d+)/.exec(text) : TERM.exec(text)
  return own ? { term: Number(own[1]) } : {}
}

function readMessage(text: string): ProseMessage | null {
  const sends = SENDS.exec(text)
  if (sends) return request(sends[1] ?? '', true, Number(sends[2]), sends[3] ?? '')
  const receives = RECEIVES.exec(text)
  if (receives) {
    const [, method = '', body = ''] = receives
    const sender = SENDER.exec(body)
    const peer = sender ? Number(sender[1]) : null
    return request(method, false, peer, body)
  }
  const answers = ANSWERS.exec(text)
  if (answers) return reply(answers[1] ?? '', true, null, answers[2] ?? null)
  const hears = HEARS_ANSWER.exec(text)
  if (hears) return reply(hears[1] ?? '', false, null, hears[2] ?? null)
  const acked = HEARS_APPEND.exec(text)
  if (acked) return reply(acked[1] ?? '', false, Number(acked[2]), null)
  return null
}

function request(
  method: string,
  isSent: boolean,
  peer: number | null,
  body: string,
): ProseMessage {
  return { method, kind: 'request', isSent, peer, body }
}

function reply(
  method: string,
  isSent: boolean,
  peer: number | null,
  body: string | null,
): ProseMessage {
  return { method, kind: 'reply', isSent, peer, body }
}

const HARNESS =
  /^(Disconnect|Reconnect|Crash|Restart|PeerDropCallsAfterN|PeerDontDropCalls) (\d+)/

const FAULT_KINDS: Readonly<Record<string, string>> = {
  Disconnect: 'disconnect',
  Reconnect: 'reconnect',
  Crash: 'crash',
  Restart: 'restart',
}

/** Reads the prose of the harness's line. */
export function readHarnessProse(text: string): Prose {
  const [, verb = '', peer] = HARNESS.exec(text) ?? []
  const kind = FAULT_KINDS[verb]
  if (kind) return { event: 'fault', fault: { kind, peer: Number(peer) } }
  if (text.startsWith('submitting')) return { event: 'submit' }
  return { event: 'note' }
}
