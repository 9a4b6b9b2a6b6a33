import type { Fault } from '../read/event.ts'
import type { FaultSpan } from '../shared/format.ts'

/** Where a fault shows: a server's column, or the test's for all of the network. */
type Place = number | 'network'

interface Opening {
  readonly place: Place
  readonly kind: string
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
    const end = ENDS[fault.kind]
    if (end) {
      this.endWhere(row, end(fault))
      return
    }
    switch (fault.kind) {
      case 'disconnect':
        this.begin(row, fault.peer, 'disconnect', ['cut off', 'back on the network'])
        break
      case 'crash':
        // A crash ends a pause: the machine it stood still on is gone.
        this.endWhere(row, (s) => s.place === fault.peer && s.kind === 'pause')
        this.begin(row, fault.peer, 'crash', ['crashes', 'restarts'])
        break
      case 'pause':
        this.begin(row, fault.peer, 'pause', ['stands still', 'goes on'])
        break
      case 'cut':
        this.begin(row, fault.from, 'cut', cutLabels(fault.to))
        break
      case 'partition':
        this.partition(row, fault.groups)
        break
      case 'unreliable':
        this.begin(row, 'network', 'unreliable', ['unreliable', 'reliable'])
        break
      case 'drop-calls':
        this.begin(row, fault.peer, 'drop-calls', dropLabels(fault.after))
        break
      case 'clock':
        this.clock(row, fault.peer, fault.rate)
        break
      case 'slow-link':
        this.begin(row, fault.from, 'slow-link', slowLabels(fault.to))
        break
      case 'slow-machine':
        this.begin(row, fault.peer, 'slow-machine', ['slow machine', 'fast machine'])
        break
      case 'slow-disk':
        this.begin(row, fault.peer, 'slow-disk', ['slow disk', 'fast disk'])
        break
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

  private begin(row: number, place: Place, kind: string, labels: Labels): void {
    const [label, endLabel] = labels
    const key = `${place} ${kind} ${label}`
    if (this.open.has(key)) return
    this.open.set(key, { place, kind, label, endLabel, fromRow: row })
  }

  private endWhere(row: number, ends: Matches): void {
    for (const [key, opening] of [...this.open]) {
      if (!ends(opening)) continue
      this.open.delete(key)
      this.closed.push({ ...opening, toRow: row })
    }
  }

  private partition(row: number, groups: readonly (readonly number[])[]): void {
    this.endWhere(row, ({ kind }) => kind === 'partition')
    for (const id of this.servers()) {
      const group = groups.find((members) => members.includes(id)) ?? [id]
      this.begin(row, id, 'partition', [`only {${group.join(', ')}}`, 'healed'])
    }
  }

  private clock(row: number, peer: number, rate: number): void {
    this.endWhere(row, ({ place, kind }) => place === peer && kind === 'clock')
    if (rate !== 1) this.begin(row, peer, 'clock', [`clock × ${rate}`, 'clock × 1'])
  }
}

function cutLabels(to: number): Labels {
  return [`no link to ${to}`, `link to ${to}`]
}

function slowLabels(to: number): Labels {
  return [`slow link to ${to}`, `fast link to ${to}`]
}

function dropLabels(after: number): Labels {
  const when = after === 0 ? '' : ` after ${after}`
  return [`requests lost${when}`, 'requests kept']
}

/** What ends with a fault that mends another: by the place and kind of what is open. */
const ENDS: Readonly<Record<string, (fault: Fault) => Matches>> = {
  reconnect: (fault) => atPeer(fault, 'disconnect'),
  restart: (fault) => atPeer(fault, 'crash'),
  resume: (fault) => atPeer(fault, 'pause'),
  'keep-calls': (fault) => atPeer(fault, 'drop-calls'),
  mend: (fault) => atLink(fault, 'cut', cutLabels),
  'fast-link': (fault) => atLink(fault, 'slow-link', slowLabels),
  'fast-machine': (fault) => atPeer(fault, 'slow-machine'),
  'fast-disk': (fault) => atPeer(fault, 'slow-disk'),
  heal: () => (span) => span.kind === 'partition' || span.kind === 'cut',
  reliable: () => (span) => span.kind === 'unreliable',
}

function atPeer(fault: Fault, kind: string): Matches {
  const { peer } = fault as { peer: number }
  return (span) => span.place === peer && span.kind === kind
}

function atLink(fault: Fault, kind: string, labels: (to: number) => Labels): Matches {
  const { from, to } = fault as { from: number; to: number }
  const [label] = labels(to)
  return (span) => span.place === from && span.kind === kind && span.label === label
}
