import { isKnown, type KnownEvent } from '../../testlog/event.ts'
import { ROLES, TEXT_SEPARATOR } from '../shared/format.ts'
import { visible } from '../shared/text.ts'
import { NONE, type Timeline } from './timeline.ts'

/** The letter of a role, for those who do not see its colour. */
const ROLE_LETTERS = ['·', 'F', 'C', 'L', '†'] as const

export function roleLetter(role: number): string {
  return ROLE_LETTERS[role] ?? '·'
}

export function roleName(role: number): string {
  return ROLES[role] ?? 'Unknown'
}

/** A sign for what kind of event it is, before its text. */
const SIGNS: Readonly<Record<Exclude<KnownEvent, 'send' | 'receive'>, string>> = {
  'test-start': '▶',
  'test-end': '■',
  start: '◆',
  role: '◆',
  timer: '◷',
  drop: '✕',
  submit: '✎',
  append: '+',
  truncate: '−',
  commit: '✓',
  apply: '⚙',
  persist: '⛁',
  fault: '⚡',
  check: '!',
  vote: '·',
  progress: '·',
  invoke: '▶',
  return: '■',
  snapshot: '⛁',
  note: '·',
}

/** The word for a kind of event that has no sign. */
export function unknownKind(timeline: Timeline, row: number): string | null {
  const event = timeline.eventName(row)
  return isKnown(event) ? null : event
}

export function signOf(timeline: Timeline, row: number): string {
  const event = timeline.eventName(row)
  if (!isKnown(event)) return '·'
  if (event !== 'send' && event !== 'receive') return SIGNS[event]
  const peer = timeline.laneOfNode(timeline.peer[row] ?? NONE)
  const isRight = peer > (timeline.lane[row] ?? 0)
  if (event === 'send') return isRight ? '→' : '←'
  return isRight ? '↤' : '↦'
}

/** No row is wider than this many characters; the details show the rest. */
const ROW_CHARACTERS = 300

/** A row's words, what its fields add to them, and the whole message for a closer look. */
export function rowText(timeline: Timeline, row: number): [string, string, string] {
  const text = timeline.texts.get(timeline.text[row] ?? 0)
  const [words = '', gist = '', message = words] = text.split(TEXT_SEPARATOR)
  const cut = (part: string) => visible(part.slice(0, ROW_CHARACTERS))
  return [cut(words), cut(gist), cut(message)]
}

const NO_LANE = { kind: 'test', id: NONE, label: '' } as const

export function laneName(timeline: Timeline, lane: number): string {
  const { kind, id, label } = timeline.header.lanes[lane] ?? NO_LANE
  if (kind === 'client') return id === NONE ? label : `Client ${label}`
  return kind === 'server' ? `Server ${label}` : label
}

/** A time of the run, in ms with as many decimals as tell events apart. */
export function timeText(ms: number): string {
  return ms.toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
}

export function durationText(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 100) / 100} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 2 })} s`
}

export function count(value: number): string {
  return value.toLocaleString('en')
}

/** "1 event", "2 events". */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}
