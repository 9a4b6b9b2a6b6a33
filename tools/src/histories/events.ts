/** From what was written down, event by event, to operations. */
import type { Answer, Condition, History, Operation, StaleRead } from './history.ts'

/** One line of a history, whatever the format of its file. */
export interface HistoryEvent {
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  readonly process: string
  readonly f: string
  readonly key: string
  readonly value: unknown
  readonly condition: Condition | null
  readonly answer: Answer
  /** Of a stale read's return; its server's life, if that is known. */
  readonly stale?: { readonly life: string | null } | null
}

export class HistoryError extends Error {}

interface Open extends HistoryEvent {
  readonly at: number
}

/** Puts invocations and returns together: a process does one thing at a time. */
export class HistoryBuilder {
  private readonly operations: Operation[] = []
  private readonly staleReads: StaleRead[] = []
  private readonly open = new Map<string, Open>()
  private events = 0

  /** @throws HistoryError when the event does not follow on those before it. */
  add(event: HistoryEvent): void {
    const { type, process, f, key } = event
    this.events += 1
    const asked = this.open.get(process)
    if (type === 'invoke') {
      if (asked) {
        throw new HistoryError(
          `process ${process} invokes ${f} before ${asked.f} returned`,
        )
      }
      this.open.set(process, { ...event, at: this.events })
      return
    }
    if (!asked) throw new HistoryError(`process ${process} returns, and had not invoked`)
    if (asked.f !== f || asked.key !== key) {
      throw new HistoryError(
        `process ${process} returns from ${f} ${key}, and had invoked ${asked.f} ${asked.key}`,
      )
    }
    this.open.delete(process)
    if (type === 'ok' && event.stale)
      this.pushStale(asked, event.answer, event.stale.life)
    else if (type === 'ok') this.push(asked, this.events, event.answer)
    // What failed was certainly not carried out.
    else if (type === 'info') this.push(asked, Number.POSITIVE_INFINITY, null)
  }

  finish(initial: unknown): History {
    for (const asked of this.open.values()) {
      this.push(asked, Number.POSITIVE_INFINITY, null)
    }
    this.operations.sort((a, b) => a.invokedAt - b.invokedAt)
    return { operations: this.operations, staleReads: this.staleReads, initial }
  }

  private pushStale(asked: Open, answer: Answer, life: string | null): void {
    const { process, f, key, value, condition, at } = asked
    const times = { invokedAt: at, returnedAt: this.events }
    this.staleReads.push({ process, f, key, value, condition, ...times, answer, life })
  }

  private push(asked: Open, returnedAt: number, answer: Answer | null): void {
    const { process, f, key, value, condition, at } = asked
    // A read that nobody got an answer to says nothing.
    if (answer === null && READS.has(f)) return
    const operation = { process, f, key, value, condition, returnedAt, answer }
    this.operations.push({ ...operation, invokedAt: at })
  }
}

const READS = new Set(['get', 'read', 'list'])
