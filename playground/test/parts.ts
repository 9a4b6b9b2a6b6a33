/** All parts, fetched before a test begins. */
import { fetchPart, PART_NUMBERS } from '../src/sim/part.ts'

export const PARTS = await Promise.all(PART_NUMBERS.map(fetchPart))
