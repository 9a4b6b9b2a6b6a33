import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a page needs beside its data, ready to be written into it. */
export interface Assets {
  readonly script: string
  readonly style: string
}

const here = dirname(fileURLToPath(import.meta.url))
/** Whose files every page is made of. */
const sourceDirs = ['../page', '../shared', '../../testlog'].map((dir) =>
  join(here, dir),
)
const pageDir = join(here, '../page')
/** Where tools keep what they can make again; a package's own folder for such. */
const cacheDir = join(here, '../../../node_modules/.cache/raft-testlog-viz')

/** A kind of page: what its script and its style begin with. */
export interface PageKind {
  readonly name: string
  readonly folder: string
  readonly entries: readonly [script: string, style: string]
}

export const TIMELINE: PageKind = {
  name: 'timeline',
  folder: pageDir,
  entries: ['main.ts', 'style.css'],
}
export const HISTORY: PageKind = {
  name: 'history',
  folder: pageDir,
  entries: ['history-main.ts', 'history-style.css'],
}

const assets = new Map<string, Promise<Assets>>()

/**
 * A page's script and style, bundled and minified. To bundle takes longer than all the rest
 * of a small page, so the result is kept until a source changes.
 */
export function loadAssets(kind: PageKind): Promise<Assets> {
  const loading = assets.get(kind.name) ?? cachedBundle(kind)
  assets.set(kind.name, loading)
  return loading
}

async function cachedBundle(kind: PageKind): Promise<Assets> {
  const file = join(cacheDir, `${kind.name}-${await fingerprint(kind)}.json`)
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Assets
  } catch {
    const bundled = await bundle(kind)
    await keep(file, bundled)
    return bundled
  }
}

/** A folder that cannot be written costs time, and nothing else. */
async function keep(file: string, bundled: Assets): Promise<void> {
  try {
    await mkdir(cacheDir, { recursive: true })
    await writeFile(file, JSON.stringify(bundled))
  } catch {}
}

async function fingerprint({ folder }: PageKind): Promise<string> {
  const hash = createHash('sha256')
  const { version } = createRequire(import.meta.url)('esbuild/package.json')
  hash.update(version)
  for (const dir of new Set([...sourceDirs, folder])) {
    for (const name of (await readdir(dir)).sort()) {
      if (!/\.(ts|css|woff2)$/.test(name)) continue
      hash.update(`\n${name}\n`).update(await readFile(join(dir, name)))
    }
  }
  return hash.digest('hex').slice(0, 32)
}

async function bundle({ folder, entries }: PageKind): Promise<Assets> {
  const { build } = await import('esbuild')
  const result = await build({
    entryPoints: entries.map((name) => join(folder, name)),
    outdir: 'out',
    bundle: true,
    loader: { '.woff2': 'dataurl' },
    minify: true,
    write: false,
    charset: 'utf8',
    format: 'iife',
    target: ['chrome110', 'firefox115', 'safari17'],
    tsconfigRaw: '{}',
  })
  const text = (ending: string) =>
    result.outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? ''
  return { script: text('.js'), style: text('.css') }
}
