/** Metrics: what Prometheus asks a server for, at GET /metrics. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Report } from './raft.ts'
import type { Answer, KeyValueService } from './service.ts'

export interface Metrics {
  /** An operation begins; what is returned is called with its outcome. */
  start(op: string): (outcome: Answer['outcome']) => void
  respond(): Promise<Response>
}

/** Of the duration of an operation, in s: from a fast disk to the deadline. */
const BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

export interface MetricsOptions {
  readonly service: KeyValueService
  readonly report: () => Report
  /** How many are in the cluster. */
  readonly members: () => number
  /** In ms, from whenever it began. */
  readonly now: () => number
}

export function createMetrics({
  service,
  report,
  members,
  now,
}: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const operations = new Counter({
    name: 'kv_operations_total',
    help: 'Operations that were answered',
    labelNames: ['op', 'outcome'],
    registers,
  })
  const durations = new Histogram({
    name: 'kv_operation_duration_seconds',
    help: 'From an operation’s arrival to its answer',
    labelNames: ['op'],
    buckets: BUCKETS_S,
    registers,
  })
  const gauges: readonly [name: string, help: string, value: () => number][] = [
    ['raft_term', 'The latest term it has seen', () => report().term],
    ['raft_is_leader', 'Whether it leads', () => Number(report().isLeader)],
    [
      'raft_commit_index',
      'The last entry known to be committed',
      () => report().commitIndex,
    ],
    ['raft_last_applied', 'The last entry applied', () => report().lastApplied],
    ['raft_first_log_index', 'The first entry of its log', () => report().firstLogIndex],
    [
      'raft_snapshot_index',
      'The last entry that its snapshot stands for',
      () => report().snapshotIndex,
    ],
    ['raft_last_log_index', 'The last entry of its log', () => report().lastLogIndex],
    ['raft_members', 'Servers that are in the cluster, by its log', members],
    ['kv_keys', 'Keys in the store', () => service.gauge().keys],
    ['kv_waiting_clients', 'Clients that wait', () => service.gauge().clients],
    ['kv_waiting_entries', 'Entries taken, not applied', () => service.gauge().entries],
    ['kv_waiting_reads', 'Reads not answered yet', () => service.gauge().reads],
    ['kv_sessions', 'Sessions of clients', () => service.gauge().sessions],
    [
      'kv_answer_bytes',
      'What the remembered answers take',
      () => service.gauge().answerBytes,
    ],
  ]
  for (const [name, help, value] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }
  return {
    start(op) {
      const startedAt = now()
      return (outcome) => {
        operations.labels(op, outcome).inc()
        durations.labels(op).observe((now() - startedAt) / 1000)
      }
    },
    async respond() {
      const headers = { 'Content-Type': registry.contentType }
      return new Response(await registry.metrics(), { headers })
    },
  }
}
