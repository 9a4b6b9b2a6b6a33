/** What `day.ts` has seen, as a table and as a picture. */
import { availableParallelism } from 'node:os'
import type { DayReport } from './day-load.ts'
import { alignColumns, ms, whole } from './report.ts'

/** What can grow in a server. */
export const QUANTITIES = ['memory', 'heap', 'disk', 'open files'] as const
export type Quantity = (typeof QUANTITIES)[number]

export interface Sample {
  /** Since the load began. */
  readonly hours: number
  /** Since the sample before. */
  readonly load: DayReport
  /** By server; null for one that does not run. In bytes, but for the open files. */
  readonly servers: readonly (Readonly<Record<Quantity, number>> | null)[]
}

export interface Phase {
  readonly name: string
  readonly load: DayReport
  readonly samples: readonly Sample[]
}

export interface Day {
  readonly part: string
  readonly full: number
  readonly rate: number
  readonly minutes: number
  /** Before, during and after the servers are renewed. */
  readonly phases: readonly Phase[]
}

/** What is not warm yet at the beginning of a phase. */
const WARM_UP_SHARE = 0.2

export function describe({ part, full, rate, minutes, phases }: Day): string {
  return [
    `${part}, three processes, ${minutes} min at ${whole(rate)} operations a second, of ` +
      `${whole(full)}; Node ${process.version}, ${availableParallelism()} cores`,
    '',
    ...alignColumns([
      ['the rolling restart', 'done/s', 'p50', 'p99', 'p99.9', 'longest', 'not done'],
      ...phases.map(({ name, load }) => [
        name,
        whole(load.perSecond),
        ...[load.p50Ms, load.p99Ms, load.p999Ms, load.longestMs].map(ms),
        `${load.failures}`,
      ]),
    ]),
    '',
    ...alignColumns([
      ['slope an hour', ...phases.filter(isLong).flatMap(({ name }) => [name, 'mean'])],
      ...QUANTITIES.flatMap((quantity) => rowsOf(quantity, phases.filter(isLong))),
    ]),
    '',
    'A slope is that of the line through all samples of a phase but its first fifth.',
  ].join('\n')
}

/** The servers are renewed too quickly for a slope. */
function isLong({ name }: Phase): boolean {
  return name !== 'during'
}

function rowsOf(quantity: Quantity, phases: readonly Phase[]): string[][] {
  const ids = phases[0]?.samples[0]?.servers.map((_, id) => id) ?? []
  return ids.map((id) => [
    `${quantity} of server ${id}`,
    ...phases.flatMap((phase) => {
      const { slope, mean } = lineThrough(pointsOf(quantity, id, phase.samples))
      const sign = slope > 0 ? '+' : ''
      return [`${sign}${amount(quantity, slope)}`, amount(quantity, mean)]
    }),
  ])
}

type Point = readonly [hours: number, value: number]

function pointsOf(quantity: Quantity, id: number, all: readonly Sample[]): Point[] {
  const warm = all.slice(Math.floor(all.length * WARM_UP_SHARE))
  return warm.flatMap(({ hours, servers }) => {
    const value = servers[id]?.[quantity]
    return value === undefined ? [] : [[hours, value] as const]
  })
}

/** By least squares. */
export function lineThrough(points: readonly Point[]): { slope: number; mean: number } {
  const sum = (of: (point: Point) => number) =>
    points.reduce((before, point) => before + of(point), 0)
  const middle = sum(([x]) => x) / points.length
  const mean = sum(([, y]) => y) / points.length
  const spread = sum(([x]) => (x - middle) ** 2)
  return { slope: sum(([x, y]) => (x - middle) * (y - mean)) / spread, mean }
}

function amount(quantity: Quantity, value: number): string {
  if (quantity === 'open files') return value.toFixed(1)
  return `${(value / 2 ** 20).toFixed(1)} MiB`
}

const WIDTH = 900
const HEIGHT = 150
const LEFT = 90
const GAP = 50
const COLORS = ['#0072b2', '#d55e00', '#009e73']

interface Chart {
  readonly title: string
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[]
  readonly text: (value: number) => string
}

/** One chart below the other, over the same time, as an SVG. */
export function picture({ part, phases }: Day): string {
  const all = phases.flatMap(({ samples }) => samples)
  const ids = all[0]?.servers.map((_, id) => id) ?? []
  const charts: Chart[] = [
    {
      title: 'how long operations take, at most',
      lines: (['p99Ms', 'p999Ms'] as const).map((key) => ({
        name: key === 'p99Ms' ? 'p99' : 'p99.9',
        points: all.map(({ hours, load }) => [hours, load[key]]),
      })),
      text: ms,
    },
    ...QUANTITIES.map((quantity) => ({
      title: quantity,
      lines: ids.map((id) => ({
        name: `server ${id}`,
        points: all.flatMap(({ hours, servers }): Point[] => {
          const value = servers[id]?.[quantity]
          return value === undefined ? [] : [[hours, value]]
        }),
      })),
      text: (value: number) => amount(quantity, value),
    })),
  ]
  const hours = all.at(-1)?.hours ?? 1
  const during = phases.find(({ name }) => name === 'during')?.samples ?? []
  const renewed = [during[0]?.hours ?? 0, during.at(-1)?.hours ?? 0]
  const height = charts.length * (HEIGHT + GAP) + GAP
  const xOf = (at: number) => LEFT + (WIDTH * at) / hours
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH + 2 * LEFT} ${height}">
<style>
  :root { background: #fff; color: #222; font: 13px sans-serif }
  text { fill: currentColor }
  .line { fill: none; stroke-width: 1.5 }
  .axis { stroke: #8888; }
  @media (prefers-color-scheme: dark) { :root { background: #1b1b1f; color: #ddd } }
</style>
<title>${part}: what grows, and how long operations take</title>
<rect x="${xOf(renewed[0] as number)}" y="${GAP / 2}" height="${height - GAP}"
  width="${Math.max(1, xOf(renewed[1] as number) - xOf(renewed[0] as number))}" fill="#8883"/>
${charts.map((chart, i) => chartText(chart, GAP + i * (HEIGHT + GAP), xOf)).join('\n')}
<text x="${LEFT}" y="${height - 12}">0 min</text>
<text x="${xOf(hours)}" y="${height - 12}" text-anchor="end">${whole(60 * hours)} min</text>
<text x="${xOf(renewed[0] as number)}" y="${height - 12}">the rolling restart</text>
</svg>
`
}

function chartText(
  { title, lines, text }: Chart,
  top: number,
  xOf: (hours: number) => number,
): string {
  const most = Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y)), 1e-9)
  const bottom = top + HEIGHT
  const yOf = (value: number) => bottom - (HEIGHT * value) / most
  const parts = lines.map(({ name, points }, i) => {
    const path = points.map(([x, y]) => `${xOf(x).toFixed(1)},${yOf(y).toFixed(1)}`)
    const legend = `x="${LEFT + 320 + 110 * i}" y="${top - 10}" style="fill: ${COLORS[i]}"`
    return `<polyline class="line" stroke="${COLORS[i]}" points="${path.join(' ')}"/>
<text ${legend}>${name}</text>`
  })
  return `<text x="${LEFT}" y="${top - 10}">${title}</text>
<line class="axis" x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${bottom}" y2="${bottom}"/>
<text x="${LEFT - 8}" y="${top + 10}" text-anchor="end">${text(most)}</text>
<text x="${LEFT - 8}" y="${bottom}" text-anchor="end">0</text>
${parts.join('\n')}`
}
