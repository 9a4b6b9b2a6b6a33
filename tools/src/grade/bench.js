import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

// As dotest.js does: vitest brings vite, and loads sooner with it than with tsx.
const main = fileURLToPath(new URL('./work.ts', import.meta.url))
await runnerImport(main, {
  configFile: false,
  root: fileURLToPath(new URL('../../..', import.meta.url)),
})
