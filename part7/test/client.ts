/** A client in the laboratory: its messages cross the world's network, and it is recorded. */
import type { Answered, Asked, Place, Random } from 'tools/lab'
import {
  type Asked as AskedOfServer,
  type CallOptions,
  type ClientOptions,
  type Consistency,
  KeyValueClient,
  NotDone,
  type ReadOptions,
  type Reply,
  type SendOptions,
  type Transport,
  UnknownOutcome,
} from '../src/client.ts'
import type { Condition, Operation } from '../src/kv.ts'
import type { Answer } from '../src/service.ts'
import type { Result } from '../src/sessions.ts'
import type { KeyValueRequest } from './lab.ts'
import { answeredIn, askedIn } from './recorder.ts'

/** A connection that is silent for so long is taken for cut off, in ms. */
export const SILENCE_MS = 1_000
/** How long a client of the explorer tries, in ms. */
const CLIENT_TIMEOUT_MS = 3_000

/** Servers are addressed by their ids. */
class SimulatedTransport implements Transport {
  private readonly place: Place
  private readonly sources = new WeakMap<Result, Source>()

  constructor(place: Place) {
    this.place = place
  }

  send(
    server: string,
    asked: AskedOfServer,
    { signal, consistency }: SendOptions,
  ): Promise<Reply> {
    const { clock, lifeOf } = this.place
    const id = Number(server)
    const life = lifeOf(id)
    return new Promise((resolve) => {
      const end = (reply: Reply) => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        resolve(reply)
      }
      const giveUp = () => end({ outcome: 'unknown', reason: 'there was no answer' })
      const timer = clock.setTimeout(giveUp, SILENCE_MS)
      signal.addEventListener('abort', giveUp)
      const request: KeyValueRequest = { asked, consistency }
      this.place.send(id, METHODS[asked.op], { ...request }, (answer) => {
        const reply = replyIn(answer as Told)
        if (reply.outcome === 'done') {
          // In which life it answered is certain if there was but one all the while.
          const source = lifeOf(id) === life ? { server: id, life } : { server: id }
          this.sources.set(reply.result, source)
        }
        end(reply)
      })
    })
  }

  /** Who gave this result. */
  sourceOf(result: Result): Source | undefined {
    return this.sources.get(result)
  }
}

interface Source {
  readonly server: number
  readonly life?: number
}

/** What a server says to a client. */
type Told = Answer | { readonly outcome: 'refused'; readonly reason: string }

/** As the timeline calls them. */
const METHODS = {
  get: 'Get',
  put: 'Put',
  append: 'Append',
  delete: 'Delete',
  list: 'List',
  register: 'Register',
  keep: 'Keep',
} as const

function replyIn(answer: Told): Reply {
  if (answer.outcome === 'refused') {
    return { ...answer, outcome: 'not done', leader: null, isFinal: true }
  }
  if (answer.outcome !== 'not done') return answer
  const { leaderId, ...rest } = answer
  return { ...rest, leader: leaderId === null ? null : `${leaderId}` }
}

/** Writes down what it asks for and what it is told. */
export class RecordedClient extends KeyValueClient {
  /** Its place in the world: by it, it can be cut off. */
  readonly id: number
  private readonly place: Place
  private readonly transport: SimulatedTransport

  constructor(place: Place, options: Partial<ClientOptions> = {}) {
    const transport = new SimulatedTransport(place)
    super({
      servers: place.servers.map(String),
      transport,
      clock: place.clock,
      random: place.random,
      ...options,
    })
    this.place = place
    this.transport = transport
    this.id = place.id
  }

  override async execute(
    operation: Operation,
    options: ReadOptions = {},
  ): Promise<Result> {
    const { history, now } = this.place
    const stale = options.consistency === 'stale' && { stale: true as const }
    const asked = { ...askedIn(operation), ...stale }
    const end = history.invoke(this.id, now(), asked)
    this.trace('invoke', asked)
    try {
      const result = await this.place.until(super.execute(operation, options))
      const source = stale && this.transport.sourceOf(result)
      const answered = { ...answeredIn(result), ...stale, ...source }
      end('ok', now(), answered)
      this.trace('return', { ...asked, outcome: 'done', answer: answered })
      return result
    } catch (error) {
      const isNotDone = error instanceof NotDone
      end(isNotDone ? 'fail' : 'info', now(), { ...stale })
      this.trace('return', { ...asked, outcome: isNotDone ? 'not done' : 'unknown' })
      throw error
    }
  }

  override keepAlive(options: CallOptions = {}): Promise<void> {
    return this.place.until(super.keepAlive(options))
  }

