/** Puzzles: a mistake of the gallery that is not named, and a run in which a rule breaks. */
import { Console } from 'node:console'
import { keepTemporaryFilesIn } from '../cli/ending.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { openPage } from '../cli/open.ts'
import { say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { inMs } from '../explore/show.ts'
import { listParts } from '../parts/find.ts'
import { explanationOf } from './explanation.ts'
import { codeOf, placeIn, shortPath } from './folder.ts'
import { judge, type Riddle } from './judge.ts'
import { EXIT_NOT_YET, type PuzzleOptions, puzzleCommand } from './options.ts'
import { type Attempt, keep, readProgress, resetProgress } from './progress.ts'
import { type Puzzle, readPuzzles } from './puzzles.ts'
import { hintsFor, riddleOf } from './riddle.ts'
import { again, prepare, type Shown } from './run.ts'
import {
  doneOf,
  type ListRow,
  tellExplanation,
  tellHints,
  tellList,
  tellPuzzle,
  tellVerdict,
} from './tell.ts'

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const options = puzzleCommand().parse().opts<PuzzleOptions>()
  keepTemporaryFilesIn('raft-puzzle-')
  // What a part prints is no result, and results are all that standard output is for.
  globalThis.console = new Console(process.stderr)
  if (options.reset) return reset(options)
  if (options.list) return list(options)
  if (options.hint) return hint(options)
  if (options.solve !== undefined) return solve(options.solve, options)
  if (options.again) return runAgain(options)
  if (options.giveUp) return giveUp(options)
  return open(options)
}

/** A puzzle, what is to be found in it, and how far the reader is. */
interface AtHand {
  readonly puzzle: Puzzle
  readonly riddle: Riddle
  readonly attempt: Attempt
}

function atHand(): AtHand {
  const { current, attempts } = readProgress()
  const attempt = attempts[String(current)]
  const puzzle = readPuzzles().find(({ number }) => number === current)
  if (!puzzle || !attempt) {
    throw new UsageError('no puzzle is open; npm run puzzle opens the next one')
  }
  return { puzzle, riddle: riddleOf(puzzle.mistake), attempt }
}

async function open(options: PuzzleOptions): Promise<number> {
  const progress = readProgress()
  const puzzles = readPuzzles()
  const puzzle = choose(puzzles, options)
  if (puzzle === null) {
    if (options.json) say(JSON.stringify({ puzzle: null }))
    else say('No such puzzle is left; --reset begins anew, and --list shows them all.')
    return 0
  }
  const { number } = puzzle
  const before = progress.attempts[number]
  const isOpen = before?.state === 'open'
  const seed = options.seed ?? (isOpen ? before.seed : puzzle.seed)
  const riddle = riddleOf(puzzle.mistake)
  const shown = await prepare(puzzle, riddle, seed)
  const attempt: Attempt = isOpen
    ? { ...before, seed }
    : { state: 'open', seed, hints: 0, tries: 0 }
  await keep(number, attempt)
  if (options.json) {
    say(JSON.stringify(toJson({ puzzle, riddle, attempt }, shown)))
    return 0
  }
  tellPuzzle(puzzle, shown, doneOf(puzzles, progress))
  if (options.open) await openPage(shown.picture ?? shown.timeline)
  return 0
}

/** @returns null when all that are asked for are done. @throws UsageError */
function choose(puzzles: readonly Puzzle[], options: PuzzleOptions): Puzzle | null {
  const { current, attempts } = readProgress()
  const { puzzle: number, difficulty, part, next } = options
  if (number !== undefined) {
    const found = puzzles.find((puzzle) => puzzle.number === number)
    if (found) return found
    throw new UsageError(`there is no puzzle ${number}; --list shows which there are`)
  }
  if (part !== undefined && !listParts(ROOT).includes(part)) {
    throw new UsageError(`there is no ${part}; there are ${listParts(ROOT).join(', ')}`)
  }
  const fitting = puzzles.filter(
    (puzzle) =>
      (difficulty === undefined || puzzle.difficulty === difficulty) &&
      (part === undefined || puzzle.mistake.part === part),
  )
  const open = fitting.find((puzzle) => puzzle.number === current)
  if (open && !next) return open
  const untouched = fitting.find(({ number }) => attempts[number] === undefined)
  const setAside = fitting.find(
    (puzzle) => puzzle !== open && attempts[puzzle.number]?.state === 'open',
  )
  return untouched ?? setAside ?? open ?? null
}

