/** Of one event: by which rule of the paper it happened, and what the server knew then. */
import type { Role, Rpc } from '../../testlog/event.ts'
import { familyOf } from '../../testlog/rpc.ts'
import { type Rule, ruleNameFor, ruleOf } from '../../testlog/rules.ts'
import { FLAG } from '../shared/format.ts'
import { EVENT, NONE, type Snapshot, type Timeline } from './timeline.ts'
import { laneName, roleName } from './words.ts'

export interface Told {
  /** Null for what no rule of Figure 2 is about. */
  readonly rule: Rule | null
  /** Sentences about the server, as it was before the event. */
  readonly knew: readonly string[]
}

type Args = Readonly<Record<string, unknown>>

/** What of a line of the log is in no column. */
export interface Fields {
  /** What the message says; null where there is none, or the log does not say. */
  readonly args: Args | null
  readonly index: number | undefined
}

/**
 * Takes a line apart that can be anything: of an event's line only texts that make sense are
 * in the columns, and the line is as it was.
 */
export function fieldsOf(line: string): Fields {
  const fields = objectOf(parsed(line)) ?? {}
  const args = objectOf(objectOf(fields.rpc)?.args)
  return { args, index: typeof fields.index === 'number' ? fields.index : undefined }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // A line of the Go original is prose.
    return null
  }
}

function objectOf(value: unknown): Args | null {
  return typeof value === 'object' && value !== null ? (value as Args) : null
}

/** @param request what the request said that the event answers, when it is an answer. */
export function tell(
  timeline: Timeline,
  row: number,
  { args, index }: Fields,
  request: Args | null,
): Told {
  const rpc = args && rpcOf(timeline, row, args)
  const role = roleName(timeline.role[row] ?? 0)
  const event = {
    event: timeline.eventName(row),
    ...(role !== 'Unknown' && { role: role as Role }),
    ...(rpc && { rpc }),
    ...(index !== undefined && { index }),
  }
  const name = ruleNameFor(event, hasLog(timeline, row))
  const knew = timeline.isServer(timeline.lane[row] ?? 0)
    ? [before(timeline, row), ...decided(timeline, row, { rpc, index, request })]
    : []
  return { rule: name === null ? null : ruleOf(name), knew: knew.filter(Boolean) }
}

function rpcOf(timeline: Timeline, row: number, args: Args): Rpc {
  const method = timeline.header.methods[timeline.method[row] ?? 0] ?? ''
  const kind = timeline.has(row, FLAG.reply) ? 'reply' : 'request'
  // Who talks to whom is seen, and no rule asks for it.
  return { id: '', method, kind, from: NONE, to: NONE, args }
}

/** Part 1 has no log to speak of. */
function hasLog(timeline: Timeline, row: number): boolean {
  return timeline.snapshot(timeline.lane[row] ?? 0, row).state.commitIndex !== undefined
}

function snapshotBefore(timeline: Timeline, row: number): Snapshot {
  return timeline.snapshot(timeline.lane[row] ?? 0, row - 1)
}

/** What it was: role, term, vote, and where its log ended. */
function before(timeline: Timeline, row: number): string {
  const { role, term, state, log } = snapshotBefore(timeline, row)
  if (role === 0) return ''
  const { votedFor } = state
  const vote =
    votedFor === undefined
      ? ''
      : votedFor === null
        ? ', had given no vote in it'
        : `, had voted for ${votedFor} in it`
  const name = laneName(timeline, timeline.lane[row] ?? 0)
  const logEnd = hasLog(timeline, row) ? `, and its log ${lastOf(timeline, log)}` : ''
  return `${name} was ${ROLE_WORDS[role]} in term ${term}${vote}${logEnd}.`
}

const ROLE_WORDS = ['', 'a follower', 'a candidate', 'the leader', 'dead'] as const

function lastOf(timeline: Timeline, log: number): string {
  if (log === 0) return 'was empty'
  const { index, term } = timeline.entry(log)
  return `ended with entry ${index} of term ${term}`
}

interface Grounds {
  readonly rpc: Rpc | null
  readonly index: number | undefined
  readonly request: Args | null
}

/** What the decision rested on, in the order in which the rule looks at it. */
function decided(
  timeline: Timeline,
  row: number,
  { rpc, index, request }: Grounds,
): string[] {
  const isReply = rpc?.kind === 'reply'
  const asked = isReply ? request : rpc?.args
  const event = timeline.event[row]
  const isAtReceiver = isReply ? event === EVENT.send : event === EVENT.receive
  if (rpc && asked && isAtReceiver) {
    const family = familyOf(rpc.method)
    const terms = compareTerms(timeline, row, asked, rpc.method)
    if (family === 'vote') return [terms, compareLogs(timeline, row, asked)]
    if (family === 'append') return [terms, hasPrevious(timeline, row, asked)]
    return [terms]
  }
  if (event === EVENT.role) return [votes(timeline, row)]
  if (event === EVENT.commit) return [copies(timeline, row)]
  if (event === EVENT.truncate) return [removed(timeline, row, index)]
  return []
}

