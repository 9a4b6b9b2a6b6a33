/**
 * What a line can hold: far above what a test writes, and below what takes the stack or the
 * whole numbers of whoever reads it.
 */

/** Of brackets in brackets. */
export const MOST_DEPTH = 500

/** Ids, terms and indexes: the columns of a page have 32 bits. */
export const MOST_COUNT = 2 ** 31 - 1
