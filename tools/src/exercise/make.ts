import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, relative } from 'node:path'
import { UsageError } from '../cli/exit.ts'
import { leadBack } from '../parts/copy.ts'
import { LAB_FILE, listParts } from '../parts/find.ts'
import { takeOut } from './bodies.ts'
import { carryFile } from './carry.ts'
import { type Plan, placeOf, readPlan, type SymbolToWrite, shortName } from './plan.ts'

export interface ExerciseOptions {
  readonly root: string
  readonly part: string
  /** Where it goes: a folder that is named as the part. */
  readonly folder: string
  /** The first stage that is left to write, from 1. */
  readonly stage: number
  /** Takes the place of what is there. */
  readonly force: boolean
  /** The exercise of an earlier part, whose own code comes along. */
  readonly from?: string
}

export interface Made {
  /** What is left to write, in the order of the stages. */
  readonly toWrite: readonly SymbolToWrite[]
  /** Of an earlier exercise: what came along, and what did not since the part changes it. */
  readonly own: readonly string[]
  readonly changed: readonly string[]
}

/** What a reader does not need, or gets another of. */
const LEFT_OUT = [
  ...['node_modules', 'timelines', 'exercise.json'],
  ...['README.md', 'test/readme.test.ts'],
]

/** Makes a folder with a part that a reader writes. @throws UsageError */
export function makeExercise(options: ExerciseOptions): Made {
  const { root, part, folder, stage, force } = options
  const plan = readPlan(root, part)
  const toWrite = plan.stages.slice(stage - 1).flatMap(({ write }) => write)
  if (toWrite.length === 0) {
    throw new UsageError(`nothing of ${part} is left to write from stage ${stage} on`)
  }
  const earlier = options.from === undefined ? null : earlierExercise(options)
  if (existsSync(folder)) {
    if (!force) {
      throw new UsageError(
        `${nameOf(root, folder)} is there already; move it elsewhere, or say --force, ` +
          'and what is in it is lost',
      )
    }
    rmSync(folder, { recursive: true })
  }
  const source = join(root, part)
  cpSync(source, folder, {
    recursive: true,
    filter: (file) => !LEFT_OUT.includes(relative(source, file).replaceAll('\\', '/')),
  })
  for (const file of new Set(toWrite.map(({ symbol }) => placeOf(symbol).file))) {
    const path = join(folder, file)
    const symbols = toWrite.filter(({ symbol }) => placeOf(symbol).file === file)
    writeFileSync(path, takeOut(readFileSync(path, 'utf8'), file, symbols))
  }
  leadBack(root, folder)
  const carried = earlier ? carry(options, earlier) : { own: [], changed: [] }
  linkPackages(root, folder)
  writeFileSync(join(folder, 'package.json'), packageFor(source, root, folder))
  writeFileSync(join(folder, 'tsconfig.json'), tsconfigFor(root, folder))
  writeFileSync(join(folder, 'README.md'), readmeFor(part, nameOf(root, folder), plan))
  return { toWrite, ...carried }
}

/** @throws UsageError when there is no exercise of an earlier part in this folder. */
function earlierExercise({ root, part, from = '' }: ExerciseOptions): string {
  const parts = listParts(root)
  const earlier = parts.slice(0, parts.indexOf(part))
  const isExercise =
    existsSync(join(from, LAB_FILE)) && from !== join(root, basename(from))
  if (isExercise && earlier.includes(basename(from))) return from
  throw new UsageError(
    `${nameOf(root, from)} is no exercise of a part before ${part}, like exercises/part1`,
  )
}

function carry({ root, part, folder }: ExerciseOptions, earlier: string) {
  const before = join(root, basename(earlier))
  const carried = filesInBoth(before, folder).map((file) => {
    const read = (home: string) => readFileSync(join(home, file), 'utf8')
    const { text, ...names } = carryFile({
      file,
      own: existsSync(join(earlier, file)) ? read(earlier) : read(before),
      before: read(before),
      after: read(join(root, part)),
      exercise: read(folder),
    })
    writeFileSync(join(folder, file), text)
    return names
  })
  return {
    own: carried.flatMap(({ own }) => own),
    changed: carried.flatMap(({ changed }) => changed),
  }
}

function filesInBoth(before: string, after: string): string[] {
  const files = readdirSync(join(before, 'src')).map((name) => `src/${name}`)
  return files.filter((file) => existsSync(join(after, file)))
}

/** The packages of the part itself: nothing has to be installed. */
export function linkPackages(root: string, folder: string): void {
  const link = join(folder, 'node_modules')
  if (existsSync(link)) return
  // On Windows a junction needs no rights, and takes no relative path.
  symlinkSync(join(root, basename(folder), 'node_modules'), link, 'junction')
}

/** So that an editor takes it for a package of its own, and no two have one name. */
function packageFor(source: string, root: string, folder: string): string {
  const fields = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  const { changes: _, ...others } = fields
  const name = nameOf(root, folder).replaceAll('/', '-')
  return `${JSON.stringify({ ...others, name }, null, 2)}\n`
}

/** What is not written yet uses nothing: that is no error. */
function tsconfigFor(root: string, folder: string): string {
  const config = {
    extends: join(relative(folder, root), 'tsconfig.json').replaceAll('\\', '/'),
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['src', 'test'],
    exclude: ['node_modules'],
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

function readmeFor(part: string, name: string, plan: Plan): string {
  const stages = plan.stages.flatMap(({ title, write, read, chapter }, i) => [
    `${i + 1}. **${title}** (${read}; docs/${part}.md, “${chapter}”)`,
    ...(write.length === 0
      ? ['   - nothing new to write: what is there must hold']
      : write.map(({ symbol, sections }) => {
          return `   - \`${shortName(symbol)}\` in ${placeOf(symbol).file} (${sections})`
        })),
  ])
  return `# ${part}, written by you

${plan.teaches}

What is to be written says \`not yet\`. Signatures and the text above them stay. In the order in which it can be tried:

${stages.join('\n')}

| command, from the repository’s folder | does |
|---|---|
| \`npm run grade -- ${name}\` | says what holds, what fails first, and why |
| \`npm run grade -- ${name} --watch\` | the same whenever you save |
| \`./dotest.sh ${name} 'NAME'\` | runs one test, and makes its timeline |
| \`npm run explore -- ${name}\` | looks for a schedule of faults that breaks it |
| \`npm run diff -- ${part} ${name}\` | the difference to the part’s own code: the solution |
`
}

function nameOf(root: string, folder: string): string {
  const name = relative(root, folder).replaceAll('\\', '/')
  return name.startsWith('..') ? folder : name
}
