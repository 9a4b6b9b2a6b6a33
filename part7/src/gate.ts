/**
 * Stands before the requests of clients, so that more of them than a server can carry out
 * cost it little. Node reads all that has arrived in one turn, and no timer fires before that
 * turn is over: a leader that began with all of it would send no heartbeat meanwhile. So a
 * turn begins with a few. The others wait for the next one, and those that there is no
 * room for are refused before anything is made of them.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** Begun in a turn. */
const PER_TURN = 128
/** So many wait to be begun. */
const MAX_WAITING = 10_000

const REFUSAL = JSON.stringify({ error: 'too many requests have arrived at once' })

type Arrived = Parameters<RequestListener>

/** Who asks after the server itself, as its operator does, neither waits nor is refused. */
function isOfClient({ url = '' }: IncomingMessage): boolean {
  return url.startsWith('/kv') || url.startsWith('/sessions')
}

/** @returns a listener that has some wait for `listener`, and others refused */
export function gate(listener: RequestListener): RequestListener {
  const waiting: Arrived[] = []
  let left = PER_TURN
  let isScheduled = false
  const begin = ([request, response]: Arrived) => {
    // It has gone meanwhile.
    if (request.socket.destroyed) return
    left -= 1
    listener(request, response)
  }
  const endTurn = () => {
    left = PER_TURN
    for (const arrived of waiting.splice(0, PER_TURN)) begin(arrived)
    isScheduled = left < PER_TURN || waiting.length > 0
    if (isScheduled) setImmediate(endTurn)
  }
  return (request, response) => {
    if (!isOfClient(request)) return listener(request, response)
    if (waiting.length === MAX_WAITING) return refuse(response)
    if (!isScheduled) setImmediate(endTurn)
    isScheduled = true
    if (left > 0 && waiting.length === 0) begin([request, response])
    else waiting.push([request, response])
  }
}

function refuse(response: ServerResponse): void {
  response
    .writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '1' })
    .end(REFUSAL)
}
