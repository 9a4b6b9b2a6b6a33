/**
 * The key/value service over HTTP, in the words of RFC 9110. It translates: a request to
 * an operation, and an answer of the service to a status.
 *
 *   done      200, 201, or 304, 404, 412, 413: it was carried out, and this came of it;
 *             409, 410: it was not, since it came too late
 *   not done  307 to the leader, or 503 with Retry-After: safe to repeat;
 *             409: it never will be
 *   unknown   504: it may have been carried out, or may still be
 *
 * The app is a function from a request to a response; serve.ts puts it on a socket.
 */
import { Buffer, isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type Context, Hono } from 'hono'
import { authenticate } from './auth.ts'
import { UsageError } from './errors.ts'
import { Feed } from './feed.ts'
import {
  type Condition,
  holds,
  MAX_VALUE_BYTES,
  type Operation,
  type Read,
  tooLong,
} from './kv.ts'
import { memberIn } from './members.ts'
import type { Membership, MembershipAnswer } from './membership.ts'
import type { Metrics } from './metrics.ts'
import { type Allowed, guard } from './origin.ts'
import type { Answer, Consistency, KeyValueService } from './service.ts'
import { faultOf, type Numbered, type Request, type Result } from './sessions.ts'

/** The process around a service: what it shows of itself, and what can be done to it. */
export interface Node {
  /** Where the HTTP of a server is, as host:port, if it is known. */
  httpOf(id: number): string | undefined
  status(): object
  /** What it has applied in this life, in order. */
  applied(): Iterable<object>
  /** Calls back with each line of its test log, until what it returns is called. */
  follow(onLine: (line: string) => void): () => void
  /** How long ago it heard from the leader, in ms; null when it knows none. */
  leaderHeardMsAgo(): number | null
  /** Why it should be asked nothing now, or null when it should. */
  whyNotReady(): string | null
  /** Cuts it off from its peers, or lets it back. */
  setBlocked(isBlocked: boolean): void
  /** @returns the last entry that its snapshot then stands for; null when it stops before. */
  takeSnapshot(): Promise<number | null>
  /** A snapshot of all that it has applied, as its file; null when it stops before. */
  openSnapshot(): Promise<Readable | null>
}

export interface HttpOptions {
  readonly service: KeyValueService
  readonly membership: Membership
  readonly node: Node
  readonly metrics: Metrics
  readonly allowed: Allowed
  /** Of those who may ask, beside who has a certificate; everybody may when it is missing. */
  readonly tokens?: () => readonly string[]
}

/** What Node has of a request, where the request object of the web has less, or slower. */
interface Bindings {
  readonly incoming: Readable & {
    readonly url?: string | undefined
    readonly socket: Socket
  }
  readonly outgoing: { once(event: 'close', listener: () => void): unknown }
}

/** Asks the service. @returns what to call when the client has gone. */
type Ask = (onAnswer: (answer: Answer) => void) => () => void
type App = Hono<{ Bindings: Bindings }>
type Call = Context<{ Bindings: Bindings }>
type Handler = (c: Call) => Response | Promise<Response>

