/**
 * A process of its own: clients of the last part that ask for something all the time, half
 * of it to be written, half to be read. An operation counts from when it was due, also if
 * all clients were busy then.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { KeyValueClient } from '../../part7/src/client.ts'
import { realClock } from '../../part7/src/clock.ts'
import { HttpTransport } from '../../part7/src/transport.ts'

export interface DayOrder {
  readonly servers: readonly string[]
  readonly clients: number
  /** Operations a second; null for as many as can be done. */
  readonly rate: number | null
}

/** What was done since it was asked last, whatever the order is, … */
export interface DayReport {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly longestMs: number
  /** Those of which no client knows that they were done. */
  readonly failures: number
}

/** … but for this: then it is since the phase began, and another one begins. */
export interface EndPhase {
  readonly endPhase: true
}

const KEYS = 10_000
const VALUE = 'x'.repeat(100)
/** So often a load looks what it should have begun by now, in ms. */
const TICK_MS = 2
/** Of a client's patience, in ms. */
const TIMEOUT_MS = 10_000

/** What was done since some moment. */
class Span {
  private readonly histogram = createHistogram()
  private readonly beganAt = performance.now()
  private failures = 0

  /** @param ms null if it is not known that it was done */
  add(ms: number | null): void {
    if (ms === null) this.failures += 1
    else this.histogram.record(Math.max(1, Math.round(1000 * ms)))
  }

  get report(): DayReport {
    const { histogram, failures } = this
    const seconds = (performance.now() - this.beganAt) / 1000
    return {
      perSecond: histogram.count / seconds,
      p50Ms: quantile(histogram, 50),
      p99Ms: quantile(histogram, 99),
      p999Ms: quantile(histogram, 99.9),
      longestMs: histogram.count === 0 ? 0 : histogram.max / 1000,
      failures,
    }
  }
}

function quantile(histogram: RecordableHistogram, percent: number): number {
  return histogram.count === 0 ? 0 : histogram.percentile(percent) / 1000
}

let look = new Span()
let phase = new Span()

async function ask(client: KeyValueClient, dueAt: number): Promise<void> {
  const key = `key-${Math.floor(Math.random() * KEYS)}`
  const isDone = await (Math.random() < 0.5 ? client.get(key) : client.put(key, VALUE))
    .then(() => true)
    .catch(() => false)
  const ms = isDone ? performance.now() - dueAt : null
  look.add(ms)
  phase.add(ms)
}

function begin({ servers, clients, rate }: DayOrder): void {
  const transport = new HttpTransport()
  const options = { servers, transport, clock: realClock, random: Math.random }
  const idle = Array.from(
    { length: clients },
    () => new KeyValueClient({ ...options, timeoutMs: TIMEOUT_MS }),
  )
  if (rate === null) for (const client of idle) void askOnAndOn(client)
  else askAtRate(idle, rate)
}

async function askOnAndOn(client: KeyValueClient): Promise<void> {
  for (;;) await ask(client, performance.now())
}

function askAtRate(idle: KeyValueClient[], rate: number): void {
  const startedAt = performance.now()
  let begun = 0
  const dueAt = () => startedAt + (1000 * begun) / rate
  const beginDue = () => {
    while (idle.length > 0 && dueAt() <= performance.now()) {
      const client = idle.pop() as KeyValueClient
      const asked = ask(client, dueAt())
      begun += 1
      void asked.then(() => {
        idle.push(client)
        beginDue()
      })
    }
  }
  setInterval(beginDue, TICK_MS)
}

process.on('message', (order: DayOrder | EndPhase | object) => {
  if ('servers' in order) begin(order)
  const ended = 'endPhase' in order ? phase : look
  process.send?.(ended.report)
  if ('endPhase' in order) phase = new Span()
  look = new Span()
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
