#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

// vitest brings vite, and vite runs TypeScript: half a second sooner than tsx, under
// which each of their own modules takes longer to load.
const main = fileURLToPath(new URL('../src/dotest/cli.ts', import.meta.url))
await runnerImport(main, {
  configFile: false,
  root: fileURLToPath(new URL('../..', import.meta.url)),
})
