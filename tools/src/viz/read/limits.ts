/**
 * What a log can hold: far above what a test writes, and below what takes the memory, the
 * stack or the whole numbers of whoever reads it.
 */

/** A longer line is skipped, without being kept. */
export const MOST_LINE_BYTES = 16 * 1024 * 1024

/** Of brackets in brackets. */
export const MOST_DEPTH = 500

/** Ids, terms and indexes: the columns of a page have 32 bits. */
export const MOST_COUNT = 2 ** 31 - 1
