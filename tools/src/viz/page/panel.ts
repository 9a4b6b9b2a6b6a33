import { h } from './dom.ts'
import { type LogEntry, type Snapshot, STANDINGS, type Timeline } from './timeline.ts'
import { count, laneName, roleLetter, roleName } from './words.ts'

/** So many entries of each log stand in the panel; the last ones matter. */
const ENTRIES_SHOWN = 7
const ENTRIES_BEHIND_COMMIT = 5
const TERM_COLORS = 6

/** Each server as it is after a row: role, term, vote, commit index, and its log. */
export function statePanel(timeline: Timeline, row: number): HTMLElement {
  const lanes = timeline.header.lanes.flatMap((lane, i) =>
    lane.kind === 'server' && !timeline.isToCome(i, row)
      ? [{ id: lane.id, now: timeline.snapshot(i, row) }]
      : [],
  )
  return h(
    'section',
    { class: 'states', 'aria-label': 'Every server at this event' },
    h('h2', {}, 'Servers', h('small', {}, ` after event ${count(row + 1)}`)),
    serverTable(timeline, lanes, row),
    ...configurations(lanes),
    ...deposedNotes(timeline, row),
    timeline.hasLogs ? logTable(timeline, lanes) : null,
  )
}

interface Server {
  readonly id: number
  readonly now: Snapshot
}

/** Who leads no more and does not know it, and why that does no harm. */
function deposedNotes(timeline: Timeline, row: number): HTMLElement[] {
  return timeline.header.lanes.flatMap((_, lane) => {
    const deposed = timeline.deposedAt(lane, row)
    if (!deposed) return []
    const by = laneName(timeline, deposed.by)
    const text =
      `${laneName(timeline, lane)} still believes that it leads. It was deposed at event ` +
      `${count(deposed.fromRow + 1)}, when ${by} came to lead term ${deposed.term}: a ` +
      'majority is in that term, and takes no more entries from it. It steps down when ' +
      'it hears of a higher term (5.1).'
    return [h('p', { class: 'deposed-note' }, text)]
  })
}

/** Who is in the cluster: the last configuration in each log, which may differ. */
function configurations(servers: readonly Server[]): HTMLElement[] {
  const at = new Map<string, number[]>()
  for (const { id, now } of servers) {
    const { members } = now.state
    if (!Array.isArray(members)) continue
    const names = members.join(', ') || 'nobody'
    at.set(names, [...(at.get(names) ?? []), id])
  }
  if (at.size === 0) return []
  const list = [...at].map(([names, ids]) => {
    const where = at.size === 1 ? '' : ` at ${ids.join(', ')}`
    return h('li', {}, h('b', {}, names), h('small', {}, where))
  })
  const title = 'in force as soon as it is in a server’s log'
  return [h('div', { class: 'members', title }, 'Members: ', h('ul', {}, ...list))]
}

function serverTable(
  timeline: Timeline,
  servers: readonly Server[],
  row: number,
): HTMLElement {
  const head = ['', 'Role', 'Term', 'Voted for']
  if (timeline.hasLogs) head.push('Commit', 'Applied')
  const rows = servers.map(({ id, now }) => {
    const { role, term, state } = now
    const name = h('span', { class: `role role-${roleName(role).toLowerCase()}` })
    name.append(
      h('b', { 'aria-hidden': 'true' }, roleLetter(role)),
      ` ${roleName(role)}`,
    )
    const lane = timeline.laneOfServer(id)
    if (timeline.deposedAt(lane, row)) name.classList.add('deposed')
    const outsider = timeline.outsiderAt(lane, row)
    if (outsider) {
      name.classList.add('outsider')
      name.append(h('small', {}, ` ${STANDINGS[outsider.kind]}`))
    }
    const cells = [
      h('th', { scope: 'row' }, String(id)),
      h('td', {}, name),
      h('td', { class: 'number' }, String(term)),
      h('td', { class: 'number' }, textOf(state.votedFor)),
    ]
    if (timeline.hasLogs) {
      cells.push(h('td', { class: 'number' }, textOf(state.commitIndex)))
      cells.push(h('td', { class: 'number' }, textOf(state.lastApplied)))
    }
    return h('tr', {}, ...cells)
  })
  return h(
    'table',
    { class: 'servers' },
    h('thead', {}, h('tr', {}, ...head.map(columnHead))),
    h('tbody', {}, ...rows),
  )
}

