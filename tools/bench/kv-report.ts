/** What `kv.ts` has found, as a table. */
import { availableParallelism } from 'node:os'
import { KEYS } from './children.ts'
import { besideText } from './etcd.ts'
import type { Memory } from './kv-clusters.ts'
import { alignColumns, ms, whole } from './report.ts'

export interface Row {
  readonly cluster: string
  readonly operation: 'put' | 'get'
  readonly connections: number
  /** Medians over the rounds. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failures: number
}

export interface Growth {
  readonly cluster: string
  readonly before: Memory
  readonly after: Memory
}

export interface Results {
  readonly rows: readonly Row[]
  /** Of the leaders of parts that keep their whole log: in all, and while gets were asked. */
  readonly growth: readonly Growth[]
  readonly growthByGets: readonly Growth[]
}

/** @param version of etcd; null where none is installed. */
export function describe(
  { rows, growth, growthByGets }: Results,
  { version, etcd }: { readonly version: string | null; readonly etcd: boolean },
): string {
  const names = [...new Set(rows.map(({ cluster }) => cluster))]
  const parts = names.filter((name) => name !== 'etcd')
  // A ratio to the first part, and to etcd, where there is something beside it.
  const bases = [...(parts.length > 1 ? parts.slice(0, 1) : []), 'etcd']
  const shown = bases.filter((name) => names.includes(name))
  const columns = ['connections', 'a second', 'p50', 'p99', 'failures']
  const heading = ['', ...columns, ...shown.map((name) => `× ${name}`)]
  const lines = rows.map((row) => [
    `${row.operation}, ${row.cluster}`,
    `${row.connections}`,
    whole(row.perSecond),
    ms(row.p50Ms),
    ms(row.p99Ms),
    `${row.failures}`,
    ...shown.map((name) => ratio(row, name, rows)),
  ])
  const where = `three processes each, Node ${process.version}, ${availableParallelism()} cores`
  return [
    `${parts.join(', ')}: ${where}${etcd ? `; ${besideText(version)}` : ''}`,
    '',
    ...alignColumns([heading, ...lines]),
    '',
    ...growth.map(growthText),
    ...growthByGets.map(({ cluster, before, after }) => {
      const bytes = whole(after.fileBytes - before.fileBytes)
      return `The gets have written ${bytes} bytes in ${cluster}.`
    }),
  ]
    .join('\n')
    .trimEnd()
}

/** To what the other did under the same load; nothing for itself, and for etcd. */
function ratio(row: Row, name: string, rows: readonly Row[]): string {
  const { cluster, operation, connections, perSecond } = row
  const other = rows.find(
    (one) =>
      one.cluster === name &&
      one.operation === operation &&
      one.connections === connections,
  )
  if (!other || cluster === name || cluster === 'etcd') return ''
  return (perSecond / other.perSecond).toFixed(name === 'etcd' ? 2 : 3)
}

/** What grows is the log: there are no more keys than before. */
export function growthText({ cluster, before, after }: Growth): string {
  const entries = after.entries - before.entries
  const each = (bytes: number) => `${whole(bytes / entries)} bytes an entry`
  const heap = after.heapBytes - before.heapBytes
  const file = after.fileBytes - before.fileBytes
  return (
    `With ${whole(entries)} more entries over the same ${whole(KEYS)} keys, the heap of ` +
    `${cluster}’s leader grew by ${whole(heap / 2 ** 20)} MiB (${each(heap)}), its file by ` +
    `${whole(file / 2 ** 20)} MiB (${each(file)}): both hold the whole log.`
  )
}
