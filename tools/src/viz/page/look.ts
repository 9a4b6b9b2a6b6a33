import type { LaneKind } from '../shared/format.ts'

/**
 * How the table stands: a column of text for each server, or a narrow lane for each, with
 * marks in it, and beside the lanes what happened as one sentence.
 */
export type Look = 'columns' | 'lanes'

/** All in px. */
const TIME_WIDTH = 76
const OTHER_COLUMN = 100
/** Where a server's column has less, most of its texts are cut off. */
const SERVER_COLUMN = 200
/** A narrower table breaks its sentences into more lines. */
const NARROW_TABLE = 640

/** The look in which the texts of so many lanes can be read, in a table of some width. */
export function lookThatFits(width: number, lanes: readonly LaneKind[]): Look {
  const servers = lanes.filter((kind) => kind === 'server').length
  const others = (lanes.length - servers) * OTHER_COLUMN
  const room = width - TIME_WIDTH - others
  return room >= servers * SERVER_COLUMN ? 'columns' : 'lanes'
}

const LINE_HEIGHT = 14
const ROW_PADDING = 3
const COLUMN_ROW_HEIGHT = 26

export function isNarrow(width: number): boolean {
  return width < NARROW_TABLE
}

/** The lines that a sentence can have; a narrow table cuts the fields of the longest. */
export function linesOf(width: number): number {
  return isNarrow(width) ? 3 : 2
}

/** All rows are as high as the tallest: so a million of them need not be measured. */
export function rowHeightOf(look: Look, lines: number): number {
  return look === 'columns' ? COLUMN_ROW_HEIGHT : lines * LINE_HEIGHT + ROW_PADDING
}

/** From a lane's left edge to the middle of its lifeline, in px; the style says it, too. */
export const LIFELINE: Readonly<Record<Look, number>> = { columns: 8, lanes: 4 }