function compareTerms(timeline: Timeline, row: number, { term }: Args, method: string) {
  if (typeof term !== 'number') return ''
  const { term: own } = snapshotBefore(timeline, row)
  if (term > own)
    return `The ${method} is of term ${term}, which is higher than its own.`
  if (term < own)
    return `The ${method} is of term ${term}, which is over: its own is ${own}.`
  return `The ${method} is of the same term.`
}

/** Which log is more up to date (5.4.1): by the last term, then by the length. */
function compareLogs(timeline: Timeline, row: number, args: Args): string {
  const { lastLogIndex: index, lastLogTerm: term } = args
  if (typeof index !== 'number' || typeof term !== 'number') return ''
  const { log } = snapshotBefore(timeline, row)
  const own = log === 0 ? { index: timeline.first - 1, term: 0 } : timeline.entry(log)
  const candidates = `The candidate’s log ends with entry ${index} of term ${term}`
  const isBehind = term < own.term || (term === own.term && index < own.index)
  if (isBehind) return `${candidates}: its own is more up to date.`
  const isEqual = term === own.term && index === own.index
  return `${candidates}: ${isEqual ? 'as up to date as' : 'more up to date than'} its own.`
}

/** Whether it holds the entry before the new ones (5.3). */
function hasPrevious(timeline: Timeline, row: number, args: Args): string {
  const { prevLogIndex: index, prevLogTerm: term } = args
  if (typeof index !== 'number') return ''
  if (index < timeline.first) return 'What is sent begins where the log begins.'
  const { log, state } = snapshotBefore(timeline, row)
  const [own] = timeline.entries(log, index, index)
  const asked = `What is sent goes after entry ${index} of term ${term}`
  if (index < (state.firstLogIndex ?? 0)) return `${asked}, which is in its snapshot.`
  if (!own) return `${asked}: its own log is shorter.`
  if (own.term === term) return `${asked}, which it has.`
  return `${asked}: it has one of term ${own.term} there.`
}

/** Whose votes had come when a server became leader: others may be on their way. */
function votes(timeline: Timeline, row: number): string {
  const lane = timeline.lane[row] ?? 0
  const { role, term } = timeline.snapshot(lane, row)
  if (roleName(role) !== 'Leader') return ''
  const { id } = timeline.header.lanes[lane] ?? { id: NONE }
  const voters = [...heardInElection(timeline, row)].filter((peer) => {
    const { term: peerTerm, state } = timeline.snapshot(timeline.laneOfServer(peer), row)
    return peerTerm === term && state.votedFor === id
  })
  const names = voters.sort((a, b) => a - b).join(', ')
  const all = serverLanes(timeline).length
  return (
    `It had the votes of ${names || 'nobody else'}: with its own ${voters.length + 1} of ` +
    `${all} servers.`
  )
}

/** The servers whose answers about a vote have come in the term of a row. */
function heardInElection(timeline: Timeline, row: number): Set<number> {
  const heard = new Set<number>()
  let at = timeline.previousInLane[row] ?? NONE
  while (at !== NONE && timeline.term[at] === timeline.term[row]) {
    const method = timeline.header.methods[timeline.method[at] ?? 0] ?? ''
    const isAnswer = timeline.event[at] === EVENT.receive && timeline.has(at, FLAG.reply)
    if (isAnswer && familyOf(method) === 'vote') heard.add(timeline.peer[at] ?? NONE)
    at = timeline.previousInLane[at] ?? NONE
  }
  return heard
}

/** Which servers a leader knows to hold what it commits. */
function copies(timeline: Timeline, row: number): string {
  const lane = timeline.lane[row] ?? 0
  const { role, state } = timeline.snapshot(lane, row)
  const { commitIndex = 0, matchIndex } = state
  if (roleName(role) !== 'Leader' || !matchIndex) return ''
  const holders = Object.entries(matchIndex).filter(([, index]) => index >= commitIndex)
  const names = holders.map(([id]) => id).join(', ')
  const all = serverLanes(timeline).length
  return (
    `It knew that ${names || 'nobody else'} held entry ${commitIndex} (matchIndex): with ` +
    `itself ${holders.length + 1} of ${all} servers.`
  )
}

function removed(timeline: Timeline, row: number, from: number | undefined): string {
  const { log, state } = snapshotBefore(timeline, row)
  if (log === 0 || from === undefined) return ''
  const [first] = timeline.entries(log, from, from)
  const commit = state.commitIndex ?? timeline.first - 1
  return (
    `Its entry ${from} was of term ${first?.term ?? '?'}, and it had committed up to ` +
    `entry ${commit}.`
  )
}

function serverLanes(timeline: Timeline): number[] {
  return [...timeline.header.lanes.keys()].filter((lane) => timeline.isServer(lane))
}
