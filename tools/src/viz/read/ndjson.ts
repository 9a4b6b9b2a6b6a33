import { isKnown } from '../../testlog/event.ts'
import type { LoggedEntry, Role, RunEvent } from '../shared/event.ts'
import { ROLES } from '../shared/format.ts'

const OPENING_BRACE = 123

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

function parseObject(line: Buffer): Fields | null {
  try {
    return JSON.parse(line.toString('utf8')) as Fields
  } catch {
    return null
  }
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
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
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
}

function dropInvalidStart(fields: Fields): void {
  const { part, seed, network, servers, replay } = fields
  if (!isText(part)) delete fields.part
  if (typeof seed !== 'number') delete fields.seed
  if (!isText(network)) delete fields.network
  if (!isCount(servers)) delete fields.servers
  if (!isText(replay)) delete fields.replay
}

function dropInvalidEnd(fields: Fields): void {
  const { status, durationMs, error } = fields
  if (!STATUSES.has(status)) delete fields.status
  if (typeof durationMs !== 'number') delete fields.durationMs
  if (!isObject(error) || !isText(error.message)) delete fields.error
}

const isEntries = (value: unknown) => Array.isArray(value) && value.every(isEntry)

function isRpc(value: unknown): boolean {
  if (!isObject(value) || !isCount(value.from) || !isCount(value.to)) return false
  if (!isText(value.method) || !isObject(value.args)) return false
  if (typeof value.id === 'number') value.id = String(value.id)
  return isText(value.id) && (value.kind === 'request' || value.kind === 'reply')
}

function isFault(value: unknown): boolean {
  if (!isObject(value) || !isWord(value.kind)) return false
  const { kind, peer, from, to, after, groups, label } = value
  if ((kind === 'partition' || groups !== undefined) && !isGroups(groups)) return false
  if (label !== undefined && !isText(label)) return false
  return [peer, from, to, after].every((count) => count === undefined || isCount(count))
}

const isGroups = (value: unknown) =>
  Array.isArray(value) && value.every((group) => Array.isArray(group))

function isEntry(value: unknown): value is LoggedEntry {
  return isObject(value) && isCount(value.index) && isCount(value.term)
}
