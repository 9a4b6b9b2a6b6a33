/**
 * KeyValueClient: finds the leader, and repeats until it knows what became of it.
 *
 *     const client = new KeyValueClient({ servers, transport, clock, random })
 *     await client.put('x', '1')          // { held: true, version: 7, previous: null }
 *     await client.get('x')               // { value: '1', version: 7 }
 *     await client.put('x', '2', { if: { version: 7 } })
 *     await client.append('x', '!')
 *     await client.list('x')              // [{ key: 'x', value: '2!', version: 9 }]
 *
 * The address of any one server is enough. The client registers before its first change,
 * and numbers its changes. So whatever got no answer is asked again, at another server,
 * until the deadline: the servers carry it out once, and answer as they did the first time.
 * Where that ends: when no answer comes in time, and when the session has expired
 * meanwhile, the client cannot know. It throws UnknownOutcome. And a client that crashes
 * forgets its numbers: what it asks for in its next life is something new.
 *
 * It is given its transport, its clock and its random numbers, so that the same code calls
 * servers over HTTP and in the simulated world.
 */
import {
  type Condition,
  isRead,
  type Operation,
  type Pair,
  type Read,
  tooLong,
} from './kv.ts'
import type { Clock } from './raft.ts'
import { type Numbered, type Request, type Result, WINDOW } from './sessions.ts'

/** What a server answered, or what is known without an answer. */
export type Reply =
  | { readonly outcome: 'done'; readonly result: Result }
  | {
      readonly outcome: 'not done'
      readonly reason: string
      /** The server that would do it, if it is known. */
      readonly leader: string | null
      /** No server will ever do it: it is wrong in itself. */
      readonly isFinal?: true
    }
  | { readonly outcome: 'unknown'; readonly reason: string }

export interface Transport {
  /**
   * Sends an operation to a server. A server that cannot be reached has certainly not done
   * it; one that was cut off before it answered may have. It never rejects, and answers
   * soon when the signal says that nobody waits any more.
   */
  send(server: string, asked: Asked, options: SendOptions): Promise<Reply>
  /** The addresses of all servers, as one of them knows them. */
  servers?(server: string): Promise<readonly string[]>
}

type Change = Exclude<Operation, Read>

/** What is asked of a server. */
export type Asked = Request | Operation

/** How a read is answered: by the leader; by any server, which asks the leader; or not. */
export type Consistency = 'linearizable' | 'follower' | 'stale'

export interface SendOptions {
  readonly signal: AbortSignal
  readonly consistency: Consistency
}

export interface ClientOptions {
  /** Addresses of servers, as the transport understands them. */
  readonly servers: readonly string[]
  readonly transport: Transport
  readonly clock: Clock
  /** A number in [0, 1), as Math.random gives. */
  readonly random: () => number
  /** For one operation, however often it is sent. */
  readonly timeoutMs?: number
  /** Told when a server sends the client on to the leader. */
  readonly onRedirect?: (from: string, to: string) => void
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

export interface ChangeOptions extends CallOptions {
  readonly if?: Condition
}

export interface ReadOptions extends CallOptions {
  /**
   * 'linearizable' if it is not said. 'follower' says the same, but comes from the server
   * that is asked first. 'stale' does as well, at once, and may be old.
   */
  readonly consistency?: Consistency
}

export interface Changed {
  /** Whether the condition held. If not, nothing was changed. */
  readonly held: boolean
  /** The key's version now; null when it is absent. */
  readonly version: number | null
  /** What it held before, if it was changed, and held something. */
  readonly previous: string | null
}

export interface Found {
  readonly value: string
  readonly version: number
}

/** It may have been carried out, or may still be: nothing was heard of it in time. */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome'

  constructor(reason: string) {
    super(`unknown: ${reason}`)
  }
}

/** It certainly was not carried out, and will not be. */
export class NotDone extends Error {
  override readonly name = 'NotDone'

  constructor(reason: string) {
    super(`not done: ${reason}`)
  }
}

const DEFAULT_TIMEOUT_MS = 10_000
const LINEARIZABLE = { consistency: 'linearizable' } as const
/** Between two attempts, in ms; twice as long each time, up to the last. */
const FIRST_BACKOFF_MS = 25
const LAST_BACKOFF_MS = 500
/** After so long, in ms, the servers can be others. */
const LEARN_AGAIN_MS = 5_000

/** What one client asks for, in one session. */
class Session {
  readonly client: number
  private last = 0
  /** Those of its operations that have no answer yet, the oldest first. */
  private readonly open = new Set<number>()
  private waiting: (() => void)[] = []

  constructor(client: number) {
    this.client = client
  }

