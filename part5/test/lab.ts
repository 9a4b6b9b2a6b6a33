/** What the laboratory must know of this part, and all that it knows. */
import type { AppliedEntry, Part, Surroundings, View } from 'tools/lab'
import type { Asked, Consistency } from '../src/client.ts'
import type { Read } from '../src/kv.ts'
import {
  type AppendEntriesArgs,
  ConsensusModule,
  type ConsensusModuleOptions,
  type RequestVoteArgs,
} from '../src/raft.ts'
import type { ReadIndexArgs, ReadIndexReply } from '../src/reads.ts'
import { type Answer, KeyValueService } from '../src/service.ts'
import { faultOf, type Request } from '../src/sessions.ts'
import { FileStorage, MemoryStorage } from '../src/storage.ts'
import { clientAt, drawOperation } from './client.ts'

/** What a client asks a server for, as http.ts has it from the request. */
export interface KeyValueRequest {
  readonly asked: Asked
  readonly consistency: Consistency
}

/** Raft, and the service on top of it, as they stand together in a process. */
export class KeyValueNode {
  readonly consensus: ConsensusModule
  readonly service: KeyValueService
  /** Requests that are not answered yet. */
  waiting = 0
  private readonly denied: Surroundings['denied']

  constructor(
    surroundings: Surroundings,
    newConsensus: (options: ConsensusModuleOptions) => ConsensusModule,
  ) {
    const { clock, apply, denied } = surroundings
    this.denied = denied
    this.service = new KeyValueService({ clock, consensus: () => this.consensus })
    this.consensus = newConsensus({
      ...surroundings,
      apply: (entry) => {
        this.apply(entry)
        apply(entry)
      },
      onChange: (report) => this.service.onChange(report),
    })
  }

  start(): void {
    this.consensus.start()
  }

  stop(): void {
    this.consensus.stop()
  }

  trace(event: string, message: string, fields?: object): void {
    this.consensus.trace(event, message, fields)
  }

  requestVote(args: RequestVoteArgs) {
    return this.consensus.requestVote(args)
  }

  appendEntries(args: AppendEntriesArgs) {
    return this.consensus.appendEntries(args)
  }

  readIndex(args: ReadIndexArgs, onReply: (reply: ReadIndexReply) => void): void {
    this.consensus.onReadIndex(args, onReply)
  }

  serve(
    { asked, consistency }: KeyValueRequest,
    answer: (reply: Answer | { readonly outcome: 'refused'; reason: string }) => void,
  ): void {
    const fault = faultOf(asked)
    if (fault) answer({ outcome: 'refused', reason: fault })
    else if (asked.op !== 'get' && asked.op !== 'list') this.request(asked, answer)
    else if (consistency !== 'stale') this.read(asked, consistency, answer)
    else answer({ outcome: 'done', result: this.service.readStale(asked).result })
  }

  private read(
    operation: Read,
    consistency: 'linearizable' | 'follower',
    answer: (reply: Answer) => void,
  ): void {
    this.waiting += 1
    this.service.read(operation, consistency, (reply) => {
      this.waiting -= 1
      answer(reply)
    })
  }

  /** Notes which entry an operation became, so that it can be told what was denied. */
  private request(request: Request, answer: (reply: Answer) => void): void {
    const { lastLogIndex } = this.consensus.report()
    let index = 0
    let term = 0
    let isDenied = false
    this.waiting += 1
    this.service.request(request, (reply) => {
      this.waiting -= 1
      isDenied = reply.outcome === 'not done'
      if (isDenied && index > 0) this.denied(index, term)
      answer(reply)
    })
    const after = this.consensus.report()
    if (after.lastLogIndex === lastLogIndex) return
    index = after.lastLogIndex
    term = after.term
    if (isDenied) this.denied(index, term)
  }

  /** The tests of Raft submit commands that are no operations. */
  private apply(entry: AppliedEntry): void {
    const command = entry.command as string | null
    const isOperation = command?.startsWith('{"op":') ?? false
    this.service.apply({ ...entry, command: isOperation ? command : null })
  }
}

/** The state of Figure 2, and what the state machine holds. */
class NodeView implements View {
  readonly firstIndex = 1
  private readonly server: ConsensusModule
  private readonly service: KeyValueService
  private readonly node: KeyValueNode

  constructor(node: KeyValueNode) {
    this.server = node.consensus
    this.service = node.service
    this.node = node
  }

  get term() {
    return this.server.currentTerm
  }

  get votedFor() {
    return this.server.votedFor
  }

  get role() {
    return this.server.role
  }

  get commitIndex() {
    return this.server.commitIndex
  }

  get lastApplied() {
    return this.server.lastApplied
  }

  get lastIndex() {
    return this.server.log.length
  }

  entryAt(index: number) {
    return this.server.log[index - 1]
  }

  get state() {
    return this.service.digest()
  }

  get waiting() {
    return this.node.waiting
  }
}

export const part: Part<KeyValueNode> = {
  rpcs: {
    RequestVote: 'requestVote',
    AppendEntries: 'appendEntries',
    ReadIndex: 'readIndex',
  },
  transport: 'stream',
  build: (surroundings) =>
    new KeyValueNode(surroundings, (options) => new ConsensusModule(options)),
  view: (server) => new NodeView(server),
  submit: (server, command) => server.consensus.submit(command),
  clients: {
    rpcs: {
      Get: 'serve',
      Put: 'serve',
      Append: 'serve',
      Delete: 'serve',
      List: 'serve',
      Register: 'serve',
      Keep: 'serve',
    },
    draw: drawOperation,
    join: clientAt,
  },
  storage: {
    newDisk: () => new MemoryStorage(),
    openFile: (path) => new FileStorage(path),
    syncs: ['saveTermAndVote', 'sync'],
  },
}
