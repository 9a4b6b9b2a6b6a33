/**
 * One server of part 6 as a process: a ConsensusModule on gRPC with its log in a file, a
 * KeyValueService, and that on HTTP. Here they are put together, and taken down.
 */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { type Logger, pino } from 'pino'
import { realClock } from './clock.ts'
import { StartError } from './errors.ts'
import { createApp, type Node } from './http.ts'
import { hostOf, type Member } from './members.ts'
import { createMetrics } from './metrics.ts'
import type {
  AppendEntriesArgs,
  AppliedEntry,
  LogEntry,
  Report,
  Timing,
} from './raft.ts'
import { type Message, Server } from './server.ts'
import { KeyValueService } from './service.ts'
import { type Entry, toEntry } from './sessions.ts'
import { FileStorage, StorageError } from './storage.ts'

export interface ServeOptions {
  readonly id: number
  readonly members: readonly Member[]
  /** For the server's memory; made where it is not there. One server a folder. */
  readonly folder: string
  /** What the process says of itself. */
  readonly logger: Logger
  readonly timeoutMs: number
  readonly allowOrigins: readonly string[]
  readonly timing?: Partial<Timing>
  /** The host at which it listens, where that is not the one by which others know it. */
  readonly listen?: string
  /** Connections of clients; who comes when there are so many is hung up on. */
  readonly maxConnections: number
  /** Answers reads in a lease. */
  readonly lease: boolean
  /** Called with each change that is applied. */
  readonly onApply?: (change: Change) => void
}

/** A change in the log: an entry that is not about a session alone. */
export type Change = { readonly index: number; readonly term: number } & Exclude<
  Entry,
  { op: 'register' | 'keep' }
>

/** The server's part of the test log goes to whoever follows it, and nowhere else. */
class TestLog {
  readonly logger: Logger
  private readonly followers = new Set<(line: string) => void>()

  constructor(server: number) {
    const write = (line: string) => {
      for (const follow of this.followers) follow(line)
    }
    const timestamp = () => `,"time":${performance.timeOrigin + performance.now()}`
    const options = { base: { test: 'part6', server }, timestamp, level: 'silent' }
    this.logger = pino(options, { write })
  }

  follow(onLine: (line: string) => void): () => void {
    this.followers.add(onLine)
    this.logger.level = 'info'
    return () => {
      this.followers.delete(onLine)
      if (this.followers.size === 0) this.logger.level = 'silent'
    }
  }
}

/** How long answers may take to leave when the server stops, in ms. */
const LAST_ANSWERS_MS = 200
/** A connection without a request is kept for so long, in ms. */
const KEEP_ALIVE_MS = 60_000
/** A client has so long for the head of a request, and for all of it, in ms. */
const HEAD_MS = 5_000
const REQUEST_MS = 60_000
/** So often is looked for those who have taken longer, in ms. */
const LOOK_MS = 1_000
/** Of a request; the longest key takes 3 KiB, in bytes. */
const MAX_HEAD = 16 * 1024
/** Who waits for an answer says nothing; who takes none for longer is hung up on, in ms. */
const SILENT_MS = 120_000

/** Ready is who has heard its leader so lately, in ms, and is no more entries behind it. */
const MOST_SILENT_MS = 1_000
const MOST_BEHIND = 1_000

/** Starts a server. @throws StartError */
export async function startServer(options: ServeOptions): Promise<KeyValueServer> {
  const { folder } = options
  const server = await orStartError(() => {
    mkdirSync(folder, { recursive: true })
    return new KeyValueServer(options, new FileStorage(join(folder, 'raft.log')))
  })
  await server.start()
  return server
}

/** What the operating system refuses, and a file that is damaged. */
async function orStartError<T>(work: () => T): Promise<Awaited<T>> {
  try {
    return await work()
  } catch (error) {
    throw new StartError((error as Error).message)
  }
}

export class KeyValueServer {
  private readonly options: ServeOptions
  private readonly own: Member
  private readonly storage: FileStorage
  private readonly testLog: TestLog
  private readonly server: Server
  private readonly service: KeyValueService
  private readonly http: HttpServer
  private isBlocked = false
  private role = 'Dead'
  /** By id: when a message of that peer arrived, by the clock. */
  private readonly heardAt = new Map<number, number>()
  /** How far the log is committed, as leaders have said it. */
  private leaderCommit = 0

