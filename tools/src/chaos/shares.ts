/** Chaos on several machines: what each does, and what all of them have seen. */
import { paint, say } from '../cli/print.ts'
import { keepShare, readShares, type ShardOptions } from '../cli/shard.ts'
import type { Outcome } from '../testlog/event.ts'
import type { Round } from './round.ts'

export const EXIT_FOUND = 1
export const EXIT_UNKNOWN = 3

/** What is told of a round. */
export type Row = Readonly<Record<Outcome, number>> & {
  readonly round: number
  readonly verdict: string
  readonly faults: number
  /** Who was in the cluster at the end. */
  readonly servers: readonly number[]
  readonly problem: string | null
}

/** What was asked for, the same on all machines. */
interface Asked {
  readonly part: string
  readonly minutes: number
  readonly seed: number
  readonly servers: number
  readonly clients: number
  readonly mistake?: string
}

/** What one of them has seen. */
export interface Seen {
  readonly seed: number
  readonly rows: readonly Row[]
  readonly exitCode: number
}

/** As files of shares name it. */
const COMMAND = 'chaos'

/** A machine's share is some of the minutes, with a seed that no other has. */
export function shareOfMinutes<T extends ShardOptions & Pick<Asked, 'minutes' | 'seed'>>(
  options: T,
): T {
  const { shard, minutes, seed } = options
  if (!shard) return options
  return { ...options, minutes: minutes / shard.count, seed: seed + shard.index - 1 }
}

export function keepSeen(
  part: string,
  options: ShardOptions & Omit<Asked, 'part'>,
  found: Seen,
): Promise<void> {
  const { minutes, seed, servers, clients, mistake } = options
  const asked = { part, minutes, seed, servers, clients, ...(mistake && { mistake }) }
  return keepShare<Asked, Seen>(options, { of: COMMAND, asked, found })
}

/** Tells what all have seen. @returns the exit code. */
export function merge(files: readonly string[], isJson: boolean): number {
  const { asked, found } = readShares<Asked, Seen>(COMMAND, files)
  for (const seen of found) {
    const { seed, rows } = seen
    if (isJson) for (const row of rows) say(JSON.stringify({ seed, ...row }))
    else say(sentenceOf(asked.part, seen))
  }
  const codes = found.map(({ exitCode }) => exitCode)
  // That something is wrong says more than that something is not known.
  return codes.includes(EXIT_FOUND) ? EXIT_FOUND : Math.max(...codes)
}

export function sentenceOf(part: string, { seed, rows, exitCode }: Seen): string {
  const sum = (count: (row: Row) => number) =>
    rows.reduce((all, row) => all + count(row), 0)
  return (
    `${wordFor(exitCode, rows.at(-1))}  ${part}, seed ${seed}: ` +
    `${sum((row) => row.done)} operations done, ${sum((row) => row['not done'])} not done, ` +
    `${sum((row) => row.unknown)} unknown, under ${sum((row) => row.faults)} faults`
  )
}

/** How it ended: what clients saw can be explained, and yet something be wrong. */
export function wordFor(exitCode: number, last?: Pick<Row, 'verdict'>): string {
  if (exitCode === 0) return paint('green', 'linearizable')
  if (exitCode === EXIT_UNKNOWN) return paint('yellow', 'unknown')
  const isExplained = last?.verdict !== 'not linearizable'
  return paint('red', isExplained ? 'failed' : 'not linearizable')
}

export function rowOf({ number, servers, counts, faults, found, problem }: Round): Row {
  const { verdict } = found
  const row = { round: number, verdict, ...counts, faults: faults.length }
  return { ...row, servers, problem }
}
