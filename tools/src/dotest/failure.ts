import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { SerializedError } from 'vitest/node'
import { color } from '../cli/print.ts'

/** How many lines to show before and after the one that failed. */
const CONTEXT_LINES = 2

interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** An error of a test, for people: what was wrong, and where in the test. */
export function describeError(root: string, error: SerializedError): string {
  const places = placesOf(root, error)
  const place = places.find(({ file }) => file.endsWith('.test.ts')) ?? places[0]
  // Vitest paints it, whatever the output is.
  const diff = String(error.diff ?? '')
  return [
    error.name ? `${error.name}: ${error.message}` : error.message,
    color ? diff : stripVTControlCharacters(diff),
    place ? `at ${relative(root, place.file)}:${place.line}:${place.column}` : '',
    place ? excerpt(place) : '',
  ]
    .filter(Boolean)
    .join('\n')
}

/** Where it happened, innermost first, as far as it is code of this repository. */
function placesOf(root: string, error: SerializedError): Place[] {
  const places = (error.stacks ?? []) as Place[]
  return places.filter(
    ({ file }) => file.startsWith(root + sep) && !file.includes('node_modules'),
  )
}

function excerpt(place: Place): string {
  let lines: string[]
  try {
    lines = readFileSync(place.file, 'utf8').split('\n')
  } catch {
    return ''
  }
  const first = Math.max(0, place.line - 1 - CONTEXT_LINES)
  return lines
    .slice(first, place.line + CONTEXT_LINES)
    .map((text, i) => {
      const number = first + i + 1
      const mark = number === place.line ? '>' : ' '
      return `${mark} ${`${number}`.padStart(4)} | ${text}`
    })
    .join('\n')
}
