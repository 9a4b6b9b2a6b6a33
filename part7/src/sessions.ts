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
  type Pair,
  type Result as StoreResult,
} from './kv.ts'
import { type OrderedMap, orderedByNumber } from './ordered-map.ts'

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

/** Never changed: what takes its place is another one, so that a snapshot can keep it. */
interface Session {
  readonly client: number
  /** In ms, by the time that the entries tell. */
  readonly usedAt: number
  /** The entry that used it last: of no other session it is the same. */
  readonly usedBy: number
  readonly acknowledged: number
  readonly answers: ReadonlyMap<number, StoreResult>
  readonly bytes: number
}

/** In ms since the first election, as the leaders have counted it in their entries. */
interface Time {
  readonly now: number
  readonly term: number
  /** When that term began. */
  readonly termBeganAt: number
}

/** What a line of a snapshot says. */
type Line =
  | { readonly time: Time }
  | { readonly session: Omit<Session, 'answers' | 'bytes'> }
  | { readonly answer: readonly [client: number, serial: number, result: StoreResult] }
  | { readonly pair: Pair }

/** The state machine: a KeyValueStore, and who has asked it for what. */
export class Sessions {
  readonly store = new KeyValueStore()
  private readonly limits: SessionLimits
  private readonly sessions = orderedByNumber<Session>()
  /** By the entry that used it last: the client. So the first was not used for longest. */
  private readonly byUse = orderedByNumber<number>()
  private bytes = 0
  private time: Time = { now: 0, term: 0, termBeganAt: 0 }

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
    return [...this.snapshot(Number.POSITIVE_INFINITY)].join('')
  }

  /**
   * All that it holds now, as text in pieces, which are made when they are asked for; what
   * is changed meanwhile is not in them.
   *
   * @param length of a piece, in characters: so many and the rest of a line.
   */
  snapshot(length: number): Iterable<string> {
    return piecesOf(
      linesOf(this.time, this.sessions.clone(), this.store.pairs()),
      length,
    )
  }

  /** Takes a piece of a snapshot, which is to take the place of what `former` holds. */
  restore(piece: string, former: Sessions): void {
    for (const text of piece.split('\n')) {
      if (text !== '') this.restoreLine(JSON.parse(text), former)
    }
  }

  private restoreLine(line: Line, former: Sessions): void {
    if ('time' in line) this.time = line.time
    else if ('pair' in line) this.store.restore(line.pair, former.store)
    else if ('session' in line) {
      this.keep({ ...line.session, answers: new Map(), bytes: 0 })
    } else {
      const [client, serial, result] = line.answer
      this.keep(withAnswer(this.sessions.get(client) as Session, serial, result))
    }
  }

  private carryOut(entry: Entry, index: number): Result {
    if (entry.op === 'register') {
      this.keep({
        client: index,
        usedAt: this.time.now,
        usedBy: index,
        acknowledged: 0,
        answers: new Map(),
        bytes: 0,
      })
      return { kind: 'registered', client: index }
    }
    if (entry.op === 'keep') {
      const found = this.sessions.get(entry.client)
      if (!found) return { kind: 'no session' }
      this.keep(this.usedNow(found, index))
      return { kind: 'kept' }
    }
    if (!entry.session) return this.store.apply(entry, index)
    return this.carryOutOnce(entry, entry.session, index)
  }

  private carryOutOnce(change: Change, numbered: Numbered, index: number): Result {
    const { client, serial, acknowledged = 0 } = numbered
    const found = this.sessions.get(client)
    if (!found) return { kind: 'no session' }
    const upTo = Math.max(acknowledged, serial - this.limits.window)
    const session = withoutAnswers(this.usedNow(found, index), upTo)
    const known = session.answers.get(serial)
    if (known || serial <= session.acknowledged) {
      this.keep(session)
      return known ?? { kind: 'too old' }
    }
    const result = this.store.apply(change, index)
    this.keep(withAnswer(session, serial, result))
    return result
  }

  private usedNow(session: Session, index: number): Session {
    return { ...session, usedAt: this.time.now, usedBy: index }
  }

  /** From now on the client's session is this one. */
  private keep(session: Session): void {
    const { client, usedBy, bytes } = session
    const former = this.sessions.get(client)
    this.bytes += bytes - (former?.bytes ?? 0)
    if (former && former.usedBy !== usedBy) this.byUse.delete(former.usedBy)
    this.byUse.set(usedBy, client)
    this.sessions.set(client, session)
  }

  /**
   * A leader's clock counts from its election on, from what its predecessors counted. So
   * no jump of a clock moves the time, and no change of leader: it stands still meanwhile.
   */
  private tellTime(term: number, elapsed: number): void {
    const { now } = this.time
    const termBeganAt = term === this.time.term ? this.time.termBeganAt : now
    this.time = { now: Math.max(now, termBeganAt + elapsed), term, termBeganAt }
  }

  private expire(): void {
    const isIdle = ({ usedAt }: Session) => this.time.now - usedAt >= this.limits.idleMs
    for (let next = this.oldest(); next && isIdle(next); next = this.oldest()) {
      this.remove(next)
    }
  }

  private makeRoom(): void {
    const { sessions, bytes } = this.limits
    while (this.sessions.size > sessions || this.bytes > bytes) {
      this.remove(this.oldest() as Session)
    }
  }

  /** The session that was not used for longest. */
  private oldest(): Session | undefined {
    const usedBy = this.byUse.minKey()
    if (usedBy === undefined) return undefined
    return this.sessions.get(this.byUse.get(usedBy) as number)
  }

  private remove(session: Session): void {
    this.bytes -= session.bytes
    this.sessions.delete(session.client)
    this.byUse.delete(session.usedBy)
  }
}

function withAnswer(session: Session, serial: number, result: StoreResult): Session {
  const answers = new Map(session.answers).set(serial, result)
  return { ...session, answers, bytes: session.bytes + bytesFor(result) }
}

/** Without those up to a serial: the client has them. */
function withoutAnswers(session: Session, upTo: number): Session {
  if (upTo <= session.acknowledged) return session
  const kept = [...session.answers].filter(([serial]) => serial > upTo)
  const bytes = kept.reduce((sum, [, result]) => sum + bytesFor(result), 0)
  return { ...session, acknowledged: upTo, answers: new Map(kept), bytes }
}

function* linesOf(
  time: Time,
  sessions: OrderedMap<number, Session>,
  pairs: Iterable<Pair>,
): Iterable<Line> {
  yield { time }
  for (const { answers, bytes: _, ...session } of sessions.values()) {
    yield { session }
    for (const [serial, result] of answers) {
      yield { answer: [session.client, serial, result] }
    }
  }
  for (const pair of pairs) yield { pair }
}

function* piecesOf(lines: Iterable<Line>, length: number): Iterable<string> {
  let piece = ''
  for (const line of lines) {
    piece += `${JSON.stringify(line)}\n`
    if (piece.length < length) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
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
