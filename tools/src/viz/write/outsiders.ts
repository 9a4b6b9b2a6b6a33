import type { State } from '../shared/event.ts'
import type { OutsiderSpan } from '../shared/format.ts'

type Kind = OutsiderSpan['kind']

/** By the server's id, for as long as lanes have no places. */
type Span = Omit<OutsiderSpan, 'lane'> & { readonly id: number }

/** Who is no member of the cluster, and when: by the configuration in force at each server. */
export class Outsiders {
  private readonly open = new Map<number, { kind: Kind; fromRow: number }>()
  private readonly wereMembers = new Set<number>()
  private readonly spans: Span[] = []

  add(row: number, id: number, { members, lastLogIndex = 0 }: State): void {
    if (!Array.isArray(members)) return
    const kind = this.kindOf(id, members, lastLogIndex)
    const known = this.open.get(id)
    if (kind === (known?.kind ?? null)) return
    if (known) this.spans.push({ id, ...known, toRow: row })
    this.open.delete(id)
    if (kind) this.open.set(id, { kind, fromRow: row })
  }

  /** Nothing can be added afterwards. */
  finish(rows: number): Span[] {
    for (const [id, span] of this.open) this.spans.push({ id, ...span, toRow: rows })
    return this.spans.sort((a, b) => a.fromRow - b.fromRow)
  }

  private kindOf(id: number, members: readonly unknown[], lastLogIndex: number) {
    if (members.includes(id)) {
      this.wereMembers.add(id)
      return null
    }
    if (this.wereMembers.has(id)) return 'gone'
    return lastLogIndex > 0 ? 'learns' : 'new'
  }
}