  /**
   * A number for an operation, once the servers have room to remember its answer, or nobody
   * waits for it any more.
   */
  async begin(signal: AbortSignal): Promise<number> {
    while (this.last - this.acknowledged >= WINDOW && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    this.last += 1
    this.open.add(this.last)
    return this.last
  }

  end(serial: number): void {
    this.open.delete(serial)
    const waiting = this.waiting
    this.waiting = []
    for (const resume of waiting) resume()
  }

  /** As it is sent: every time with what is known then. */
  number(serial: number): Numbered {
    const { client, acknowledged } = this
    return { client, serial, ...(acknowledged > 0 && { acknowledged }) }
  }

  /** All operations up to this one have their answers. */
  private get acknowledged(): number {
    const [oldest = this.last + 1] = this.open
    return oldest - 1
  }
}

export class KeyValueClient {
  private readonly options: ClientOptions
  private session: Promise<Session> | null = null
  /** All that it has heard of. The first is asked: the leader, as far as it knows. */
  private servers: readonly string[]
  private learnedAt = Number.NEGATIVE_INFINITY

  constructor(options: ClientOptions) {
    if (options.servers.length === 0) throw new RangeError('a client needs a server')
    this.options = options
    this.servers = options.servers
  }

  /** What a key holds, or null. */
  async get(key: string, options: ReadOptions = {}): Promise<Found | null> {
    const result = await this.execute({ op: 'get', key }, options)
    if (result.kind !== 'found') return null
    return { value: result.value, version: result.version }
  }

  async put(key: string, value: string, options: ChangeOptions = {}): Promise<Changed> {
    return this.change({ op: 'put', key, value, ...conditionIn(options) }, options)
  }

  /** Puts `value` behind what the key holds. */
  async append(
    key: string,
    value: string,
    options: ChangeOptions = {},
  ): Promise<Changed> {
    return this.change({ op: 'append', key, value, ...conditionIn(options) }, options)
  }

  async delete(key: string, options: ChangeOptions = {}): Promise<Changed> {
    return this.change({ op: 'delete', key, ...conditionIn(options) }, options)
  }

  /** All keys that begin with `prefix`, in order, as they are at one moment. */
  async list(
    prefix = '',
    { limit, ...options }: ReadOptions & { readonly limit?: number } = {},
  ): Promise<readonly Pair[]> {
    const operation: Operation = {
      op: 'list',
      prefix,
      ...(limit !== undefined && { limit }),
    }
    const result = await this.execute(operation, options)
    return result.kind === 'listed' ? result.pairs : []
  }

  /**
   * Has an operation carried out, once at most.
   *
   * @throws UnknownOutcome when it may have been. @throws NotDone when it was not.
   */
  execute(operation: Operation, options: ReadOptions = {}): Promise<Result> {
    const { consistency = 'linearizable' } = options
    return this.within(options, (signal) => {
      const how = { consistency, signal }
      if (isRead(operation)) return this.attempt(() => operation, how)
      return this.carryOutOnce(operation, how)
    })
  }

  /** Says that this client is still there, so that its session does not expire. */
  async keepAlive(options: CallOptions = {}): Promise<void> {
    const asked = this.session
    if (!asked) return
    const { client } = await asked
    const result = await this.within(options, (signal) =>
      this.attempt(() => ({ op: 'keep', client }), { signal, ...LINEARIZABLE }),
    )
    if (result.kind === 'no session') this.forget(asked)
  }

  /** What `work` begins is given up when its time is over, or nobody waits any more. */
  private async within<T>(
    options: CallOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.options
    const { timeoutMs = this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS } = options
    options.signal?.throwIfAborted()
    const giveUp = new AbortController()
    const abort = () => giveUp.abort()
    options.signal?.addEventListener('abort', abort)
    const timer = clock.setTimeout(abort, timeoutMs)
    try {
      return await work(giveUp.signal)
    } finally {
      clock.clearTimeout(timer)
      options.signal?.removeEventListener('abort', abort)
    }
  }

  private async change(operation: Operation, options: CallOptions): Promise<Changed> {
    const result = await this.execute(operation, options)
    switch (result.kind) {
      case 'changed':
        return { held: true, version: result.version, previous: result.previous }
      case 'mismatch':
        return { held: false, version: result.version, previous: null }
      case 'too long':
        throw new NotDone(tooLong(result.bytes))
      // There was nothing to delete.
      default:
        return { held: true, version: null, previous: null }
    }
  }

