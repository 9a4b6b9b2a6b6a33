/** The bodies of functions and methods in a file's text: taken out, and put in. */
import { type Body, bodiesIn } from '../source/definitions.ts'
import { placeOf, type SymbolToWrite, shortName } from './plan.ts'

/** How wide a comment is, with its indentation. */
const COLUMNS = 89

/** What a body says that is still to be written, before its name. */
const NOT_YET = 'not yet: '

/** The texts of a file's bodies by their names, braces included. */
export function bodyTexts(text: string, file: string): Map<string, string> {
  return new Map(
    bodiesIn(text, file).map(({ name, start, end }) => [name, text.slice(start, end)]),
  )
}

export function isWritten(body: string): boolean {
  return !body.includes(`'${NOT_YET}`)
}

/** The text of a file with other bodies, by their names. */
export function withBodies(
  text: string,
  file: string,
  bodies: ReadonlyMap<string, string>,
): string {
  const found = bodiesIn(text, file).filter(({ name }) => bodies.has(name))
  // From the end, so that the places of those before stay true.
  return found.toReversed().reduce((soFar, { name, start, end }) => {
    return soFar.slice(0, start) + bodies.get(name) + soFar.slice(end)
  }, text)
}

/**
 * The text of a file without the bodies that are to be written. Signatures stay, and what
 * stands above them. @throws when the file has no such symbol.
 */
export function takeOut(
  text: string,
  file: string,
  symbols: readonly SymbolToWrite[],
): string {
  const bodies = new Map(bodiesIn(text, file).map((body) => [body.name, body]))
  const stubs = symbols.map((symbol): [string, string] => {
    const { name } = placeOf(symbol.symbol)
    const body = bodies.get(name)
    if (!body) throw new Error(`${file} has no function or method ${name}`)
    return [name, stubFor(symbol, indentationAt(text, body))]
  })
  return withBodies(text, file, new Map(stubs))
}

function stubFor(
  { symbol, sections, rule }: SymbolToWrite,
  indentation: string,
): string {
  const inner = `${indentation}  `
  const comments = rule ? wrap(rule, COLUMNS - inner.length - '// '.length) : []
  return [
    '{',
    ...comments.map((line) => `${inner}// ${line}`),
    `${inner}throw new Error('${NOT_YET}${shortName(symbol)} (${sections})')`,
    `${indentation}}`,
  ].join('\n')
}

/** Of the line on which a body ends: that of the definition. */
function indentationAt(text: string, { end }: Body): string {
  const line = text.slice(text.lastIndexOf('\n', end - 1) + 1, end)
  return /^ */.exec(line)?.[0] ?? ''
}

function wrap(text: string, columns: number): string[] {
  return text.split(' ').reduce<string[]>((lines, word) => {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
    return lines
  }, [])
}
