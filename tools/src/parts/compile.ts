import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { isOwn, LAB_FILE, listParts } from './find.ts'

/** A file to take in place of the one that is there. */
export interface Replacement {
  /** Relative to the repository. */
  readonly path: string
  readonly text: string
}

/**
 * Compiles a part, or a reader's own, into one module, as text: so that it reaches the
 * workers as plain data, and a part with a mistake in it needs no files.
 *
 * @throws UsageError when there is no such part, or it cannot be compiled.
 */
export async function compilePart(
  name: string,
  replacement?: Replacement,
): Promise<string> {
  if (!listParts(ROOT).includes(name) && !isOwn(name)) {
    throw new UsageError(`there is no ${name}/test/lab.ts; name a part, like part1`)
  }
  return compile(name, replacement ? [replacing(replacement)] : [])
}

/** The same with the sources of another folder: what a part itself says of them decides. */
export async function compileSources(part: string, folder: string): Promise<string> {
  return compile(part, [taking(part, folder)])
}

/**
 * The same of a folder that is a part but for its place, like a puzzle that somebody works on.
 *
 * @param folder relative to the repository.
 */
export async function compileFolder(folder: string): Promise<string> {
  return compile(folder, [])
}

/** @throws UsageError when it cannot be compiled. */
async function compile(name: string, plugins: esbuild.Plugin[]): Promise<string> {
  const options: esbuild.BuildOptions = {
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, name, LAB_FILE)],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    plugins: [locks, ...plugins],
  }
  try {
    const { outputFiles } = await esbuild.build({ ...options, write: false })
    return outputFiles[0]?.text ?? ''
  } catch (error) {
    throw new UsageError(`${name} cannot be compiled: ${whatIsWrong(error)}`)
  }
}

/** The first of esbuild's complaints, with the place of it. */
function whatIsWrong(error: unknown): string {
  const [first] = (error as Partial<esbuild.BuildFailure>).errors ?? []
  if (!first) throw error
  const { text, location } = first
  return location
    ? `${location.file}:${location.line}:${location.column + 1}: ${text}`
    : text
}

/** A package with a binary stays where it is; a text has no folder to find it from. */
const locks: esbuild.Plugin = {
  name: 'locks',
  setup(build) {
    build.onResolve({ filter: /^fs-native-extensions$/ }, ({ path, resolveDir }) => {
      const file = createRequire(join(resolveDir, 'part.ts')).resolve(path)
      return { path: pathToFileURL(file).href, external: true }
    })
  },
}

function replacing({ path, text }: Replacement): esbuild.Plugin {
  const file = join(ROOT, path)
  return {
    name: 'replacement',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, (args) => {
        return args.path === file ? { contents: text, loader: 'ts' } : null
      })
    },
  }
}

/** What the tests of a part import from `src` is taken from there. */
function taking(part: string, folder: string): esbuild.Plugin {
  return {
    name: 'taking',
    setup(build) {
      build.onResolve({ filter: /^\.\.\/src\// }, ({ path, resolveDir }) => {
        const isOfTest = resolveDir === join(ROOT, part, 'test')
        return isOfTest ? { path: join(folder, path.slice('../'.length)) } : null
      })
    },
  }
}
