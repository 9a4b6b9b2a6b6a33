/**
 * LogWindow: the latest events of a log that goes on, as the timeline's page reads them. It
 * holds so many and no more, however long the log becomes; of what is gone it keeps what
 * the servers have come to be by then.
 */
import type { TestLogLine } from '../testlog/event.ts'
import type { Fault, LoggedEntry, RunEvent, State } from './shared/event.ts'
import { kindEndedBy } from './write/faults.ts'
import { dataOf } from './write/page.ts'
import { Run } from './write/run.ts'

/** What a server had come to be where the window begins. */
interface Before {
  readonly id: number
  fields: Pick<TestLogLine, 'role' | 'term'>
  state: State
  entries: readonly LoggedEntry[]
}

interface Kept {
  readonly event: RunEvent
  readonly bytes: Buffer
}

/** Of a log that began before the window, its last entries are enough to look at. */
const MOST_ENTRIES = 50

/** It is looked at once, on the same machine: not worth to be packed. */
const UNPACKED = { pack: async (bytes: Buffer) => bytes }

export class LogWindow {
  private readonly test: string
  private readonly servers: number
  private readonly most: number
  private kept: Kept[] = []
  private dropped = 0
  private readonly before = new Map<number, Before>()
  /** By place and kind: the line that began a fault which has not ended. */
  private readonly faults = new Map<string, Kept>()

  /** @param most it holds at least so many events, if there are, and at most twice as many. */
  constructor(test: string, servers: number, most: number) {
    this.test = test
    this.servers = servers
    this.most = most
  }

  /** How many events there were in all. */
  get total(): number {
    return this.dropped + this.kept.length
  }

  add(event: RunEvent, bytes: Buffer): void {
    this.kept.push({ event, bytes })
    if (this.kept.length < 2 * this.most) return
    for (const kept of this.kept.splice(0, this.most)) this.drop(kept)
  }

  /** What the page needs: the timeline's data, and behind that the lines, one by one. */
  data(): { readonly data: Buffer; readonly lines: Buffer } {
    const run = new Run(this.test, 'raft', UNPACKED)
    const all = [...this.beginning(), ...this.kept]
    for (const { event, bytes } of all) run.add(event, bytes)
    const lines = Buffer.concat(all.map(({ bytes }) => bytes))
    return { data: dataOf(run).data, lines }
  }

  private drop(kept: Kept): void {
    this.dropped += 1
    const { event } = kept
    if (event.fault) this.noteFault(event.fault, kept)
    if (event.server !== undefined) this.note(event.server, event)
  }

  private note(id: number, event: RunEvent): void {
    const server = this.before.get(id) ?? { id, fields: {}, state: {}, entries: [] }
    this.before.set(id, server)
    const { role, term, state, entries, index } = event
    server.fields = {
      ...server.fields,
      ...(role && { role }),
      ...(term !== undefined && { term }),
    }
    if (state) server.state = { ...server.state, ...state }
    const [first] = entries ?? []
    const from = first?.index ?? (event.event === 'truncate' ? index : undefined)
    if (from === undefined) return
    const kept = server.entries.filter((entry) => entry.index < from)
    server.entries = [...kept, ...(entries ?? [])].slice(-MOST_ENTRIES)
  }

  private noteFault(fault: Fault, kept: Kept): void {
    const { kind, peer, from, to } = fault
    const ended = kindEndedBy(fault)
    const key = `${ended ?? kind} ${peer ?? from} ${to}`
    if (ended === null) this.faults.set(key, kept)
    else this.faults.delete(key)
  }

  /** Lines in place of those that are gone. */
  private beginning(): Kept[] {
    if (this.dropped === 0) return []
    const time = this.kept[0]?.event.time ?? 0
    const line = (fields: Omit<TestLogLine, 'time' | 'test'>): Kept => {
      const event = { time, test: this.test, ...fields }
      return { event, bytes: Buffer.from(JSON.stringify(event)) }
    }
    const { test: part, servers } = this
    const gone = this.dropped.toLocaleString('en')
    const start = {
      event: 'test-start',
      msg: `${gone} events came before`,
      part,
      servers,
    }
    const states = [...this.before.values()].map(({ id, fields, state, entries }) => {
      const msg = 'as it was then'
      return line({ event: 'note', server: id, msg, ...fields, state, entries })
    })
    const faults = [...this.faults.values()].map(({ event, bytes }) => ({
      event: { ...event, time },
      bytes,
    }))
    return [line(start), ...states, ...faults]
  }
}
