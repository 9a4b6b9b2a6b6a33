/** A process of its own that holds many connections to a server and wants little of it. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface CrowdOrder {
  readonly host: string
  readonly port: number
  readonly connections: number
  readonly kind: CrowdKind
}

/**
 * `idle`: each has asked for something once, and stays. `slow`: each asks for the log, and
 * never reads it. `half`: each sends half of a request, and comes again when it is hung up
 * on.
 */
export type CrowdKind = 'idle' | 'slow' | 'half'

export interface CrowdReport {
  /** Connections that are open. */
  readonly open: number
}

/** So many connect at a time. */
const AT_ONCE = 100

const REQUESTS: Readonly<Record<CrowdKind, (host: string) => string>> = {
  idle: (host) => `GET /kv/x?consistency=stale HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  slow: (host) => `GET /log HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  half: (host) => `PUT /kv/x HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n`,
}

const open = new Set<Socket>()

async function join(order: CrowdOrder): Promise<void> {
  const { host, port, kind } = order
  const socket = connect(port, host)
  socket.on('error', () => {})
  socket.on('close', () => {
    open.delete(socket)
    if (kind === 'half') void join(order)
  })
  await once(socket, 'connect')
  open.add(socket)
  socket.write(REQUESTS[kind](`${host}:${port}`))
  if (kind === 'idle') await once(socket, 'data')
}

async function gather(order: CrowdOrder): Promise<CrowdReport> {
  for (let left = order.connections; left > 0; left -= AT_ONCE) {
    const count = Math.min(left, AT_ONCE)
    await Promise.all(Array.from({ length: count }, () => join(order)))
  }
  return { open: open.size }
}

process.on('message', async (order: CrowdOrder | object) => {
  process.send?.('kind' in order ? await gather(order) : { open: open.size })
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
