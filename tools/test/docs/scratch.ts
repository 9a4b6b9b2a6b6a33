/** A copy of the repository to run a chapter's commands in, with the changes it asks for. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa, execaSync } from 'execa'

/** Far above what a command in a chapter takes, also on a machine that is busy, in ms. */
export const COMMAND_TIMEOUT_MS = 120_000

export interface CommandResult {
  readonly output: string
  readonly exitCode: number
}

export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'raft docs '))
  private readonly changed = new Map<string, string>()

  constructor(root: string) {
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
    const files = execaSync('git', list, { cwd: root }).stdout.split('\0')
    for (const file of files) {
      if (!file || !existsSync(join(root, file))) continue
      mkdirSync(dirname(join(this.folder, file)), { recursive: true })
      cpSync(join(root, file), join(this.folder, file))
    }
    for (const file of files.filter((name) => name.endsWith('package.json'))) {
      const packages = join(dirname(file), 'node_modules')
      if (!existsSync(join(root, packages))) continue
      symlinkSync(join(root, packages), join(this.folder, packages))
    }
    // Readers have a clone: they see by `git diff` what they changed, and can undo it.
    execaSync('git', ['init', '--quiet'], { cwd: this.folder })
  }

  /** Replaces the lines that a diff takes away by those that it brings. */
  change(file: string, diff: readonly string[]): void {
    const path = join(this.folder, file)
    const source = readFileSync(path, 'utf8')
    const before = side(diff, '-')
    const places = source.split(before).length - 1
    if (places !== 1) {
      throw new Error(`${file} has ${places} places that the change fits:\n${before}`)
    }
    if (!this.changed.has(file)) this.changed.set(file, source)
    writeFileSync(
      path,
      source.replace(before, () => side(diff, '+')),
    )
  }

  write(file: string, lines: readonly string[]): void {
    writeFileSync(join(this.folder, file), `${lines.join('\n')}\n`)
  }

  undo(): void {
    for (const [file, source] of this.changed) {
      writeFileSync(join(this.folder, file), source)
    }
    this.changed.clear()
  }

  async run(command: string): Promise<CommandResult> {
    const env = Object.entries(process.env).filter(([name]) => isOfTheReader(name))
    const result = await execa('bash', ['-c', `exec 2>&1\n${command}`], {
      cwd: this.folder,
      env: { ...Object.fromEntries(env), NO_COLOR: '1', CI: 'true' },
      extendEnv: false,
      timeout: COMMAND_TIMEOUT_MS,
      reject: false,
    })
    // Without an exit code it was not the command's own end.
    if (result.exitCode === undefined) throw result
    return { output: result.stdout, exitCode: result.exitCode }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}

/** What the test runner sets for itself is not there when a reader types a command. */
function isOfTheReader(name: string): boolean {
  return !/^(RAFT_|VITEST|NODE_ENV$|NODE_OPTIONS$|TEST$|FORCE_COLOR$|npm_)/.test(name)
}

function side(diff: readonly string[], sign: '-' | '+'): string {
  const kept = diff.filter((line) => line.startsWith(sign) || line.startsWith(' '))
  return kept.map((line) => `${line.slice(1)}\n`).join('')
}
