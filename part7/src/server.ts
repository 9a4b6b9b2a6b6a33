/**
 * Server: puts a ConsensusModule on the network, as raft.proto says: one gRPC stream from
 * each server to each other carries its requests, and their replies back.
 *
 * It listens for the peers' streams and opens streams to them; what the messages mean is
 * the ConsensusModule's business alone. With TLS, a peer is who its certificate says.
 * Without, this one listens on loopback unless told otherwise, and trusts who can reach it.
 */
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { Member } from './configuration.ts'
import type { TimeoutNowArgs, TimeoutNowReply } from './handover.ts'
import type { Identity } from './identity.ts'
import {
  type AppendEntriesArgs,
  type AppendEntriesReply,
  type Clock,
  ConsensusModule,
  type ConsensusModuleOptions,
  type LogEntry,
  type Peer,
  type RequestVoteArgs,
  type RequestVoteReply,
} from './raft.ts'
import type { ReadIndexArgs, ReadIndexReply } from './reads.ts'
import { faultOfRequest, UnreadablePiece } from './refusals.ts'
import type { InstallSnapshotArgs, InstallSnapshotReply } from './snapshots.ts'
import { MessageStream, type Parcel, type Piece } from './stream.ts'
import { faultIn, nameOf, type Secrets, type Tls } from './tls.ts'

// What fails is reported by this file, once.
grpc.setLogVerbosity(grpc.logVerbosity.NONE)

/** Both ends of a connection ask for a sign of life after so long, in ms. */
const KEEPALIVE_MS = 2_000
/**
 * A stream remembers so many requests that wait for their reply; older ones get none. A
 * service lets as many reads wait.
 */
const MAX_PENDING = 10_000

const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  // A peer that returns is called again within a heartbeat or two (50 ms each).
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
  // A connection whose other end is gone without a word is given up.
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
}

type Method =
  | 'PreVote'
  | 'RequestVote'
  | 'AppendEntries'
  | 'InstallSnapshot'
  | 'ReadIndex'
  | 'TimeoutNow'

/** A message on its way; `id` is the same for a request and its reply, at both ends. */
export interface Message {
  readonly id: string
  readonly method: Method
  readonly kind: 'request' | 'reply'
  readonly from: number
  readonly to: number
  readonly args: object
}

/**
 * Stands between a server and the network, before what leaves it (`from` is its id) and
 * what arrives (`to` is); calls `arrive` once, often, or never.
 */
export type Carry = (message: Message, arrive: () => void) => void

export interface ServerOptions extends Omit<ConsensusModuleOptions, 'connect'> {
  /** Where a server listens for others, host:port; asked when there is something to say. */
  readonly raftAddressOf: (member: Member) => string
  /** For tests, which lose, delay and repeat messages. */
  readonly carry?: Carry
  /** Of which cluster it is; who is of another one is refused. */
  readonly identity?: Pick<Identity, 'cluster' | 'join'>
  /** Told why a message was refused, here or there. */
  readonly onRefusal?: (text: string) => void
  readonly tls?: Tls
}

/** What grpc-js makes of the services in raft.proto. */
interface TransportClient extends grpc.Client {
  Open(metadata: grpc.Metadata): grpc.ClientDuplexStream<Piece, Piece>
}

const PROTO_FILE = fileURLToPath(new URL('../raft.proto', import.meta.url))
const proto = grpc.loadPackageDefinition(
  loadSync(PROTO_FILE, { longs: Number, defaults: true }),
)
const { Raft, Transport } = proto.raft as grpc.GrpcObject
const { service: RaftService } = Raft as grpc.ServiceClientConstructor
const TransportService = Transport as grpc.ServiceClientConstructor

/** Takes a request. The answer is what it returns, or is given to `onReply` later. */
type Handler = (args: object, onReply: (reply: object) => void) => object | null

/** Another server: the way to it, and what is to come back. */
interface Line {
  readonly member: Member
  readonly peer: Peer
  /** Made with the first connection, and used for all, as long as it shows … */
  client: TransportClient | null
  /** … the certificate that is in force. */
  secrets: Secrets | null
  /** Opened when there is something to send; null when it has ended. */
  connection: Connection | null
  /** By id: the requests without a reply, the oldest first. */
  readonly pending: Map<string, Pending>
}

