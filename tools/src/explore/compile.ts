import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'
import { UsageError } from './usage.ts'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** Changes a file's text before it is compiled; the path is relative to the repository. */
export type Edit = (path: string, text: string) => string

/**
 * Compiles a part into one module, as text: so that it reaches the workers as plain data,
 * and a part with a mistake in it needs no files.
 *
 * @throws UsageError when there is no such part.
 */
export async function compilePart(name: string, edit?: Edit): Promise<string> {
  const folder = join(ROOT, name, 'src')
  if (!/^part\d+$/.test(name) || !existsSync(join(folder, 'raft.ts'))) {
    throw new UsageError(`there is no ${name}/src/raft.ts; name a part, like part1`)
  }
  const files = ['raft.ts', 'storage.ts'].filter((file) =>
    existsSync(join(folder, file)),
  )
  const { outputFiles } = await esbuild.build({
    stdin: {
      contents: files.map((file) => `export * from './${file}'`).join('\n'),
      resolveDir: folder,
      sourcefile: `${name}.ts`,
    },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    plugins: edit ? [editing(edit)] : [],
  })
  return outputFiles[0]?.text ?? ''
}

function editing(edit: Edit): esbuild.Plugin {
  return {
    name: 'edit',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8')
        return { contents: edit(path.slice(ROOT.length + 1), text), loader: 'ts' }
      })
    },
  }
}

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
