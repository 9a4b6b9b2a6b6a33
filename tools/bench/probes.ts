/** Clients that put all the time at every server, to see when one of them is served. */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KvCluster } from './kv-clusters.ts'
import { BenchError } from './loads.ts'

/**
 * So often a put begins, at one server after the other, whatever became of those before: a
 * server that does not answer must not delay what the next would say. In ms.
 */
const INTERVAL_MS = 3
/** A put that hangs is given up; others are under way. */
const PATIENCE_MS = 1_000
const GIVE_UP_MS = 60_000
const LOOK_MS = 1

interface Done {
  /** By `performance.now()`. */
  readonly begunAt: number
  readonly answeredAt: number
}

export class Probes {
  private readonly cluster: KvCluster
  private readonly timer: NodeJS.Timeout
  private begun = 0
  private done: Done[] = []

  constructor(cluster: KvCluster) {
    this.cluster = cluster
    this.timer = setInterval(() => this.begin(), INTERVAL_MS)
  }

  /**
   * When the first put was done that had begun then or later. Answers to earlier ones may
   * have been on their way.
   */
  async firstDone(begunFrom: number): Promise<number> {
    this.done = []
    while (performance.now() < begunFrom + GIVE_UP_MS) {
      const times = this.done.filter(({ begunAt }) => begunAt >= begunFrom)
      const [first] = times
      if (first) return first.answeredAt
      await sleep(LOOK_MS)
    }
    throw new BenchError(`${this.cluster.name} served nobody for ${GIVE_UP_MS / 1000} s`)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private begin(): void {
    const { addresses } = this.cluster
    this.begun += 1
    const address = addresses[this.begun % addresses.length] as string
    void this.put(address, performance.now())
  }

  /** Goes where it is sent on to. What is refused is not repeated: the next has begun. */
  private async put(address: string, begunAt: number): Promise<void> {
    let next: string | null = address
    while (next !== null) {
      const head: string | null = await ask(next, this.cluster.put(next, 'probe', 'x'))
      if (head?.startsWith('HTTP/1.1 200')) {
        this.done.push({ begunAt, answeredAt: performance.now() })
        return
      }
      next = /^location: http:\/\/([^/]+)/im.exec(head ?? '')?.[1] ?? null
    }
  }
}

/** The head of the answer; null when there is none. */
function ask(address: string, request: string): Promise<string | null> {
  const [host = '', port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    const finish = (answer: string | null) => {
      resolve(answer)
      socket.destroy()
    }
    let received = ''
    socket.setNoDelay()
    socket.setTimeout(PATIENCE_MS, () => finish(null))
    socket.on('error', () => finish(null))
    socket.on('close', () => finish(null))
    socket.on('data', (bytes) => {
      received += bytes
      if (received.includes('\r\n\r\n')) finish(received)
    })
    socket.write(request)
  })
}
