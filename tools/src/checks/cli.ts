/**
 * What `npm run check` looks at that no tool from elsewhere does. A check prints the figures
 * that it found, and what is wrong with them in sentences.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { program } from '../cli/command.ts'
import { exitCodeOf } from '../cli/exit.ts'
import { complain, say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { listParts } from '../parts/find.ts'
import {
  compareFiles,
  compareSources,
  driftedTests,
  type Files,
  GO_LINES,
  LEAST_KEPT,
  linesOf,
  membersOf,
} from './copies.ts'
import { checkRooms } from './rooms.ts'

interface Finding {
  readonly figure: string
  readonly problems: readonly string[]
}

const parts = listParts(ROOT)

process.exitCode = await exitCodeOf(async () => {
  program('checks').description('Copies that drifted, and who knows whom.').parse()
  const findings = [...copies(), ...sizes(), ...growth(), ...tests(), await rooms()]
  for (const { figure, problems } of findings) {
    say(figure)
    for (const problem of problems) complain(`  error: ${problem}`)
  }
  return findings.some(({ problems }) => problems.length > 0) ? 1 : 0
})

function read(part: string, file: string): string | null {
  const path = join(ROOT, part, file)
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

/** What a part does not say that it changes is what it was in the part before. */
function copies(): Finding[] {
  return parts.slice(1).map((part, i) => {
    const before = parts[i] as string
    const { changes = [] } = JSON.parse(read(part, 'package.json') ?? '{}')
    const { same, drifted, unchanged } = compareFiles(
      filesOf(before),
      filesOf(part),
      changes,
    )
    return {
      figure: `${before} → ${part}: ${same.length} files are the same`,
      problems: [
        ...drifted.map(
          (file) =>
            `${part}/${file} is not the same as ${before}/${file}; copy the one that is ` +
            `right over the other, or name it under "changes" in ${part}/package.json`,
        ),
        ...unchanged.map(
          (file) =>
            `${part}/package.json names ${file} under "changes"; there is no such change`,
        ),
      ],
    }
  })
}

function filesOf(part: string): Files {
  const folder = join(ROOT, part)
  const files = ['', 'src', 'test'].flatMap((name) =>
    readdirSync(join(folder, name), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(name, entry.name)),
  )
  return new Map(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
}

/** What a part's tests say in the same words as the part before, they do the same way. */
function tests(): Finding[] {
  return parts.slice(1).map((part, i) => {
    const before = parts[i] as string
    const files = readdirSync(join(ROOT, part, 'test')).filter((file) =>
      file.endsWith('.test.ts'),
    )
    const problems = files.flatMap((name) => {
      const file = `test/${name}`
      const drifted = driftedTests(
        read(before, file) ?? '',
        read(part, file) ?? '',
        before,
      )
      return drifted.map(
        (sentence) =>
          `${part}/${file}: ${sentence} is not what it is in ${before}; make them the ` +
          `same, or say why not in a comment above it: // Not as in ${before}: …`,
      )
    })
    return {
      figure: `${before} → ${part}: tests of one sentence are the same`,
      problems,
    }
  })
}

/** Who knows whom in tools. */
async function rooms(): Promise<Finding> {
  const { modules, problems } = await checkRooms(ROOT)
  return {
    figure: `tools: what ${modules} modules know of each other`,
    // Without swc it looks at none, and finds no fault.
    problems:
      modules > 0 ? problems : ['no module was looked at; is @swc/core missing?'],
  }
}

/** A part has a ConsensusModule, and in fewer lines than the Go original. */
function sizes(): Finding[] {
  return parts.map((part) => {
    const file = `${part}/src/raft.ts`
    const source = read(part, 'src/raft.ts')
    if (source === null) return { figure: file, problems: [`there is no ${file}`] }
    const lines = linesOf(source).length
    const limit = GO_LINES[part] ?? Number.POSITIVE_INFINITY
    return {
      figure: `${file}: ${lines} lines${part in GO_LINES ? ` (Go: ${limit})` : ''}`,
      problems: [
        ...(membersOf(source).length > 0
          ? []
          : [`${file} has no class ConsensusModule`]),
        ...(lines < limit
          ? []
          : [`${file} must have fewer lines than the original's ${limit}`]),
      ],
    }
  })
}

/** From part to part, raft.ts grows: little is changed, and nothing is moved. */
function growth(): Finding[] {
  return parts.slice(1).flatMap((part, i) => {
    const before = parts[i] as string
    const [old, next] = [read(before, 'src/raft.ts'), read(part, 'src/raft.ts')]
    if (old === null || next === null) return []
    const { lines, kept, reindented, missing, moved } = compareSources(old, next)
    const percent = (100 * kept) / lines
    const share = `${kept} of ${lines} lines (${percent.toFixed(1)} %)`
    return {
      figure: `${before} → ${part} raft.ts: ${share} are kept, ${reindented.length} reindented`,
      problems: [
        ...(percent < LEAST_KEPT ? [`${part} must keep ${LEAST_KEPT} % of them`] : []),
        ...reindented.map((line) => `only the indentation changed of: ${line.trim()}`),
        ...missing.map(
          (name) => `${part} has no member ${name} any more; keep its name`,
        ),
        ...moved.map((name) => `${part} has ${name} before what stood above it`),
      ],
    }
  })
}
