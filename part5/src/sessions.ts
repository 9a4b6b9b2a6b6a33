/**
 * Sessions: what a client asks for is carried out once, however often, wherever and how
 * late it arrives (section 8; thesis, 6.3).
 *
 * A client registers, and numbers its operations. The state machine keeps, for each
 * client, the answers to those that it has carried out; and when one comes again it gives
 * the first answer again. All this stands in the log and follows from it alone, so every
 * server knows the same, also after a crash, and after a change of leader.
 *
 * What is kept is bounded. A client says up to where it has its answers, and they are
 * dropped (as in RIFL; so several operations can be on their way, and arrive in any
 * order). A session that is not used expires, and when there are too many, the one goes
 * first that was not used for longest.
 */
import {
  faultOf as faultOfOperation,
  isRead,
  KeyValueStore,
  type Operation,
  type Result as StoreResult,
} from './kv.ts'

/** One operation of a client: the same however often it is sent. */
export interface Numbered {
  readonly client: number
  /** The client's operations are numbered from 1 on. */
  readonly serial: number
  /** The client has the answers to all up to this one. */
  readonly acknowledged?: number
}

type Change = Exclude<Operation, { op: 'get' | 'list' }>

/** What a client can ask for that stands in the log. */
export type Request =
  | (Change & { readonly session?: Numbered })
  /** A new client: its number is the index of this entry, which comes only once. */
  | { readonly op: 'register' }
  /** Nothing, but that this client is still there. */
  | { readonly op: 'keep'; readonly client: number }

/** As it stands in the log. */
export type Entry = Request & {
  /** In ms: what the leader's clock had counted since its election. */
  readonly elapsed: number
}

export type Result =
  | StoreResult
  | { readonly kind: 'registered'; readonly client: number }
  | { readonly kind: 'kept' }
  /** There never was this client, or its session has gone. Nothing was carried out. */
  | { readonly kind: 'no session' }
  /** The client said that it had the answer, or that was so long ago that it is gone. */
  | { readonly kind: 'too old' }

/** The same on all servers, or they would not hold the same. */
export interface SessionLimits {
  readonly sessions: number
  /** Of all remembered answers. */
  readonly bytes: number
  /** So many serials beyond what a client has acknowledged can be on their way. */
  readonly window: number
  /** A session that is not used for so long expires. */
  readonly idleMs: number
}

export const WINDOW = 64

const DEFAULT_LIMITS: SessionLimits = {
  sessions: 10_000,
  bytes: 64 * 1024 * 1024,
  window: WINDOW,
  idleMs: 600_000,
}

/** What an answer takes beside the value in it. */
const ANSWER_BYTES = 100

interface Session {
  readonly client: number
  usedAt: number
  acknowledged: number
  readonly answers: Map<number, StoreResult>
  bytes: number
}

/** The state machine: a KeyValueStore, and who has asked it for what. */
export class Sessions {
  readonly store = new KeyValueStore()
  private readonly limits: SessionLimits
  /** By client; the one that was used last stands last. */
  private readonly sessions = new Map<number, Session>()
  /** A walk in that order, which goes on: begun anew, it would pass all that have gone. */
  private walk = this.sessions.values()
  /** How far it is: at the one that was not used for longest. */
  private oldest: Session | undefined
  private bytes = 0
  /** In ms since the first election, as the leaders have counted it in their entries. */
  private time = 0
  private term = 0
  private termBeganAt = 0

  constructor(limits: SessionLimits = DEFAULT_LIMITS) {
    this.limits = limits
  }

  /** How many sessions there are, and what their answers take. */
  gauge(): { readonly sessions: number; readonly bytes: number } {
    return { sessions: this.sessions.size, bytes: this.bytes }
  }

  /**
   * Carries out what an entry asks for.
   *
   * @param index of the entry. @param term in which a leader took it.
   */
  apply(entry: Entry, index: number, term: number): Result {
    this.tellTime(term, entry.elapsed)
    this.expire()
    const result = this.carryOut(entry, index)
    this.makeRoom()
    return result
  }