export function createApp(options: HttpOptions): App {
  const { service, membership, node, metrics, allowed, tokens } = options
  const app: App = new Hono({
    // As it came: to a URL library, `/kv/%2E%2E` is `/`.
    getPath: (request, options) => pathOf(request.url, options?.env),
  })
  const answered = (
    c: Call,
    asked: Request | Operation,
    ask: Ask,
  ): Promise<Response> => {
    const stop = metrics.start(asked.op)
    return new Promise((resolve) => {
      const hangUp = ask((answer) => {
        stop(answer.outcome)
        resolve(responseTo(c, asked, answer, node))
      })
      // After the answer, too, when it does nothing.
      c.env.outgoing.once('close', hangUp)
    })
  }
  const carryOut = (c: Call, request: Request): Promise<Response> => {
    check(request)
    return answered(c, request, (onAnswer) => service.request(request, onAnswer))
  }
  const read = (c: Call, operation: Read, asked: string | undefined) => {
    const consistency = consistencyOf(asked)
    check(operation)
    if (consistency === 'stale') return readStale(c, operation)
    return answered(c, operation, (onAnswer) =>
      service.read(operation, consistency, onAnswer),
    )
  }
  const readStale = (c: Call, operation: Read) => {
    const { result, lastApplied } = service.readStale(operation)
    const heardMsAgo = node.leaderHeardMsAgo()
    const response = responseOf(c, operation, result)
    response.headers.set('Applied-Index', String(lastApplied))
    if (heardMsAgo !== null) {
      response.headers.set('Age', String(Math.floor(heardMsAgo / 1000)))
      response.headers.set('Leader-Heard-Ms-Ago', String(Math.round(heardMsAgo)))
    }
    return response
  }
  const change = async (c: Call, op: 'put' | 'append') => {
    parametersOf(c, [])
    const value = await textOf(c)
    return carryOut(c, { op, key: keyOf(c), value, ...conditionOf(c), ...sessionOf(c) })
  }

  const backUp = async (c: Call): Promise<Response> => {
    parametersOf(c, [])
    // What was done before is here once a read is answered here.
    const answer = await new Promise<Answer>((resolve) => {
      const hangUp = service.read(
        { op: 'list', prefix: '', limit: 1 },
        'follower',
        resolve,
      )
      c.env.outgoing.once('close', hangUp)
    })
    if (answer.outcome !== 'done') return failed(c, answer, node)
    // Of HEAD nobody reads a file to its end, where it is closed.
    const isHead = c.req.method === 'HEAD'
    const file = isHead ? Readable.from([]) : await node.openSnapshot()
    return file === null ? fail(503, 'this server stops') : inPieces(file)
  }

  app.use(guard(allowed))
  if (tokens) app.use(authenticate(tokens))
  app.notFound((c) => fail(404, `there is nothing at ${c.req.path}`))
  app.onError((error) => {
    if (!(error instanceof Refusal)) throw error
    return fail(error.status, error.message, error.headers)
  })
  route(app, '/kv', {
    GET(c) {
      const asked = parametersOf(c, ['prefix', 'limit', 'consistency'])
      const { prefix = '', limit, consistency } = asked
      return read(c, { op: 'list', prefix, ...limitOf(limit) }, consistency)
    },
  })
  route(app, '/kv/*', {
    GET(c) {
      const { consistency } = parametersOf(c, ['consistency'])
      // Malformed ones are refused whatever the key holds.
      conditionOf(c)
      return read(c, { op: 'get', key: keyOf(c) }, consistency)
    },
    PUT: (c) => change(c, 'put'),
    POST: (c) => change(c, 'append'),
    DELETE(c) {
      parametersOf(c, [])
      const condition = conditionOf(c)
      return carryOut(c, { op: 'delete', key: keyOf(c), ...condition, ...sessionOf(c) })
    },
  })
  route(app, '/snapshot', {
    GET: backUp,
    POST: async () => {
      const lastIncludedIndex = await node.takeSnapshot()
      if (lastIncludedIndex === null) return fail(503, 'this server stops')
      return json(200, { lastIncludedIndex })
    },
  })
  route(app, '/sessions', { POST: (c) => carryOut(c, { op: 'register' }) })
  route(app, '/sessions/:client', {
    POST: (c) => carryOut(c, { op: 'keep', client: clientOf(c.req.param('client')) }),
  })
  routeMembership(app, membership, node)
  routeNode(app, node)
  route(app, '/metrics', { GET: () => metrics.respond() })
  return app
}

/** Who is in the cluster, and who leads it. */
function routeMembership(app: App, membership: Membership, node: Node): void {
  const view = (c: Call) => {
    parametersOf(c, [])
    return json(200, membership.view())
  }
  const answered = (
    c: Call,
    ask: (onAnswer: (answer: MembershipAnswer) => void) => () => void,
  ): Promise<Response> => {
    parametersOf(c, [])
    return new Promise((resolve) => {
      const hangUp = ask((answer) => {
        resolve(answer.outcome === 'done' ? view(c) : failed(c, answer, node))
      })
      c.env.outgoing.once('close', hangUp)
    })
  }
  route(app, '/members', {
    GET: view,
    async POST(c) {
      const body = await objectOf(c)
      const member = orRefuse(() => memberIn(body))
      return answered(c, (onAnswer) => membership.add(member, onAnswer))
    },
  })
  route(app, '/members/:id', {
    DELETE(c) {
      const id = idIn(c.req.param('id'))
      return answered(c, (onAnswer) => membership.remove(id, onAnswer))
    },
  })
  route(app, '/transfer', {
    async POST(c) {
      const { to } = (await objectOf(c, {})) as { to?: unknown }
      const target = to === undefined || to === null ? null : idIn(to)
      return answered(c, (onAnswer) => membership.transfer(target, onAnswer))
    },
  })
}

