import type { HistoryRow } from '../histories/rows.ts'
import type { AppliedEntry } from './view.ts'

/** What a client asks for, and what it is answered, as fields of a row. */
export type Asked = Pick<HistoryRow, 'f' | 'key' | 'value' | 'if' | 'stale'>
export type Answered = Pick<
  HistoryRow,
  'value' | 'held' | 'version' | 'previous' | 'stale' | 'server' | 'life'
>

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
    const process = idle.pop() ?? this.processes
    if (process === this.processes) this.processes += 1
    const { f, key } = asked
    this.rows.push({ type: 'invoke', process, time: atMs, ...asked })
    return (type, atMs, answered) => {
      this.rows.push({ type, process, f, key, time: atMs, ...answered })
      if (type !== 'info') idle.push(process)
    }
  }
}

/** What clients did, and what the servers' state machines were given. */
export class History {
  readonly clients = new ClientHistory()
  private readonly applied = new Map<number, AppliedEntry[]>()
  private readonly everApplied = new Map<number, AppliedEntry>()

  noteApplied(id: number, entry: AppliedEntry): void {
    const applied = this.applied.get(id)
    if (applied) applied.push(entry)
    else this.applied.set(id, [entry])
    this.everApplied.set(entry.index, entry)
  }

  /** A server begins a new life, and its state machine with it. */
  noteRestart(id: number): void {
    this.applied.delete(id)
  }

  /** What a server handed to its state machine in this life, in order. */
  appliedBy(id: number): readonly AppliedEntry[] {
    return this.applied.get(id) ?? []
  }

  /** What a server had from a snapshot when it began to apply, or has by now; in order. */
  broughtTo(id: number, lastIndex: number): readonly AppliedEntry[] {
    const own = new Set(this.appliedBy(id).map(({ index }) => index))
    const others = [...this.everApplied.values()].filter(({ index }) => {
      return index <= lastIndex && !own.has(index)
    })
    return others.sort((a, b) => a.index - b.index)
  }
}
