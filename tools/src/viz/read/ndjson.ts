import { MOST_LINE_BYTES, TOO_LONG } from '../../cli/lines.ts'
import { isKnown } from '../../testlog/event.ts'
import type { LoggedEntry, Role, RunEvent } from '../shared/event.ts'
import { ROLES } from '../shared/format.ts'
import { MOST_COUNT, MOST_DEPTH } from './limits.ts'

const QUOTE = 34
const OPENING_BRACKET = 91
const BACKSLASH = 92
const CLOSING_BRACKET = 93
const OPENING_BRACE = 123
const CLOSING_BRACE = 125

type Fields = Record<string, unknown>

/**
 * One line of this project's test log, or null when it is none. A field that is not what it
 * should be is left out, and the line is shown without it.
 */
export function parseTestLogLine(line: Buffer): RunEvent | null {
  if (line[0] !== OPENING_BRACE) return null
  const fields = parseObject(line)
  if (!fields || typeof fields.test !== 'string') return null
  if (typeof fields.time !== 'number' || !Number.isFinite(fields.time)) return null
  dropInvalid(fields)
  if (typeof fields.msg !== 'string') fields.msg = ''
  if (!isKind(fields.event)) fields.event = 'note'
  return fields as unknown as RunEvent
}

/** Why a line that looks like one of the test log is none; null when it does not. */
export function whyNoEvent(line: Buffer): string | null {
  if (line === TOO_LONG) return `is longer than ${MOST_LINE_BYTES / 1024 / 1024} MiB`
  if (line[0] !== OPENING_BRACE) return null
  if (isTooDeep(line)) return `has more than ${MOST_DEPTH} brackets in each other`
  const fields = parseObject(line)
  if (!fields) return 'is no JSON'
  return typeof fields.test === 'string' ? 'has no time' : 'names no test'
}

function parseObject(line: Buffer): Fields | null {
  if (isTooDeep(line)) return null
  try {
    return JSON.parse(line.toString('utf8')) as Fields
  } catch {
    return null
  }
}

/** Whether it has so many brackets in brackets that a function that calls itself fails. */
function isTooDeep(line: Buffer): boolean {
  if (line.length < 2 * MOST_DEPTH) return false
  let depth = 0
  let isText = false
  for (let i = 0; i < line.length; i += 1) {
    const character = line[i]
    if (character === BACKSLASH) i += 1
    else if (character === QUOTE) isText = !isText
    else if (isText) continue
    else if (character === OPENING_BRACE || character === OPENING_BRACKET) depth += 1
    else if (character === CLOSING_BRACE || character === CLOSING_BRACKET) depth -= 1
    if (depth > MOST_DEPTH) return true
  }
  return false
}

/** To look among the known ones first is quicker. */
const isKind = (value: unknown) => isKnown(value) || isWord(value)
const isWord = (value: unknown) =>
  typeof value === 'string' && /^[\w:.-]{1,40}$/.test(value)

const ROLE_NAMES: ReadonlySet<unknown> = new Set<Role>(
  ROLES.filter((role) => role !== 'Unknown'),
)
const STATUSES: ReadonlySet<unknown> = new Set(['pass', 'fail', 'skip'])

const isText = (value: unknown) => typeof value === 'string'
const isCount = (value: unknown) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_COUNT
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** One by one and by name, which is several times as fast as a loop over a table. */
function dropInvalid(fields: Fields): void {
  const { server, term, role, state, rpc, fault } = fields
  if (server !== undefined && !isCount(server)) delete fields.server
  if (term !== undefined && !isCount(term)) delete fields.term
  if (role !== undefined && !ROLE_NAMES.has(role)) delete fields.role
  if (state !== undefined && !isObject(state)) delete fields.state
  if (rpc !== undefined && !isRpc(rpc)) delete fields.rpc
  if (fault !== undefined && !isFault(fault)) delete fields.fault
  const { entries, index, reason, invariant } = fields
  if (entries !== undefined && !isEntries(entries)) delete fields.entries
  if (index !== undefined && !isCount(index)) delete fields.index
  if (reason !== undefined && !isText(reason)) delete fields.reason
  if (invariant !== undefined && !isText(invariant)) delete fields.invariant
  if (fields.event === 'test-start') dropInvalidStart(fields)
  if (fields.event === 'test-end') dropInvalidEnd(fields)
  // The reader's own words, which no log has a say in.
  if (fields.isGuess !== undefined) delete fields.isGuess
  if (fields.isFailure !== undefined) delete fields.isFailure
  if (fields.fromClient !== undefined) delete fields.fromClient
  if (!isCount(fields.client) || fields.server !== undefined) delete fields.client
  else fields.fromClient = true
}

function dropInvalidStart(fields: Fields): void {
  const { part, seed, network, servers, replay } = fields
  if (!isText(part)) delete fields.part
  if (!Number.isFinite(seed)) delete fields.seed
  if (!isText(network)) delete fields.network
  if (!isCount(servers)) delete fields.servers
  if (!isText(replay)) delete fields.replay
}

function dropInvalidEnd(fields: Fields): void {
  const { status, durationMs, error } = fields
  if (!STATUSES.has(status)) delete fields.status
  if (!Number.isFinite(durationMs)) delete fields.durationMs
  if (!isObject(error) || !isText(error.message)) delete fields.error
}

const isEntries = (value: unknown) => Array.isArray(value) && value.every(isEntry)

function isRpc(value: unknown): boolean {
  if (!isObject(value) || !isCount(value.from) || !isCount(value.to)) return false
  if (!isText(value.method) || !isObject(value.args)) return false
  const { args } = value
  if (Array.isArray(args.entries) && !args.entries.every(isObject)) delete args.entries
  if (typeof value.id === 'number') value.id = String(value.id)
  return isText(value.id) && (value.kind === 'request' || value.kind === 'reply')
}

function isFault(value: unknown): boolean {
  if (!isObject(value) || !isWord(value.kind)) return false
  const { kind, peer, from, to, after, groups, label, rate } = value
  if ((kind === 'partition' || groups !== undefined) && !isGroups(groups)) return false
  if (label !== undefined && !isText(label)) return false
  if (rate !== undefined && !Number.isFinite(rate)) return false
  return [peer, from, to, after].every((count) => count === undefined || isCount(count))
}

const isGroups = (value: unknown) =>
  Array.isArray(value) &&
  value.every((group) => Array.isArray(group) && group.every(isCount))

function isEntry(value: unknown): value is LoggedEntry {
  return isObject(value) && isCount(value.index) && isCount(value.term)
}
