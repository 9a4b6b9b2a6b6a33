/** How much is done in a second, and how long it takes, as the servers' metrics tell it. */

/** One second. Latencies are in ms, null when nothing was done. */
export interface Second {
  readonly done: number
  readonly unknown: number
  readonly median: number | null
  /** All but one of a hundred take no longer. */
  readonly p99: number | null
}

/** Counters of one server, as they were when it was last asked. */
interface Counts {
  readonly outcomes: Readonly<Record<string, number>>
  /** By the upper limit of a bucket, in s: how many took no longer. */
  readonly within: ReadonlyMap<number, number>
}

const OUTCOMES = /^kv_operations_total\{[^}]*outcome="([^"]+)"[^}]*\} (\d+)$/gm
const BUCKETS =
  /^kv_operation_duration_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)$/gm

/** So many seconds are kept. */
const MOST_SECONDS = 60

export class Meter {
  readonly seconds: Second[] = []
  private readonly last = new Map<number, Counts>()

  /** @param texts by server: what GET /metrics answers, of those that answer. */
  add(texts: ReadonlyMap<number, string>): void {
    let done = 0
    let unknown = 0
    const within = new Map<number, number>()
    for (const [id, text] of texts) {
      const now = countsIn(text)
      const before = this.last.get(id)
      this.last.set(id, now)
      // What was counted before it was first asked is nobody's second.
      if (!before) continue
      done += risen(now.outcomes.done, before.outcomes.done)
      unknown += risen(now.outcomes.unknown, before.outcomes.unknown)
      for (const [limit, count] of now.within) {
        const more = risen(count, before.within.get(limit))
        within.set(limit, (within.get(limit) ?? 0) + more)
      }
    }
    this.seconds.push({
      done,
      unknown,
      median: quantile(within, 0.5),
      p99: quantile(within, 0.99),
    })
    if (this.seconds.length > MOST_SECONDS) this.seconds.shift()
  }
}

function countsIn(text: string): Counts {
  const outcomes: Record<string, number> = {}
  for (const [, outcome = '', count] of text.matchAll(OUTCOMES)) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + Number(count)
  }
  const within = new Map<number, number>()
  for (const [, limit, count] of text.matchAll(BUCKETS)) {
    const seconds = limit === '+Inf' ? Number.POSITIVE_INFINITY : Number(limit)
    within.set(seconds, (within.get(seconds) ?? 0) + Number(count))
  }
  return { outcomes, within }
}

/** A server that was restarted counts from 0 again. */
function risen(now = 0, before = 0): number {
  return now < before ? now : now - before
}

/** In ms, within a bucket as if all were spread evenly. */
function quantile(within: ReadonlyMap<number, number>, share: number): number | null {
  const buckets = [...within].sort(([a], [b]) => a - b)
  const total = buckets.at(-1)?.[1] ?? 0
  if (total === 0) return null
  const wanted = share * total
  let [low, below] = [0, 0]
  for (const [limit, count] of buckets) {
    if (count >= wanted) {
      if (limit === Number.POSITIVE_INFINITY) return 1000 * low
      const part = (wanted - below) / Math.max(count - below, 1)
      return 1000 * (low + part * (limit - low))
    }
    ;[low, below] = [limit, count]
  }
  return null
}