  constructor(options: ServeOptions, storage: FileStorage) {
    this.options = options
    const { id, members, timing, lease } = options
    this.own = members.find((member) => member.id === id) as Member
    this.storage = storage
    this.testLog = new TestLog(id)
    this.service = new KeyValueService({
      clock: realClock,
      consensus: () => this.server.consensus,
      timeoutMs: options.timeoutMs,
    })
    this.server = new Server({
      id,
      clock: realClock,
      random: Math.random,
      logger: this.testLog.logger,
      storage: this.storage,
      apply: (entry) => this.apply(entry),
      stateMachine: this.service,
      onChange: (report) => this.onChange(report),
      carry: (message, arrive) => this.carry(message, arrive),
      lease,
      ...(timing && { timing }),
    })
    mustTellTime(this.server.consensus.log, options.folder)
    this.http = this.createHttp()
  }

  /** Begins to listen, and to take part. @throws StartError */
  async start(): Promise<void> {
    const { id, members, logger } = this.options
    const { raft, http } = this.own
    const { listen = hostOf(http) } = this.options
    await orStartError(() => this.server.listen(`${listen}:${portOf(raft)}`))
    const port = portOf(http)
    const host = listen.replace(/^\[|\]$/g, '')
    this.http.listen(port, host)
    await orStartError(() => once(this.http, 'listening'))
    for (const member of members) {
      if (member.id !== id) this.server.connect(member.id, member.raft)
    }
    this.server.start()
    logger.info({ id, raft, http }, `server ${id} listens at http://${http}`)
  }

  /** Takes no more, says "unknown" to who waits, and gives back all that it has. */
  async stop(): Promise<void> {
    const closed = once(this.http, 'close')
    this.http.close()
    await this.server.stop()
    this.http.closeIdleConnections()
    const timer = setTimeout(() => this.http.closeAllConnections(), LAST_ANSWERS_MS)
    await closed
    clearTimeout(timer)
    this.storage.close()
  }

