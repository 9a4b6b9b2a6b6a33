/** What the laboratory must know of this part, and all that it knows. */
import type { AppliedEntry, Part, Surroundings, View } from 'tools/lab'
import { faultOf, isRead, type Operation } from '../src/kv.ts'
import {
  type AppendEntriesArgs,
  ConsensusModule,
  type ConsensusModuleOptions,
  type RequestVoteArgs,
} from '../src/raft.ts'
import { type Answer, KeyValueService } from '../src/service.ts'
import { FileStorage, MemoryStorage } from '../src/storage.ts'
import { clientAt, drawOperation, drawRead } from './client.ts'

/** What a client asks a server for, as http.ts has it from the request. */
export interface KeyValueRequest {
  readonly operation: Operation
  /** From what this server has applied. */
  readonly stale: boolean
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

  serve(
    { operation, stale }: KeyValueRequest,
    answer: (reply: Answer | { readonly outcome: 'refused'; reason: string }) => void,
  ): void {
    const fault = faultOf(operation)
    if (fault) answer({ outcome: 'refused', reason: fault })
    else if (stale && isRead(operation)) {
      answer({ outcome: 'done', result: this.service.readStale(operation) })
    } else this.request(operation, answer)
  }

  /** Notes which entry an operation became, so that it can be told what was denied. */
  private request(operation: Operation, answer: (reply: Answer) => void): void {
    const { lastLogIndex } = this.consensus.report()
    let index = 0
    let term = 0
    let isDenied = false
    this.waiting += 1
    this.service.request(operation, (reply) => {
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
    const command = entry.command as string
    if (command.startsWith('{"op":')) this.service.apply({ ...entry, command })
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
    return JSON.stringify(this.service.readStale({ op: 'list', prefix: '' }))
  }

  get waiting() {
    return this.node.waiting
  }
}

export const part: Part<KeyValueNode> = {
  rpcs: {
    RequestVote: 'requestVote',
    AppendEntries: 'appendEntries',
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
    },
    draw: drawOperation,
    drawRead,
    asks: {
      put: (key, value) => ({ op: 'put', key, value }),
      append: (key, value) => ({ op: 'append', key, value }),
      get: (key) => ({ op: 'get', key }),
      delete: (key) => ({ op: 'delete', key }),
    },
    join: clientAt,
  },
  storage: {
    newDisk: () => new MemoryStorage(),
    openFile: (path) => new FileStorage(path),
    syncs: ['saveTermAndVote', 'sync'],
  },
}
