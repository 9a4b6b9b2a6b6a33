import { type Command, InvalidArgumentError, Option } from 'commander'
import { program, wholeNumber } from '../cli/command.ts'
import { DIFFICULTIES, type Difficulty } from './puzzles.ts'

export interface PuzzleOptions {
  readonly hint: boolean
  readonly solve?: string
  readonly again: boolean
  readonly giveUp: boolean
  readonly next: boolean
  readonly list: boolean
  readonly reset: boolean
  readonly puzzle?: number
  readonly difficulty?: Difficulty
  readonly part?: string
  readonly seed?: number
  readonly json: boolean
  readonly open: boolean
}

/** What can be asked for, one at a time. */
const VERBS = ['hint', 'solve', 'again', 'giveUp', 'next', 'list', 'reset'] as const
/** What says which puzzle is meant, and so nothing of the one at hand. */
const WHICH = ['puzzle', 'difficulty', 'part', 'seed'] as const

/** The exit code of an answer that is not right, and of a rule that still breaks. */
export const EXIT_NOT_YET = 1

const HELP = `
A puzzle is a part in which one place was changed, by somebody who has made this mistake, and
a run in which a rule breaks for it. Which line is it? The easier puzzles come first, and none
comes twice. What you have done is kept in puzzles/progress.json.

Examples:
  npm run puzzle                                 the puzzle at hand, or the next one
  npm run puzzle -- --hint                       a hint; there are three, each says more
  npm run puzzle -- --solve src/raft.ts:120      is it this line?
  npm run puzzle -- --again                      runs your copy, as you have changed it
  npm run puzzle -- --give-up                    what it is, and who has made it
  npm run puzzle -- --next --part part2          another one, of part 2
  npm run puzzle -- --puzzle 7 --seed 100        puzzle 7, in another run than others have

Exit codes:
  0  the puzzle is shown; the answer is right; no rule breaks any more
  1  the answer is close, or wrong; a rule still breaks
  2  there is no such puzzle, place or option`

export function puzzleCommand(): Command {
  const command = program('npm run puzzle --')
    .description('Here is a run that fails: find the line.')
    .addOption(verb('--hint', 'a hint'))
    .addOption(
      new Option('--solve <file:line>', 'is it this line?').conflicts(others('solve')),
    )
    .addOption(verb('--again', 'run the copy in the puzzle’s folder as it is now'))
    .addOption(verb('--give-up', 'tell what it is'))
    .addOption(
      verb('--next', 'another puzzle; this one comes again when no other is left'),
    )
    .addOption(verb('--list', 'all puzzles, and which of them are solved'))
    .addOption(verb('--reset', 'forget what was done; the folders stay'))
    .addOption(new Option('--puzzle <n>', 'this one').argParser(wholeNumber(1)))
    .addOption(
      new Option('--difficulty <how>', 'only such puzzles').choices(DIFFICULTIES),
    )
    .option('--part <part>', 'only puzzles of this part', part)
    .addOption(
      new Option('--seed <n>', 'look for a run that fails from this seed on').argParser(
        wholeNumber(0),
      ),
    )
    .option('--json', 'write one JSON object instead of text', false)
    .option('--no-open', 'do not open the timeline in the browser')
    .addHelpText('after', HELP)
  return command
}

function verb(flag: string, does: string): Option {
  const name = flag.slice(2).replace('-u', 'U') as (typeof VERBS)[number]
  return new Option(flag, does).default(false).conflicts(others(name))
}

function others(name: (typeof VERBS)[number]): string[] {
  const goesWithWhich = name === 'next' || name === 'list'
  const which = goesWithWhich ? [] : WHICH
  return [...VERBS.filter((verb) => verb !== name), ...which]
}

function part(text: string): string {
  if (/^(part)?\d+$/.test(text)) return `part${text.replace('part', '')}`
  throw new InvalidArgumentError('It can be like part2.')
}