/** Numbers, which all but the id and the role are, stand at the right. */
function columnHead(text: string, column: number): HTMLElement {
  return h('th', { scope: 'col', class: column > 1 ? 'number' : '' }, text)
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? '–' : String(value)
}

/** The logs as figure 6 of the paper draws them: boxes under their indexes. */
function logTable(timeline: Timeline, servers: readonly Server[]): HTMLElement {
  const { first } = timeline
  const last = Math.max(first - 1, ...servers.map((s) => lastIndex(timeline, s.now)))
  const commit = Math.max(
    first - 1,
    ...servers.map(({ now }) => commitIndex(timeline, now)),
  )
  // What is behind the commit index is what may differ: show it, and a little before it.
  const to = Math.max(first, Math.min(last, commit + ENTRIES_BEHIND_COMMIT))
  const from = Math.max(first, to - ENTRIES_SHOWN + 1)
  const indexes = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  const leader = leaderOf(servers)
  const measure = leader
    ? nodesOf(timeline, leader, from, to)
    : agreedNodes(timeline, servers, from, to)
  const rows = servers.map(({ id, now }) => {
    const nodes = nodesOf(timeline, { id, now }, from, to)
    const marks = {
      commit: commitIndex(timeline, now),
      applied: now.state.lastApplied ?? timeline.first - 1,
      snapshot: (now.state.firstLogIndex ?? timeline.first) - 1,
      than: leader ? `the log of server ${leader.id}, the leader` : 'most logs',
    }
    const cells = indexes.map((index) => {
      const node = nodes.get(index)
      const entry = node === undefined ? null : timeline.entry(node)
      const isMissing = node === undefined
      // Without a leader nobody has to have more; of a server that is down nothing is known.
      const isNoMatter = isMissing && (!leader || roleName(now.role) === 'Dead')
      const isSame = measure.get(index) === node || isNoMatter
      return index <= marks.snapshot
        ? snapshotCell(index, entry)
        : entryCell(entry, isSame, marks)
    })
    const more = lastIndex(timeline, now) - to
    const rest = h('td', { class: 'more' }, more > 0 ? `+${count(more)}` : '')
    const name = leader?.id === id ? `★ ${id}` : String(id)
    return h('tr', {}, h('th', { scope: 'row' }, name), ...cells, rest)
  })
  const hasSnapshot = servers.some(({ now }) => (now.state.firstLogIndex ?? 0) > from)
  const head = indexes.map((index) => h('th', { scope: 'col' }, count(index)))
  return h(
    'div',
    { class: 'logs', tabindex: 0, role: 'group', 'aria-label': 'Logs' },
    h(
      'table',
      {},
      h('caption', {}, 'Logs', h('small', {}, captionOf(timeline, from, last))),
      h('thead', {}, h('tr', {}, h('td', {}), ...head, h('td', {}))),
      h('tbody', {}, ...rows),
    ),
    last < first ? null : h('p', { class: 'muted key' }, keyOf(leader, hasSnapshot)),
  )
}

function keyOf(leader: Server | null, hasSnapshot: boolean): string {
  const than = leader
    ? `than in the log of server ${leader.id} (★)`
    : 'than in most logs'
  const folded = hasSnapshot ? ' ⛁: in a snapshot.' : ''
  return `Thick line: committed. ✓: applied.${folded} Red: another ${than}, or missing.`
}