  private createHttp(): HttpServer {
    const { members, allowOrigins, logger } = this.options
    const report = () => this.server.consensus.report()
    const { service } = this
    const node: Node = {
      addresses: new Map(members.map(({ id, http }) => [id, http])),
      status: () => this.status(),
      applied: () => this.applied(),
      follow: (onLine) => this.testLog.follow(onLine),
      leaderHeardMsAgo: () => this.leaderHeardMsAgo(),
      whyNotReady: () => this.whyNotReady(),
      setBlocked: (isBlocked) => this.setBlocked(isBlocked),
      takeSnapshot: () => this.takeSnapshot(),
    }
    const app = createApp({
      service,
      node,
      metrics: createMetrics({ service, report, now: realClock.now }),
      allowed: {
        hosts: [...new Set(members.map(({ http }) => hostOf(http)))],
        origins: allowOrigins,
      },
    })
    // It is no request, or there is a mistake in this server.
    const errorHandler = (error: unknown) => {
      const { name, message } = error as Error
      const status = name === 'RequestError' ? 400 : 500
      if (error instanceof StorageError) {
        // The process ends, as it does wherever else its disk fails.
        setImmediate(() => {
          throw error
        })
      } else if (status === 500) logger.error(error)
      return Response.json({ error: message }, { status })
    }
    const listener = getRequestListener(app.fetch, { errorHandler })
    const limits = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: LOOK_MS,
      maxHeaderSize: MAX_HEAD,
    }
    const server = createServer(limits, listener)
    server.maxConnections = this.options.maxConnections
    server.setTimeout(Math.max(SILENT_MS, 2 * this.options.timeoutMs))
    return server.on('clientError', refuse)
  }

  private apply(entry: AppliedEntry): void {
    this.service.apply(entry)
    const { onApply } = this.options
    const change = onApply && changeIn(entry)
    if (change) onApply(change)
  }

  private onChange(report: Report): void {
    this.service.onChange(report)
    const { role, term } = report
    if (role !== this.role) this.options.logger.info({ role, term }, saying(role, term))
    this.role = role
  }

  /** A blocked server neither says nor hears anything: what arrives is not looked at. */
  private carry(message: Message, arrive: () => void): void {
    if (this.isBlocked) {
      const text = `loses ${message.method} from ${message.from} to ${message.to}`
      const fields = { rpc: message, reason: 'this server is blocked' }
      this.server.consensus.trace('drop', text, fields)
      return
    }
    if (message.to === this.own.id) this.hear(message)
    arrive()
  }

  private hear({ from, args }: Message): void {
    this.heardAt.set(from, realClock.now())
    const { leaderCommit = 0 } = args as Partial<AppendEntriesArgs>
    this.leaderCommit = Math.max(this.leaderCommit, leaderCommit)
  }

  private setBlocked(isBlocked: boolean): void {
    this.isBlocked = isBlocked
    const message = isBlocked ? 'is cut off from its peers' : 'is let back to its peers'
    this.options.logger.warn({ isBlocked }, message)
    this.server.consensus.trace('note', message)
  }

  private takeSnapshot(): Promise<number | null> {
    const { consensus } = this.server
    consensus.takeSnapshot()
    return new Promise((resolve) => consensus.snapshots.whenTaken(resolve))
  }

  private status(): object {
    const { leaderId, firstLogIndex, lastLogIndex, isLeader, ...report } =
      this.server.consensus.report()
    const others = this.options.members.filter(({ id }) => id !== this.own.id)
    return {
      ...report,
      leader: leaderId,
      log: { first: firstLogIndex, last: lastLogIndex },
      blocked: this.isBlocked,
      ...this.service.gauge(),
      members: this.options.members,
      peers: others.map(({ id }) => ({ id, ...this.knownOf(id, isLeader) })),
    }
  }

  private leaderHeardMsAgo(): number | null {
    const { isLeader, leaderId } = this.server.consensus.report()
    if (leaderId === null) return null
    // A leader counts as heard while a majority says that it leads.
    const { confirmed } = this.server.consensus.reads
    const heardAt = isLeader ? confirmed.beganAt : this.heardAt.get(leaderId)
    if (heardAt === undefined || heardAt === Number.NEGATIVE_INFINITY) return null
    return realClock.now() - heardAt
  }

  private whyNotReady(): string | null {
    const { isLeader, lastApplied } = this.server.consensus.report()
    const heardMsAgo = this.leaderHeardMsAgo()
    return notReady({ isLeader, heardMsAgo, behind: this.leaderCommit - lastApplied })
  }

  /** What it knows of a peer: when it heard of it, and as a leader, how far its log is. */
  private knownOf(id: number, isLeader: boolean): object {
    const heardAt = this.heardAt.get(id)
    const heardMsAgo =
      heardAt === undefined ? null : Math.round(realClock.now() - heardAt)
    if (!isLeader) return { heardMsAgo }
    const { nextIndex, matchIndex } = this.server.consensus
    return {
      heardMsAgo,
      nextIndex: nextIndex.get(id),
      matchIndex: matchIndex.get(id),
    }
  }

  private *applied(): Iterable<Change> {
    const { consensus } = this.server
    // As far as the log has them: a snapshot says what came of them, and not what they were.
    const { firstLogIndex, lastApplied } = consensus.report()
    for (let index = firstLogIndex; index <= lastApplied; index += 1) {
      const entry = consensus.log[index - 1 - consensus.base.index]
      const change = entry && changeIn({ index, ...entry })
      if (change) yield change
    }
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** What arrived is no request of HTTP, or did not arrive in time. */
function refuse(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable) return
  const status = REFUSALS[error.code ?? ''] ?? '400 Bad Request'
  const body = JSON.stringify({ error: `this is no HTTP request: ${error.message}` })
  const headers = ['Content-Type: application/json', 'Connection: close']
  socket.end([`HTTP/1.1 ${status}`, ...headers, '', body].join('\r\n'))
}

function changeIn({ index, term, command }: AppliedEntry): Change | null {
  const entry = command === null ? null : toEntry(command)
  if (!entry || entry.op === 'register' || entry.op === 'keep') return null
  return { index, term, ...entry }
}

/** Part 4's entries tell none: with them, sessions would never expire. @throws StartError */
function mustTellTime(log: readonly LogEntry[], folder: string): void {
  const first = log.find(({ command }) => command !== null)?.command
  if (typeof first !== 'string' || 'elapsed' in toEntry(first)) return
  const problem = `${folder} has the log of part 4, whose entries tell no time`
  throw new StartError(`${problem}; give this server another folder with --data`)
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}

/** Why a server should be asked nothing now, or null. */
export function notReady(server: {
  readonly isLeader: boolean
  /** Null when it knows no leader. */
  readonly heardMsAgo: number | null
  /** In entries that are committed. */
  readonly behind: number
}): string | null {
  const { isLeader, heardMsAgo, behind } = server
  if (isLeader) return null
  if (heardMsAgo === null || heardMsAgo > MOST_SILENT_MS) return 'it hears no leader'
  return behind > MOST_BEHIND ? `it is ${behind} entries behind its leader` : null
}

function saying(role: Report['role'], term: number): string {
  if (role === 'Leader') return `leads term ${term}`
  return role === 'Dead' ? 'takes no part any more' : `is a ${role} in term ${term}`
}
