/** The tests of one part, for a copy of it in which one thing was changed. */
import { basename } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** By their files, what is over soon; and what waits for sockets. */
const QUICK = ['rules', 'storage']
const SLOW = ['server']

/** The first failure ends a run: so the quick ones go first. */
class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => turnOf(a) - turnOf(b))
  }
}

function turnOf({ moduleId }: TestSpecification): number {
  const name = basename(moduleId, '.test.ts')
  if (QUICK.includes(name)) return 0
  return SLOW.includes(name) ? 2 : 1
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Processes of their own know nothing of the change, and take long.
    exclude: ['test/{processes,storage-lock}.test.ts'],
    // StrykerJS ends what takes too long, and knows how long it takes without a change.
    testTimeout: 0,
    env: { RAFT_SEEDS: '1' },
    sequence: { sequencer: QuickestFirst },
    cache: false,
  },
})
