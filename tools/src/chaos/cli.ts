/** Breaks a cluster of real processes by chance, and judges what its clients saw. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { program, wholeNumber } from '../cli/command.ts'
import { temporaryFolder } from '../cli/ending.ts'
import { exitCodeOf } from '../cli/exit.ts'
import { programOf, programWith } from '../processes/program.ts'
import { Chaos, type ChaosOptions } from './chaos.ts'

interface Options extends ChaosOptions {
  readonly outDir: string
}

const HELP = `
Servers are killed (kill -9) and started again, one or all; they stand still (SIGSTOP), are
cut off, are not heard by the others; single links are cut one way, or slow. Meanwhile
clients are busy. A round is some 20 seconds of that; then all is mended, everything is read
once more, and it is judged whether there is an order of the operations that explains every
answer. A seed decides on the faults and on what clients ask for, but real processes never
do the same twice.

What kill -9 cannot show is an answer that was given before the disk had it: what a process
has written survives it. That is shown by the laboratory, whose power fails: npm run explore.

Examples:
  npm run chaos -- part5
  npm run chaos -- part5 --minutes 5 --seed 7
  npm run chaos -- part5 --mistake sessions-at-the-leader

Exit codes:
  0  what the clients saw can be explained
  1  it cannot, a server ended by itself, or nothing was done though nothing was broken
  2  the command line cannot be understood
  3  unknown: to judge took too long`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = program('npm run chaos --')
    .description('Breaks a cluster of real processes, and judges what its clients saw.')
    .argument('[part]', 'a part that has a service (default: the last one)')
    .option('--minutes <n>', 'how long', minutes, 1)
    .option('--seed <n>', 'decides on faults and operations', wholeNumber(0), 1)
    .option('--servers <n>', 'how many', wholeNumber(1), 3)
    .option('--clients <n>', 'how many are busy', wholeNumber(1), 6)
    .option('--mistake <name>', 'servers with a mistake of the gallery in them')
    .option('--out-dir <folder>', 'where a failure is kept', 'timelines/chaos')
    .option('--no-open', 'do not open what was found in a browser')
    .option('--json', 'print a line of JSON for each round', false)
    .addHelpText('after', HELP)
    .parse()
  const part = programOf(command.args[0])
  const options = command.opts<Options>()
  const folder = join(options.outDir, `${part.part}-seed-${options.seed}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const chosen = options.mistake
    ? programWith(options.mistake, part, temporaryFolder('raft-chaos-'))
    : part
  const chaos = new Chaos(chosen, folder, options)
  return chaos.run()
}

function minutes(text: string): number {
  const value = Number(text)
  if (text !== '' && value > 0 && value <= 24 * 60) return value
  throw new InvalidArgumentError('It is a number of minutes, above 0, up to a day.')
}
