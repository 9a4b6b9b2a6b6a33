import type { Bar, Picture, Step } from '../../histories/picture.ts'

/**
 * Where everything stands in the picture of a history, in px from its left edge. What counts
 * is the order of invocations and returns, not how long it was between them: so there is as
 * much room as the words need.
 */
export interface HistoryLayout {
  readonly width: number
  readonly bars: readonly Box[]
  /** By step: when the operation takes effect. */
  readonly points: readonly number[]
  /** By bar that the order ends before: where it would have to take effect. */
  readonly deadEnds: readonly number[]
  /** Some of the places, with the time there in ms. */
  readonly ticks: readonly { readonly x: number; readonly ms: number }[]
}

export interface Box {
  readonly left: number
  readonly width: number
}

/** In px: between two events, around the steps between two events, of a step. */
const GAP = 16
const STEP_PAD = 12
const STEP = 26
const WIDEST_STATE = 110
const TICK = 90

/** @param least how wide it is at least. */
export function layOut(
  picture: Pick<Picture, 'bars' | 'steps'> & { readonly deadEnds: readonly number[] },
  least: number,
  widthOf: (bar: Bar) => number,
  widthOfState: (state: string) => number,
): HistoryLayout {
  const { bars, steps } = picture
  const places = [...new Set(bars.flatMap(({ from, to }) => [from, to ?? from]))]
  places.sort((a, b) => a - b)
  const ranks = new Map(places.map((place, rank) => [place, rank]))
  const slots = slotsOf(bars, steps, ranks)
  const widthOfStep = ({ before, after }: Step) =>
    before === after ? STEP : Math.min(WIDEST_STATE, Math.max(STEP, widthOfState(after)))

  const xs: number[] = []
  const points: number[] = []
  let step = 0
  let x = GAP + widthOfState(steps[0]?.before ?? '')
  for (const rank of places.keys()) {
    for (const { from, to, ...bar } of bars) {
      if (to === null || ranks.get(to) !== rank) continue
      const left = xs[ranks.get(from) ?? 0] ?? 0
      x = Math.max(x, left + widthOf({ from, to, ...bar }))
    }
    xs.push(x)
    const isEmpty = slots[step] !== rank
    for (x += isEmpty ? 0 : STEP_PAD; slots[step] === rank; step += 1) {
      points.push(x)
      x += widthOfStep(steps[step] as Step)
    }
    x += isEmpty ? GAP : 0
  }
  const open = bars.filter(({ to }) => to === null)
  const widest = open.map((bar) => (xs[ranks.get(bar.from) ?? 0] ?? 0) + widthOf(bar))
  const deadEnds = picture.deadEnds.map((bar) => {
    const left = xs[ranks.get(bars[bar]?.from ?? 0) ?? 0] ?? 0
    return Math.max((points.at(-1) ?? 0) + STEP, left + STEP_PAD)
  })
  const widths = [x, ...widest, ...deadEnds.map((end) => end + STEP)]
  const width = Math.max(...widths.map((one) => one + GAP), least)
  const boxes = bars.map(({ from, to }) => {
    const left = xs[ranks.get(from) ?? 0] ?? 0
    const right = to === null ? width : (xs[ranks.get(to) ?? 0] ?? 0)
    return { left, width: right - left }
  })
  return { width, bars: boxes, points, deadEnds, ticks: ticksOf(bars, ranks, xs) }
}

/** By step: the event that it stands behind, as early as the order allows. */
function slotsOf(
  bars: readonly Bar[],
  steps: readonly Step[],
  ranks: ReadonlyMap<number, number>,
): number[] {
  let slot = 0
  return steps.map(({ bar }) => {
    slot = Math.max(slot, ranks.get(bars[bar]?.from ?? 0) ?? 0)
    return slot
  })
}

function ticksOf(
  bars: readonly Bar[],
  ranks: ReadonlyMap<number, number>,
  xs: readonly number[],
) {
  const all = bars
    .flatMap(({ from, to, fromMs, toMs }) => [
      { place: from, ms: fromMs },
      { place: to, ms: toMs },
    ])
    .flatMap(({ place, ms }) =>
      place === null || ms === null ? [] : [{ x: xs[ranks.get(place) ?? 0] ?? 0, ms }],
    )
    .sort((a, b) => a.x - b.x)
  let last = Number.NEGATIVE_INFINITY
  return all.filter(({ x }) => {
    if (x - last < TICK) return false
    last = x
    return true
  })
}
