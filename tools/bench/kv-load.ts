/**
 * A process of its own that asks one address over HTTP, on connections that stay open,
 * each with one request on its way. It does as little as it can beside that, so that the
 * machine is left to the servers: requests are text made beforehand, and of an answer only
 * the status and the length are read.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { quantile } from './numbers.ts'

export interface LoadOrder {
  readonly host: string
  readonly port: number
  /** Whole requests, asked one after the other, and again from the first. */
  readonly requests: readonly string[]
  /**
   * A whole request by which each connection begins a session. Then CLIENT, SERIAL and
   * ACKNOWLEDGED in its requests are numbers.
   */
  readonly session: string | null
  readonly connections: number
  readonly durationMs: number
}

export interface LoadReport {
  /** Answers with status 200. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers with another status than 200. */
  readonly failures: number
}

const HEAD_END = '\r\n\r\n'
const LAST_CHUNK = '0\r\n\r\n'

class Connection {
  private readonly socket: Socket
  private readonly next: () => string | null
  private readonly onAnswer: (ms: number, isOk: boolean) => void
  private received = ''
  private sentAt = 0
  /** Null where there are no sessions, and until this one has begun. */
  private client: string | null = null
  private serial = 0
  private session: string | null
  readonly over: Promise<void>
  private finish = () => {}

  constructor(
    socket: Socket,
    session: string | null,
    next: () => string | null,
    onAnswer: (ms: number, isOk: boolean) => void,
  ) {
    this.socket = socket
    this.session = session
    this.next = next
    this.onAnswer = onAnswer
    this.over = new Promise((resolve) => {
      this.finish = resolve
    })
    socket.setNoDelay()
    socket.setEncoding('latin1')
    socket.on('data', (text) => this.receive(String(text)))
    socket.on('error', () => this.finish())
    socket.on('close', () => this.finish())
    this.send()
  }

  private send(): void {
    const request = this.session ?? this.next()
    if (request === null) {
      this.socket.destroy()
      return
    }
    this.sentAt = performance.now()
    this.socket.write(this.client === null ? request : this.numbered(request))
  }

  private numbered(request: string): string {
    this.serial += 1
    return request
      .replace('CLIENT', this.client as string)
      .replace('SERIAL', String(this.serial))
      .replace('ACKNOWLEDGED', String(this.serial - 1))
  }

  private receive(text: string): void {
    this.received += text
    const head = this.received.indexOf(HEAD_END)
    if (head === -1) return
    const length = /content-length: (\d+)/i.exec(this.received.slice(0, head))?.[1]
    const isWhole =
      length === undefined
        ? this.received.endsWith(LAST_CHUNK)
        : this.received.length >= head + HEAD_END.length + Number(length)
    if (!isWhole) return
    const isOk = this.received.startsWith('HTTP/1.1 200')
    if (this.session === null) this.onAnswer(performance.now() - this.sentAt, isOk)
    else this.client = /"client":(\d+)/.exec(this.received)?.[1] ?? null
    this.session = null
    this.received = ''
    this.send()
  }
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const { host, port, requests, durationMs } = order
  const sockets = Array.from({ length: order.connections }, () => connect(port, host))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const startedAt = performance.now()
  const latenciesMs: number[] = []
  let failures = 0
  let asked = 0
  const next = () => {
    if (performance.now() - startedAt > durationMs) return null
    asked += 1
    return requests[asked % requests.length] as string
  }
  const onAnswer = (ms: number, isOk: boolean) => {
    latenciesMs.push(ms)
    if (!isOk) failures += 1
  }
  const all = sockets.map(
    (socket) => new Connection(socket, order.session, next, onAnswer).over,
  )
  await Promise.all(all)
  return {
    perSecond:
      ((latenciesMs.length - failures) * 1000) / (performance.now() - startedAt),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    failures,
  }
}

process.on('message', async (order: LoadOrder) => process.send?.(await run(order)))
process.on('disconnect', () => process.exit())
process.send?.('ready')
