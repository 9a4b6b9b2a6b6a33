import type { RunEvent } from '../shared/event.ts'
import type { OperationSpan } from '../shared/format.ts'

interface Open {
  readonly client: number
  readonly f: string | undefined
  readonly key: string | undefined
  readonly fromRow: number
}

type Span = Omit<OperationSpan, 'lane'> & { readonly client: number }

/** Puts the invocations of clients and their returns together. */
export class Operations {
  private readonly spans: Span[] = []
  private open: Open[] = []

  add(row: number, { event, client, f, key, outcome = 'unknown' }: RunEvent): void {
    if (client === undefined) return
    if (event === 'invoke') this.open.push({ client, f, key, fromRow: row })
    if (event !== 'return') return
    // A client may wait for several things at once.
    const asked = this.open.find(
      (one) => one.client === client && one.f === f && one.key === key,
    )
    if (!asked) return
    this.open = this.open.filter((one) => one !== asked)
    this.spans.push({ client, outcome, fromRow: asked.fromRow, toRow: row })
  }

  /** Nothing can be added afterwards. */
  finish(rows: number): Span[] {
    for (const { client, fromRow } of this.open) {
      this.spans.push({ client, outcome: 'unknown', fromRow, toRow: rows })
    }
    return this.spans.sort((a, b) => a.fromRow - b.fromRow)
  }
}
