/** In real time: a server's HTTP on a socket, and clients that call it there. */
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { type Place, realClock } from 'tools/lab'
import type { Asked, Reply, SendOptions, Transport } from '../src/client.ts'
import { createApp } from '../src/http.ts'
import { createMetrics } from '../src/metrics.ts'
import { HttpTransport } from '../src/transport.ts'
import { SILENCE_MS } from './client.ts'
import type { KeyValueNode } from './lab.ts'

/** What serve.ts puts around a service, without a process of its own. */
export class HttpFront {
  private readonly server: HttpServer

  /** @param addresses of all servers by their ids, as they become known. */
  constructor({ service, consensus }: KeyValueNode, addresses: Map<number, string>) {
    const app = createApp({
      service,
      node: {
        addresses,
        status: () => ({ members: [...addresses].map(([id, http]) => ({ id, http })) }),
        applied: () => [],
        follow: () => () => {},
        leaderHeardMsAgo: () => null,
        whyNotReady: () => null,
        setBlocked() {},
        takeSnapshot: async () => 0,
      },
      metrics: createMetrics({
        service,
        report: () => consensus.report(),
        now: realClock.now,
      }),
      allowed: { hosts: ['127.0.0.1'], origins: [] },
    })
    this.server = createServer(getRequestListener(app.fetch))
  }

  /** @returns where it listens: at a port of its choice if none is given. */
  async listen(address = '127.0.0.1:0'): Promise<string> {
    this.server.listen(Number(address.split(':')[1]), '127.0.0.1')
    await once(this.server, 'listening')
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** Whoever waits is cut off, as when a process ends. */
  async close(): Promise<void> {
    if (!this.server.listening) return
    const closed = once(this.server, 'close')
    this.server.close()
    this.server.closeAllConnections()
    await closed
  }
}

/** HTTP over the world's network: what that loses does not arrive. */
export class CarriedTransport implements Transport {
  private readonly http = new HttpTransport()
  private readonly place: Place
  private readonly idOf: (address: string) => number
  private isClosed = false

  constructor(place: Place, idOf: (address: string) => number) {
    this.place = place
    this.idOf = idOf
  }

  send(server: string, asked: Asked, options: SendOptions): Promise<Reply> {
    // The run is over: code that awaits stands still where it is.
    if (this.isClosed) return new Promise(() => {})
    const { carry, clock } = this.place
    const to = this.idOf(server)
    return new Promise((resolve) => {
      const end = (reply: Reply) => {
        clock.clearTimeout(timer)
        options.signal.removeEventListener('abort', giveUp)
        resolve(reply)
      }
      const giveUp = () => end({ outcome: 'unknown', reason: 'there was no answer' })
      const timer = clock.setTimeout(giveUp, SILENCE_MS)
      options.signal.addEventListener('abort', giveUp)
      let hasArrived = false
      carry('there', to, async () => {
        // A connection hands over once what the network has repeated.
        if (hasArrived) return
        hasArrived = true
        const reply = await this.http.send(server, asked, options)
        carry('back', to, () => end(reply))
      })
    })
  }

  close(): Promise<void> {
    this.isClosed = true
    return this.http.close()
  }
}
