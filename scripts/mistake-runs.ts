/**
 * Looks for runs of the playground in which the mistakes of the gallery break a rule, and
 * writes them down where the playground finds them:
 *
 *     npm run mistake-runs -- [name…]
 *
 * A run that still breaks is kept. It is one that a person could make: servers that crash
 * and links that are cut, by the clock of the playground.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mistakes } from 'playground/mistakes'
import { createServer } from 'vite'

const ROOT = join(import.meta.dirname, '..')
const RUNS = join(ROOT, 'playground/src/sim/runs.json')

const server = await createServer({
  configFile: false,
  root: join(ROOT, 'playground'),
  plugins: [mistakes()],
  server: { middlewareMode: true, ws: false, watch: null },
  appType: 'custom',
  logLevel: 'error',
})
try {
  const load = (path: string) => server.ssrLoadModule(join(ROOT, 'playground', path))
  const { GALLERY } = await load('src/sim/gallery.ts')
  const { findRun } = await load('test/find-run.ts')
  const runs = JSON.parse(readFileSync(RUNS, 'utf8')) as Record<string, string>
  const asked = process.argv.slice(2)
  for (const mistake of GALLERY) {
    const { name } = mistake as { readonly name: string }
    if (asked.length > 0 && !asked.includes(name)) continue
    const found: { readonly run: string; readonly told: string } | null = await findRun(
      mistake,
      runs[name],
    )
    if (found) runs[name] = found.run
    else delete runs[name]
    process.stdout.write(`${name}: ${found?.told ?? 'none found'}\n`)
    writeFileSync(RUNS, `${JSON.stringify(sorted(runs), null, 2)}\n`)
  }
} finally {
  await server.close()
}

function sorted(runs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(runs).sort(([a], [b]) => (a < b ? -1 : 1)))
}
