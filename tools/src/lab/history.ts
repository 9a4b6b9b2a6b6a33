import type { AppliedEntry } from './view.ts'

/** A command that was offered to a server, and the index that it got there, or null. */
export interface Offer {
  readonly atMs: number
  readonly to: number
  readonly command: string
  readonly index: number | null
}

/** A line of a history, in Jepsen's words: an operation is invoked, or it returns. */
export interface HistoryRow {
  /** It was carried out; it certainly was not, and never will be; nobody knows. */
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  /** Does one thing at a time. After an unknown outcome it does nothing any more. */
  readonly process: number
  /** What is asked for, by name. */
  readonly f: string
  /** Of a list: the prefix. */
  readonly key: string
  /** In ms. */
  readonly time: number
  /** What is written, or was found. */
  readonly value?: unknown
  readonly if?: unknown
  /** Whether the condition held. */
  readonly held?: boolean
  readonly version?: number | null
  readonly previous?: unknown
}

/** What a client asks for, and what it is answered, as fields of a row. */
export type Asked = Pick<HistoryRow, 'f' | 'key' | 'value' | 'if'>
export type Answered = Pick<HistoryRow, 'value' | 'held' | 'version' | 'previous'>

/** What clients did, one row after the other. */
export class ClientHistory {
  readonly rows: HistoryRow[] = []
  private processes = 0
  private readonly idle = new Map<number, number[]>()

  /**
   * A client asks for something, perhaps while it waits for something else.
   *
   * @returns what to call once when it knows more.
   */
  invoke(
    client: number,
    atMs: number,
    asked: Asked,
  ): (
    type: Exclude<HistoryRow['type'], 'invoke'>,
    atMs: number,
    answered: Answered,
  ) => void {
    const idle = this.idle.get(client) ?? []
    this.idle.set(client, idle)
    const process = idle.pop() ?? this.processes++
    const { f, key } = asked
    this.rows.push({ type: 'invoke', process, time: atMs, ...asked })
    return (type, atMs, answered) => {
      this.rows.push({ type, process, f, key, time: atMs, ...answered })
      if (type !== 'info') idle.push(process)
    }
  }
}

/** What was asked of a cluster, and what came of it. */
export class History {
  readonly clients = new ClientHistory()
  readonly offers: Offer[] = []
  private readonly applied = new Map<number, AppliedEntry[]>()

  noteOffer(offer: Offer): void {
    this.offers.push(offer)
  }

  noteApplied(id: number, entry: AppliedEntry): void {
    const applied = this.applied.get(id)
    if (applied) applied.push(entry)
    else this.applied.set(id, [entry])
  }

  /** A server begins a new life, and its state machine with it. */
  noteRestart(id: number): void {
    this.applied.delete(id)
  }

  /** What a server handed to its state machine in this life, in order. */
  appliedBy(id: number): readonly AppliedEntry[] {
    return this.applied.get(id) ?? []
  }
}