interface Connection {
  readonly stream: MessageStream
  readonly cancel: () => void
}

/** Who speaks on a stream and to whom, and of which cluster that is, if it is known there. */
interface Sender {
  readonly id: number
  readonly to: number
  readonly cluster: string | null
}

interface Pending {
  readonly rpc: Message
  readonly onReply: (reply: object) => void
}

export class Server {
  readonly consensus: ConsensusModule

  private readonly id: number
  private readonly clock: Clock
  private readonly carry: Carry
  private readonly raftAddressOf: (member: Member) => string
  private readonly identity: Pick<Identity, 'cluster' | 'join'>
  private readonly onRefusal: (text: string) => void
  private readonly tls: Tls | null
  /** With TLS: takes the connections of peers. */
  private injector: grpc.ConnectionInjector | null = null
  private lines: readonly Line[] = []
  private readonly grpcServer = new grpc.Server(CHANNEL_OPTIONS)
  private readonly handlers: Record<Method, Handler>
  private callsMade = 0

  constructor(options: ServerOptions) {
    const { carry, raftAddressOf, identity, onRefusal, tls, ...rest } = options
    this.id = options.id
    this.clock = options.clock
    this.carry = carry ?? ((_message, arrive) => arrive())
    this.raftAddressOf = raftAddressOf
    this.identity = identity ?? { cluster: null, join() {} }
    this.onRefusal = onRefusal ?? (() => {})
    this.tls = tls ?? null
    this.consensus = new ConsensusModule({
      ...rest,
      connect: (others) => this.connect(others),
    })
    this.handlers = {
      PreVote: (args) => this.consensus.preVote(args as RequestVoteArgs),
      RequestVote: (args) => this.consensus.requestVote(args as RequestVoteArgs),
      AppendEntries: (args) => this.consensus.appendEntries(args as AppendEntriesArgs),
      InstallSnapshot: (args) => {
        return this.consensus.installSnapshot(args as InstallSnapshotArgs)
      },
      ReadIndex: (args, onReply) => {
        this.consensus.onReadIndex(args as ReadIndexArgs, onReply)
        return null
      },
      TimeoutNow: (args) => this.consensus.timeoutNow(args as TimeoutNowArgs),
    }
    this.grpcServer.addService(TransportService.service, {
      Open: (duplex: grpc.ServerDuplexStream<Piece, Piece>) => this.serve(duplex),
    })
  }

  /**
   * Listens for the peers.
   *
   * @param address host:port; port 0 takes a free one.
   * @returns the address it listens at.
   * @throws when the address is in use, or not this machine’s.
   */
  async listen(address = '127.0.0.1:0'): Promise<string> {
    const credentials = grpc.ServerCredentials.createInsecure()
    if (this.tls) {
      const injector = this.grpcServer.createConnectionInjector(credentials)
      this.injector = injector
      return this.tls.listen(address, (socket) => injector.injectConnection(socket))
    }
    const port = await new Promise<number>((resolve, reject) => {
      this.grpcServer.bindAsync(address, credentials, (error, port) => {
        if (error) reject(new Error(`cannot listen at ${address}: ${error.message}`))
        else resolve(port)
      })
    })
    return address.replace(/\d+$/, String(port))
  }

  /** These servers, and no others any more, are peers of this one. */
  private connect(others: readonly Member[]): readonly Peer[] {
    const before = this.lines
    this.lines = others.map((member) => {
      const isSame = (line: Line) => isDeepStrictEqual(line.member, member)
      return before.find(isSame) ?? this.lineTo(member)
    })
    for (const line of before) if (!this.lines.includes(line)) close(line)
    return this.lines.map(({ peer }) => peer)
  }

  private lineTo(member: Member): Line {
    const { id } = member
    const call =
      <Reply>(method: Method) =>
      (args: object, onReply: (reply: Reply) => void) =>
        this.call(line, id, method, args, (reply) => onReply(reply as Reply))
    const peer: Peer = {
      id,
      preVote: call<RequestVoteReply>('PreVote'),
      requestVote: call<RequestVoteReply>('RequestVote'),
      appendEntries: call<AppendEntriesReply>('AppendEntries'),
      installSnapshot: call<InstallSnapshotReply>('InstallSnapshot'),
      readIndex: call<ReadIndexReply>('ReadIndex'),
      timeoutNow: call<TimeoutNowReply>('TimeoutNow'),
    }
    const line: Line = {
      member,
      peer,
      client: null,
      secrets: null,
      connection: null,
      pending: new Map(),
    }
    return line
  }