  /** A change: numbered, so that it can be sent again. */
  private async carryOutOnce(change: Change, options: SendOptions): Promise<Result> {
    for (;;) {
      const isFirst = this.session === null
      this.session ??= this.register(options)
      const asked = this.session
      const session = isFirst
        ? await asked
        : await beforeAbort(
            asked.catch(() => null),
            options.signal,
          )
      // Who began to register had less time.
      if (!session) continue
      const serial = await session.begin(options.signal)
      const tally = { unknown: 0 }
      const numbered = () => ({ ...change, session: session.number(serial) })
      const result = await this.attempt(numbered, options, tally).finally(() => {
        session.end(serial)
      })
      if (result.kind !== 'no session' && result.kind !== 'too old') return result
      this.forget(asked)
      // An earlier try may have done it, and nobody remembers.
      if (tally.unknown > 0) throw new UnknownOutcome('its session has expired')
    }
  }

  private register(options: SendOptions): Promise<Session> {
    // What is done twice is a session that nobody uses. It expires.
    const session = this.attempt(() => ({ op: 'register' }), options).then(
      (result) => new Session(result.kind === 'registered' ? result.client : 0),
      (error: Error) => {
        this.forget(session)
        if (error instanceof NotDone) throw error
        throw new NotDone(`it could not register (${error.message})`)
      },
    )
    return session
  }

  /** The next change registers anew. */
  private forget(session: Promise<Session>): void {
    if (this.session === session) this.session = null
  }

  /**
   * Asks one server after the other, until one of them has done it.
   *
   * @param tally counts the tries of which it is not known what became.
   */
  private async attempt(
    ask: () => Asked,
    options: SendOptions,
    tally = { unknown: 0 },
  ): Promise<Result> {
    const { signal } = options
    let backoffMs = FIRST_BACKOFF_MS
    let redirects = 0
    if (signal.aborted) throw new NotDone('its time was over before it was sent')
    for (;;) {
      const server = this.servers[0] as string
      const reply = await this.options.transport.send(server, ask(), options)
      if (reply.outcome === 'done') {
        this.learnFrom(server)
        return reply.result
      }
      if (reply.outcome === 'unknown') tally.unknown += 1
      const leader = reply.outcome === 'not done' ? reply.leader : null
      if (leader === null) this.goOn(server)
      else this.follow(server, leader)
      if (signal.aborted || isFinal(reply)) throw failureFor(reply, tally.unknown)
      // Two servers that each take the other for the leader are not asked in a circle.
      redirects = leader === null ? 0 : redirects + 1
      if (leader !== null && redirects < this.servers.length) continue
      await this.pause(backoffMs, signal)
      if (signal.aborted) throw failureFor(reply, tally.unknown)
      backoffMs = Math.min(2 * backoffMs, LAST_BACKOFF_MS)
    }
  }

  /** If the leader is gone, the others are asked before the one that does not know it. */
  private follow(from: string, leader: string): void {
    this.options.onRedirect?.(from, leader)
    const others = this.servers.filter((server) => server !== leader && server !== from)
    this.servers = [leader, ...others, from]
  }

  /** This one does not lead, or is not there: the next is asked before it is again. */
  private goOn(server: string): void {
    if (this.servers[0] === server) this.servers = [...this.servers.slice(1), server]
  }

  /**
   * One address is enough to begin with, as long as that server lives. Servers come and
   * go, so it asks again and again; and goes to none any more that is not in the cluster,
   * unless it was told of it to begin with.
   */
  private learnFrom(server: string): void {
    const { transport, clock, servers: first } = this.options
    const now = clock.now()
    if (!transport.servers || now < this.learnedAt + LEARN_AGAIN_MS) return
    this.learnedAt = now
    transport.servers(server).then(
      (all) => {
        const known = this.servers.filter(
          (one) => all.includes(one) || first.includes(one),
        )
        this.servers = [...known, ...all.filter((one) => !known.includes(one))]
      },
      () => {
        this.learnedAt = Number.NEGATIVE_INFINITY
      },
    )
  }

  /** Jittered: clients that were cut off together do not come back together. */
  private pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.options
    return new Promise((resolve) => {
      const wake = () => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const timer = clock.setTimeout(wake, ms * (0.5 + random() / 2))
      signal.addEventListener('abort', wake)
    })
  }
}

function conditionIn(options: ChangeOptions): { if?: Condition } {
  return options.if ? { if: options.if } : {}
}

type Failure = Exclude<Reply, { outcome: 'done' }>

/** @throws NotDone when nobody waits any more. */
async function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let give = () => {}
  const aborted = new Promise<never>((_, reject) => {
    give = () => reject(new NotDone('its time was over before it was sent'))
    if (signal.aborted) give()
    signal.addEventListener('abort', give)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', give)
  }
}

function isFinal(reply: Failure): boolean {
  return reply.outcome === 'not done' && reply.isFinal === true
}

/** @param unknown how many of the tries may have done it. */
function failureFor({ reason }: Failure, unknown: number): Error {
  return unknown > 0 ? new UnknownOutcome(reason) : new NotDone(reason)
}
