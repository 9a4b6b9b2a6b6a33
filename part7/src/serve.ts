/**
 * One server of part 7 as a process: a ConsensusModule on gRPC with its log in a file, a
 * KeyValueService, and that on HTTP. Here they are put together, and taken down.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, mkdirSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { join } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { type Logger, pino } from 'pino'
import { Admin } from './admin.ts'
import { realClock } from './clock.ts'
import type { PlacedConfiguration } from './configuration.ts'
import { StartError, UsageError } from './errors.ts'
import { gate } from './gate.ts'
import { createApp, type Node } from './http.ts'
import { Identity } from './identity.ts'
import {
  fromRaftMember,
  hostOf,
  type Member,
  memberText,
  toRaftMember,
} from './members.ts'
import { Membership, type View } from './membership.ts'
import { createMetrics } from './metrics.ts'
import { isLoopback } from './origin.ts'
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
import type { Restoration } from './snapshots.ts'
import { FileStorage, StorageError } from './storage.ts'
import { Tls, type TlsFiles } from './tls.ts'
import { HttpTransport } from './transport.ts'
import { Warnings } from './warnings.ts'

export interface ServeOptions {
  readonly id: number
  /** Who is in the cluster, as long as the log does not say it; nobody when it joins one. */
  readonly members: readonly Member[]
  /** Where it listens, if `--address` says it; else as `said` has it, or its log, … */
  readonly own?: Member
  /** … or else the cluster that is meant where nothing is said. */
  readonly listed?: Member
  /** What `--cluster` says, if it is there. Of the others, only a log counts from then on. */
  readonly said?: readonly Member[]
  /** Servers that are asked to add this one, if it is not in the cluster. */
  readonly join: readonly string[]
  /** May listen, and have others listen, where everybody can read what is said. */
  readonly insecure: boolean
  /** Peers and clients are asked who they are, and nobody else reads what is said. */
  readonly tls?: TlsFiles
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
  /** It was removed from the cluster, for good. */
  readonly onRemoved?: () => void
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
    const options = { base: { test: 'part7', server }, timestamp, level: 'silent' }
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

/** In a server's folder: the log, and all that belongs to it. */
export const LOG_FILE = 'raft.log'
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
/** How often who hears no leader asks whether it was removed, in ms. */
const MISSED_MS = 3_000

/** Starts a server. @throws StartError */
export async function startServer(options: ServeOptions): Promise<KeyValueServer> {
  const { folder, id, logger } = options
  const server = await orStartError(() => {
    const tls = options.tls ? new Tls({ id, files: options.tls, logger }) : null
    mkdirSync(folder, { recursive: true })
    return new KeyValueServer(options, new FileStorage(join(folder, LOG_FILE)), tls)
  })
  await server.start()
  return server
}

/** What the operating system refuses, and a file that is damaged. */
async function orStartError<T>(work: () => T): Promise<Awaited<T>> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new StartError((error as Error).message)
  }
}

/** What was made of one configuration. */
interface Named {
  readonly by: PlacedConfiguration | null
  readonly hosts: readonly string[]
}

export class KeyValueServer {
  private readonly options: ServeOptions
  private readonly tls: Tls | null
  private readonly own: Member
  private readonly storage: FileStorage
  private readonly identity: Identity
  private readonly testLog: TestLog
  private readonly server: Server
  private readonly service: KeyValueService
  private readonly membership: Membership
  private readonly http: HttpServer
  private readonly stopping = new AbortController()
  private missesLeader: NodeJS.Timeout | undefined
  private named: Named = { by: null, hosts: [] }
  private isBlocked = false
  private role = 'Dead'
  /** By id: when a message of that peer arrived, by the clock. */
  private readonly heardAt = new Map<number, number>()
  /** How far the log is committed, as leaders have said it. */
  private leaderCommit = 0

