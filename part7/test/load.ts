/** Clients that are busy: each does one thing after the other, drawn from the seed. */
import { type Random, randomStreams } from 'tools/lab'
import { expect } from 'vitest'
import { NotDone, UnknownOutcome } from '../src/client.ts'
import type { RecordedClient } from './client.ts'
import type { Harness } from './harness.ts'

interface LoadOptions {
  readonly clients: number
  /** How many keys they have in common. */
  readonly keys?: number
}

type Act = (client: RecordedClient, key: string, value: string) => Promise<unknown>

/** What a client does, the likelier the more often it stands here. */
const ACTS: readonly Act[] = [
  (client, key) => client.get(key),
  (client, key) => client.get(key),
  (client, key) => client.get(key),
  (client, key, value) => client.put(key, value),
  (client, key, value) => client.put(key, value),
  (client, key, value) => client.append(key, value),
  (client, key, value) => client.append(key, value),
  (client, key) => client.delete(key),
  (client, key, value) => client.put(key, value, { if: { absent: true } }),
  async (client, key, value) => {
    const found = await client.get(key)
    if (!found) return
    await client.put(key, value, { if: { version: found.version } })
  },
]

export class Load {
  /** What was carried out so far, for whichever client. */
  done = 0
  readonly clients: readonly RecordedClient[]
  private readonly isVirtual: boolean
  private readonly keys: number
  private readonly work: readonly Promise<void>[]
  private isOver = false

  constructor(h: Harness, { clients, keys = 3 }: LoadOptions) {
    const nextStream = randomStreams(h.run.seed)
    this.isVirtual = h.run.network === 'simulated'
    this.keys = keys
    this.clients = Array.from({ length: clients }, () => h.client())
    this.work = this.clients.map((client) => this.keepBusy(client, nextStream()))
  }

  /** Lets every client end what it has begun. */
  async end(): Promise<void> {
    this.isOver = true
    await Promise.all(this.work)
  }

  /** In real time it is up to the machine how much that is. */
  mustHaveDone(least: number): void {
    if (this.isVirtual) expect(this.done).toBeGreaterThan(least)
  }

  private async keepBusy(client: RecordedClient, random: Random): Promise<void> {
    for (let count = 1; !this.isOver; count += 1) {
      const act = ACTS[Math.floor(random() * ACTS.length)] as Act
      const key = `key ${Math.floor(random() * this.keys)}`
      await this.attempt(() => act(client, key, `${client.id}.${count} `))
    }
  }

  private async attempt(act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
      this.done += 1
    } catch (error) {
      if (!(error instanceof NotDone || error instanceof UnknownOutcome)) throw error
    }
  }
}
