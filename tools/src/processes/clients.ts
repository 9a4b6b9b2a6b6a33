import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Answered, Asked, ClientHistory } from '../lab/history.ts'
import type { Random } from '../lab/random.ts'
import type { Outcome } from '../testlog/event.ts'
import type { Cluster } from './cluster.ts'
import type { Program } from './program.ts'

/** What a client can ask for: the part's own type, as far as it is looked at here. */
export interface Operation {
  readonly op: string
  readonly key: string
  readonly value?: string
  readonly if?: object
}

/** How a client asks for it. */
export interface Manner {
  readonly consistency?: string
  /** The server that is asked first, instead of the leader: the first is 0. */
  readonly startsAt?: number
}

/** What a client knows of an operation afterwards. */
export interface Told {
  readonly outcome: Outcome
  readonly ms: number
  /** What came of it, when it was done: the part's own type. */
  readonly result: { readonly kind: string; readonly version?: number | null } | null
  /** Why it is not known, or was not done. */
  readonly reason: string | null
}

interface Client {
  execute(operation: Operation, options: object): Promise<NonNullable<Told['result']>>
}

interface Transport {
  close(): Promise<void>
}

/** What a part's files export. */
interface ClientModule {
  readonly KeyValueClient: new (options: object) => Client
  readonly NotDone: new () => Error
  readonly UnknownOutcome: new () => Error
}
interface TransportModule {
  readonly HttpTransport: new () => Transport
}
interface RecorderModule {
  readonly askedIn: (operation: Operation) => Asked
  readonly answeredIn: (result: object) => Answered
}
interface LabModule {
  readonly part: {
    /** Where the cluster itself can change. */
    readonly members?: object
    readonly clients: {
      readonly draw: (random: Random, key: string, value: string) => Operation & Manner
    }
  }
}

/** A part's own clients: what they ask for is carried out as the part does it. */
export interface PartClients {
  readonly client: ClientModule
  readonly transport: TransportModule
  readonly clock: object
  readonly recorder: RecorderModule
  /** Draws what a busy client does next. */
  readonly draw: LabModule['part']['clients']['draw']
  /** Whether they can have servers added, and removed, and let another lead. */
  readonly hasMembers: boolean
}

export async function loadClients({ folder }: Program): Promise<PartClients> {
  const load = (file: string) => import(pathToFileURL(join(folder, file)).href)
  const client = (await load('src/client.ts')) as ClientModule
  const transport = (await load('src/transport.ts')) as TransportModule
  const { realClock } = (await load('src/clock.ts')) as { realClock: object }
  const recorder = (await load('test/recorder.ts')) as RecorderModule
  const { part } = (await load('test/lab.ts')) as LabModule
  const { draw } = part.clients
  const hasMembers = part.members !== undefined
  return { client, transport, clock: realClock, recorder, draw, hasMembers }
}

export interface RecordedClientOptions {
  readonly cluster: Cluster
  readonly clients: PartClients
  /** Its number among servers and clients. */
  readonly id: number
  readonly history: ClientHistory
  /** For one operation, in ms. */
  readonly timeoutMs: number
  readonly random: Random
  readonly onTold?: (told: Told) => void
}

/** A client over HTTP. What it asks and is told stands in the history and in the test log. */
export class RecordedClient {
  readonly id: number
  private readonly options: RecordedClientOptions
  private readonly transport: Transport
  private readonly usual: Client

  constructor(options: RecordedClientOptions) {
    this.id = options.id
    this.options = options
    this.transport = new options.clients.transport.HttpTransport()
    this.usual = this.startingAt(0)
  }

  async execute(operation: Operation, manner: Manner = {}): Promise<Told> {
    const { id, clients, history, cluster, onTold } = this.options
    const { consistency, startsAt } = manner
    const client = startsAt === undefined ? this.usual : this.startingAt(startsAt)
    const asked = clients.recorder.askedIn(operation)
    cluster.tell({
      event: 'invoke',
      client: id,
      msg: `asks: ${nameOf(asked)}`,
      ...asked,
    })
    const startedAt = performance.now()
    const end = history.invoke(id, startedAt, asked)
    const told = await this.told(client, operation, {
      ...(consistency && { consistency }),
    })
    const { outcome, result } = told
    const answer = result ? clients.recorder.answeredIn(result) : {}
    end(TYPES[outcome], performance.now(), answer)
    const msg = `${nameOf(asked)}: ${outcome}`
    cluster.tell({ event: 'return', client: id, msg, ...asked, outcome, ...{ answer } })
    onTold?.(told)
    return told
  }

  close(): Promise<void> {
    return this.transport.close()
  }

  private async told(
    client: Client,
    operation: Operation,
    options: object,
  ): Promise<Told> {
    const startedAt = performance.now()
    const ms = () => performance.now() - startedAt
    try {
      const result = await client.execute(operation, options)
      return { outcome: 'done', ms: ms(), result, reason: null }
    } catch (error) {
      const { NotDone, UnknownOutcome } = this.options.clients.client
      const isNotDone = error instanceof NotDone
      if (!isNotDone && !(error instanceof UnknownOutcome)) throw error
      const outcome = isNotDone ? 'not done' : 'unknown'
      return { outcome, ms: ms(), result: null, reason: error.message }
    }
  }

  private startingAt(server: number): Client {
    const { cluster, clients, timeoutMs, random } = this.options
    const { addresses } = cluster
    const first = server % addresses.length
    return new clients.client.KeyValueClient({
      servers: [...addresses.slice(first), ...addresses.slice(0, first)],
      transport: this.transport,
      clock: clients.clock,
      random,
      timeoutMs,
    })
  }
}

const TYPES = { done: 'ok', 'not done': 'fail', unknown: 'info' } as const

function nameOf({ f, key }: Asked): string {
  return `${f} ${key}`
}