function toJson({ puzzle, riddle, attempt }: AtHand, shown: Shown): object {
  const { number, difficulty, mistake } = puzzle
  const { log, timeline, picture } = shown
  const { schedule, violation } = shown.case
  const { state, seed, tries, hints } = attempt
  return {
    puzzle: number,
    part: mistake.part,
    difficulty,
    state,
    seed,
    tries,
    hints: hintsFor(riddle, mistake).slice(0, hints),
    folder: shortPath(codeOf(puzzle)),
    log,
    timeline,
    picture,
    violation,
    schedule,
  }
}

async function hint({ json }: PuzzleOptions): Promise<number> {
  const { puzzle, riddle, attempt } = atHand()
  const all = hintsFor(riddle, puzzle.mistake)
  const hints = Math.min(attempt.hints + 1, all.length)
  await keep(puzzle.number, { ...attempt, hints })
  const told = all.slice(0, hints)
  if (json) say(JSON.stringify({ puzzle: puzzle.number, hints: told, of: all.length }))
  else tellHints(told, all.length)
  return 0
}

async function solve(text: string, { json }: PuzzleOptions): Promise<number> {
  const { puzzle, riddle, attempt } = atHand()
  const place = placeIn(puzzle, riddle, text)
  const verdict = place ? judge(riddle, place.file, place.line) : 'wrong'
  const isRight = verdict === 'right'
  const now: Attempt = {
    ...attempt,
    tries: attempt.tries + 1,
    state: isRight ? 'solved' : 'open',
  }
  await keep(puzzle.number, now)
  const explanation = isRight ? explanationOf(puzzle.mistake, riddle) : null
  if (json) {
    const { tries, hints } = now
    say(JSON.stringify({ puzzle: puzzle.number, verdict, tries, hints, explanation }))
  } else {
    tellVerdict(verdict, text, now)
    if (explanation) tellExplanation(explanation)
  }
  return isRight ? 0 : EXIT_NOT_YET
}

async function giveUp({ json }: PuzzleOptions): Promise<number> {
  const { puzzle, riddle, attempt } = atHand()
  await keep(puzzle.number, { ...attempt, state: 'given up' })
  const explanation = explanationOf(puzzle.mistake, riddle)
  if (json) say(JSON.stringify({ puzzle: puzzle.number, explanation }))
  else tellExplanation(explanation)
  return 0
}

async function runAgain(options: PuzzleOptions): Promise<number> {
  const { puzzle, attempt } = atHand()
  const { violation, shown } = await again(puzzle, attempt.seed)
  const pages = shown && { log: shown.log, timeline: shown.timeline }
  if (options.json) {
    say(JSON.stringify({ puzzle: puzzle.number, violation, ...pages }))
  } else {
    say(
      violation
        ? `At ${inMs(violation.atMs)} ${violation.message}`
        : 'No rule breaks in this run any more. Was it that? --solve says.',
    )
    if (shown) say(`\ntest log  ${shown.log}\ntimeline  ${shown.timeline}`)
    if (shown && options.open) await openPage(shown.timeline)
  }
  return violation ? EXIT_NOT_YET : 0
}

function list({ json }: PuzzleOptions): number {
  const progress = readProgress()
  const puzzles = readPuzzles()
  const rows = puzzles.map(({ number, mistake, difficulty }): ListRow => {
    const state = progress.attempts[number]?.state ?? null
    return { puzzle: number, part: mistake.part, difficulty, state }
  })
  if (json) {
    say(JSON.stringify(rows))
    return 0
  }
  tellList(rows)
  say(`\n${doneOf(puzzles, progress)}`)
  return 0
}

function reset({ json }: PuzzleOptions): number {
  resetProgress()
  if (json) say('{}')
  else say('Forgotten. What is in the folders of puzzles/ is still there.')
  return 0
}
