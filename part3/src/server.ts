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

const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  // A peer that returns is called again within a heartbeat or two (50 ms each).
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
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

/** Stands between a server and the network; calls `arrive` once, often, or never. */
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
  private readonly grpcServer = new grpc.Server()
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
   * @throws when the address cannot be had.
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
    this.consensus.trace('receive', `receives the answer to ${method} from ${to}`, {
      rpc: { ...rpc, kind: 'reply', from: to, to: from, args: reply },
    })
    onReply(reply)
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
      this.consensus.trace('receive', `receives ${method} from ${from}`, { rpc })
      const reply = this.orCrash(() => handle(args))
      if (!reply) {
        answer({ code: grpc.status.UNAVAILABLE, details: 'the server has stopped' })
        return
      }
      const response: Message = {
        ...rpc,
        kind: 'reply',
        from: this.id,
        to: from,
        args: reply,
      }
      this.consensus.trace('send', `answers ${method} of ${from}`, { rpc: response })
      this.carry(response, () => answer(null, reply))
    }
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