  constructor(options: ServeOptions, storage: FileStorage, tls: Tls | null) {
    this.options = options
    this.tls = tls
    const { id, members, timing, lease } = options
    this.storage = storage
    this.identity = new Identity(options.folder, (cluster) => {
      options.logger.info({ cluster }, `is of cluster ${cluster}`)
    })
    this.testLog = new TestLog(id)
    const warnings = new Warnings(options.logger)
    this.service = new KeyValueService({
      clock: realClock,
      consensus: () => this.server.consensus,
      timeoutMs: options.timeoutMs,
    })
    this.membership = new Membership({
      clock: realClock,
      consensus: () => this.server.consensus,
      timeoutMs: options.timeoutMs,
      objection: (member) => objectionTo(member, options.insecure || tls !== null),
    })
    this.server = new Server({
      id,
      members: members.map(toRaftMember),
      raftAddressOf: (member) => fromRaftMember(member).raft,
      identity: this.identity,
      onRefusal: (text) => warnings.say(text),
      clock: realClock,
      random: Math.random,
      logger: this.testLog.logger,
      storage: this.storage,
      apply: (entry) => this.apply(entry),
      stateMachine: {
        snapshot: () => this.service.snapshot(),
        restore: () => this.restore(),
      },
      onChange: (report) => this.onChange(report),
      carry: (message, arrive) => this.carry(message, arrive),
      lease,
      ...(tls && { tls }),
      ...(timing && { timing }),
    })
    this.server.consensus.configurations.suggestId(randomBytes(8).toString('hex'))
    mustTellTime(this.server.consensus.log, options.folder)
    this.own = this.findSelf()
    const { lastLogIndex } = this.server.consensus.report()
    this.identity.mustBeOf(id, options.join.length > 0 && lastLogIndex > 0)
    this.http = this.createHttp()
  }

  /** Begins to listen, and to take part. @throws StartError */
  async start(): Promise<void> {
    const { id, logger } = this.options
    const { raft, http } = this.own
    const { listen = hostOf(http) } = this.options
    await orStartError(() => this.server.listen(`${listen}:${portOf(raft)}`))
    const port = portOf(http)
    const host = listen.replace(/^\[|\]$/g, '')
    this.http.listen(port, host)
    await orStartError(() => once(this.http, 'listening'))
    this.server.start()
    const scheme = this.tls ? 'https' : 'http'
    logger.info({ id, raft, http }, `server ${id} listens at ${scheme}://${http}`)
    this.compareWithLog()
    this.noteConfiguration()
    this.missesLeader = setInterval(() => this.askWhetherRemoved(), MISSED_MS)
  }

  /**
   * Asks to be added at its address, until it is.
   *
   * @throws NotDone when it never will be. @throws StartError when it is of another cluster.
   */
  async join(): Promise<void> {
    const { join, logger } = this.options
    if (join.length === 0) return
    const transport = new HttpTransport(this.tls?.secrets)
    const { signal } = this.stopping
    const admin = new Admin({
      // One that it was told of may be gone, and its log may know others by now.
      servers: () => [...new Set([...join, ...this.others.map(({ http }) => http)])],
      transport,
      signal,
      onRedirect: (from, to) => logger.info(`${from} sends on to ${to}, which leads`),
      onRetry: (reason) => logger.warn(`has no answer yet: ${reason}; asks again`),
    })
    try {
      const { cluster, committed, members: all } = await admin.members()
      if (cluster !== null) this.identity.mustBeIn(cluster)
      // Not what its own log says: that may have been undone since.
      const own = memberText(this.own)
      if (committed && all.some((each) => memberText(each) === own)) return
      logger.info({ join }, `asks ${join.join(' or ')} to add it to the cluster`)
      const { members } = await admin.add(this.own)
      const ids = members.map(({ id }) => id).join(', ')
      logger.info({ members }, `is in the cluster, which is ${ids} now`)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      await transport.close()
    }
  }

  /** Has another server lead, if this one does: then nobody has to miss it first. */
  async handOver(): Promise<void> {
    const { logger } = this.options
    const heir = this.heir()
    if (!this.server.consensus.report().isLeader || heir === null) return
    await new Promise<void>((resolve) => {
      this.membership.transfer(heir, (answer) => {
        const isDone = answer.outcome === 'done'
        if (isDone) logger.info({ heir }, `has handed leadership over to ${heir}`)
        else logger.warn({ heir }, `has not handed leadership over: ${answer.reason}`)
        resolve()
      })
    })
  }

