/**
 * Server: puts a ConsensusModule on the network, by gRPC as raft.proto says.
 *
 * It listens for the peers' calls and makes calls to them; what the messages mean is the
 * ConsensusModule's business alone. A production server would also authenticate its
 * peers (TLS); this one listens on loopback unless told otherwise, and trusts who can
 * reach it.
 */
import { fileURLToPath } from 'node:url'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import {
  type AppendEntriesArgs,
  type AppendEntriesReply,
  ConsensusModule,
  type ConsensusModuleOptions,
  type Peer,
  type RequestVoteArgs,
  type RequestVoteReply,
} from './raft.ts'

// What fails is reported by this file, once.
grpc.setLogVerbosity(grpc.logVerbosity.NONE)

/** A call without an answer by then is given up. In ms; ten heartbeats. */
const CALL_DEADLINE_MS = 500

/** In bytes: the longest command at 3 bytes a character, and some. gRPC’s own is 4 MiB. */
const MAX_MESSAGE_LENGTH = 8 * 1024 * 1024

/** Terms and indexes. Above 2^53, adding 1 changes nothing: a term would stand still. */
const MAX_NUMBER = 2 ** 52

const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  // A peer that returns is called again within a heartbeat or two (50 ms each).
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
  'grpc.max_receive_message_length': MAX_MESSAGE_LENGTH,
}

type Method = 'RequestVote' | 'AppendEntries'

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

/** What grpc-js makes of the service in raft.proto. */
interface RaftClient extends grpc.Client, Record<Method, RaftCall> {}
type RaftCall = (
  args: object,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: grpc.requestCallback<object>,
) => void

const PROTO_FILE = fileURLToPath(new URL('../raft.proto', import.meta.url))
const proto = grpc.loadPackageDefinition(
  loadSync(PROTO_FILE, { longs: Number, defaults: true }),
)
const { Raft } = proto.raft as grpc.GrpcObject
const RaftService = Raft as grpc.ServiceClientConstructor

export class Server {
  readonly consensus: ConsensusModule

  private readonly id: number
  private readonly carry: Carry
  private readonly peers: Peer[] = []
  private readonly clients: grpc.Client[] = []
  private readonly grpcServer = new grpc.Server(CHANNEL_OPTIONS)
  private callsMade = 0

  constructor({ carry, ...options }: ServerOptions) {
    this.id = options.id
    this.carry = carry ?? ((_message, arrive) => arrive())
    this.consensus = new ConsensusModule({
      ...options,
      peers: this.peers,
    })
    this.grpcServer.addService(RaftService.service, {
      RequestVote: this.handler('RequestVote', (args: RequestVoteArgs) =>
        this.consensus.requestVote(args),
      ),
      AppendEntries: this.handler('AppendEntries', (args: AppendEntriesArgs) =>
        this.consensus.appendEntries(args),
      ),
    })
  }

  /**
   * Listens for calls.
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
    const client = new RaftService(address, credentials, CHANNEL_OPTIONS)
    this.clients.push(client)
    const call =
      <Reply>(method: Method) =>
      (args: object, onReply: (reply: Reply) => void) =>
        this.call(client as unknown as RaftClient, id, method, args, (reply) =>
          onReply(reply as Reply),
        )
    this.peers.push({
      id,
      requestVote: call<RequestVoteReply>('RequestVote'),
      appendEntries: call<AppendEntriesReply>('AppendEntries'),
    })
  }

  start(): void {
    this.consensus.start()
  }

  /** Stops the ConsensusModule, and leaves no socket and no timer behind. */
  async stop(): Promise<void> {
    this.consensus.stop()
    for (const client of this.clients) client.close()
    this.grpcServer.forceShutdown()
  }

  private call(
    client: RaftClient,
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
      if (this.consensus.role === 'Dead') return
      const metadata = new grpc.Metadata()
      metadata.set('rpc-id', id)
      metadata.set('rpc-from', String(this.id))
      const options = { deadline: Date.now() + CALL_DEADLINE_MS }
      client[method](args, metadata, options, (error, reply) => {
        if (reply) this.onReply(rpc, reply, onReply)
        else this.onFailure(rpc, error as grpc.ServiceError)
      })
    })
  }

  private onReply(rpc: Message, reply: object, onReply: (reply: object) => void): void {
    const { method, from, to } = rpc
    const fault = faultOf(reply)
    if (fault) {
      this.consensus.trace('drop', `${method} to ${to} failed: ${fault}`, { rpc })
      return
    }
    const response: Message = { ...rpc, kind: 'reply', from: to, to: from, args: reply }
    this.carry(response, () => {
      this.consensus.trace('receive', `receives the answer to ${method} from ${to}`, {
        rpc: response,
      })
      onReply(reply)
    })
  }

  /** Raft's only answer to a lost call is the next one, so nobody is told (5.1). */
  private onFailure(rpc: Message, error: grpc.ServiceError): void {
    if (this.consensus.role === 'Dead') return
    const { method, to } = rpc
    const reason = error.details
    // Without an answer in time, it is not known whether the call arrived.
    const event = error.code === grpc.status.DEADLINE_EXCEEDED ? 'note' : 'drop'
    this.consensus.trace(event, `${method} to ${to} failed: ${reason}`, { rpc, reason })
  }

  private handler<Args extends object>(
    method: Method,
    handle: (args: Args) => object | null,
  ): grpc.handleUnaryCall<Args, object> {
    return ({ request: args, metadata }, answer) => {
      const id = String(metadata.get('rpc-id')[0])
      const from = Number(metadata.get('rpc-from')[0])
      const rpc: Message = { id, method, kind: 'request', from, to: this.id, args }
      const isPeer = this.peers.some((peer) => peer.id === from)
      const fault = isPeer ? faultOf(args) : `server ${this.id} has no peer ${from}`
      if (fault) {
        this.consensus.trace('note', `refuses ${method} from ${from}: ${fault}`)
        answer({ code: grpc.status.INVALID_ARGUMENT, details: fault })
        return
      }
      this.carry(rpc, () => this.answer(rpc, handle, answer))
    }
  }

  private answer<Args extends object>(
    request: Message,
    handle: (args: Args) => object | null,
    answer: grpc.sendUnaryData<object>,
  ): void {
    const { method, from, args } = request
    this.consensus.trace('receive', `receives ${method} from ${from}`, { rpc: request })
    const reply = this.orCrash(() => handle(args as Args))
    if (!reply) {
      answer({ code: grpc.status.UNAVAILABLE, details: 'the server has stopped' })
      return
    }
    const rpc: Message = {
      ...request,
      kind: 'reply',
      from: this.id,
      to: from,
      args: reply,
    }
    this.consensus.trace('send', `answers ${method} of ${from}`, { rpc })
    this.carry(rpc, () => answer(null, reply))
  }

  /** What a handler throws ends the process; grpc-js would answer with it, and go on. */
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
