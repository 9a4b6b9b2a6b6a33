import { FLAG } from '../shared/format.ts'
import { EVENT, NONE, type Timeline } from './timeline.ts'

/** A message as it is drawn, from one cell to another. */
export interface Arrow {
  readonly fromLane: number
  readonly toLane: number
  readonly fromRow: number
  /** The row of the arrival or of the loss; of the sending when nothing is known of both. */
  readonly toRow: number
  readonly method: string
  readonly isReply: boolean
  readonly isHeartbeat: boolean
  readonly isGuess: boolean
  readonly end: 'arrives' | 'lost' | 'unknown'
  readonly rpc: number
}

/** The messages that begin or end at the rows given. */
export function arrowsOf(timeline: Timeline, rows: Iterable<number>): Arrow[] {
  const arrows: Arrow[] = []
  const sendsDone = new Set<number>()
  for (const row of rows) {
    if ((timeline.rpc[row] ?? 0) === 0) continue
    const event = timeline.event[row]
    if (event === EVENT.send) {
      if (sendsDone.has(row)) continue
      sendsDone.add(row)
      arrows.push(arrowFrom(timeline, row, timeline.otherEnd[row] ?? NONE))
      continue
    }
    const from = timeline.otherEnd[row] ?? NONE
    if (from === NONE) {
      if (event === EVENT.drop) arrows.push(arrowFrom(timeline, row, row))
      continue
    }
    const isFirst = timeline.otherEnd[from] === row
    if (isFirst && sendsDone.has(from)) continue
    if (isFirst) sendsDone.add(from)
    arrows.push(arrowFrom(timeline, from, row))
  }
  return arrows
}

function arrowFrom(timeline: Timeline, sent: number, arrival: number): Arrow {
  const toLane = timeline.laneOfNode(timeline.peer[sent] ?? NONE)
  const isLost = arrival !== NONE && timeline.event[arrival] === EVENT.drop
  return {
    fromLane: timeline.lane[sent] ?? 0,
    toLane,
    fromRow: sent,
    toRow: arrival === NONE ? sent : arrival,
    method: timeline.header.methods[timeline.method[sent] ?? 0] ?? '',
    isReply: timeline.has(sent, FLAG.reply),
    isHeartbeat: timeline.has(sent, FLAG.heartbeat),
    isGuess: arrival !== NONE && timeline.has(arrival, FLAG.guess),
    end: arrival === NONE ? 'unknown' : isLost ? 'lost' : 'arrives',
    rpc: timeline.rpc[sent] ?? 0,
  }
}
