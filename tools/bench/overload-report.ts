/** What `overload.ts` has found, as a table. */
import { availableParallelism } from 'node:os'
import { median } from './numbers.ts'
import { alignColumns, ms, whole } from './report.ts'
import type { Round } from './situations.ts'

/** Medians over the rounds, and sums of what is counted. */
type Result = Round & { readonly name: string }

const DONE = 200
const SENT_ON = 307
const REFUSED = 503
const UNKNOWN = 504

export interface Results {
  readonly part: string
  /** With which the most was done. */
  readonly connections: number
  readonly electionTimeout: string
  /** The first is the load alone. */
  readonly results: readonly Result[]
}

export function resultOf(name: string, rounds: readonly Round[]): Result {
  const of = (value: (round: Round) => number) => median(rounds.map(value))
  const sum = (value: (round: Round) => number) =>
    rounds.reduce((before, round) => before + value(round), 0)
  return {
    name,
    perSecond: of(({ perSecond }) => perSecond),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    askedPerSecond: of(({ askedPerSecond }) => askedPerSecond),
    failures: sum(({ failures }) => failures),
    statuses: Object.fromEntries(
      [DONE, SENT_ON, REFUSED, UNKNOWN].map((status) => [
        status,
        sum(({ statuses }) => statuses[status] ?? 0),
      ]),
    ),
    depositions: sum(({ depositions }) => depositions),
    heapBytes: of(({ heapBytes }) => heapBytes),
    rssBytes: of(({ rssBytes }) => rssBytes),
    longestTurnMs: of(({ longestTurnMs }) => longestTurnMs),
    crowd: of(({ crowd }) => crowd),
  }
}

export function describe(all: Results): string {
  const { part, connections, electionTimeout, results } = all
  const [alone] = results
  const heading = [
    ...['', 'asked/s', 'done/s', 'ratio', 'refused', 'sent on', 'unknown'],
    ...['p99', 'heap', 'RSS', 'longest turn', 'still there', 'depositions'],
  ]
  const rows = results.map((result) => [
    result.name,
    whole(result.askedPerSecond),
    whole(result.perSecond),
    (result.perSecond / (alone?.perSecond ?? 0)).toFixed(2),
    ...[REFUSED, SENT_ON, UNKNOWN].map((status) => share(status, result)),
    ms(result.p99Ms),
    mebibytes(result.heapBytes),
    mebibytes(result.rssBytes),
    ms(result.longestTurnMs),
    result.crowd === 0 ? '' : whole(result.crowd),
    `${result.depositions}`,
  ])
  return [
    `${part}, three processes, election timeouts of ${electionTimeout} ms, Node ` +
      `${process.version}, ${availableParallelism()} cores; the most was done with ` +
      `${connections} connections`,
    '',
    ...alignColumns([heading, ...rows]),
    '',
    'What is refused (503) was certainly not done, nor what is sent on (307) by a leader that',
    'was deposed; what is unknown (504) may have been. p99 is of what was done; heap, RSS and',
    'the longest turn are the leader’s, at most.',
  ].join('\n')
}

/** Of all answers, those with this status. */
function share(status: number, { statuses }: Result): string {
  const all = Object.values(statuses).reduce((sum, count) => sum + count, 0)
  return `${((100 * (statuses[status] ?? 0)) / all).toFixed(1)} %`
}

function mebibytes(bytes: number): string {
  return `${whole(bytes / 2 ** 20)} MiB`
}
