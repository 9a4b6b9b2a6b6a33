/** What the machine allows: the least that a round of Raft can take on it. */
import { once } from 'node:events'
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import { median } from './numbers.ts'

const ECHO = fileURLToPath(new URL('echo.ts', import.meta.url))

/** What a round writes on each server, and sends to each, in bytes. */
export interface RoundSize {
  readonly written: number
  readonly sent: number
}

/** Medians. */
export interface Floor {
  readonly syncMs: number
  readonly roundTripMs: number
  /** The leader syncs, the follower hears of it and syncs. */
  readonly roundMs: number
}

/** Measures the disk that `folder` is on, and a socket to a process of its own. */
export class FloorGauge {
  private readonly folder: string
  private readonly child: ReturnType<typeof startEcho>
  private readonly socket: Socket

  static async open(folder: string): Promise<FloorGauge> {
    const child = startEcho()
    const address = (await child.getOneMessage()) as unknown as AddressInfo
    const socket = connect(address.port, address.address)
    socket.setNoDelay()
    await once(socket, 'connect')
    return new FloorGauge(folder, child, socket)
  }

  private constructor(
    folder: string,
    child: ReturnType<typeof startEcho>,
    socket: Socket,
  ) {
    this.folder = folder
    this.child = child
    this.socket = socket
  }

  async measure(size: RoundSize, rounds: number): Promise<Floor> {
    const syncMs = median(this.syncs(size.written, rounds))
    const roundTripMs = median(await this.roundTrips(size.sent, rounds))
    return { syncMs, roundTripMs, roundMs: 2 * syncMs + roundTripMs }
  }

  close(): void {
    this.socket.destroy()
    this.child.kill()
  }

  private syncs(size: number, rounds: number): number[] {
    const file = join(this.folder, 'floor')
    const bytes = Buffer.alloc(size, 'x')
    const fd = openSync(file, 'a')
    const times = Array.from({ length: rounds }, () => {
      const startedAt = performance.now()
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
      fdatasyncSync(fd)
      return performance.now() - startedAt
    })
    closeSync(fd)
    rmSync(file)
    return times
  }

  private async roundTrips(size: number, rounds: number): Promise<number[]> {
    const message = Buffer.alloc(4 + size)
    message.writeUInt32BE(size)
    const times: number[] = []
    while (times.length < rounds) {
      const startedAt = performance.now()
      this.socket.write(message)
      await once(this.socket, 'data')
      times.push(performance.now() - startedAt)
    }
    return times
  }
}

function startEcho() {
  const options = { nodeOptions: ['--import', 'tsx'], ipc: true, reject: false } as const
  return execaNode(ECHO, options)
}