/** What is asked of the process, and not of the store. */
function routeNode(app: App, node: Node): void {
  const block = (isBlocked: boolean) => {
    node.setBlocked(isBlocked)
    return json(200, { blocked: isBlocked })
  }
  route(app, '/status', { GET: () => json(200, node.status()) })
  route(app, '/ready', {
    GET() {
      const reason = node.whyNotReady()
      return reason === null
        ? json(200, { ready: true })
        : fail(503, reason, RETRY_AFTER)
    },
  })
  route(app, '/applied', { GET: () => inLines(node.applied()) })
  const feed = new Feed(node.follow)
  route(app, '/log', {
    GET(c) {
      if (c.req.method === 'HEAD') return events(null)
      if (feed.size < MAX_WATCHERS) return events(feed.open())
      return fail(503, `${feed.size} read this log already`, RETRY_AFTER)
    },
  })
  route(app, '/block', { POST: () => block(true) })
  route(app, '/unblock', { POST: () => block(false) })
}

/** A request that cannot be carried out as it stands. */
class Refusal extends Error {
  readonly status: number
  readonly headers: Headers

  constructor(status: number, reason: string, headers: Headers = {}) {
    super(reason)
    this.status = status
    this.headers = headers
  }
}

type Headers = Readonly<Record<string, string>>

function fail(status: number, reason: string, headers: Headers = {}): Response {
  return json(status, { error: reason }, headers)
}

/** `Response.json` would make a Headers of them, which takes longer than all the rest. */
function json(status: number, body: object, headers: Headers = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
  })
}

/** HEAD is answered as GET is, by Hono; what else there is, by OPTIONS. */
function route(app: App, path: string, handlers: Record<string, Handler>): void {
  for (const [method, handler] of Object.entries(handlers)) {
    app.on(method, path, handler)
  }
  const known = Object.keys(handlers)
  const Allow = [...known, ...(handlers.GET ? ['HEAD'] : []), 'OPTIONS'].join(', ')
  app.options(path, () => new Response(null, { status: 204, headers: { Allow } }))
  app.all(path, (c) => {
    return fail(405, `${c.req.method} is not for ${path}, but ${Allow}`, { Allow })
  })
}

// From requests.

function check(asked: Request | Operation): void {
  const fault = faultOf(asked)
  if (fault) throw new Refusal(400, fault)
}

function pathOf(url: string, env: Bindings | undefined): string {
  const target = env?.incoming.url ?? ''
  const path = target.startsWith('/') ? target : url.slice(url.indexOf('/', 8))
  const query = path.indexOf('?')
  return query === -1 ? path : path.slice(0, query)
}

function keyOf(c: Call): string {
  const encoded = c.req.path.slice('/kv/'.length)
  try {
    return decodeURIComponent(encoded)
  } catch {
    const how = 'a key in a path is UTF-8, and what is no letter or digit stands as %XX'
    throw new Refusal(400, `${encoded} is no key: ${how}`)
  }
}

function parametersOf(c: Call, known: readonly string[]): Record<string, string> {
  const parameters: Record<string, string> = {}
  const start = c.req.url.indexOf('?')
  if (start === -1) return parameters
  const query = c.req.url.slice(start + 1)
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      const which = known.length === 0 ? 'none is' : `what is: ${known.join(', ')}`
      throw new Refusal(400, `${name} is no parameter here; ${which}`)
    }
    parameters[name] = value
  }
  return parameters
}

function limitOf(limit: string | undefined): { limit?: number } {
  if (limit === undefined) return {}
  if (/^[1-9]\d{0,8}$/.test(limit)) return { limit: Number(limit) }
  throw new Refusal(400, `limit is how many keys to list, from 1 on, not ${limit}`)
}

const CONSISTENCIES = ['linearizable', 'follower', 'stale'] as const

function consistencyOf(asked = 'linearizable'): Consistency | 'stale' {
  const consistency = CONSISTENCIES.find((known) => known === asked)
  if (consistency) return consistency
  throw new Refusal(400, `consistency can be ${CONSISTENCIES.join(', ')}, not ${asked}`)
}

function clientOf(text: string | undefined): number {
  if (text && NUMBER.test(text)) return Number(text)
  throw new Refusal(400, `a client is a number that POST /sessions gave, not ${text}`)
}

const NUMBER = /^[1-9]\d{0,14}$/

function idIn(value: unknown): number {
  const isText = typeof value === 'number' || typeof value === 'string'
  if (isText && /^\d{1,9}$/.test(`${value}`)) return Number(value)
  throw new Refusal(400, `the id of a server is a number, not ${JSON.stringify(value)}`)
}

