/** What an event came of, and what came of it: as far as the log tells, and no further. */
import { FLAG } from '../shared/format.ts'
import { EVENT, NONE, positionNotAfter, type Timeline } from './timeline.ts'

/** With these a server begins a turn: what it does until the next is because of them. */
const BEGINS_TURN: ReadonlySet<number> = new Set([
  EVENT.receive,
  EVENT.timer,
  EVENT.submit,
  EVENT.start,
])

/** The lines of one turn are written within this time; in virtual time it takes none. */
const TURN_MS = 1

/** The row that an event is because of, or none. */
export function causeOf(timeline: Timeline, row: number): number {
  const event = timeline.event[row] ?? EVENT.note
  if (event === EVENT.receive || event === EVENT.drop)
    return timeline.otherEnd[row] ?? NONE
  if (BEGINS_TURN.has(event)) return NONE
  if (isReply(timeline, row)) return requestOf(timeline, row)
  return turnOf(timeline, row)
}

/** The rows that are because of an event, in order. */
export function effectsOf(timeline: Timeline, row: number): number[] {
  const event = timeline.event[row] ?? EVENT.note
  if (event === EVENT.send) {
    const arrival = timeline.otherEnd[row] ?? NONE
    return arrival === NONE ? [] : [arrival]
  }
  if (!BEGINS_TURN.has(event)) return []
  const effects: number[] = []
  const rows = timeline.laneRows[timeline.lane[row] ?? 0] ?? []
  const isRequest = event === EVENT.receive && !timeline.has(row, FLAG.reply)
  for (let at = positionNotAfter(rows, row) + 1; at < rows.length; at += 1) {
    const next = rows[at] ?? NONE
    const isAnswer = isReply(timeline, next) && timeline.rpc[next] === timeline.rpc[row]
    const isInTurn = isSameTurn(timeline, row, next)
    if (causeOf(timeline, next) === row) effects.push(next)
    // The answer comes last, and can come later than its turn: storage takes time.
    if (isAnswer || (!isRequest && !isInTurn)) break
  }
  return effects
}

/** The next step in following an event: to what came of it, or what else came of its cause. */
export function nextOf(timeline: Timeline, row: number): number {
  const [first] = effectsOf(timeline, row)
  if (first !== undefined) return first
  if (timeline.event[row] === EVENT.send) return NONE
  const cause = causeOf(timeline, row)
  if (cause === NONE || timeline.event[cause] === EVENT.send) return NONE
  return effectsOf(timeline, cause).find((effect) => effect > row) ?? NONE
}

function isReply(timeline: Timeline, row: number): boolean {
  return timeline.event[row] === EVENT.send && timeline.has(row, FLAG.reply)
}

/** What a reply answers: the last arrival of its request before it. */
function requestOf(timeline: Timeline, row: number): number {
  let at = timeline.previousInLane[row] ?? NONE
  while (at !== NONE) {
    const isArrival =
      timeline.event[at] === EVENT.receive && !timeline.has(at, FLAG.reply)
    if (isArrival && timeline.rpc[at] === timeline.rpc[row]) return at
    at = timeline.previousInLane[at] ?? NONE
  }
  return NONE
}

/** The row that began the turn of a row. */
function turnOf(timeline: Timeline, row: number): number {
  let at = timeline.previousInLane[row] ?? NONE
  while (at !== NONE && isSameTurn(timeline, at, row)) {
    if (BEGINS_TURN.has(timeline.event[at] ?? EVENT.note)) return at
    at = timeline.previousInLane[at] ?? NONE
  }
  return NONE
}

function isSameTurn(timeline: Timeline, from: number, to: number): boolean {
  const ms = (timeline.times[to] ?? 0) - (timeline.times[from] ?? 0)
  return ms <= (timeline.header.network === 'simulated' ? 0 : TURN_MS)
}
