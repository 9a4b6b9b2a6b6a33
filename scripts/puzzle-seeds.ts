/**
 * Looks for runs that make puzzles of the gallery's mistakes, and writes down with which seed
 * they begin, and how long they are:
 *
 *     npm run puzzle-seeds -- [name…]
 *
 * A mistake that is new gets the next number; one that is gone loses its own.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { loadPart } from '../tools/src/explore/load.ts'
import { runSchedule } from '../tools/src/explore/run.ts'
import { compileMistake, type Mistake, readGallery } from '../tools/src/parts/mistake.ts'
import { findRun } from '../tools/src/puzzle/find.ts'
import { type Row, readRows, SEEDS_FILE } from '../tools/src/puzzle/puzzles.ts'

const { mistakes } = readGallery()
const asked = process.argv.slice(2)
const known = readRows()
const rows = new Map<string, Row>(
  Object.entries(known).filter(([name]) => mistakes.some((one) => one.name === name)),
)

for (const mistake of shuffled(mistakes)) {
  const { name } = mistake
  if (asked.length > 0 ? !asked.includes(name) : rows.has(name)) continue
  const row = await measure(mistake)
  if (row) rows.set(name, row)
  else rows.delete(name)
  process.stdout.write(`${name}: ${row ? JSON.stringify(row) : 'none found'}\n`)
  const sorted = [...rows].sort(([, a], [, b]) => a.number - b.number)
  const lines = sorted.map(([name, row]) => `  "${name}": ${spaced(row)}`)
  writeFileSync(SEEDS_FILE, `{\n${lines.join(',\n')}\n}\n`)
}

async function measure(mistake: Mistake): Promise<Row | null> {
  const part = await loadPart(await compileMistake(mistake))
  const found = await findRun(part, mistake.part, 1, mistake.lease)
  if (!found) return null
  const { events } = await runSchedule(part, found.schedule)
  const number = rows.get(mistake.name)?.number ?? nextNumber()
  return { number, seed: found.foundWithSeed, events }
}

/** Always the same way, so that numbers say nothing of groups and names. */
function shuffled(mistakes: readonly Mistake[]): Mistake[] {
  const key = ({ name }: Mistake) => createHash('sha256').update(name).digest('hex')
  return mistakes.toSorted((a, b) => key(a).localeCompare(key(b), 'en'))
}

function nextNumber(): number {
  return Math.max(0, ...[...rows.values()].map(({ number }) => number)) + 1
}

function spaced(row: Row): string {
  const fields = Object.entries(row).map(([key, value]) => `"${key}": ${value}`)
  return `{ ${fields.join(', ')} }`
}
