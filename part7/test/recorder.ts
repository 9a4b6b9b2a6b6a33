/** How what clients ask for, and what they are answered, is written down: a history. */
import type { Answered, Asked, ClientHistory } from 'tools/lab'
import { type KeyValueClient, NotDone, UnknownOutcome } from '../src/client.ts'
import type { Operation } from '../src/kv.ts'
import type { Result } from '../src/sessions.ts'

/** For clients that are called by whoever tests. */
export class Recorder {
  private readonly history: ClientHistory
  private readonly now: () => number

  constructor(history: ClientHistory, now: () => number) {
    this.history = history
    this.now = now
  }

  /** Has a client carry out an operation, and writes that down. */
  async execute(
    id: number,
    client: KeyValueClient,
    operation: Operation,
  ): Promise<Result | null> {
    const end = this.history.invoke(id, this.now(), askedIn(operation))
    try {
      const result = await client.execute(operation)
      end('ok', this.now(), answeredIn(result))
      return result
    } catch (error) {
      if (!(error instanceof NotDone || error instanceof UnknownOutcome)) throw error
      end(error instanceof NotDone ? 'fail' : 'info', this.now(), {})
      return null
    }
  }

  get text(): string {
    return this.history.rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  }
}

export function askedIn(operation: Operation): Asked {
  const { op: f } = operation
  if (f === 'list') return { f, key: operation.prefix, value: operation.limit }
  return {
    f,
    key: operation.key,
    ...('value' in operation && { value: operation.value }),
    ...(operation.if && { if: operation.if as NonNullable<Asked['if']> }),
  }
}

export function answeredIn(result: Result): Answered {
  switch (result.kind) {
    case 'found':
      return { value: result.value, version: result.version }
    case 'absent':
      return { value: null, previous: null }
    case 'changed':
      return { held: true, version: result.version, previous: result.previous }
    case 'listed':
      return { value: result.pairs.map(({ key, value }) => [key, value]) }
    default:
      return { held: false }
  }
}
