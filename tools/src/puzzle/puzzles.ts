/** The puzzles: mistakes of the gallery by numbers, which do not tell what they are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Mistake, readGallery } from '../parts/mistake.ts'

/** What is known of a mistake as a puzzle: `npm run puzzle-seeds` finds and keeps it. */
export interface Row {
  /** It stays, whatever puzzles come later. */
  readonly number: number
  /** The first seed, from 1 on, whose schedule shows the mistake. */
  readonly seed: number
  /** What happens on the servers in the run, when it has been made smaller. */
  readonly events: number
}

export const DIFFICULTIES = ['easy', 'medium', 'hard'] as const
export type Difficulty = (typeof DIFFICULTIES)[number]

export interface Puzzle {
  readonly number: number
  readonly mistake: Mistake
  readonly difficulty: Difficulty
  readonly seed: number
}

export const SEEDS_FILE = join(import.meta.dirname, 'seeds.json')

/** A short run of a mistake that most schedules show. */
const EASY: Pick<Row, 'seed' | 'events'> = { seed: 20, events: 60 }
/** What takes longer to find, or is longer to read, than this is hard. */
const MEDIUM: Pick<Row, 'seed' | 'events'> = { seed: 120, events: 200 }

/**
 * All puzzles, the easier ones first, and of these the earlier parts. Mistakes without a run
 * that fails are none.
 */
export function readPuzzles(): Puzzle[] {
  const rows = readRows()
  const puzzles = readGallery().mistakes.flatMap((mistake): Puzzle[] => {
    const row = rows[mistake.name]
    if (!row) return []
    const { number, seed } = row
    return [{ number, mistake, seed, difficulty: difficultyOf(row) }]
  })
  return puzzles.sort(
    (a, b) =>
      rank(a) - rank(b) ||
      a.mistake.part.localeCompare(b.mistake.part, 'en', { numeric: true }) ||
      a.number - b.number,
  )
}

/** By the mistakes' names. */
export function readRows(): Readonly<Record<string, Row>> {
  return JSON.parse(readFileSync(SEEDS_FILE, 'utf8'))
}

function difficultyOf({ seed, events }: Row): Difficulty {
  const isWithin = (most: typeof EASY) => seed <= most.seed && events <= most.events
  if (isWithin(EASY)) return 'easy'
  return isWithin(MEDIUM) ? 'medium' : 'hard'
}

function rank({ difficulty }: Puzzle): number {
  return DIFFICULTIES.indexOf(difficulty)
}
