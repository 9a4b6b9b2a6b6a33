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
  /** In ms, if it is known. What counts is the order of the events. */
  readonly time?: number | undefined
}

export class HistoryError extends Error {}

interface Open extends HistoryEvent {
  readonly at: number
}

/** Puts invocations and returns together: a process does one thing at a time. */
export class HistoryBuilder {
  private readonly operations: Operation[] = []
  private readonly staleReads: StaleRead[] = []
  private readonly others: Operation[] = []
  private readonly times: (number | undefined)[] = [undefined]
  private readonly open = new Map<string, Open>()
  private events = 0

  /** @throws HistoryError when the event does not follow on those before it. */
  add(event: HistoryEvent): void {
    const { type, process, f, key } = event
    this.events += 1
    this.times.push(event.time)
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
    if (type === 'ok' && event.stale) {
      const operation = operationOf(asked, this.events, event.answer)
      this.staleReads.push({ ...operation, life: event.stale.life })
    } else if (type === 'ok') this.push(asked, this.events, event.answer)
    else if (type === 'fail') this.others.push(operationOf(asked, this.events, null))
    else this.push(asked, Number.POSITIVE_INFINITY, null)
  }

  finish(initial: unknown): History {
    for (const asked of this.open.values()) {
      this.push(asked, Number.POSITIVE_INFINITY, null)
    }
    this.operations.sort((a, b) => a.invokedAt - b.invokedAt)
    const { operations, staleReads, others, times } = this
    return { operations, staleReads, others, times, initial }
  }

  private push(asked: Open, returnedAt: number, answer: Answer | null): void {
    const operation = operationOf(asked, returnedAt, answer)
    // A read that nobody got an answer to says nothing.
    const isOther = answer === null && READS.has(asked.f)
    if (isOther) this.others.push(operation)
    else this.operations.push(operation)
  }
}

function operationOf(asked: Open, returnedAt: number, answer: Answer | null): Operation {
  const { process, f, key, value, condition, at } = asked
  return { process, f, key, value, condition, invokedAt: at, returnedAt, answer }
}

const READS = new Set(['get', 'read', 'list'])
