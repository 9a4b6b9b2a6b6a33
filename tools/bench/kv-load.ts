/**
 * A process of its own that asks one address over HTTP, on connections that stay open. It
 * does as little as it can beside that, so that the machine is left to the servers:
 * requests are text made beforehand, and of an answer only the status and the length are
 * read.
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
  /**
   * So many requests a second, whether or not those before were answered; null for one at
   * a time on each connection.
   */
  readonly rate: number | null
}

export interface LoadReport {
  /** Answers with status 200, and how long they took. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** All requests that were sent. */
  readonly askedPerSecond: number
  /** Answers with another status than 200. */
  readonly failures: number
  /** How many answers there were with each status. */
  readonly statuses: Readonly<Record<number, number>>
}

const HEAD_END = '\r\n\r\n'
const LAST_CHUNK = '0\r\n\r\n'
/** So often a load looks what it should have sent by now, in ms. */
const TICK_MS = 2
/** In all: what is not even read is not sent, or it would wait in the system's buffers. */
const MOST_ON_THEIR_WAY = 20_000

/** What is told of a connection. */
interface Listener {
  /** An answer came, with its status, after so long. */
  answered(ms: number, status: number): void
  /** It is ready for a request, and none is on its way. */
  idle(connection: Connection): void
}

class Connection {
  readonly over: Promise<void>
  private readonly socket: Socket
  private readonly session: string | null
  private readonly listener: Listener
  private received = ''
  /** Of the requests that are not answered yet. */
  private readonly sentAt: number[] = []
  /** Null where there are no sessions, and until this one has begun. */
  private client: string | null = null
  private serial = 0
  private isEnding = false

  constructor(socket: Socket, session: string | null, listener: Listener) {
    this.socket = socket
    this.session = session
    this.listener = listener
    this.over = new Promise((resolve) => {
      socket.on('error', () => resolve())
      socket.on('close', () => resolve())
    })
    socket.setNoDelay()
    socket.setEncoding('latin1')
    socket.on('data', (text) => this.receive(String(text)))
  }

  get onTheirWay(): number {
    return this.sentAt.length
  }

  start(): void {
    if (this.session === null) this.listener.idle(this)
    else this.send(this.session)
  }

  send(request: string): void {
    this.sentAt.push(performance.now())
    this.socket.write(this.client === null ? request : this.numbered(request))
  }

  /** As soon as all is answered. */
  end(): void {
    this.isEnding = true
    if (this.onTheirWay === 0) this.socket.destroy()
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
    for (let end = this.answerEnd(); end !== null; end = this.answerEnd()) {
      const answer = this.received.slice(0, end)
      this.received = this.received.slice(end)
      const tookMs = performance.now() - (this.sentAt.shift() ?? 0)
      if (this.session !== null && this.client === null) {
        this.client = /"client":(\d+)/.exec(answer)?.[1] ?? null
      } else this.listener.answered(tookMs, Number(answer.slice(9, 12)))
    }
    if (this.onTheirWay > 0) return
    if (this.isEnding) this.end()
    else this.listener.idle(this)
  }

  /** Of the first answer; null while it is not whole. */
  private answerEnd(): number | null {
    const head = this.received.indexOf(HEAD_END)
    if (head === -1) return null
    const length = /content-length: (\d+)/i.exec(this.received.slice(0, head))?.[1]
    if (length === undefined) {
      const last = this.received.indexOf(LAST_CHUNK, head)
      return last === -1 ? null : last + LAST_CHUNK.length
    }
    const end = head + HEAD_END.length + Number(length)
    return this.received.length >= end ? end : null
  }
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const { host, port, requests, session, durationMs, rate } = order
  const sockets = Array.from({ length: order.connections }, () => connect(port, host))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const startedAt = performance.now()
  const elapsedMs = () => performance.now() - startedAt
  const latenciesMs: number[] = []
  const statuses: Record<number, number> = {}
  let asked = 0
  const ask = (connection: Connection) => {
    asked += 1
    connection.send(requests[asked % requests.length] as string)
  }
  const listener: Listener = {
    answered(ms, status) {
      statuses[status] = (statuses[status] ?? 0) + 1
      if (status === 200) latenciesMs.push(ms)
    },
    idle(connection) {
      if (rate !== null) return
      if (elapsedMs() > durationMs) connection.end()
      else ask(connection)
    },
  }
  const all = sockets.map((socket) => new Connection(socket, session, listener))
  for (const connection of all) connection.start()
  if (rate !== null) {
    await askAtRate(all, { rate, durationMs, ask })
    for (const connection of all) connection.end()
  }
  await Promise.all(all.map(({ over }) => over))
  const answers = Object.values(statuses).reduce((sum, count) => sum + count, 0)
  return {
    perSecond: (latenciesMs.length * 1000) / elapsedMs(),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    askedPerSecond: (asked * 1000) / durationMs,
    failures: answers - latenciesMs.length,
    statuses,
  }
}

/** On one connection after the other, as long as it does not have too much on its way. */
function askAtRate(
  all: readonly Connection[],
  how: {
    readonly rate: number
    readonly durationMs: number
    readonly ask: (connection: Connection) => void
  },
): Promise<void> {
  const most = MOST_ON_THEIR_WAY / all.length
  const startedAt = performance.now()
  let due = 0
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startedAt
      for (; due < (how.rate * elapsedMs) / 1000; due += 1) {
        const connection = all[due % all.length] as Connection
        if (connection.onTheirWay < most) how.ask(connection)
      }
      if (elapsedMs <= how.durationMs) return
      clearInterval(timer)
      resolve()
    }, TICK_MS)
  })
}

process.on('message', async (order: LoadOrder) => process.send?.(await run(order)))
process.on('disconnect', () => process.exit())
process.send?.('ready')
