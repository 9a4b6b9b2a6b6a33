/** Says how far a reader's own part is, and what fails first. */
import { join, resolve } from 'node:path'
import { program, wholeNumber } from '../cli/command.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { openPage } from '../cli/open.ts'
import { complain, say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { writeWhole } from '../cli/whole.ts'
import { linkPackages } from '../exercise/make.ts'
import { Bench } from './bench.ts'
import { exerciseNamed } from './exercise.ts'
import { type Grade, grade } from './grade.ts'
import { junitOf, tell } from './report.ts'
import { watchSaves } from './saves.ts'

interface Options {
  readonly seeds: number
  readonly json: boolean
  readonly junit?: string
  readonly watch: boolean
  readonly open: boolean
}

const DEFAULT_SEEDS = 1_000
/** An editor may write several files: so long after the first, in ms. */
const SETTLE_MS = 50

const HELP = `
Stage by stage, by the tests of the part itself: each scenario over ten seeds, then the
explorer over many schedules of faults. It stops at what fails first. The same code gets the
same grade: time is virtual, and the seeds are always these.

Examples:
  npm run grade -- exercises/part1                      what holds, and what fails first
  npm run grade -- exercises/part1 --watch              the same whenever you save
  npm run grade -- exercises/part1 --open               and the timeline of the failure
  npm run grade -- exercises/part1 --seeds 10000        more schedules of faults
  npm run grade -- exercises/part1 --json --junit grade.xml

Exit codes:
  0  all of it holds
  1  something fails
  2  there is no such exercise or option`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = program('npm run grade --')
    .description('Says how far an exercise is, what fails first, and why.')
    .argument('<exercise>', 'exercises/part1, …')
    .option(
      '--seeds <n>',
      'schedules of faults to go through',
      wholeNumber(1),
      DEFAULT_SEEDS,
    )
    .option('--json', 'write one JSON object instead of text', false)
    .option('--junit <file>', 'write a report that CI understands')
    .option('--watch', 'grade again whenever a file is saved', false)
    .option('--open', 'open the timeline of the failure in the browser', false)
    .addHelpText('after', HELP)
    .parse()
  const options = command.opts<Options>()
  const name = exerciseNamed(command.args[0] ?? '')
  if (!options.watch) return (await once(name, options)).percent === 100 ? 0 : 1
  if (options.json)
    throw new UsageError('--watch is for people, and --json for programs')
  return watchOver(name, options)
}

async function once(
  name: string,
  options: Options,
  bench = new Bench(),
): Promise<Grade> {
  const folder = join(ROOT, name)
  linkPackages(ROOT, folder)
  const outDir = join(ROOT, 'timelines', name, 'grade')
  const { seeds } = options
  const graded = await grade({ root: ROOT, name, folder, seeds, outDir, bench })
  if (options.json) say(JSON.stringify(graded))
  else tell(graded)
  if (options.junit) await writeWhole(resolve(options.junit), [junitOf(graded)])
  const { failure } = graded
  if (options.open && failure?.timeline) await openPage(failure.timeline)
  return graded
}

/** Grades again after each save, until it is ended. */
async function watchOver(name: string, options: Options): Promise<never> {
  let onChange = () => {}
  let ready = new Bench()
  watchSaves(join(ROOT, name, 'src'), () => onChange())
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      onChange = resolve
    })
    await once(name, options, ready)
    ready = new Bench()
    complain('\nwaiting for a file to be saved; Ctrl-C ends')
    await changed
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    say('')
  }
}
