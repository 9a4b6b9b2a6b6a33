import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'
import { ROOT } from '../cli/root.ts'

/** Beside packages that the workers need, and out of sight. */
const CACHE = join(ROOT, 'tools/node_modules/.cache/explore')

/**
 * Compiles what the workers run. Loaders of TypeScript do not reach worker threads in every
 * version of Node, and make the code of the laboratory slower.
 *
 * @returns the file's address.
 */
export async function compileWorker(): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(ROOT, 'tools/src/explore/worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  })
  const [output] = outputFiles
  if (!output) throw new Error('esbuild gave nothing for the worker')
  // Named by what is in it: explorers of different versions can run side by side.
  const file = join(CACHE, `worker-${output.hash.replaceAll(/\W/g, '')}.mjs`)
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(`${file}.${process.pid}`, output.contents)
  renameSync(`${file}.${process.pid}`, file)
  return pathToFileURL(file).href
}
