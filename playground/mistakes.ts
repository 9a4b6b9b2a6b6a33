/**
 * Puts the gallery of mistakes into the page, compiled ahead: for each mistake a copy of its
 * part in which one file is another, and nothing of it is loaded before somebody asks.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readGallery, textWith } from 'tools/parts/mistake'
import type { Plugin } from 'vite'

const ROOT = join(import.meta.dirname, '..')
const GALLERY = join(import.meta.dirname, 'src/sim/gallery.ts')
const RUNS = join(import.meta.dirname, 'src/sim/runs.json')
/** The text of the file that has the mistake. */
const CHANGED = '\0changed-by:'
const MARK = /\?mistake=([a-z0-9-]+)$/

interface KeptByVitest {
  experimental_defineCacheKeyGenerator(
    key: (module: { id: string }) => false | null,
  ): void
}

export function mistakes(): Plugin {
  return {
    name: 'mistakes',
    enforce: 'pre',
    // What is made here of other files must not be kept by what stands in this one.
    configureVitest(vitest: KeptByVitest) {
      vitest.experimental_defineCacheKeyGenerator(({ id }) =>
        isOurs(id) ? false : null,
      )
    },
    async resolveId(id, importer) {
      if (id.startsWith(CHANGED)) return id
      const name = MARK.exec(importer ?? '')?.[1]
      // What a part has of its own is copied with the mistake; packages are shared.
      if (name === undefined || !id.startsWith('.')) return null
      const found = await this.resolve(id, importer?.replace(MARK, ''), {
        skipSelf: true,
      })
      const isOfPart = found && /\/part\d+\/[^?]+\.ts$/.test(found.id)
      return isOfPart ? `${found.id}?mistake=${name}` : found
    },
    load(id) {
      if (id === GALLERY) return galleryModule()
      if (id.startsWith(CHANGED)) return changedModule(id.slice(CHANGED.length))
      const name = MARK.exec(id)?.[1]
      if (name === undefined) return null
      const path = id.replace(MARK, '')
      const mistake = mistakeNamed(name)
      if (path !== join(ROOT, mistake.path)) return readFileSync(path, 'utf8')
      return textWith(mistake)
    },
  }
}

function isOurs(id: string): boolean {
  return id === GALLERY || id.includes(CHANGED) || MARK.test(id)
}

function galleryModule(): string {
  const runs = JSON.parse(readFileSync(RUNS, 'utf8')) as Record<string, string>
  const rows = readGallery().mistakes.map(({ part, seen: _, path: __, ...mistake }) => {
    const { name } = mistake
    const number = Number(part.slice('part'.length))
    const lab = `${join(ROOT, part, 'test/lab.ts')}?mistake=${name}`
    const fields = JSON.stringify({ ...mistake, part: number, run: runs[name] ?? null })
    const load =
      `async () => ({ ...await import(${JSON.stringify(lab)}), ` +
      `...await import(${JSON.stringify(CHANGED + name)}) })`
    return `{ ...${fields}, load: ${load} }`
  })
  return `export const GALLERY = [${rows.join(',\n')}]`
}

function changedModule(name: string): string {
  const mistake = mistakeNamed(name)
  const changed = { file: mistake.path, text: textWith(mistake) }
  return `export const changed = ${JSON.stringify(changed)}`
}

function mistakeNamed(name: string) {
  const mistake = readGallery().mistakes.find((mistake) => mistake.name === name)
  if (mistake) return mistake
  throw new Error(`the gallery has no "${name}"`)
}