  start(): void {
    this.consensus.start()
  }

  /** All connections are made anew: who was trusted with the old ones may not be now. */
  reconnect(): void {
    this.injector?.drain(0)
    for (const line of this.lines) close(line)
  }

  /** Stops the ConsensusModule, and leaves no socket and no timer behind. */
  async stop(): Promise<void> {
    this.consensus.stop()
    this.tls?.close()
    for (const line of this.lines) close(line)
    this.grpcServer.forceShutdown()
  }

  private call(
    line: Line,
    to: number,
    method: Method,
    args: object,
    onReply: (reply: object) => void,
  ): void {
    this.callsMade += 1
    const id = `${this.id}-${this.callsMade}`
    const rpc: Message = { id, method, kind: 'request', from: this.id, to, args }
    this.consensus.trace('send', `sends ${method} to ${to}`, { rpc })
    this.carry(rpc, () => {
      // Its answer may be what the leader waited for to have no more to do with it.
      const isPeer = this.lines.includes(line)
      if (isPeer && this.consensus.role !== 'Dead') this.transmit(line, { rpc, onReply })
    })
  }

  private transmit(line: Line, request: Pending): void {
    const { stream } = line.connection ?? this.open(line)
    const first = line.pending.get(stream.first?.id ?? '')
    line.pending.set(request.rpc.id, request)
    const [oldest = ''] = line.pending.keys()
    if (line.pending.size > MAX_PENDING) line.pending.delete(oldest)
    if (first && mayOvertake(request.rpc, first.rpc)) {
      stream.sendAhead(toParcel(request.rpc))
    } else {
      stream.send(toParcel(request.rpc))
    }
  }

  private open(line: Line): Connection {
    const metadata = new grpc.Metadata()
    metadata.set('rpc-from', String(this.id))
    metadata.set('rpc-to', String(line.member.id))
    const { cluster } = this.identity
    if (cluster !== null) metadata.set('cluster', cluster)
    const duplex = this.clientOf(line).Open(metadata)
    duplex.on('error', () => {}) // What was wrong is in the status.
    duplex.on('status', ({ details }) => this.onEnd(line, details))
    const stream = new MessageStream(duplex, this.clock, (parcel) =>
      this.onReply(line, parcel),
    )
    line.connection = { stream, cancel: () => duplex.cancel() }
    return line.connection
  }

  private clientOf(line: Line): TransportClient {
    const secrets = this.tls?.secrets ?? null
    if (line.client && line.secrets === secrets) return line.client
    line.client?.close()
    line.secrets = secrets
    line.client = this.clientFor(line.member)
    return line.client
  }

  private clientFor(member: Member): TransportClient {
    const { createFromSecureContext } = grpc.ChannelCredentials
    const credentials = this.tls
      ? createFromSecureContext(this.tls.context, { checkServerIdentity: faultIn })
      : grpc.credentials.createInsecure()
    // Who must be there, wherever that is.
    const target = this.tls && { 'grpc.ssl_target_name_override': nameOf(member.id) }
    const options = { ...CHANNEL_OPTIONS, ...target }
    const address = this.raftAddressOf(member)
    const client = new TransportService(address, credentials, options)
    return client as unknown as TransportClient
  }

  /** Raft's only answer to what is lost is the next heartbeat, so nobody is told (5.1). */
  private onEnd(line: Line, reason: string): void {
    line.connection = null
    const [, fault] = UNTRUSTED.exec(reason) ?? []
    if (fault) this.tls?.turnAway(`server ${line.member.id}`, fault)
    const lost = [...line.pending.values()]
    line.pending.clear()
    if (this.consensus.role === 'Dead') return
    for (const { rpc } of lost) {
      // It is not known whether the request arrived.
      const text = `${rpc.method} to ${rpc.to} has no answer: ${reason}`
      this.consensus.trace('note', text, { rpc, reason })
    }
  }

