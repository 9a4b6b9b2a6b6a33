/**
 * Puts the gallery of mistakes into the page, compiled ahead: for each mistake a copy of its
 * part in which one file is another, and nothing of it is loaded before somebody asks.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readGallery, textWith } from 'tools/parts/mistake'
import { explanationOf } from 'tools/puzzle/explanation'
import { readPuzzles } from 'tools/puzzle/puzzles'
import { hintsFor, riddleOf } from 'tools/puzzle/riddle'
import type { Plugin } from 'vite'

const ROOT = join(import.meta.dirname, '..')
const GALLERY = join(import.meta.dirname, 'src/sim/gallery.ts')
const PUZZLES = join(import.meta.dirname, 'src/sim/puzzles.ts')
const RUNS = join(import.meta.dirname, 'src/sim/runs.json')
/** The text of the file that has the mistake. */
const CHANGED = '\0changed-by:'
/** What is to be found in it, by the puzzle's number. */
const PUZZLE = '\0puzzle:'
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
      if (id.startsWith(CHANGED) || id.startsWith(PUZZLE)) return id
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
      if (id === PUZZLES) return puzzlesModule()
      if (id.startsWith(PUZZLE)) return puzzleModule(Number(id.slice(PUZZLE.length)))
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
  const isMade = id.includes(CHANGED) || id.includes(PUZZLE) || MARK.test(id)
  return isMade || id === GALLERY || id === PUZZLES
}

function galleryModule(): string {
  const runs = readRuns()
  const rows = readGallery().mistakes.map(({ part, seen: _, path: __, ...mistake }) => {
    const { name } = mistake
    const number = Number(part.slice('part'.length))
    const lab = labWith(part, name)
    const fields = JSON.stringify({ ...mistake, part: number, run: runs[name] ?? null })
    const load =
      `async () => ({ ...await import(${JSON.stringify(lab)}), ` +
      `...await import(${JSON.stringify(CHANGED + name)}) })`
    return `{ ...${fields}, load: ${load} }`
  })
  return `export const GALLERY = [${rows.join(',\n')}]`
}

/** Those that have a run which fails in the page; of the others the command has one. */
function puzzlesModule(): string {
  const runs = readRuns()
  const shown = readPuzzles().filter(({ mistake }) => runs[mistake.name] !== undefined)
  const rows = shown.map(({ number, difficulty, mistake: { part, name } }) => {
    const fields = { number, difficulty, part: Number(part.slice('part'.length)) }
    const load =
      `async () => ({ ...await import(${JSON.stringify(labWith(part, name))}), ` +
      `...await import(${JSON.stringify(PUZZLE + number)}) })`
    return `{ ...${JSON.stringify(fields)}, load: ${load} }`
  })
  return `export const PUZZLES = [${rows.join(',\n')}]`
}

function puzzleModule(number: number): string {
  const found = readPuzzles().find((puzzle) => puzzle.number === number)
  if (!found) throw new Error(`there is no puzzle ${number}`)
  const { mistake } = found
  const riddle = riddleOf(mistake)
  const hints = hintsFor(riddle, mistake)
  const explanation = explanationOf(mistake, riddle)
  const puzzle = { ...riddle, hints, explanation, run: readRuns()[mistake.name] }
  return `export const puzzle = ${JSON.stringify(puzzle)}`
}

function readRuns(): Record<string, string> {
  return JSON.parse(readFileSync(RUNS, 'utf8'))
}

function labWith(part: string, mistake: string): string {
  return `${join(ROOT, part, 'test/lab.ts')}?mistake=${mistake}`
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
