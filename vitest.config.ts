import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { mistakes } from 'playground/mistakes'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { LongFirst } from './scripts/long-first.ts'

const root = import.meta.dirname
const parts = readdirSync(root).filter((name) => /^part\d+$/.test(name))
const browser = join(root, 'tools/test/browser/setup.ts')

// Given to each project. One that extended this file would read it once more.
const shared = {
  // All for a quick start: threads, modules that test files share instead of loading
  // their own, and what was compiled once is kept.
  pool: 'threads',
  isolate: false,
  experimental: { fsModuleCache: true },
  maxWorkers: '100%',
  // In ms; far above what any takes: no test fails because the machine is busy.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // In real time the scenarios wait more than they work.
  ...(process.env.RAFT_NETWORK === 'grpc' && { maxWorkers: 4 }),
} satisfies TestProjectInlineConfiguration['test']

export default defineConfig({
  test: {
    ...shared,
    sequence: { sequencer: LongFirst },
    projects: [...parts, 'tools', 'playground'].map((name) => ({
      ...(name === 'playground' && { plugins: [mistakes()] }),
      test: {
        ...shared,
        name,
        root: join(root, name),
        include: ['test/**/*.test.ts'],
        ...(name === 'tools' && { globalSetup: browser }),
      },
    })),
  },
})
