/** HttpTransport: a client's way to servers over HTTP, on connections that stay open. */
import { Agent, type Dispatcher } from 'undici'
import type { Reply, SendOptions, Transport } from './client.ts'
import type { Condition, Operation, Pair, Result } from './kv.ts'

/** To connect takes no longer, in ms, or the server is taken for unreachable. */
const CONNECT_TIMEOUT_MS = 2_000

type Response = Dispatcher.ResponseData

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Servers are addressed by host:port. */
export class HttpTransport implements Transport {
  private readonly agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS } })

  async send(
    server: string,
    operation: Operation,
    { signal, stale }: SendOptions,
  ): Promise<Reply> {
    const request = requestFor(operation, stale)
    try {
      const response = await this.request(server, request, signal)
      return await replyIn(response, operation)
    } catch (error) {
      return replyWithout(error as Error & { code?: string }, server, signal)
    }
  }

  async servers(server: string): Promise<readonly string[]> {
    const response = await this.request(server, { method: 'GET', path: '/status' })
    const { members } = (await response.body.json()) as Status
    return members.map(({ http }) => http)
  }

  /** Asks a server anything. @throws when it gives no answer. */
  request(
    server: string,
    { method, path, headers = {}, body }: HttpRequest,
    signal?: AbortSignal,
  ): Promise<Response> {
    return this.agent.request({
      origin: `http://${server}`,
      path,
      method,
      headers,
      body: body ?? null,
      ...(signal && { signal }),
    })
  }

  close(): Promise<void> {
    return this.agent.destroy()
  }
}

/** As far as a client looks at it. */
interface Status {
  readonly members: readonly { readonly http: string }[]
}

function requestFor(operation: Operation, stale: boolean): HttpRequest {
  mustBeText('prefix' in operation ? operation.prefix : operation.key)
  if ('value' in operation) mustBeText(operation.value)
  if (operation.op === 'list') {
    const query = new URLSearchParams({ prefix: operation.prefix })
    if (operation.limit !== undefined) query.set('limit', String(operation.limit))
    if (stale) query.set('consistency', 'stale')
    return { method: 'GET', path: `/kv?${query}` }
  }
  const headers = operation.if ? headersFor(operation.if) : {}
  const query = stale ? '?consistency=stale' : ''
  const path = `/kv/${encodeURIComponent(operation.key)}${query}`
  const request = { method: METHODS[operation.op], path, headers }
  return 'value' in operation ? { ...request, body: operation.value } : request
}

const METHODS = { get: 'GET', put: 'PUT', append: 'POST', delete: 'DELETE' } as const

/** @throws RangeError when it would arrive as another text. */
function mustBeText(text: string): void {
  if (text.isWellFormed()) return
  throw new RangeError('over HTTP, a key or a value is well-formed Unicode text')
}

/** @throws RangeError when HTTP has no words for the condition. */
function headersFor(condition: Condition): Record<string, string> {
  if ('absent' in condition) return { 'If-None-Match': '*' }
  if ('version' in condition) return { 'If-Match': `"${condition.version}"` }
  throw new RangeError('over HTTP, a condition is a version, or that the key is absent')
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** What a server's answer means. Its body is read to the end, so that others follow. */
async function replyIn(response: Response, operation: Operation): Promise<Reply> {
  const { statusCode, headers, body } = response
  // With its byte order mark, if it begins with one: `body.text()` would drop that.
  const text = utf8.decode(await body.arrayBuffer())
  if (statusCode === 200) return done(resultIn(text, headers, operation))
  if (statusCode === 307) {
    const { host } = new URL(String(headers.location))
    return { outcome: 'not done', reason: 'it is not the leader', leader: host }
  }
  const { error: reason = `it answered ${statusCode}`, version = null } = parsed(text)
  if (statusCode === 404 && isOfKey(operation)) return done({ kind: 'absent' })
  if (statusCode === 412) return done({ kind: 'mismatch', version })
  if (statusCode === 503) return { outcome: 'not done', reason, leader: null }
  // It was refused as it stands, before anything was done.
  if (statusCode < 500)
    return { outcome: 'not done', reason, leader: null, isFinal: true }
  return { outcome: 'unknown', reason }
}

function done(result: Result): Reply {
  return { outcome: 'done', result }
}

function isOfKey({ op }: Operation): boolean {
  return op === 'get' || op === 'delete'
}

function resultIn(
  text: string,
  headers: Response['headers'],
  { op }: Operation,
): Result {
  if (op === 'get') {
    const version = Number(String(headers.etag).slice(1, -1))
    return { kind: 'found', value: text, version }
  }
  if (op !== 'list') return { kind: 'changed', ...JSON.parse(text) }
  const lines = text.split('\n').filter((line) => line !== '')
  return { kind: 'listed', pairs: lines.map((line) => JSON.parse(line) as Pair) }
}

/** The body of a failure; empty where it is none of a server of ours. */
function parsed(text: string): { error?: string; version?: number } {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

/** Nothing was sent to a server that could not be reached. */
const UNREACHED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

function replyWithout(
  error: Error & { readonly code?: string },
  server: string,
  signal: AbortSignal,
): Reply {
  if (error instanceof RangeError) throw error
  if (UNREACHED.has(error.code ?? '')) {
    const reason = `${server} cannot be reached (${error.code})`
    return { outcome: 'not done', reason, leader: null }
  }
  const reason = signal.aborted
    ? `${server} gave no answer in time`
    : `${server} was cut off (${error.message})`
  return { outcome: 'unknown', reason }
}
