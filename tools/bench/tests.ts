/**
 * How long the parts' tests take: the suite in virtual time, start-up included, beside the
 * Go original's, which sleeps; with the tests that need real sockets, disks and processes;
 * and every scenario over many seeds. Asserts no times.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { program, wholeNumber } from '../src/cli/command.ts'
import { temporaryFolder } from '../src/cli/ending.ts'
import { exitCodeOf, UsageError } from '../src/cli/exit.ts'
import { say } from '../src/cli/print.ts'
import { ROOT } from '../src/cli/root.ts'
import { listParts } from '../src/parts/find.ts'

const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const DEFAULT_SEEDS = 1_000

/** Wall time of the Go original's suites in s, on a machine with two cores. */
const GO_SECONDS: Readonly<Record<string, number>> = {
  part1: 8.2,
  part2: 14.5,
  part3: 36.5,
}

/** What starts servers on real sockets, and processes. */
const IN_REAL_TIME = /from '(\.\/process-cluster|\.\.\/src\/server)\.ts'/

/** Leaves out the tests in real time: told by what they import. */
function onlyVirtual(part: string): string[] {
  const folder = join(ROOT, part, 'test')
  const names = readdirSync(folder).filter((name) => name.endsWith('.test.ts'))
  const isReal = (name: string) =>
    IN_REAL_TIME.test(readFileSync(join(folder, name), 'utf8'))
  return names.filter(isReal).map((name) => `--exclude=**/${name}`)
}

interface Measured {
  readonly seconds: number
  readonly passed: number
  readonly failed: number
  /** False as well where a file of tests could not be loaded: it has none that failed. */
  readonly isGood: boolean
}

const HELP = `
Examples:
  npm run bench:tests -- part4 --seeds 100

Exit codes:
  0  all tests passed
  1  a test failed, or those of a part could not be loaded
  2  there is no such part or option`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = program('npm run bench:tests --')
    .description(
      'How long the tests of the parts take, beside those of the Go original.',
    )
    .argument('[part...]', 'only these (default: all)')
    .option('--seeds <n>', 'of the last row', wholeNumber(1), DEFAULT_SEEDS)
    .addHelpText('after', HELP)
    .parse()
  const parts = chosenParts(command.args)
  const { seeds } = command.opts<{ seeds: number }>()
  say(`Node ${process.version}, ${availableParallelism()} cores`)
  let areGood = true
  for (const part of parts) areGood = (await measure(part, seeds)) && areGood
  return areGood ? 0 : 1
}

function chosenParts(names: readonly string[]): string[] {
  const parts = listParts(ROOT)
  for (const name of names) {
    if (parts.includes(name)) continue
    throw new UsageError(`there is no part "${name}"; there are ${parts.join(', ')}`)
  }
  return parts.filter((part) => names.length === 0 || names.includes(part))
}

/** @returns whether all tests passed. */
async function measure(part: string, seeds: number): Promise<boolean> {
  const virtual = onlyVirtual(part)
  await runTests(part, virtual) // Compiles what changed; that is kept.
  const suite = await runTests(part, virtual)
  const go = GO_SECONDS[part]
  const beside = go === undefined ? '' : `; the Go original: ${go} s`
  say(`${part}: the suite in virtual time in ${describe(suite)}${beside}`)
  const all = await runTests(part, [])
  say(`${part}: with the tests in real time in ${describe(all)}`)
  const many = await runTests(part, virtual, { RAFT_SEEDS: `${seeds}` })
  say(`${part}: in virtual time with ${seeds} seeds in ${describe(many)}`)
  return [suite, all, many].every(({ isGood }) => isGood)
}

async function runTests(
  part: string,
  options: readonly string[],
  variables: Record<string, string> = {},
): Promise<Measured> {
  const file = join(temporaryFolder('raft-bench-'), 'results.json')
  const report = ['--reporter=json', `--outputFile=${file}`]
  const args = ['run', '--project', part, ...options, ...report]
  const startedAt = performance.now()
  const { exitCode } = await execa(process.execPath, [VITEST, ...args], {
    cwd: ROOT,
    env: variables,
    stdio: ['ignore', 'ignore', 'inherit'],
    reject: false,
  })
  const seconds = (performance.now() - startedAt) / 1_000
  const results = JSON.parse(readFileSync(file, 'utf8'))
  const { numPassedTests: passed, numFailedTests: failed } = results
  return { seconds, passed, failed, isGood: exitCode === 0 && passed > 0 }
}

function describe({ seconds, passed, failed }: Measured): string {
  return `${seconds.toFixed(1)} s (${passed} passed, ${failed} failed)`
}
