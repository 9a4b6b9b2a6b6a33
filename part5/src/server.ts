/**
 * Server: puts a ConsensusModule on the network, as raft.proto says: one gRPC stream from
 * each server to each other carries its requests, and their replies back.
 *
 * It listens for the peers' streams and opens streams to them; what the messages mean is
 * the ConsensusModule's business alone. A production server would also authenticate its
 * peers (TLS); this one listens on loopback unless told otherwise, and trusts who can
 * reach it.
 */
import { fileURLToPath } from 'node:url'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import {
  type AppendEntriesArgs,
  type AppendEntriesReply,
  type Clock,
  ConsensusModule,
  type ConsensusModuleOptions,
  type Peer,
  type RequestVoteArgs,
  type RequestVoteReply,
} from './raft.ts'
import type { ReadIndexArgs, ReadIndexReply } from './reads.ts'
import { MessageStream, type Parcel, type Piece } from './stream.ts'

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

type Method = 'RequestVote' | 'AppendEntries' | 'ReadIndex'

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

export interface ServerOptions extends Omit<ConsensusModuleOptions, 'peers'> {
  /** For tests, which lose, delay and repeat messages. */
  readonly carry?: Carry
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
  readonly client: TransportClient
  /** Opened when there is something to send; null when it has ended. */
  connection: Connection | null
  /** By id: the requests without a reply, the oldest first. */
  readonly pending: Map<string, Pending>
}

interface Connection {
  readonly stream: MessageStream
  readonly cancel: () => void
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
  private readonly peers: Peer[] = []
  private readonly lines: Line[] = []
  private readonly grpcServer = new grpc.Server(CHANNEL_OPTIONS)
  private readonly handlers: Record<Method, Handler>
  private callsMade = 0

  constructor({ carry, ...options }: ServerOptions) {
    this.id = options.id
    this.clock = options.clock
    this.carry = carry ?? ((_message, arrive) => arrive())
    this.consensus = new ConsensusModule({
      ...options,
      peers: this.peers,
    })
    this.handlers = {
      RequestVote: (args) => this.consensus.requestVote(args as RequestVoteArgs),
      AppendEntries: (args) => this.consensus.appendEntries(args as AppendEntriesArgs),
      ReadIndex: (args, onReply) => {
        this.consensus.onReadIndex(args as ReadIndexArgs, onReply)
        return null
      },
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
    const port = await new Promise<number>((resolve, reject) => {
      this.grpcServer.bindAsync(address, credentials, (error, port) => {
        if (error) reject(new Error(`cannot listen at ${address}: ${error.message}`))
        else resolve(port)
      })
    })
    return address.replace(/\d+$/, String(port))
  }

  /** Makes another server a peer of this one; all of them before `start()`. */
  connect(id: number, address: string): void {
    const credentials = grpc.credentials.createInsecure()
    const client = new TransportService(address, credentials, CHANNEL_OPTIONS)
    const line: Line = {
      client: client as unknown as TransportClient,
      connection: null,
      pending: new Map(),
    }
    this.lines.push(line)
    const call =
      <Reply>(method: Method) =>
      (args: object, onReply: (reply: Reply) => void) =>
        this.call(line, id, method, args, (reply) => onReply(reply as Reply))
    this.peers.push({
      id,
      requestVote: call<RequestVoteReply>('RequestVote'),
      appendEntries: call<AppendEntriesReply>('AppendEntries'),
      readIndex: call<ReadIndexReply>('ReadIndex'),
    })
  }

  start(): void {
    this.consensus.start()
  }

  /** Stops the ConsensusModule, and leaves no socket and no timer behind. */
  async stop(): Promise<void> {
    this.consensus.stop()
    for (const { client, connection } of this.lines) {
      connection?.cancel()
      client.close()
    }
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
      if (this.consensus.role !== 'Dead') this.transmit(line, { rpc, onReply })
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
    const duplex = line.client.Open(metadata)
    duplex.on('error', () => {}) // What was wrong is in the status.
    duplex.on('status', ({ details }) => this.onEnd(line, details))
    const stream = new MessageStream(duplex, this.clock, (parcel) =>
      this.onReply(line, parcel),
    )
    line.connection = { stream, cancel: () => duplex.cancel() }
    return line.connection
  }

  /** Raft's only answer to what is lost is the next heartbeat, so nobody is told (5.1). */
  private onEnd(line: Line, reason: string): void {
    line.connection = null
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
    const from = Number(duplex.metadata.get('rpc-from')[0])
    duplex.on('error', () => {}) // The peer opens another one.
    duplex.on('end', () => duplex.end())
    const stream = new MessageStream(duplex, this.clock, (parcel) =>
      this.onRequest(stream, from, parcel),
    )
  }

  private onRequest(stream: MessageStream, from: number, parcel: Parcel): void {
    const { id } = parcel
    const method = parcel.method as Method
    const args = this.peers.some((peer) => peer.id === from)
      ? read(method, 'request', parcel.bytes)
      : `server ${this.id} has no peer ${from}`
    if (typeof args === 'string') {
      this.consensus.trace('note', `refuses a message from ${from}: ${args}`)
      stream.send({ id, method, bytes: NO_BYTES, refusal: args })
      return
    }
    const rpc: Message = { id, method, kind: 'request', from, to: this.id, args }
    this.carry(rpc, () => this.answer(stream, rpc))
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
    const reply = this.orCrash(() => this.handlers[method](args, onReply))
    if (reply) onReply(reply)
  }

  /** What a handler throws ends the process; grpc-js would go on. */
  private orCrash<T>(handle: () => T): T | null {
    try {
      return handle()
    } catch (error) {
      setImmediate(() => {
        throw error
      })
      return null
    }
  }
}

const NO_BYTES = new Uint8Array()

/** Terms and indexes. Above 2^53, adding 1 changes nothing: a term would stand still. */
const MAX_NUMBER = 2 ** 52

/**
 * A heartbeat that follows on entries would find a hole if it overtook them. One that
 * stands before them tells the follower, meanwhile, of its leader; and votes and reads are urgent.
 */
function mayOvertake({ method, args }: Message, waiting: Message): boolean {
  if (method !== 'AppendEntries') return true
  const { entries, prevLogIndex } = args as AppendEntriesArgs
  const isBefore = prevLogIndex <= (waiting.args as AppendEntriesArgs).prevLogIndex
  return entries.length === 0 && isBefore
}

function toParcel({ id, method, kind, args }: Message): Parcel {
  const type = kind === 'request' ? 'request' : 'response'
  return { id, method, bytes: definitionOf(method)[`${type}Serialize`](args) }
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
  if (entries.every(({ command }) => command !== undefined)) return message
  const whole = entries.map(({ term, command = null }) => ({ term, command }))
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
