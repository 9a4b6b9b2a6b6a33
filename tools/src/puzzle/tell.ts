/** What a reader is told of a puzzle, in words. */
import { paint, paintDiff, say } from '../cli/print.ts'
import { describeSchedule, sizeOf } from '../explore/describe.ts'
import { inMs } from '../explore/show.ts'
import { codeOf, shortPath } from './folder.ts'
import type { Explanation, Verdict } from './judge.ts'
import type { Attempt, Progress } from './progress.ts'
import type { Puzzle } from './puzzles.ts'
import type { Shown } from './run.ts'

export function tellPuzzle(puzzle: Puzzle, shown: Shown, done: string): void {
  const { mistake, difficulty, number } = puzzle
  const { schedule, violation } = shown.case
  say(`${paint('bold', `Puzzle ${number}`)}: ${mistake.part}, ${difficulty} (${done})\n`)
  say('One place in the code was changed, and here a rule breaks for it,')
  say(`with ${sizeOf(schedule)}:\n`)
  for (const line of describeSchedule(schedule)) say(`  ${line}`)
  const message = violation.message.replaceAll('\n', '\n    ')
  say(`  at ${inMs(violation.atMs)} ${message}\n`)
  say(`code      ${shortPath(codeOf(puzzle))}/src`)
  say(`test log  ${shown.log}`)
  say(`timeline  ${shown.timeline}`)
  if (shown.picture) say(`picture   ${shown.picture}`)
  say('\nWhich line is it?')
  say('  npm run puzzle -- --solve FILE:LINE   src/raft.ts:120, say')
  say('  npm run puzzle -- --hint              there are three, each says more')
  say('  npm run puzzle -- --again             runs your copy, as you have changed it')
  say('  npm run puzzle -- --give-up')
}

export function tellHints(hints: readonly string[], of: number): void {
  for (const [i, hint] of hints.entries()) {
    say(`${paint('bold', `Hint ${i + 1} of ${of}`)}  ${hint}`)
  }
}

export function tellVerdict(verdict: Verdict, place: string, attempt: Attempt): void {
  if (verdict === 'right') {
    const { tries, hints } = attempt
    say(
      `${paint('green', 'Right')}: ${place}, with ${counted(tries, 'try', 'tries')} ` +
        `and ${counted(hints, 'hint', 'hints')}.\n`,
    )
    return
  }
  say(
    verdict === 'close'
      ? `${paint('yellow', 'Close')}: not ${place}, but the same function.`
      : `${paint('red', 'No')}: it is not near ${place}.`,
  )
}

export function tellExplanation(explanation: Explanation): void {
  const { mistake, title, story, breaks, seen, sources, diff } = explanation
  say(`${paint('bold', title)}\n\n${story}\n`)
  say(`Breaks  ${breaks}`)
  say(`Seen    ${seen}`)
  for (const address of sources) say(`        ${address}`)
  say(`\n${paintDiff(diff)}\n`)
  say(`Other runs that show it: npm run gallery -- run ${mistake}`)
  say('The next puzzle: npm run puzzle')
}

/** How many are done, in words. */
export function doneOf(puzzles: readonly Puzzle[], { attempts }: Progress): string {
  const states = puzzles.map(({ number }) => attempts[number]?.state)
  const solved = states.filter((state) => state === 'solved').length
  return `${solved} of ${puzzles.length} solved`
}

export function tellList(rows: readonly ListRow[]): void {
  say(paint('bold', 'puzzle  part   difficulty  state'))
  for (const { puzzle, part, difficulty, state } of rows) {
    const number = String(puzzle).padStart(6)
    say(`${number}  ${part}  ${difficulty.padEnd(10)}  ${state ?? ''}`.trimEnd())
  }
}

export interface ListRow {
  readonly puzzle: number
  readonly part: string
  readonly difficulty: string
  /** Null when it was never looked at. */
  readonly state: Attempt['state'] | null
}

function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`
}
