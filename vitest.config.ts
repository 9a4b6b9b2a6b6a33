import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'part1', root: 'part1', include: ['test/**/*.test.ts'] } },
      { test: { name: 'part2', root: 'part2', include: ['test/**/*.test.ts'] } },
      { test: { name: 'part3', root: 'part3', include: ['test/**/*.test.ts'] } },
      { test: { name: 'tools', root: 'tools', include: ['test/**/*.test.ts'] } },
    ],
  },
})