/** A body that is an object in JSON. @throws Refusal */
async function objectOf(c: Call, ifEmpty?: object): Promise<object> {
  const body = await textOf(c)
  if (body === '' && ifEmpty) return ifEmpty
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value && !Array.isArray(value)) return value
  } catch {}
  throw new Refusal(400, 'the body is no object in JSON')
}

function orRefuse<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof UsageError) throw new Refusal(400, error.message)
    throw error
  }
}

/** What makes of this request and of all that repeat it one operation, if it says so. */
function sessionOf(c: Call): { session?: Numbered } {
  const key = c.req.header('idempotency-key')
  if (key === undefined) return {}
  const [client = '', serial = '', ...rest] = key.split(':')
  if (!NUMBER.test(client) || !NUMBER.test(serial) || rest.length > 0) {
    const form = 'CLIENT:SERIAL, the number that POST /sessions gave, and one from 1 on'
    throw new Refusal(400, `Idempotency-Key is ${form}, not ${key}`)
  }
  const session = { client: Number(client), serial: Number(serial) }
  const acknowledged = c.req.header('idempotency-acknowledged')
  if (acknowledged === undefined || acknowledged === '0') return { session }
  if (NUMBER.test(acknowledged)) {
    return { session: { ...session, acknowledged: Number(acknowledged) } }
  }
  const what = 'the serial up to which the client has its answers'
  throw new Refusal(400, `Idempotency-Acknowledged is ${what}, not ${acknowledged}`)
}

/** If-Match and If-None-Match, as far as an operation can have them. */
function conditionOf(c: Call): { if?: Condition } {
  const ifMatch = c.req.header('if-match')
  const ifNoneMatch = c.req.header('if-none-match')
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw new Refusal(400, 'a request can have If-Match or If-None-Match, not both')
  }
  if (ifMatch !== undefined) return { if: oneOf(ifMatch, 'If-Match') }
  if (ifNoneMatch === undefined) return {}
  const condition = oneOf(ifNoneMatch, 'If-None-Match')
  return { if: 'not' in condition ? condition.not : { not: condition } }
}

const ENTITY_TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/

/** That the key is there, in one of the versions in a list if it is not `*`. */
function oneOf(list: string, header: string): Condition {
  if (list.trim() === '*') return { not: { absent: true } }
  const versions = list.split(',').map((item) => {
    const [tag, isWeak, text = ''] = ENTITY_TAG.exec(item.trim()) ?? []
    if (tag === undefined) {
      const forms = '* or versions in quotes, as ETag gives them'
      throw new Refusal(400, `${header} holds ${forms}, not ${item.trim()}`)
    }
    // Nothing has the tag of another server; and If-Match compares strongly (13.1.1).
    const isOurs = /^[1-9]\d{0,15}$/.test(text) && !(isWeak && header === 'If-Match')
    return { version: isOurs ? Number(text) : 0 }
  })
  return versions.length === 1 ? (versions[0] as Condition) : { anyOf: versions }
}

/** The body. @throws Refusal when it is too long, or no UTF-8. */
async function textOf(c: Call): Promise<string> {
  const encoding = c.req.header('content-encoding')
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Refusal(415, `a value is sent as it is, not as ${encoding}`)
  }
  if (c.req.header('content-range') !== undefined) {
    throw new Refusal(400, 'a value is sent whole, without Content-Range')
  }
  const length = Number(c.req.header('content-length') ?? 0)
  if (length > MAX_VALUE_BYTES) throw new Refusal(413, tooLong(length))
  const bytes = await bytesOf(c.env.incoming)
  if (isUtf8(bytes)) return bytes.toString()
  throw new Refusal(400, 'a value is text in UTF-8, and the body is not')
}

/** A body, which need not say beforehand how long it is. */
function bytesOf(incoming: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  let total = 0
  return new Promise((resolve, reject) => {
    incoming.on('data', (piece: Buffer) => {
      total += piece.length
      if (total <= MAX_VALUE_BYTES) pieces.push(piece)
      else reject(new Refusal(413, tooLong(`${total} or more`)))
    })
    incoming.on('end', () => {
      resolve(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces))
    })
    incoming.on('close', () => {
      if (!incoming.readableEnded) reject(new Refusal(400, 'the body was cut off'))
    })
  })
}

// To responses.

/** After so long, in s, it can be otherwise: most elections are over in less. */
const RETRY_AFTER = { 'Retry-After': '1' }

