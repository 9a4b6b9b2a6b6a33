/** What the laboratory must know of this part, and all that it knows. */
import type { AppliedEntry, Part, Rule, Surroundings, View } from 'tools/lab'
import type { Asked, Consistency } from '../src/client.ts'
import type { Read } from '../src/kv.ts'
import {
  type AppendEntriesArgs,
  ConsensusModule,
  type ConsensusModuleOptions,
  type RequestVoteArgs,
} from '../src/raft.ts'
import { MAX_DRIFT, type ReadIndexArgs, type ReadIndexReply } from '../src/reads.ts'
import { type Answer, KeyValueService } from '../src/service.ts'
import { faultOf, type Request, type SessionLimits, toEntry } from '../src/sessions.ts'
import { FileStorage, MemoryStorage } from '../src/storage.ts'
import { clientAt, drawOperation, drawRead } from './client.ts'

/** What a client asks a server for, as http.ts has it from the request. */
export interface KeyValueRequest {
  readonly asked: Asked
  readonly consistency: Consistency
}

/** What all servers of a cluster have alike. */
export interface Settings {
  readonly lease?: boolean
  readonly sessionLimits?: SessionLimits
}

/** So that sessions go all the time, where the laboratory draws what happens. */
const FORGETFUL: Settings = {
  sessionLimits: { sessions: 8, bytes: 2_000, window: 8, idleMs: 2_000 },
}

/** Raft, and the service on top of it, as they stand together in a process. */
export class KeyValueNode {
  readonly consensus: ConsensusModule
  readonly service: KeyValueService
  /** Requests that are not answered yet. */
  waiting = 0
  private readonly clock: Surroundings['clock']
  private readonly denied: Surroundings['denied']

  constructor(
    surroundings: Surroundings,
    newConsensus: (options: ConsensusModuleOptions) => ConsensusModule,
    { lease = false, sessionLimits }: Settings = {},
  ) {
    const { clock, apply, denied } = surroundings
    this.clock = clock
    this.denied = denied
    this.service = new KeyValueService({
      clock,
      consensus: () => this.consensus,
      ...(sessionLimits && { sessionLimits }),
    })
    this.consensus = newConsensus({
      ...surroundings,
      lease,
      apply: (entry) => {
        this.apply(entry)
        apply(entry)
      },
      onChange: (report) => this.service.onChange(report),
    })
  }

  /** Whether it would answer a read now, and ask nobody. */
  get hasLease(): boolean {
    const { role, reads } = this.consensus
    return role === 'Leader' && reads.isLeased(this.clock.now())
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

  private apply(entry: AppliedEntry): void {
    const command = entry.command as string | null
    const isOperation = command !== null && requestIn(command) !== null
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

  get hasLease() {
    return this.node.hasLease
  }

  /** The index of the last change of a key, if it holds something. */
  versionOf(key: string): number | null {
    const { result } = this.service.readStale({ op: 'get', key })
    return result.kind === 'found' ? result.version : null
  }
}

/** An operation is known by its client and its number, wherever it stands in the log. */
const carriedOutOnce: Rule = {
  name: 'Carried Out Once',
  text: 'an operation that has a number is carried out once, however often it comes',
  section: '8; thesis 6.3',
  ofLogs: true,
  watch() {
    /** By operation: the index at which it was carried out. */
    const known = new Map<string, number>()
    return {
      applied({ id, now }, index, { command }) {
        const request = typeof command === 'string' ? requestIn(command) : null
        if (!request || !('value' in request) || !request.session) return
        // A key has the version of the entry that changed it.
        if ((now as NodeView).versionOf(request.key) !== index) return
        const { client, serial } = request.session
        const first = known.get(`${client}:${serial}`) ?? index
        known.set(`${client}:${serial}`, first)
        if (first === index) return
        return (
          `server ${id} carried out operation ${serial} of client ${client} ` +
          `at entry ${index}, and it was carried out at entry ${first}`
        )
      },
    }
  },
}

/** The tests of Raft submit commands that are no operations. */
function requestIn(command: string): Request | null {
  return command.startsWith('{"op":') ? toEntry(command) : null
}

export const part: Part<KeyValueNode> = {
  rpcs: {
    RequestVote: 'requestVote',
    AppendEntries: 'appendEntries',
    ReadIndex: 'readIndex',
  },
  transport: 'stream',
  build: (surroundings) =>
    new KeyValueNode(surroundings, (options) => new ConsensusModule(options), {
      ...FORGETFUL,
      ...(surroundings.lease && { lease: true }),
    }),
  view: (server) => new NodeView(server),
  submit: (server, command) => server.consensus.submit(command),
  rules: [carriedOutOnce],
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
    drawRead,
    asks: {
      put: (key, value) => ({ op: 'put', key, value }),
      append: (key, value) => ({ op: 'append', key, value }),
      get: (key) => ({ op: 'get', key }),
      delete: (key) => ({ op: 'delete', key }),
    },
    join: clientAt,
  },
  leases: { maxDrift: MAX_DRIFT },
  storage: {
    newDisk: () => new MemoryStorage(),
    openFile: (path) => new FileStorage(path),
    syncs: ['saveTermAndVote', 'sync'],
  },
}
