/**
 * KeyValueClient: finds the leader, and repeats what may be repeated.
 *
 *     const client = new KeyValueClient({ servers, transport, clock, random })
 *     await client.put('x', '1')          // { held: true, version: 7, previous: null }
 *     await client.get('x')               // { value: '1', version: 7 }
 *     await client.put('x', '2', { if: { version: 7 } })
 *     await client.append('x', '!')
 *     await client.list('x')              // [{ key: 'x', value: '2!', version: 9 }]
 *
 * The address of any one server is enough. What was certainly not done is asked again, at
 * another server, until the deadline; and so is a read, which does no harm. Anything else
 * may have been done, though nobody said so: asked again, it might be done twice. So the
 * client does not: it throws UnknownOutcome, and the caller has to find out.
 *
 * It is given its transport, its clock and its random numbers, so that the same code calls
 * servers over HTTP and in the simulated world.
 */
import {
  type Condition,
  isRead,
  type Operation,
  type Pair,
  type Result,
  tooLong,
} from './kv.ts'
import type { Clock } from './raft.ts'

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
  send(server: string, operation: Operation, options: SendOptions): Promise<Reply>
  /** The addresses of all servers, as one of them knows them. */
  servers?(server: string): Promise<readonly string[]>
}

export interface SendOptions {
  readonly signal: AbortSignal
  /** A read is answered from what this very server has applied. */
  readonly stale: boolean
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
  /** From any server, at once; what it says may be old. */
  readonly stale?: boolean
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

/** It may have been carried out, or may still be. */
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
/** Between two attempts, in ms; twice as long each time, up to the last. */
const FIRST_BACKOFF_MS = 25
const LAST_BACKOFF_MS = 500

export class KeyValueClient {
  private readonly options: ClientOptions
  /** All that it has heard of. The first is asked: the leader, as far as it knows. */
  private servers: readonly string[]
  private hasLearned = false

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
  async execute(operation: Operation, options: ReadOptions = {}): Promise<Result> {
    const { clock } = this.options
    const { timeoutMs = this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS } = options
    const { stale = false } = options
    options.signal?.throwIfAborted()
    const giveUp = new AbortController()
    const abort = () => giveUp.abort()
    options.signal?.addEventListener('abort', abort)
    const timer = clock.setTimeout(abort, timeoutMs)
    try {
      return await this.attempt(operation, { stale, signal: giveUp.signal })
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

  /** Asks one server after the other, until one of them has done it. */
  private async attempt(operation: Operation, options: SendOptions): Promise<Result> {
    const { signal } = options
    let backoffMs = FIRST_BACKOFF_MS
    let redirects = 0
    for (;;) {
      const server = this.servers[0] as string
      const reply = await this.options.transport.send(server, operation, options)
      if (reply.outcome === 'done') {
        this.learnFrom(server)
        return reply.result
      }
      const leader = reply.outcome === 'not done' ? reply.leader : null
      if (leader === null) this.goOn(server)
      else this.follow(server, leader)
      if (signal.aborted || !mayRepeat(operation, reply)) throw failureFor(reply)
      // Two servers that each take the other for the leader are not asked in a circle.
      redirects = leader === null ? 0 : redirects + 1
      if (leader !== null && redirects < this.servers.length) continue
      await this.pause(backoffMs, signal)
      if (signal.aborted) throw failureFor(reply)
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

  /** One address is enough to begin with, as long as that server lives. */
  private learnFrom(server: string): void {
    const { transport } = this.options
    if (this.hasLearned || !transport.servers) return
    this.hasLearned = true
    transport.servers(server).then(
      (all) => {
        const others = all.filter((one) => !this.servers.includes(one))
        this.servers = [...this.servers, ...others]
      },
      () => {
        this.hasLearned = false
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

/** The lesson of this part: what is unknown may have been done, or may still be. */
function mayRepeat(operation: Operation, reply: Failure): boolean {
  return reply.outcome === 'unknown' ? isRead(operation) : !reply.isFinal
}

function failureFor({ outcome, reason }: Failure): Error {
  return outcome === 'unknown' ? new UnknownOutcome(reason) : new NotDone(reason)
}