function responseTo(
  c: Call,
  asked: Request | Operation,
  answer: Answer,
  node: Node,
): Response {
  if (answer.outcome === 'done') return responseOf(c, asked, answer.result)
  return failed(c, answer, node)
}

type Failure = Exclude<Answer | MembershipAnswer, { outcome: 'done' }>

function failed(c: Call, answer: Failure, node: Node): Response {
  const { outcome, reason } = answer
  const body = { error: reason, outcome }
  if (outcome === 'unknown') return json(504, body)
  if ('isFinal' in answer && answer.isFinal) return json(409, body)
  const { leaderId } = answer
  const address = leaderId === null ? undefined : node.httpOf(leaderId)
  if (address === undefined) {
    return json(503, body, RETRY_AFTER)
  }
  const query = c.req.url.indexOf('?')
  const search = query === -1 ? '' : c.req.url.slice(query)
  const scheme = c.req.url.slice(0, c.req.url.indexOf(':'))
  const Location = `${scheme}://${address}${c.req.path}${search}`
  return json(307, body, { Location })
}

function responseOf(c: Call, asked: Request | Operation, result: Result): Response {
  switch (result.kind) {
    case 'found':
      return unlessAsked(c, result.version) ?? text(result.value, tagOf(result.version))
    case 'absent': {
      const key = 'key' in asked ? JSON.stringify(asked.key) : ''
      return unlessAsked(c, null) ?? fail(404, `there is no key ${key}`)
    }
    case 'changed': {
      const { version, previous } = result
      const headers = asked.op === 'delete' ? {} : tagOf(version)
      return json(200, { version, previous }, headers)
    }
    case 'listed':
      return inLines(result.pairs)
    case 'mismatch':
      return mismatch(result.version)
    case 'too long':
      return fail(413, tooLong(result.bytes))
    case 'registered': {
      const Location = `/sessions/${result.client}`
      return json(201, { client: result.client }, { Location })
    }
    case 'kept':
      return json(200, { kept: true })
    case 'no session':
      return fail(410, 'there is no such session, or it has expired: nothing was done')
    case 'too old':
      return fail(409, 'the answer to this operation was acknowledged, and is gone')
  }
}

/** Null when what a GET found is what was asked for (RFC 9110, 13.2.2). */
function unlessAsked(c: Call, version: number | null): Response | null {
  const { if: condition } = conditionOf(c)
  if (!condition || holds(condition, version)) return null
  if (version === null || c.req.header('if-match')) return mismatch(version)
  return new Response(null, { status: 304, headers: tagOf(version) })
}

function mismatch(version: number | null): Response {
  const is = version === null ? 'there is no such key' : `its version is ${version}`
  const error = `the condition does not hold: ${is}`
  return json(412, { error, version })
}

function tagOf(version: number): { ETag: string } {
  return { ETag: `"${version}"` }
}

function text(value: string, headers: Headers): Response {
  return new Response(value, {
    // No browser shall take it for anything else.
    headers: { 'Content-Type': 'text/plain; charset=utf-8', ...NO_SNIFFING, ...headers },
  })
}

const NO_SNIFFING = { 'X-Content-Type-Options': 'nosniff' }

/** What a stream is given at a time, in lines. */
const LINES_AT_A_TIME = 256

/** Objects as NDJSON, as fast as the client takes them. */
function inLines(objects: Iterable<object>): Response {
  const iterator = objects[Symbol.iterator]()
  const encoder = new TextEncoder()
  const body = new ReadableStream({
    pull(controller) {
      let piece = ''
      for (let line = 0; line < LINES_AT_A_TIME; line += 1) {
        const { done, value } = iterator.next()
        if (done) {
          controller.enqueue(encoder.encode(piece))
          controller.close()
          return
        }
        piece += `${JSON.stringify(value)}\n`
      }
      controller.enqueue(encoder.encode(piece))
    },
  })
  return new Response(body, {
    headers: { 'Content-Type': 'application/x-ndjson', ...NO_SNIFFING },
  })
}

/** What is written leaves once for each of them: so many read the log, and no more. */
const MAX_WATCHERS = 32

function inPieces(file: Readable): Response {
  return new Response(Readable.toWeb(file) as ReadableStream, {
    headers: { 'Content-Type': 'application/x-ndjson', ...NO_SNIFFING },
  })
}

function events(body: ReadableStream | null): Response {
  return new Response(body, {
    headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' },
  })
}
