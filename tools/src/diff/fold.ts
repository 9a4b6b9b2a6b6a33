/**
 * The two tables of diff2html, side by side and row by row: what did not change is folded
 * away, and each change has a place to go to.
 */
import Handlebars from 'handlebars'
import { type ColouredLine, paint } from './colour.ts'

/** So many equal lines around a change say where it stands. */
const CONTEXT_LINES = 5
/** Fewer than this would take no less room when they are folded. */
const LEAST_FOLDED = 3

interface Row {
  readonly html: string
  /** Of the line, in its file; null beside a line that the other side has alone. */
  readonly line: number | null
  readonly isChange: boolean
}

/** Rows that belong together: changes with what stands around them, or what is folded. */
interface Stretch {
  readonly from: number
  readonly to: number
  readonly isFolded: boolean
}

/** One side of a file: its rows, and the colours of its lines. */
export interface Side {
  readonly table: string
  readonly colours: readonly ColouredLine[]
}

/** What is said of lines of the new side. */
export interface About {
  /** The definition that a line is in, to stand above it. */
  readonly placeOf: (line: number) => string
  /** Where the chapters tell of lines that changed, as HTML; empty for nowhere. */
  readonly chaptersOn: (lines: readonly number[]) => string
}

/** Both sides with colours, folds and places. */
export function foldSides(
  [before, after]: readonly [Side, Side],
  id: string,
  { placeOf, chaptersOn }: About,
): [string, string] {
  const rows = [rowsOf(before), rowsOf(after)] as const
  const isChange = rows[1].map((row, i) => row.isChange || rows[0][i]?.isChange === true)
  const stretches = stretchesOf(isChange)
  const write = (side: 0 | 1) =>
    stretches
      .map(({ from, to, isFolded }, i) => {
        const part = rows[side].slice(from, to)
        const target = side === 1 ? `${id}-change-${i}` : null
        if (!isFolded) {
          const changed = part.flatMap((_, at) =>
            isChange[from + at] ? [lineAt(rows[1], from + at)] : [],
          )
          const chapters = chaptersOn(changed)
          const above = chapters && infoRow(side === 1 ? chapters : '&nbsp;')
          return shown(above, part, isChange.indexOf(true, from) - from, target)
        }
        const next = isChange.indexOf(true, to)
        const place = side === 0 || next === -1 ? '' : placeOf(lineAt(rows[1], next))
        return folded(part, `${id}-fold-${i}`, place)
      })
      .join('')
  return [
    before.table.replace(BODY, () => write(0)),
    after.table.replace(BODY, () => write(1)),
  ]
}

const BODY = /<tbody[\s\S]*<\/tbody>/

function rowsOf({ table, colours }: Side): Row[] {
  const rows = table.match(/<tr>[\s\S]*?<\/tr>/g) ?? []
  return rows
    .filter((html) => !html.includes('d2h-info'))
    .map((html) => {
      const number = /^\s+(\d+)$/m.exec(html)?.[1]
      const line = number === undefined ? null : Number(number)
      const colour = line === null ? undefined : colours[line - 1]
      return {
        html: colour
          ? html.replace(CODE, (_, code) => CODE_OPEN + paint(code, colour))
          : html,
        line,
        isChange: !html.includes('d2h-cntx'),
      }
    })
}

const CODE_OPEN = '<span class="d2h-code-line-ctn">'
const CODE = new RegExp(`${CODE_OPEN}(.*)(?=</span>\\n)`)

/** Changes with their surroundings, and the lines between them, in order. */
function stretchesOf(isChange: readonly boolean[]): Stretch[] {
  const isNear = isChange.map((_, i) =>
    isChange.slice(Math.max(0, i - CONTEXT_LINES), i + CONTEXT_LINES + 1).includes(true),
  )
  const stretches: Stretch[] = []
  for (let from = 0; from < isNear.length; ) {
    const end = isNear.indexOf(!isNear[from], from)
    const to = end === -1 ? isNear.length : end
    const isFolded = !isNear[from] && to - from >= LEAST_FOLDED
    const last = stretches.at(-1)
    if (last && !isFolded && !last.isFolded)
      stretches[stretches.length - 1] = { ...last, to }
    else stretches.push({ from, to, isFolded })
    from = to
  }
  return stretches
}

/** Beside lines that the new side has not, the last one before them tells the place. */
function lineAt(rows: readonly Row[], at: number): number {
  for (let i = at; i >= 0; i -= 1) {
    const line = rows[i]?.line ?? null
    if (line !== null) return line
  }
  return 1
}

function folded(rows: readonly Row[], id: string, place: string): string {
  const button = `<button type="button" data-fold="${id}">${rows.length} lines unchanged</button>`
  const text = `${button} ${Handlebars.escapeExpression(place)}`
  return (
    `<tbody class="d2h-diff-tbody fold">${infoRow(text)}</tbody>` +
    `<tbody class="d2h-diff-tbody" data-folded="${id}" hidden>${htmlOf(rows)}</tbody>`
  )
}

function infoRow(html: string): string {
  return (
    '<tr><td class="d2h-code-side-linenumber d2h-info"></td>' +
    `<td class="d2h-info"><div class="d2h-code-side-line">${html}</div></td></tr>`
  )
}

function shown(
  above: string,
  rows: readonly Row[],
  firstChange: number,
  id: string | null,
): string {
  const target = id === null ? '' : ` id="${id}" class="change" tabindex="-1"`
  const marked = rows.map(({ html }, i) =>
    i === firstChange ? html.replace('<tr>', `<tr${target}>`) : html,
  )
  return `<tbody class="d2h-diff-tbody">${above}${marked.join('')}</tbody>`
}

function htmlOf(rows: readonly Row[]): string {
  return rows.map(({ html }) => html).join('')
}
