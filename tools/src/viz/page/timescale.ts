import { positionNotAfter } from './timeline.ts'

/** A stretch in which nothing happened is drawn as long as this many ms. */
const IDLE_SHOWN_MS = 12
/** Idle, on the overview: longer than two heartbeats, so that a working cluster is not. */
const IDLE_MS = 100

/** The overview's axis: time, or time without the stretches in which nothing happened. */
export class TimeScale {
  readonly breaks: readonly { readonly at: number; readonly ms: number }[]
  readonly length: number
  private readonly from: number[] = [0]
  private readonly to: number[] = [0]

  constructor(times: Float64Array, compress: boolean) {
    const breaks: { at: number; ms: number }[] = []
    let cut = 0
    let latest = 0
    for (const time of times) {
      const idle = time - latest
      if (compress && idle > IDLE_MS) {
        this.add(latest, latest - cut)
        cut += idle - IDLE_SHOWN_MS
        this.add(time, time - cut)
        breaks.push({ at: time - cut - IDLE_SHOWN_MS / 2, ms: idle })
      }
      latest = Math.max(latest, time)
    }
    this.add(latest, latest - cut)
    this.breaks = breaks
    this.length = Math.max(latest - cut, 1e-3)
  }

  /** From ms of the run to a place between 0 and 1. */
  place(time: number): number {
    return convert(this.from, this.to, time) / this.length
  }

  /** And back. */
  time(place: number): number {
    return convert(this.to, this.from, place * this.length)
  }

  private add(from: number, to: number): void {
    this.from.push(from)
    this.to.push(to)
  }
}

function convert(from: number[], to: number[], value: number): number {
  const at = Math.min(Math.max(positionNotAfter(from, value), 0), from.length - 2)
  const [x0 = 0, x1 = 0] = [from[at], from[at + 1]]
  const [y0 = 0, y1 = 0] = [to[at], to[at + 1]]
  if (x1 === x0) return y0
  return y0 + ((value - x0) / (x1 - x0)) * (y1 - y0)
}