  /** As text: equal on servers that have applied the same. */
  digest(): string {
    const sessions = [...this.sessions].map(([client, session]) => {
      return [client, { ...session, answers: [...session.answers] }]
    })
    const pairs = this.store.apply({ op: 'list', prefix: '' }, 0)
    return JSON.stringify({ time: this.time, sessions, pairs })
  }

  private carryOut(entry: Entry, index: number): Result {
    if (entry.op === 'register') {
      const session = {
        client: index,
        usedAt: this.time,
        acknowledged: 0,
        answers: new Map(),
        bytes: 0,
      }
      this.sessions.set(index, session)
      return { kind: 'registered', client: index }
    }
    if (entry.op === 'keep') {
      return this.use(entry.client) ? { kind: 'kept' } : { kind: 'no session' }
    }
    if (!entry.session) return this.store.apply(entry, index)
    return this.carryOutOnce(entry, entry.session, index)
  }

  private carryOutOnce(change: Change, numbered: Numbered, index: number): Result {
    const { client, serial, acknowledged = 0 } = numbered
    const session = this.use(client)
    if (!session) return { kind: 'no session' }
    this.acknowledge(session, Math.max(acknowledged, serial - this.limits.window))
    const known = session.answers.get(serial)
    if (known) return known
    if (serial <= session.acknowledged) return { kind: 'too old' }
    const result = this.store.apply(change, index)
    session.answers.set(serial, result)
    this.count(session, bytesFor(result))
    return result
  }

  private use(client: number): Session | undefined {
    const session = this.sessions.get(client)
    if (!session) return undefined
    session.usedAt = this.time
    this.sessions.delete(client)
    this.sessions.set(client, session)
    if (session === this.oldest) this.oldest = undefined
    return session
  }

  private acknowledge(session: Session, serial: number): void {
    if (serial <= session.acknowledged) return
    session.acknowledged = serial
    for (const [known, result] of session.answers) {
      if (known > serial) continue
      session.answers.delete(known)
      this.count(session, -bytesFor(result))
    }
  }

  private count(session: Session, bytes: number): void {
    session.bytes += bytes
    this.bytes += bytes
  }

  /**
   * A leader's clock counts from its election on, from what its predecessors counted. So
   * no jump of a clock moves the time, and no change of leader: it stands still meanwhile.
   */
  private tellTime(term: number, elapsed: number): void {
    if (term !== this.term) {
      this.term = term
      this.termBeganAt = this.time
    }
    this.time = Math.max(this.time, this.termBeganAt + elapsed)
  }

  private expire(): void {
    const isIdle = ({ usedAt }: Session) => this.time - usedAt >= this.limits.idleMs
    for (let next = this.findOldest(); next && isIdle(next); next = this.findOldest()) {
      this.remove(next)
    }
  }

  private makeRoom(): void {
    const { sessions, bytes } = this.limits
    while (this.sessions.size > sessions || this.bytes > bytes) {
      this.remove(this.findOldest() as Session)
    }
  }

  private findOldest(): Session | undefined {
    this.oldest ??= this.walk.next().value
    // It has come to its end when there are none.
    if (!this.oldest) this.walk = this.sessions.values()
    return this.oldest
  }

  private remove(session: Session): void {
    this.bytes -= session.bytes
    this.sessions.delete(session.client)
    this.oldest = undefined
  }
}

/** In memory, where a character takes two at most; to count them would take long. */
function bytesFor(result: StoreResult): number {
  const value = result.kind === 'changed' ? result.previous : null
  return ANSWER_BYTES + 2 * (value?.length ?? 0)
}

/** What is wrong with a request, whatever the state is; null when nothing is. */
export function faultOf(request: Request | Operation): string | null {
  if (request.op === 'register' || request.op === 'keep') return null
  const fault = faultOfOperation(request)
  if (fault || isRead(request) || !('session' in request) || !request.session)
    return fault
  const { serial, acknowledged = 0 } = request.session
  if (serial > acknowledged) return null
  return `operation ${serial} is acknowledged already: the client has its answer`
}

/** The entry as it stands in the log. */
export function toCommand(entry: Entry): string {
  return JSON.stringify(entry)
}

export function toEntry(command: string): Entry {
  return JSON.parse(command)
}
