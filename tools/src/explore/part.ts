import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'
import type { ServerUnderTest, Surroundings } from '../lab/cluster.ts'
import type { Random } from '../lab/random.ts'
import type { Storage } from '../lab/storage.ts'
import { UsageError } from './usage.ts'

/** A server of whichever part; the first part takes no commands. */
export interface ServerOfPart extends ServerUnderTest {
  submit?(command: string): number | null
}

export interface Disk extends Storage<unknown, unknown> {
  crash(random: Random): void
}

/** What the explorer takes from a part's modules. */
export interface Part {
  readonly ConsensusModule: new (
    options: Surroundings & { readonly storage: unknown },
  ) => ServerOfPart
  /** From part 3 on. A part without it promises nothing about crashes. */
  readonly MemoryStorage?: new () => Disk
}

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
        const { readFile } = await import('node:fs/promises')
        const text = await readFile(path, 'utf8')
        return { contents: edit(path.slice(ROOT.length + 1), text), loader: 'ts' }
      })
    },
  }
}

/** The part that a compiled text is. */
export async function loadPart(code: string): Promise<Part> {
  const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
  return (await import(/* @vite-ignore */ url)) as Part
}