  private onReply(line: Line, { id, bytes, refusal }: Parcel): void {
    const request = line.pending.get(id)
    if (!request) return
    line.pending.delete(id)
    const { method, from, to } = request.rpc
    const reply = refusal || read(method, 'response', bytes)
    if (typeof reply === 'string') {
      const text = `${method} to ${to} failed: ${reply}`
      this.onRefusal(text)
      this.consensus.trace('drop', text, { rpc: request.rpc, reason: reply })
      return
    }
    const kind = 'reply'
    const rpc: Message = { ...request.rpc, kind, from: to, to: from, args: reply }
    this.carry(rpc, () => {
      this.consensus.trace('receive', `receives the answer to ${method} from ${to}`, {
        rpc,
      })
      request.onReply(reply)
    })
  }

  private serve(duplex: grpc.ServerDuplexStream<Piece, Piece>): void {
    const [from, to] = ['rpc-from', 'rpc-to'].map((name) =>
      Number(duplex.metadata.get(name)[0]),
    ) as [number, number]
    const [cluster] = duplex.metadata.get('cluster')
    const sender = { id: from, to, cluster: cluster ? String(cluster) : null }
    duplex.on('error', () => {}) // The peer opens another one.
    const fault =
      this.tls && faultIn(nameOf(from), duplex.getAuthContext().sslPeerCertificate)
    if (fault) {
      this.tls?.turnAway(`who says to be server ${from}`, fault.message)
      duplex.emit('error', {
        code: grpc.status.PERMISSION_DENIED,
        details: fault.message,
      })
      return
    }
    duplex.on('end', () => duplex.end())
    const stream = new MessageStream(duplex, this.clock, (parcel) =>
      this.onRequest(stream, sender, parcel),
    )
  }

  private onRequest(stream: MessageStream, sender: Sender, parcel: Parcel): void {
    const { id } = parcel
    const method = parcel.method as Method
    const { id: from } = sender
    const args = this.objectionTo(sender) ?? this.requestIn(parcel, from)
    if (typeof args === 'string') {
      this.refuse(stream, { id, method, from }, args)
      return
    }
    const rpc: Message = { id, method, kind: 'request', from, to: this.id, args }
    this.carry(rpc, () => {
      const isOfLeader = 'leaderId' in args
      if (isOfLeader && sender.cluster !== null) this.identity.join(sender.cluster)
      // With a heartbeat: there is no hurry, and entries are many.
      const { entries } = args as Partial<AppendEntriesArgs>
      if (entries?.length === 0) this.keepConnected()
      this.answer(stream, rpc)
    })
  }

  /** A follower says nothing to the others until it asks for votes: no time to connect then. */
  private keepConnected(): void {
    for (const line of this.lines) {
      this.clientOf(line).getChannel().getConnectivityState(true)
    }
  }

  /** What is asked, or why that is refused. */
  private requestIn({ method, bytes }: Parcel, from: number): object | string {
    const args = read(method as Method, 'request', bytes)
    if (typeof args === 'string') return args
    return faultOfRequest(args, from, this.consensus) ?? args
  }

  /** Who is no member here may be one: this server's log may not have that yet (4.1). */
  private objectionTo({ id, to, cluster }: Sender): string | null {
    if (!Number.isSafeInteger(id)) return 'it does not say who sent it'
    // At one address, by two names, it would count as two.
    if (to !== this.id) return `it is for server ${to}, and this is server ${this.id}`
    const own = this.identity.cluster
    if (own === null || cluster === null || own === cluster) return null
    return `server ${this.id} is of cluster ${own}, and server ${id} of ${cluster}`
  }

  private refuse(
    stream: MessageStream,
    { id, method, from }: Pick<Message, 'id' | 'method' | 'from'>,
    refusal: string,
  ): void {
    const text = `refuses a message from ${from}: ${refusal}`
    this.onRefusal(text)
    this.consensus.trace('note', text)
    stream.send({ id, method, bytes: NO_BYTES, refusal })
  }

