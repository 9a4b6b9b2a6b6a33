/** Clients that write down what they ask for and what they are answered: a history. */
import { type KeyValueClient, NotDone, UnknownOutcome } from '../src/client.ts'
import type { Condition, Operation, Result } from '../src/kv.ts'

/** A line of a history, in Jepsen's words. */
export interface HistoryEvent {
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  readonly process: number
  readonly f: string
  readonly key: string
  readonly time: number
  readonly value?: unknown
  readonly if?: Condition
  readonly version?: number | null
  readonly previous?: string | null
  readonly held?: boolean
}

export class Recorder {
  readonly events: HistoryEvent[] = []
  private readonly now: () => number
  private processes = 0

  constructor(now: () => number) {
    this.now = now
  }

  /** A process does one thing at a time, and ends with the first unknown outcome. */
  process(): number {
    this.processes += 1
    return this.processes - 1
  }

  /** Has an operation carried out and writes that down. What came of it, if it is known. */
  async execute(
    process: number,
    client: KeyValueClient,
    operation: Operation,
  ): Promise<'ok' | 'fail' | 'info'> {
    const key = operation.op === 'list' ? operation.prefix : operation.key
    const about = { process, f: operation.op, key }
    const note = (type: HistoryEvent['type'], fields: object) => {
      this.events.push({ type, ...about, ...fields, time: this.now() })
    }
    const { value, if: condition } = operation as { value?: string; if?: Condition }
    note('invoke', {
      ...(value !== undefined && { value }),
      ...(condition && { if: condition }),
    })
    try {
      const result = await client.execute(operation)
      if (result.kind === 'too long') {
        note('fail', {})
        return 'fail'
      }
      note('ok', answerIn(result, condition))
      return 'ok'
    } catch (error) {
      if (!(error instanceof NotDone || error instanceof UnknownOutcome)) throw error
      const type = error instanceof NotDone ? 'fail' : 'info'
      note(type, { error: error.message })
      return type
    }
  }

  get text(): string {
    return this.events.map((event) => `${JSON.stringify(event)}\n`).join('')
  }
}

function answerIn(result: Result, condition: Condition | undefined): object {
  const held = condition ? { held: result.kind !== 'mismatch' } : {}
  switch (result.kind) {
    case 'found':
      return { value: result.value, version: result.version, ...held }
    case 'absent':
      return { value: null, previous: null, ...held }
    case 'changed':
      return { version: result.version, previous: result.previous, ...held }
    case 'listed':
      return { value: result.pairs.map(({ key, value }) => [key, value]) }
    default:
      return held
  }
}
