/**
 * How long the parts' tests take: the suite in virtual time, start-up included, beside the
 * Go original's, which sleeps; with the tests that need real sockets, disks and processes;
 * and every scenario over 1,000 seeds. Asserts nothing. Names of parts as arguments leave
 * out the others.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { ROOT } from '../src/cli/root.ts'
import { listParts } from '../src/parts/find.ts'

const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const SEEDS = 1_000

/** Wall time of the Go original's suites in s, on a machine with two cores. */
const GO_SECONDS: Readonly<Record<string, number>> = {
  part1: 8.2,
  part2: 14.5,
  part3: 36.5,
}

/** All but the tests of real sockets and real processes. */
const VIRTUAL = ['server', 'processes'].map((name) => `--exclude=**/${name}.test.ts`)

interface Measured {
  readonly seconds: number
  readonly passed: number
  readonly failed: number
}

console.log(`Node ${process.version}, ${availableParallelism()} cores`)
const chosen = process.argv.slice(2)
for (const part of listParts(ROOT)) {
  if (chosen.length > 0 && !chosen.includes(part)) continue
  await runTests(part, VIRTUAL) // Compiles what changed; that is kept.
  const suite = await runTests(part, VIRTUAL)
  const go = GO_SECONDS[part]
  const beside = go === undefined ? '' : `; the Go original: ${go} s`
  console.log(`${part}: the suite in virtual time in ${describe(suite)}${beside}`)
  console.log(
    `${part}: with the tests in real time in ${describe(await runTests(part, []))}`,
  )
  const seeds = await runTests(part, VIRTUAL, { RAFT_SEEDS: `${SEEDS}` })
  console.log(`${part}: in virtual time with ${SEEDS} seeds in ${describe(seeds)}`)
}

async function runTests(
  part: string,
  options: readonly string[],
  variables: Record<string, string> = {},
): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-bench-'))
  const file = join(folder, 'results.json')
  const report = ['--reporter=json', `--outputFile=${file}`]
  const args = ['run', '--project', part, ...options, ...report]
  const startedAt = performance.now()
  await execa(process.execPath, [VITEST, ...args], {
    cwd: ROOT,
    env: variables,
    stdio: ['ignore', 'ignore', 'inherit'],
    reject: false,
  })
  const seconds = (performance.now() - startedAt) / 1_000
  const results = JSON.parse(readFileSync(file, 'utf8'))
  rmSync(folder, { recursive: true })
  return { seconds, passed: results.numPassedTests, failed: results.numFailedTests }
}

function describe({ seconds, passed, failed }: Measured): string {
  return `${seconds.toFixed(1)} s (${passed} passed, ${failed} failed)`
}
