import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { listParts, partNamed } from '../parts/find.ts'
import { findMistake, mistakeIn, textWith } from '../parts/mistake.ts'

/** What starts a server of a part, as raft.sh does. */
const MAIN = 'src/main.ts'

/** A part that has a service, and the folder in which its code is. */
export interface Program {
  readonly part: string
  readonly folder: string
}

/** The parts that can be run as processes. */
function listPrograms(): string[] {
  return listParts(ROOT).filter((part) => existsSync(join(ROOT, part, MAIN)))
}

/**
 * @param name of a part, or undefined for the last one that can be run.
 * @throws UsageError when it cannot.
 */
export function programOf(name: string | undefined): Program {
  const programs = listPrograms()
  const part = name === undefined ? programs.at(-1) : partNamed(name, programs)
  if (part) return { part, folder: join(ROOT, part) }
  throw new UsageError(
    `${name} has no service to run; these parts have one: ${programs.join(', ')}`,
  )
}

/**
 * A copy of a part with a mistake of the gallery in it.
 *
 * @param folder for the copy.
 * @throws UsageError when there is no such mistake, or it has no place in this part.
 */
export function programWith(name: string, { part }: Program, folder: string): Program {
  const mistake = mistakeIn(part, findMistake(name))
  const copy = join(folder, part)
  mkdirSync(copy, { recursive: true })
  for (const item of ['src', 'test', 'raft.proto', 'package.json']) {
    cpSync(join(ROOT, part, item), join(copy, item), { recursive: true })
  }
  symlinkSync(join(ROOT, part, 'node_modules'), join(copy, 'node_modules'))
  writeFileSync(join(folder, mistake.path), textWith(mistake))
  return { part, folder: copy }
}

/** A command line of the part. */
export function commandLine({ folder }: Program, args: readonly string[]): string[] {
  return [
    process.execPath,
    '--max-semi-space-size=64',
    '--import',
    'tsx',
    join(folder, MAIN),
    ...args,
  ]
}
