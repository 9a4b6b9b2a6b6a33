/** A link between two servers that lets through only so many bytes a second. */
import { once } from 'node:events'
import {
  type AddressInfo,
  connect,
  createServer,
  type Server,
  type Socket,
} from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** So many bytes pass at once: what is short does not wait for a long chunk. */
const SLICE = 4 * 1024
/** What a timer of Node cannot wait for. */
const TICK_MS = 1
const FOR_EVER = new Promise<never>(() => {})

/** One direction: all connections share its rate, first come, first served. */
class Lane {
  bytesPerSecond = Number.POSITIVE_INFINITY
  /** Since the lane was made. */
  bytes = 0
  private freeAtMs = 0

  async pass(bytes: number): Promise<void> {
    this.bytes += bytes
    const now = performance.now()
    this.freeAtMs = Math.max(now, this.freeAtMs) + (bytes / this.bytesPerSecond) * 1000
    const waitMs = this.freeAtMs - now
    if (waitMs >= TICK_MS) await sleep(waitMs)
  }
}

/** All connections of a server to another, whichever of the two opened them. */
export class Link {
  readonly there = new Lane()
  readonly back = new Lane()
  private readonly servers: Server[] = []
  private readonly sockets = new Set<Socket>()
  private readonly silent = new Set<Socket>()

  limit(bytesPerSecond: number): void {
    this.there.bytesPerSecond = bytesPerSecond
    this.back.bytesPerSecond = bytesPerSecond
  }

  /** Where one of the two reaches the other, there or back, instead of its address. */
  async listen(isThere: boolean, address: string): Promise<string> {
    const [host = '', port] = address.split(':')
    const server = createServer((client) => {
      const service = connect(Number(port), host)
      this.pump(client, service, isThere ? this.there : this.back)
      this.pump(service, client, isThere ? this.back : this.there)
    })
    this.servers.push(server)
    server.listen(0, host)
    await once(server, 'listening')
    return `${host}:${(server.address() as AddressInfo).port}`
  }

  /** What is connected now hears nothing more, not even that it is not connected. */
  silence(): void {
    for (const socket of this.sockets) this.silent.add(socket)
  }

  close(): void {
    for (const server of this.servers) server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  private async pump(from: Socket, to: Socket, lane: Lane): Promise<void> {
    from.setNoDelay()
    from.on('error', () => {}) // Also when nobody reads it any more.
    this.sockets.add(from)
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += SLICE) {
          const slice = chunk.subarray(at, at + SLICE)
          await lane.pass(slice.length)
          if (this.silent.has(from)) await FOR_EVER
          if (!to.write(slice)) await once(to, 'drain')
        }
      }
    } catch {
      // One end is gone, which the other is to hear.
    }
    this.sockets.delete(from)
    to.destroy()
  }
}
