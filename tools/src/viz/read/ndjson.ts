import { EVENTS, ROLES } from '../shared/format.ts'
import type { EventName, LoggedEntry, Role, RunEvent } from './event.ts'

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
  for (const [name, isValid] of CHECKS) {
    if (fields[name] !== undefined && !isValid(fields[name])) delete fields[name]
  }
  if (typeof fields.msg !== 'string') fields.msg = ''
  if (!EVENT_NAMES.has(fields.event as string)) fields.event = 'note'
  return fields as unknown as RunEvent
}

function parseObject(line: Buffer): Fields | null {
  try {
    return JSON.parse(line.toString('utf8')) as Fields
  } catch {
    return null
  }
}

const EVENT_NAMES: ReadonlySet<string> = new Set<EventName>(EVENTS)
const ROLE_NAMES: ReadonlySet<unknown> = new Set<Role>(
  ROLES.filter((role) => role !== 'Unknown'),
)
const STATUSES: ReadonlySet<unknown> = new Set(['pass', 'fail', 'skip'])

const isText = (value: unknown) => typeof value === 'string'
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const CHECKS: readonly (readonly [string, (value: unknown) => boolean])[] = [
  ['server', isCount],
  ['term', isCount],
  ['role', (value) => ROLE_NAMES.has(value)],
  ['state', isObject],
  ['rpc', isRpc],
  ['reason', isText],
  ['entries', (value) => Array.isArray(value) && value.every(isEntry)],
  ['index', isCount],
  ['fault', isFault],
  ['invariant', isText],
  ['part', isText],
  ['seed', (value) => typeof value === 'number'],
  ['network', isText],
  ['servers', isCount],
  ['replay', isText],
  ['status', (value) => STATUSES.has(value)],
  ['durationMs', (value) => typeof value === 'number'],
  ['error', (value) => isObject(value) && isText(value.message)],
  // The reader's own words, which no log has a say in.
  ['fromClient', () => false],
  ['isGuess', () => false],
  ['isFailure', () => false],
]

function isRpc(value: unknown): boolean {
  if (!isObject(value) || !isCount(value.from) || !isCount(value.to)) return false
  if (!isText(value.method) || !isObject(value.args)) return false
  if (typeof value.id === 'number') value.id = String(value.id)
  return isText(value.id) && (value.kind === 'request' || value.kind === 'reply')
}

function isFault(value: unknown): boolean {
  if (!isObject(value) || !isText(value.kind)) return false
  if (value.kind === 'partition') return isGroups(value.groups)
  if (value.kind === 'cut' || value.kind === 'mend') {
    return isCount(value.from) && isCount(value.to)
  }
  return NETWORK_FAULTS.has(value.kind) || isCount(value.peer)
}

const NETWORK_FAULTS: ReadonlySet<unknown> = new Set(['heal', 'reliable', 'unreliable'])

const isGroups = (value: unknown) =>
  Array.isArray(value) && value.every((group) => Array.isArray(group))

function isEntry(value: unknown): value is LoggedEntry {
  return isObject(value) && isCount(value.index) && isCount(value.term)
}