  private trace(
    event: 'invoke' | 'return',
    fields: Asked & { readonly outcome?: string; readonly answer?: Answered },
  ): void {
    const { f, key, outcome = '' } = fields
    const message = event === 'invoke' ? `asks: ${f} ${key}` : `${f} ${key}: ${outcome}`
    this.place.logger.info({ event, ...fields }, message)
  }
}

/** What clients of the explorer do, the likelier the more often it stands here. */
const KINDS = ['get', 'get', 'get', 'put', 'put', 'append', 'append', 'delete'] as const
/** How often a read is answered by whichever server is asked. */
const FOLLOWER_CHANCE = 0.3
/** How often somebody new does it, who knows no leader and begins at some server. */
const NEWCOMER_CHANCE = 0.2
const MOST_SERVERS = 7

/** What a client of the explorer does. */
type Act = Operation & Pick<ReadOptions, 'consistency'> & { readonly startsAt?: number }

/** Draws an operation, now and then on a condition; version 0 is the one last seen. */
export function drawOperation(random: Random, key: string, value: string): Act {
  const op = KINDS[Math.floor(random() * KINDS.length)] ?? 'get'
  const condition: Condition = random() < 0.5 ? { absent: true } : { version: 0 }
  const isOnCondition = op !== 'get' && random() < 0.2
  return {
    op,
    key,
    ...(op !== 'get' && op !== 'delete' && { value }),
    ...(isOnCondition && { if: condition }),
    ...(op === 'get' && random() < FOLLOWER_CHANCE && { consistency: 'follower' }),
    ...(random() < NEWCOMER_CHANCE && { startsAt: Math.floor(random() * MOST_SERVERS) }),
  } as Act
}

/** Reads of many keys, or at one server, several times in a row. */
interface DrawnRead {
  readonly operation: Operation
  readonly at: number | null
  readonly consistency: Consistency
  readonly times: number
}

const CONSISTENCIES = ['linearizable', 'linearizable', 'follower', 'stale'] as const
const MOST_TIMES = 30

/** Draws lists, or reads at whichever server. */
export function drawRead(random: Random, key: string, servers: number): DrawnRead {
  const prefixes = ['', key.slice(0, 1), key]
  const prefix = prefixes[Math.floor(random() * prefixes.length)] ?? ''
  const isList = random() < 0.3
  const isAnywhere = isList && random() < 0.5
  const drawn = CONSISTENCIES[Math.floor(random() * CONSISTENCIES.length)]
  return {
    operation: isList ? { op: 'list', prefix } : { op: 'get', key },
    at: isAnywhere ? null : Math.floor(random() * servers),
    consistency: (!isAnywhere && drawn) || 'linearizable',
    times: 1 + Math.floor(random() * random() * MOST_TIMES),
  }
}

/** A client that does what it is told, and lets every outcome pass. */
export function clientAt(place: Place): (operation: object) => Promise<void> {
  const servers = place.servers.map(String)
  const beginningAt = (first: number) => {
    const options = { servers: rotated(servers, first), timeoutMs: CLIENT_TIMEOUT_MS }
    return new RecordedClient(place, options)
  }
  const old = beginningAt(0)
  const seen = new Map<string, number>()
  const ask = async ({ consistency = 'linearizable', startsAt, ...operation }: Act) => {
    const client = startsAt === undefined ? old : beginningAt(startsAt)
    const result = await client.execute(onWhatWasSeen(operation, seen), { consistency })
    if (operation.op !== 'list' && 'version' in result && result.version !== null) {
      seen.set(operation.key, result.version)
    }
  }
  const read = async ({ operation, at, consistency, times }: DrawnRead) => {
    if (at === null) return ask(operation)
    // It is asked first, and alone where it knows no other.
    const [server = ''] = rotated(servers, at)
    const options = { servers: [server], timeoutMs: SILENCE_MS }
    const reader = new RecordedClient(place, options)
    for (let i = 0; i < times; i += 1) await reader.execute(operation, { consistency })
  }
  return async (drawn) => {
    try {
      if ('times' in drawn) await read(drawn as DrawnRead)
      else await ask(drawn as Act)
    } catch (error) {
      if (!(error instanceof NotDone || error instanceof UnknownOutcome)) throw error
    }
  }
}

function rotated<T>(items: readonly T[], first: number): readonly T[] {
  const start = first % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

function onWhatWasSeen(
  operation: Operation,
  seen: ReadonlyMap<string, number>,
): Operation {
  if (operation.op === 'list' || !operation.if || !('version' in operation.if)) {
    return operation
  }
  const version = seen.get(operation.key)
  return { ...operation, if: version === undefined ? { absent: true } : { version } }
}
