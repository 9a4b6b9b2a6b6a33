/** Makes a folder with a part that the reader writes. */
import { join, resolve } from 'node:path'
import { program, wholeNumber } from '../cli/command.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { paint, say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { partNamed } from '../parts/find.ts'
import { type Made, makeExercise } from './make.ts'
import { partsWithExercise, placeOf, shortName } from './plan.ts'

interface Options {
  readonly stage: number
  readonly from?: string
  readonly force: boolean
}

const HELP = `
The folder is exercises/PART: the part, without the bodies of what carries the lesson. They
say "not yet"; signatures, and the text above them, stay. It belongs to you: git ignores it,
and nothing changes it but --force.

Examples:
  npm run exercise -- part1                          all of part 1 to write
  npm run exercise -- part1 --stage 3                with what stages 1 and 2 have written
  npm run exercise -- part2 --from exercises/part1   elections as you wrote them
  npm run grade -- exercises/part1                   what holds, and what fails first

Exit codes:
  0  the folder was made
  2  there is no such part or option, or the folder is there already`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const parts = partsWithExercise(ROOT)
  const command = program('npm run exercise --')
    .description('Makes a folder with a part that you write.')
    .argument('<part>', parts.join(', '))
    .option('--stage <n>', 'the first stage that is left to write', wholeNumber(1), 1)
    .option('--from <exercise>', 'take along what you wrote for an earlier part')
    .option('--force', 'replace the folder: what is in it is lost', false)
    .addHelpText('after', HELP)
    .parse()
  const [argument = ''] = command.args
  const { stage, from, force } = command.opts<Options>()
  const part = partNamed(argument, parts)
  if (part === null) {
    throw new UsageError(
      `there is no exercise of "${argument}"; there are ${parts.join(', ')}`,
    )
  }
  const name = `exercises/${part}`
  const made = makeExercise({
    ...{ root: ROOT, part, folder: join(ROOT, name), stage, force },
    ...(from !== undefined && { from: resolve(from) }),
  })
  tell(name, made)
  return 0
}

function tell(name: string, { toWrite, own, changed }: Made): void {
  say(`${paint('bold', name)} is yours. To write, in this order:`)
  for (const { symbol, sections } of toWrite) {
    const { file } = placeOf(symbol)
    say(`  ${file.padEnd('src/service.ts'.length)}  ${shortName(symbol)} (${sections})`)
  }
  if (own.length > 0) say(`\nYour own, carried along: ${namesOf(own)}`)
  if (changed.length > 0) {
    say(`This part changes, so that yours stays behind: ${namesOf(changed)}`)
  }
  say(`\nIts README has the stages. To see how far you are:`)
  say(`  npm run grade -- ${name} --watch`)
}

function namesOf(symbols: readonly string[]): string {
  return symbols.map((symbol) => shortName(`#${symbol}`)).join(', ')
}
