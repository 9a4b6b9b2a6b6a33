import { styleText } from 'node:util'
import { configurationIn, membersText } from './configuration.ts'
import {
  isKnown,
  type LoggedEntry,
  ownFields,
  type Role,
  type TestLogLine,
} from './event.ts'

export interface PrettyOptions {
  /** What to count the time from, in ms: the test's start. */
  readonly startTime?: number
  readonly color?: boolean
}

type Style = Parameters<typeof styleText>[0]

const ROLE_STYLES: Readonly<Record<Role, Style>> = {
  Follower: 'blue',
  Candidate: 'yellow',
  Leader: 'green',
  Dead: 'gray',
}

const MAX_VALUE_LENGTH = 40
const MAX_ENTRIES = 3
/** So many servers a cluster has at most. */
const MAX_IDS = 9

/** The widths of the columns fit times under 1,000 s, and terms under 1,000. */
const TIME_WIDTH = 11
const WHO_WIDTH = 6
const ROLE_WIDTH = 9
const TERM_WIDTH = 4

/**
 * A line of the test log for people, always one line of text: time in ms, server, role and
 * term after the event, and what happened, with a message's arguments in short form.
 */
export function prettyLine(line: TestLogLine, options: PrettyOptions = {}): string {
  const { startTime = 0, color = false } = options
  const paint = (style: Style, text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text
  const time = (line.time - startTime).toFixed(3).padStart(TIME_WIDTH)
  const who = nameOf(line).padEnd(WHO_WIDTH)
  const roleAndTerm = [
    (line.role ?? '').padEnd(ROLE_WIDTH),
    (line.term === undefined ? '' : `t${line.term}`).padEnd(TERM_WIDTH),
  ].join(' ')
  const role = paint(line.role ? ROLE_STYLES[line.role] : 'reset', roleAndTerm)
  const kind = isKnown(line.event) ? '' : `[${line.event}]`
  const message = paint(messageStyle(line), oneLine(`${kind} ${line.msg}`.trim()))
  const details = oneLine(describeDetails(line))
  return [paint('dim', time), who, role, message, details && paint('dim', details)]
    .join('  ')
    .trimEnd()
}

function nameOf({ server, client }: TestLogLine): string {
  if (client !== undefined) return `c${client}`
  return server === undefined ? 'TEST' : `${server}`
}

function messageStyle(line: TestLogLine): Style {
  switch (line.event) {
    case 'start':
    case 'role':
      return line.role ? ['bold', ...[ROLE_STYLES[line.role]].flat()] : 'bold'
    case 'drop':
    case 'check':
      return 'red'
    case 'fault':
      return 'magenta'
    case 'test-start':
      return 'bold'
    case 'test-end':
      return line.status === 'fail' ? ['bold', 'red'] : 'bold'
    default:
      return 'reset'
  }
}

/**
 * What the message does not say: the arguments of an RPC, and the state that changed. Of a
 * kind that nobody knows, the fields that it has of its own.
 */
function describeDetails(line: TestLogLine): string {
  if (!isKnown(line.event)) return describeFields(ownFields(line))
  if (line.event === 'invoke' || line.event === 'return') {
    const { f: _f, key: _key, outcome: _outcome, ...more } = ownFields(line)
    return describeFields(more)
  }
  if (line.rpc) return describeFields(line.rpc.args)
  if (line.state) return describeFields(line.state)
  return ''
}

function describeFields(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${describeValue(value)}`)
    .join(' ')
}

function describeValue(value: unknown): string {
  if (Array.isArray(value)) return describeEntries(value)
  return shorten(JSON.stringify(value) ?? 'undefined')
}

/** Entries of Raft's log, as term:command; the first few, and how many more. */
function describeEntries(entries: readonly (LoggedEntry | unknown)[]): string {
  const most = entries.every((entry) => typeof entry === 'number')
    ? MAX_IDS
    : MAX_ENTRIES
  const shown = entries.slice(0, most).map((entry) => {
    if (!isEntry(entry)) return describeValue(entry)
    const configuration = configurationIn(entry)
    const ids = configuration?.members.map(({ id }) => id)
    return `${entry.term}:${ids ? membersText(ids) : describeValue(entry.command)}`
  })
  const more = entries.length - shown.length
  return `[${[...shown, ...(more > 0 ? [`… ${more} more`] : [])].join(', ')}]`
}

function isEntry(value: unknown): value is Pick<LoggedEntry, 'term' | 'command'> {
  return typeof value === 'object' && value !== null && 'term' in value
}

function shorten(text: string): string {
  if (text.length <= MAX_VALUE_LENGTH) return text
  return `${text.slice(0, MAX_VALUE_LENGTH - 1)}…`
}

/** Without line breaks, and without the codes by which a text could take over a terminal. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ⏎ ').replace(/\p{Cc}/gu, '�')
}
