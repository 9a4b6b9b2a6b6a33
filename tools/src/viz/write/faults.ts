import type { Fault } from '../shared/event.ts'
import type { FaultSpan } from '../shared/format.ts'

/** Where a fault shows: a server's column, or the test's for all of the network. */
type Place = number | 'network'

interface Opening {
  readonly place: Place
  readonly kind: string
  readonly to: number | undefined
  readonly label: string
  readonly endLabel: string
}

type Labels = readonly [begins: string, ends: string]
type Matches = (opening: Opening) => boolean

type Span = Omit<FaultSpan, 'lane'> & { readonly place: Place }

/** From the lines of the laboratory to spans: what was broken, from which row to which. */
export class FaultSpans {
  private readonly open = new Map<string, Opening & { fromRow: number }>()
  private readonly closed: Span[] = []
  private readonly servers: () => readonly number[]

  /** `servers` tells the servers' ids: a partition marks the columns of them all. */
  constructor(servers: () => readonly number[]) {
    this.servers = servers
  }

  add(row: number, fault: Fault): void {
    const { kind, groups } = fault
    const place = placeOf(fault)
    const ended = kindEndedBy(fault)
    if (kind === 'heal') {
      this.endWhere(row, (span) => span.kind === 'partition' || span.kind === 'cut')
    } else if (ended !== null) {
      const isIt = (span: Opening) => span.kind === ended && span.to === fault.to
      this.endWhere(row, (span) => span.place === place && isIt(span), fault.label)
    } else if (groups) {
      this.partition(row, groups)
    } else {
      // A crash ends a pause: the machine it stood still on is gone.
      const before = kind === 'crash' ? 'pause' : kind === 'clock' ? 'clock' : null
      this.endWhere(row, (span) => span.place === place && span.kind === before)
      this.begin(row, place, fault, labelsOf(fault))
    }
  }

  /** All spans, those that nothing ended up to the end of the run. */
  finish(rows: number): Span[] {
    const lasting = [...this.open.values()].map((opening) => ({
      ...opening,
      toRow: rows,
    }))
    return [...this.closed, ...lasting].sort((a, b) => a.fromRow - b.fromRow)
  }

  private begin(row: number, place: Place, { kind, to }: Fault, labels: Labels): void {
    const [label, endLabel] = labels
    const key = `${place} ${kind} ${label}`
    if (this.open.has(key)) return
    this.open.set(key, { place, kind, to, label, endLabel, fromRow: row })
  }

  private endWhere(row: number, ends: Matches, endLabel?: string): void {
    for (const [key, opening] of [...this.open]) {
      if (!ends(opening)) continue
      this.open.delete(key)
      this.closed.push({ ...opening, ...(endLabel && { endLabel }), toRow: row })
    }
  }

  private partition(row: number, groups: readonly (readonly number[])[]): void {
    this.endWhere(row, ({ kind }) => kind === 'partition')
    for (const id of this.servers()) {
      const group = groups.find((members) => members.includes(id)) ?? [id]
      const labels = [`only {${group.join(', ')}}`, 'healed'] as const
      this.begin(row, id, { kind: 'partition' }, labels)
    }
  }
}

/** The kind of fault that a line ends, at its place; null when it begins one. */
export function kindEndedBy(fault: Fault): string | null {
  return ENDS.get(fault.kind) ?? (isOver(fault) ? fault.kind : null)
}

function placeOf({ peer, from }: Fault): Place {
  return peer ?? from ?? 'network'
}

function isOver({ kind, rate, over }: Fault): boolean {
  return over === true || (kind === 'clock' && rate === 1)
}

/** Kinds that end another kind, which began at the same place. */
const ENDS: ReadonlyMap<string, string> = new Map([
  ['reconnect', 'disconnect'],
  ['restart', 'crash'],
  ['resume', 'pause'],
  ['keep-calls', 'drop-calls'],
  ['mend', 'cut'],
  ['reliable', 'unreliable'],
  ['fast-link', 'slow-link'],
  ['fast-machine', 'slow-machine'],
  ['fast-disk', 'slow-disk'],
])

/** What marks say where a fault begins, and where it ends. */
function labelsOf({ kind, to, after, rate, label }: Fault): Labels {
  const way = to === undefined ? '' : ` to ${to}`
  switch (kind) {
    case 'disconnect':
      return ['cut off', 'back on the network']
    case 'crash':
      return [label ?? 'crashes', 'restarts']
    case 'pause':
      return ['stands still', 'goes on']
    case 'cut':
      return [`no link${way}`, `link${way}`]
    case 'unreliable':
      return ['unreliable', 'reliable']
    case 'drop-calls':
      return [`requests lost${after ? ` after ${after}` : ''}`, 'requests kept']
    case 'clock':
      return [`clock × ${rate}`, 'clock × 1']
    case 'slow-link':
      return [`slow link${way}`, `fast link${way}`]
    case 'slow-machine':
      return ['slow machine', 'fast machine']
    case 'slow-disk':
      return ['slow disk', 'fast disk']
    default:
      return [label ?? `${kind}${way}`, `${kind}${way} is over`]
  }
}
