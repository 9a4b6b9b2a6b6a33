/** The tests of one part, for a copy of it in which one thing was changed. */
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The first failure ends a run: so the tests of single rules go first, sockets last. */
class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => turnOf(a) - turnOf(b))
  }
}

function turnOf({ moduleId }: TestSpecification): number {
  if (moduleId.endsWith('/rules.test.ts')) return 0
  return moduleId.endsWith('/server.test.ts') ? 2 : 1
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Processes of their own know nothing of the change, and take long.
    exclude: ['test/processes.test.ts'],
    env: { RAFT_SEEDS: '1' },
    sequence: { sequencer: QuickestFirst },
    cache: false,
  },
})