/** Whose log the others will become: the leader's of the highest term. */
function leaderOf(servers: readonly Server[]): Server | null {
  const leaders = servers.filter(({ now }) => roleName(now.role) === 'Leader')
  return leaders.reduce<Server | null>(
    (latest, server) => (server.now.term > (latest?.now.term ?? -1) ? server : latest),
    null,
  )
}

/** The entries of a server's log by their indexes. */
function nodesOf(
  timeline: Timeline,
  { now }: Server,
  from: number,
  to: number,
): Map<number, number> {
  const entries = timeline.entries(now.log, from, to)
  return new Map(entries.map(({ index, node }) => [index, node]))
}

function captionOf({ first }: Timeline, from: number, last: number): string {
  if (last < first) return ' all empty'
  return from > first ? ` entries before ${count(from)} not shown` : ''
}

function lastIndex(timeline: Timeline, { log }: Snapshot): number {
  return log === 0 ? timeline.first - 1 : timeline.entry(log).index
}

function commitIndex({ first }: Timeline, { state }: Snapshot): number {
  return state.commitIndex ?? first - 1
}

/** The entry that most servers hold at an index: the others' differ from it. */
function agreedNodes(
  timeline: Timeline,
  servers: readonly Server[],
  from: number,
  to: number,
): Map<number, number> {
  const counts = new Map<number, Map<number, number>>()
  for (const { now } of servers) {
    for (const { index, node } of timeline.entries(now.log, from, to)) {
      const nodes = counts.get(index) ?? new Map<number, number>()
      nodes.set(node, (nodes.get(node) ?? 0) + 1)
      counts.set(index, nodes)
    }
  }
  const agreed = new Map<number, number>()
  for (const [index, nodes] of counts) {
    const [most] = [...nodes].sort(([, a], [, b]) => b - a)
    if (most) agreed.set(index, most[0])
  }
  return agreed
}

interface Marks {
  readonly commit: number
  readonly applied: number
  /** What a snapshot stands for: the log begins behind it. */
  readonly snapshot: number
  /** Whose log an entry is compared with, in words. */
  readonly than: string
}

/** An entry that the log has no more; what it was is known of other logs, or from before. */
function snapshotCell(index: number, entry: LogEntry | null): HTMLElement {
  const box = h('div', { class: 'entry folded' }, h('b', {}, '⛁'))
  const what = entry ? `, which was of term ${entry.term}: ${entry.command}` : ''
  box.title = `entry ${index} is in its snapshot${what}`
  return h('td', {}, box)
}

/** Where there is room for one word: whom an entry adds to the cluster, or removes. */
function briefly(command: string): string {
  return command
    .replace(/^adds server (\d+)$/, '+ S$1')
    .replace(/^removes server (\d+)$/, '− S$1')
    .replace(/^members (\d+(, \d+)*)$/, '$1')
}

function entryCell(
  entry: LogEntry | null,
  isSame: boolean,
  { commit, applied, than }: Marks,
): HTMLElement {
  if (!entry) {
    if (isSame) return h('td', {})
    const lacks = h('div', { class: 'entry lacks' }, h('b', {}, '–'))
    lacks.title = `missing, compared with ${than}`
    return h('td', {}, lacks)
  }
  const isApplied = entry.index <= applied
  const box = h(
    'div',
    { class: `entry term-${entry.term % TERM_COLORS}` },
    h('b', {}, `${entry.term}${isApplied ? ' ✓' : ''}`),
    h('span', {}, briefly(entry.command)),
  )
  const words = [`entry ${entry.index}, term ${entry.term}: ${entry.command}`]
  if (entry.index <= commit) {
    box.classList.add('committed')
    words.push(isApplied ? '(committed and applied)' : '(committed)')
  }
  if (!isSame) {
    box.classList.add('differs')
    words.push(`(differs from ${than})`)
  }
  box.title = words.join(' ')
  return h('td', {}, box)
}