  private answer(stream: MessageStream, request: Message): void {
    const { method, from, args } = request
    this.consensus.trace('receive', `receives ${method} from ${from}`, { rpc: request })
    const onReply = (reply: object) => {
      const rpc: Message = {
        ...request,
        kind: 'reply',
        from: this.id,
        to: from,
        args: reply,
      }
      this.consensus.trace('send', `answers ${method} of ${from}`, { rpc })
      this.carry(rpc, () => stream.send(toParcel(rpc)))
    }
    const reply = this.orCrash(
      () => this.handlers[method](args, onReply),
      (refusal) => this.refuse(stream, request, refusal),
    )
    if (reply) onReply(reply)
  }

  /** Grpc-js would go on: what a handler throws ends the process, if not the message is to blame. */
  private orCrash<T>(handle: () => T, onRefusal: (refusal: string) => void): T | null {
    try {
      return handle()
    } catch (error) {
      if (error instanceof UnreadablePiece) onRefusal(error.message)
      else
        setImmediate(() => {
          throw error
        })
      return null
    }
  }
}

function close({ client, connection }: Line): void {
  connection?.cancel()
  client?.close()
}

const NO_BYTES = new Uint8Array()

/** What grpc-js says of a peer whose certificate is not what it should be. */
const UNTRUSTED = /Error(?: \[\w+\])?: (.*certificate.*)\. Resolution note/

/** Terms and indexes. Above 2^53, adding 1 changes nothing: a term would stand still. */
const MAX_NUMBER = 2 ** 52

/**
 * A heartbeat that follows on entries would find a hole if it overtook them. One that
 * stands before them tells the follower, meanwhile, of its leader; and votes and reads are
 * urgent. A piece of a snapshot stands for the entries up to its last one.
 */
function mayOvertake({ method, args }: Message, waiting: Message): boolean {
  if (method === 'InstallSnapshot') return false
  if (method !== 'AppendEntries') return true
  const { entries, prevLogIndex } = args as AppendEntriesArgs
  return entries.length === 0 && prevLogIndex <= placeOf(waiting)
}

function placeOf({ args }: Message): number {
  const isPiece = 'lastIncludedIndex' in args
  return isPiece ? 0 : (args as AppendEntriesArgs).prevLogIndex
}

function toParcel({ id, method, kind, args }: Message): Parcel {
  const type = kind === 'request' ? 'request' : 'response'
  const message = 'data' in args ? { ...args, checksum: checksumOf(args) } : args
  return { id, method, bytes: definitionOf(method)[`${type}Serialize`](message) }
}

/** Of a piece of a snapshot. */
function checksumOf(message: object): number {
  return crc32((message as InstallSnapshotArgs).data)
}

/** The message in these bytes, or what is wrong with them. */
function read(
  method: Method,
  type: 'request' | 'response',
  bytes: Uint8Array,
): object | string {
  const definition = definitionOf(method)
  if (!definition) return `there is no RPC ${method}`
  try {
    const message = definition[`${type}Deserialize`](Buffer.from(bytes))
    if ('checksum' in message && message.checksum !== checksumOf(message)) {
      return 'its data is not what its checksum says'
    }
    return faultOf(message) ?? withCommands(message)
  } catch (error) {
    return `its bytes are no ${type} of ${method}: ${(error as Error).message}`
  }
}

function definitionOf(method: Method): grpc.MethodDefinition<object, object> {
  return RaftService[method] as grpc.MethodDefinition<object, object>
}

/** What is missing on the wire is null in Raft: an entry without a command. */
function withCommands(message: object): object {
  const { entries = [] } = message as Partial<AppendEntriesArgs>
  const isWhole = ({ command, configuration }: LogEntry) =>
    command !== undefined && configuration === undefined
  if (entries.every(isWhole)) return message
  const whole = entries.map(({ term, command = null, configuration }) => {
    return configuration ? { term, command, configuration } : { term, command }
  })
  return { ...message, entries: whole }
}

/** What is wrong with a number in a message, or null. */
function faultOf(message: object): string | null {
  for (const [name, value] of Object.entries(message)) {
    if (typeof value === 'number' && value > MAX_NUMBER) {
      return `${name} is ${value}; the most that is taken is ${MAX_NUMBER}`
    }
    const parts: object[] = Array.isArray(value) ? value : []
    for (const part of parts) {
      const fault = faultOf(part)
      if (fault) return fault
    }
  }
  return null
}