  /** Reads certificates and tokens anew; if they are not good, the old ones stay. */
  renewSecrets(): void {
    const { tls } = this
    const { logger } = this.options
    if (!tls) return
    try {
      const trustsOthers = tls.renew()
      if (trustsOthers) this.reconnect()
    } catch (error) {
      const { message } = error as Error
      logger.error(`keeps the certificates and tokens it has: ${message}`)
      return
    }
    const until = `its own certificate is valid until ${tls.validTo}`
    logger.info(`has read its certificates and tokens anew; ${until}`)
  }

  private reconnect(): void {
    this.server.reconnect()
    this.http.closeIdleConnections()
  }

  /** Takes no more, says "unknown" to who waits, and gives back all that it has. */
  async stop(): Promise<void> {
    this.stopping.abort()
    clearInterval(this.missesLeader)
    const closed = once(this.http, 'close')
    this.http.close()
    await this.server.stop()
    this.http.closeIdleConnections()
    const timer = setTimeout(() => {
      this.http.closeAllConnections()
      this.tls?.hangUp()
    }, LAST_ANSWERS_MS)
    await closed
    clearTimeout(timer)
    this.storage.close()
  }

  private createHttp(): HttpServer {
    const { allowOrigins, logger } = this.options
    const report = () => this.server.consensus.report()
    const { service, membership, tls } = this
    const members = () => this.server.consensus.configurations.members.length
    const hosts = () => this.hosts
    const node: Node = {
      httpOf: (id) => membership.httpOf(id),
      status: () => this.status(),
      applied: () => this.applied(),
      follow: (onLine) => this.testLog.follow(onLine),
      leaderHeardMsAgo: () => this.leaderHeardMsAgo(),
      whyNotReady: () => this.whyNotReady(),
      setBlocked: (isBlocked) => this.setBlocked(isBlocked),
      takeSnapshot: () => this.takeSnapshot(),
      openSnapshot: () => this.openSnapshot(),
    }
    const app = createApp({
      service,
      membership,
      node,
      metrics: createMetrics({ service, report, members, now: realClock.now }),
      allowed: {
        get hosts() {
          return hosts()
        },
        origins: allowOrigins,
      },
      ...(tls && { tokens: () => tls.secrets.tokens }),
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
    const listener = gate(getRequestListener(app.fetch, { errorHandler }))
    const limits = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: LOOK_MS,
      maxHeaderSize: MAX_HEAD,
    }
    const server = tls
      ? tls.keep(createTlsServer({ ...limits, ...tls.options }, listener))
      : createServer(limits, listener)
    server.maxConnections = this.options.maxConnections
    server.setTimeout(Math.max(SILENT_MS, 2 * this.options.timeoutMs))
    return server.on('clientError', refuse)
  }

  private apply(entry: AppliedEntry): void {
    this.service.apply(entry)
    const { onApply } = this.options
    const change = onApply && changeIn(entry)
    if (change) onApply(change)
    if (entry.command === null) this.noteConfiguration()
  }

  private restore(): Restoration {
    const restoration = this.service.restore()
    return {
      add: (piece) => restoration.add(piece),
      end: (index) => {
        restoration.end(index)
        this.noteConfiguration()
      },
    }
  }

  /** In a turn of its own: then the configuration is in force, and who waits was told. */
  private noteConfiguration(): void {
    setImmediate(() => {
      if (this.server.consensus.role === 'Dead') return
      this.noteCluster()
      this.endIfRemoved()
    })
  }

  private endIfRemoved(): void {
    const { id, onRemoved } = this.options
    const { configurations, commitIndex } = this.server.consensus
    if (configurations.isRemoved(id, commitIndex)) onRemoved?.()
  }

  /** What is only in the log can still be overwritten, by what another first leader said. */
  private noteCluster(): void {
    const { configurations, commitIndex } = this.server.consensus
    const { index, configuration } = configurations.at(commitIndex)
    if (index > 0 && configuration.cluster) this.identity.join(configuration.cluster)
  }

  /** Who was away when it was removed is told by nobody, and hears no leader. */
  private async askWhetherRemoved(): Promise<void> {
    const { id, onRemoved } = this.options
    if (this.server.consensus.report().leaderId !== null || this.isBlocked) return
    const transport = new HttpTransport(this.tls?.secrets)
    const signal = AbortSignal.any([
      this.stopping.signal,
      AbortSignal.timeout(MISSED_MS),
    ])
    for (const { http } of this.others) {
      const view = await transport
        .request(http, { method: 'GET', path: '/members' }, signal)
        .then(({ body }) => body.json() as Promise<View>)
        .catch(() => null)
      const isOurs = view?.cluster === this.identity.cluster
      if (!isOurs || !view?.committed || !view.removed.includes(id)) continue
      onRemoved?.()
      break
    }
    await transport.close()
  }

  /** The other members, by its log. */
  private get others(): readonly Member[] {
    const { members } = this.server.consensus.configurations
    return members.filter(({ id }) => id !== this.options.id).map(fromRaftMember)
  }

  /** By which names the cluster is called. Each request asks, and few change it. */
  private get hosts(): readonly string[] {
    const { latest } = this.server.consensus.configurations
    if (latest !== this.named.by) {
      const names = [this.own, ...this.others].map(({ http }) => hostOf(http))
      this.named = { by: latest, hosts: [...new Set(names)] }
    }
    return this.named.hosts
  }

  /** Where it listens: what its own command line says goes first. @throws UsageError */
  private findSelf(): Member {
    const { id, listed, said } = this.options
    const own = this.options.own ?? said?.find((member) => member.id === id)
    if (own) return own
    const { latest } = this.server.consensus.configurations
    const known = latest.configuration.members.find((member) => member.id === id)
    if (known) return fromRaftMember(known)
    if (listed) return listed
    throw new UsageError(`the cluster has no server ${id}, and there is no --address`)
  }

  /** What the command line says of the cluster counts in the beginning, and never again. */
  private compareWithLog(): void {
    const { said, logger, join } = this.options
    const { latest } = this.server.consensus.configurations
    const known = latest.configuration.members.map(fromRaftMember)
    const has = known.map(memberText).join(',')
    if (latest.index > 0 && said && has !== said.map(memberText).join(',')) {
      logger.warn(`its log says who is in the cluster, not --cluster: ${has}`)
    }
    const listed = known.find(({ id }) => id === this.own.id)
    if (listed && memberText(listed) !== memberText(this.own)) {
      logger.warn(
        `the cluster takes it for ${memberText(listed)}, not ${memberText(this.own)}`,
      )
    }
    if (known.length === 0 && join.length === 0) {
      logger.info(`waits to be added to a cluster as ${memberText(this.own)}`)
    }
  }

  /** Who was heard lately, and has most of the log; null if nobody was. */
  private heir(): number | null {
    const { configurations, matchIndex } = this.server.consensus
    const since = realClock.now() - MOST_SILENT_MS
    const alive = configurations.members.filter(
      ({ id }) => (this.heardAt.get(id) ?? 0) > since,
    )
    const [best] = alive.toSorted(
      (a, b) => (matchIndex.get(b.id) ?? 0) - (matchIndex.get(a.id) ?? 0),
    )
    return best?.id ?? null
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

  /** One that is being taken may have been begun before what has been applied since. */
  private async openSnapshot(): Promise<Readable | null> {
    const { lastApplied } = this.server.consensus.report()
    for (;;) {
      const lastIndex = await this.takeSnapshot()
      if (lastIndex === null) return null
      if (lastIndex >= lastApplied) break
    }
    return createReadStream('', { fd: this.storage.openSnapshotFile() })
  }

  private status(): object {
    const { leaderId, firstLogIndex, lastLogIndex, isLeader, ...report } =
      this.server.consensus.report()
    const { peers, log, base } = this.server.consensus
    const { members, learner, removed } = this.membership.view()
    const gauge = this.service.gauge()
    return {
      ...report,
      leader: leaderId,
      cluster: this.identity.cluster,
      log: { first: firstLogIndex, last: lastLogIndex },
      lastLogTerm: log.at(-1)?.term ?? base.term,
      blocked: this.isBlocked,
      ...gauge,
      clients: gauge.clients + this.membership.clients,
      members,
      learner,
      removed,
      peers: peers.map(({ id }) => ({ id, ...this.knownOf(id, isLeader) })),
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

/** Other hosts read, and change, what goes to them and comes from them. */
function objectionTo({ raft }: Member, insecure: boolean): string | null {
  const host = hostOf(raft)
  if (insecure || isLoopback(host)) return null
  return `${host} is not on loopback, and this server runs without TLS or --insecure`
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
