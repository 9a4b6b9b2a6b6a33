/** Of one event: by which rule of the paper it happened, and what the server knew then. */
import type { Role, Rpc, State } from '../../testlog/event.ts'
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
  /** Whom a majority was counted of, where one was. */
  readonly counted: readonly Counted[]
}

/** A member, and whether it was one of the majority. */
export interface Counted {
  readonly id: number
  readonly isIn: boolean
}

type Args = Readonly<Record<string, unknown>>

/** What of a line of the log is in no column. */
export interface Fields {
  /** What the message says; null where there is none, or the log does not say. */
  readonly args: Args | null
  readonly index: number | undefined
  readonly entries?: unknown
  readonly state?: State
  readonly snapshot?: unknown
}

/**
 * Takes a line apart that can be anything: of an event's line only texts that make sense are
 * in the columns, and the line is as it was.
 */
export function fieldsOf(line: string): Fields {
  const fields = objectOf(parsed(line)) ?? {}
  const args = objectOf(objectOf(fields.rpc)?.args)
  const { entries, snapshot } = fields
  return {
    args,
    index: typeof fields.index === 'number' ? fields.index : undefined,
    ...(Array.isArray(entries) && { entries }),
    ...(objectOf(snapshot) && { snapshot }),
    ...(objectOf(fields.state) && { state: fields.state as State }),
  }
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
  { args, index, entries, state, snapshot }: Fields,
  request: Args | null,
): Told {
  const rpc = args && rpcOf(timeline, row, args)
  const role = roleName(timeline.role[row] ?? 0)
  const was = roleName(snapshotBefore(timeline, row).role)
  const event = {
    event: timeline.eventName(row),
    ...(role !== 'Unknown' && { role: role as Role }),
    ...(rpc && { rpc }),
    ...(was !== 'Unknown' && { was: was as Role }),
    ...(index !== undefined && { index }),
    server: idOf(timeline, timeline.lane[row] ?? 0),
    ...(state && { state }),
    entries,
    ...(snapshot !== undefined && { snapshot }),
  }
  const name = ruleNameFor(event, hasLog(timeline, row))
  const knew = timeline.isServer(timeline.lane[row] ?? 0)
    ? [before(timeline, row), ...decided(timeline, row, { rpc, index, request })]
    : []
  const counted = countedAt(timeline, row)
  const rule = name === null ? null : ruleOf(name)
  return { rule, knew: knew.filter(Boolean), counted }
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
    return [terms, isNews(timeline, row, asked)]
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

/** Whether it lacks what a snapshot stands for (Figure 13). */
function isNews(timeline: Timeline, row: number, args: Args): string {
  const { lastIncludedIndex: index, lastIncludedTerm: term } = args
  if (typeof index !== 'number') return ''
  const { commitIndex = timeline.first - 1 } = snapshotBefore(timeline, row).state
  const what = `The snapshot stands for all up to entry ${index} of term ${term}`
  if (index <= commitIndex) return `${what}, which it had committed.`
  return `${what}: it had committed up to entry ${commitIndex}.`
}

/** Whose votes had come when a server became leader: others may be on their way. */
function votes(timeline: Timeline, row: number): string {
  const voters = votersAt(timeline, row)
  if (!voters) return ''
  const names = namesOf(timeline, row, voters)
  return `It had the votes of ${names || 'nobody else'}: ${sumOf(timeline, row, voters, 'its own')}`
}

/** Null where nobody has won an election. */
function votersAt(timeline: Timeline, row: number): Set<number> | null {
  if (timeline.event[row] !== EVENT.role) return null
  const lane = timeline.lane[row] ?? 0
  const { role, term } = timeline.snapshot(lane, row)
  if (roleName(role) !== 'Leader') return null
  const id = idOf(timeline, lane)
  const others = [...heardInElection(timeline, row)].filter((peer) => {
    const { term: peerTerm, state } = timeline.snapshot(timeline.laneOfServer(peer), row)
    return peerTerm === term && state.votedFor === id
  })
  return new Set([id, ...others])
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
  const holders = holdersAt(timeline, row)
  if (!holders) return ''
  const { commitIndex = 0 } = timeline.snapshot(timeline.lane[row] ?? 0, row).state
  const names = namesOf(timeline, row, holders)
  return (
    `It knew that ${names || 'nobody else'} held entry ${commitIndex} (matchIndex): ` +
    sumOf(timeline, row, holders, 'itself')
  )
}

/** Null where no leader commits. */
function holdersAt(timeline: Timeline, row: number): Set<number> | null {
  const lane = timeline.lane[row] ?? 0
  const { role, state } = timeline.snapshot(lane, row)
  const { commitIndex = 0, matchIndex } = state
  const isCommit = timeline.event[row] === EVENT.commit
  if (!isCommit || roleName(role) !== 'Leader' || !matchIndex) return null
  const holders = Object.entries(matchIndex).filter(([, index]) => index >= commitIndex)
  return new Set([idOf(timeline, lane), ...holders.map(([id]) => Number(id))])
}

/** Those who count: the members, as the server that counts has them; or all. */
function membersAt(timeline: Timeline, row: number): readonly number[] {
  const { members } = timeline.snapshot(timeline.lane[row] ?? 0, row).state
  if (Array.isArray(members)) return members
  return serverLanes(timeline).map((lane) => idOf(timeline, lane))
}

/** The others of them who are in it. */
function namesOf(timeline: Timeline, row: number, ids: ReadonlySet<number>): string {
  const own = idOf(timeline, timeline.lane[row] ?? 0)
  const members = membersAt(timeline, row)
  const others = members.filter((id) => id !== own && ids.has(id))
  return others.toSorted((a, b) => a - b).join(', ')
}

/** How many of how many that makes; a server that is no member does not count itself. */
function sumOf(
  timeline: Timeline,
  row: number,
  ids: ReadonlySet<number>,
  own: string,
): string {
  const members = membersAt(timeline, row)
  const number = members.filter((id) => ids.has(id)).length
  const isMember = members.includes(idOf(timeline, timeline.lane[row] ?? 0))
  const itself = isMember ? `with ${own}` : `without ${own}, for it is no member,`
  const { state } = timeline.snapshot(timeline.lane[row] ?? 0, row)
  const all = state.members ? 'members' : 'servers'
  return `${itself} ${number} of ${members.length} ${all}.`
}

/** Whom a majority was counted of at a row, if one was. */
function countedAt(timeline: Timeline, row: number): Counted[] {
  const ids = votersAt(timeline, row) ?? holdersAt(timeline, row)
  if (!ids) return []
  return membersAt(timeline, row).map((id) => ({ id, isIn: ids.has(id) }))
}

function idOf(timeline: Timeline, lane: number): number {
  return timeline.header.lanes[lane]?.id ?? NONE
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
