/** Changes one thing of a part at a time, and sees whether a test of that part notices. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LogLevel } from '@stryker-mutator/api/core'
import { Stryker } from '@stryker-mutator/core'
import { temporaryFolder } from '../cli/ending.ts'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { type Mutant, toMutant } from './mutant.ts'

/**
 * A test that goes on for so long, in ms, beside what it takes, will not end. Where others
 * work, too, a short time would take the slow for the hanging, and so for noticed.
 */
const TIMEOUT_MS = 30_000

/**
 * @param files of the part; a range of lines may follow: `src/raft.ts:240-257`.
 * @throws UsageError when the tests fail without any change.
 */
export async function runMutants(
  part: string,
  files: readonly string[],
): Promise<Mutant[]> {
  const folder = temporaryFolder('raft-mutants-')
  process.chdir(join(ROOT, part))
  const stryker = new Stryker({
    mutate: [...files],
    tempDirName: folder,
    cleanTempDir: 'always',
    testRunner: 'vitest',
    vitest: { configFile: pathOf('./vitest.config.ts'), related: false },
    coverageAnalysis: 'perTest',
    plugins: [
      import.meta.resolve('@stryker-mutator/vitest-runner'),
      import.meta.resolve('./plugin.ts'),
    ],
    // What runs the tests loads the plugin, too.
    testRunnerNodeArgs: ['--import', import.meta.resolve('tsx')],
    ignorers: ['test-log'],
    reporters: ['progress-bar'],
    concurrency: availableParallelism(),
    timeoutMS: TIMEOUT_MS,
    // TypeScript 7 has no interface by which StrykerJS could read one.
    tsconfigFile: 'no-such.json',
    // Which tests fail without a change, if some do.
    logLevel: 'error' as LogLevel,
    allowConsoleColors: false,
  })
  const results = await stryker.runMutationTest().catch((error: Error) => {
    throw new UsageError(
      `${part} cannot be changed and tested (${error.message}); ` +
        `npx vitest run --project ${part} shows whether its tests pass as it is`,
    )
  })
  return results.filter(({ status }) => status !== 'Ignored').map(toMutant)
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
