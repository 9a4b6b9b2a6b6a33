/** Clients that keep servers busy which are processes, and what they saw, judged. */
import { writeFileSync } from 'node:fs'
import { check } from 'tools/histories/check'
import { readHistory } from 'tools/histories/read'
import { ClientHistory } from 'tools/lab'
import { request } from 'undici'
import { expect, onTestFinished } from 'vitest'
import { KeyValueClient, UnknownOutcome } from '../src/client.ts'
import { realClock } from '../src/clock.ts'
import type { Operation } from '../src/kv.ts'
import { HttpTransport } from '../src/transport.ts'
import { eventually, ProcessCluster } from './process-cluster.ts'
import { Recorder } from './recorder.ts'

const KEYS = ['a', 'b', 'c', 'd']
const JUDGED_MS = 60_000

export async function startCluster(
  size: number,
  args: readonly string[] = [],
): Promise<ProcessCluster> {
  const cluster = await ProcessCluster.start(size, args)
  onTestFinished(() => cluster.remove())
  return cluster
}

export function newClient(
  servers: readonly string[],
  timeoutMs = 10_000,
): KeyValueClient {
  const transport = new HttpTransport()
  onTestFinished(() => transport.close())
  const random = Math.random
  return new KeyValueClient({ servers, transport, clock: realClock, random, timeoutMs })
}

/**
 * Clients that ask for one thing after the other, at random, until stopped. They write to
 * other keys after each kill, and read all: of one key, few changes stay unknown then, and
 * it can be judged in what order they came.
 */
export class Load {
  readonly recorder = new Recorder(new ClientHistory(), () => realClock.now())
  done = 0
  /** Operations of which a client does not know that they were done. */
  lost = 0
  /** For so long, in ms, nothing was done, for any client. */
  longestGapMs = 0
  private doneAt = Number.POSITIVE_INFINITY
  private isStopped = false
  private asked = 0
  private period = 0
  private readonly all: Promise<void>[]

  constructor(servers: readonly string[], count: number, timeoutMs?: number) {
    this.all = Array.from({ length: count }, (_, id) =>
      this.run(id, newClient(servers, timeoutMs)),
    )
  }

  /** Waits until that much more is done. */
  async more(count: number): Promise<void> {
    this.period += 1
    const enough = this.done + count
    await eventually(`${count} more done`, async () => this.done >= enough || null)
  }

  /** From now on. */
  measureGaps(): void {
    this.longestGapMs = 0
    this.doneAt = realClock.now()
  }

  async stop(): Promise<void> {
    this.isStopped = true
    await Promise.all(this.all)
  }

  private async run(id: number, client: KeyValueClient): Promise<void> {
    let seen = 0
    while (!this.isStopped) {
      const operation = this.draw(seen)
      const result = await this.recorder.execute(id, client, operation)
      if (result === null) {
        this.lost += 1
        continue
      }
      this.done += 1
      this.noteDone(realClock.now())
      if ('version' in result && result.version !== null) seen = result.version
    }
  }

  private noteDone(now: number): void {
    this.longestGapMs = Math.max(this.longestGapMs, now - this.doneAt)
    this.doneAt = now
  }

  /** Every value is another, so that what is read tells which write it was. */
  private draw(seen: number): Operation {
    const name = KEYS[Math.floor(Math.random() * KEYS.length)] as string
    const chance = Math.random()
    const past = Math.ceil(Math.random() * this.period)
    const key = `${name}${chance < 0.35 ? past : this.period}`
    this.asked += 1
    const value = `${this.asked}.`
    if (chance < 0.35) return { op: 'get', key }
    if (chance < 0.6) return { op: 'append', key, value }
    if (chance < 0.75) return { op: 'put', key, value }
    if (chance < 0.9) return { op: 'put', key, value, if: { version: seen } }
    return { op: 'delete', key }
  }
}

export async function judge({ recorder }: Load, file: string): Promise<string> {
  writeFileSync(file, recorder.text)
  const { history } = await readHistory(file, 'kv')
  const limits = { deadline: performance.now() + JUDGED_MS, maxSteps: 16_000_000 }
  return check(history, { model: 'kv', split: true, limits }).verdict
}

/** Here, done twice is the same as done once: so what is unknown can be asked again. */
export async function insist<T>(change: () => Promise<T>): Promise<T> {
  return eventually('no change was made', async () => {
    try {
      return await change()
    } catch (error) {
      if (error instanceof UnknownOutcome) return null
      throw error
    }
  })
}

/** What a server has applied, key by key. */
async function heldBy(address: string): Promise<string> {
  const { body } = await request(`http://${address}/kv?consistency=stale`)
  return body.text()
}

export async function expectAllTheSame(cluster: ProcessCluster): Promise<void> {
  await newClient(cluster.addresses).get('all that was there before')
  await cluster.converged()
  const [first, ...others] = await Promise.all(cluster.addresses.map(heldBy))
  for (const other of others) expect(other).toBe(first)
}
