/**
 * Work that machines share: each does its part of it and writes what it has found into a
 * file, and these files are joined.
 */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from './exit.ts'
import { writeWhole } from './whole.ts'

/** One of several machines, counted from 1. */
export interface Shard {
  readonly index: number
  readonly count: number
}

/** What such a command has beside its own options. */
export interface ShardOptions {
  readonly shard?: Shard
  readonly out?: string
  readonly merge?: readonly string[]
}

/** A file: what was asked for, whose share of it this is, and what has come of it. */
interface Share<Asked, Found> {
  /** The command. */
  readonly of: string
  /** The same in all shares. */
  readonly asked: Asked
  readonly shard: Shard
  readonly found: Found
}

/** @param others the options that say nothing of what was found already. */
export function withShards(command: Command, others: readonly string[]): Command {
  return command
    .option('--shard <i/n>', 'only the i-th of n shares of the work', shard)
    .option('--out <file>', 'write what was found, too, for --merge')
    .addOption(
      new Option(
        '--merge <file...>',
        'join what was found by all the shares, instead of working',
      ).conflicts(['shard', 'out', ...others]),
    )
}

/** Of so many things in a row, those that are somebody's share: from the first up to `end`. */
export function shareOf(
  total: number,
  { index, count }: Shard = { index: 1, count: 1 },
): { readonly first: number; readonly end: number } {
  return {
    first: Math.floor((total * (index - 1)) / count),
    end: Math.floor((total * index) / count),
  }
}

/** Writes what was found, where that was asked for. */
export async function keepShare<Asked, Found>(
  { out, shard = { index: 1, count: 1 } }: ShardOptions,
  share: Omit<Share<Asked, Found>, 'shard'>,
): Promise<void> {
  if (out === undefined) return
  await writeWhole(out, [`${JSON.stringify({ ...share, shard })}\n`])
}

/**
 * Reads what all shares have found, in their order.
 *
 * @throws UsageError when one is missing, is there twice, or is one of other work.
 */
export function readShares<Asked, Found>(
  of: string,
  files: readonly string[],
): { readonly asked: Asked; readonly found: readonly Found[] } {
  const byIndex = new Map<number, { file: string; share: Share<Asked, Found> }>()
  const [firstFile = ''] = files
  const first = readShare<Asked, Found>(of, firstFile)
  for (const file of files) {
    const share = readShare<Asked, Found>(of, file)
    const isOfFirst =
      isDeepStrictEqual(share.asked, first.asked) &&
      share.shard.count === first.shard.count
    if (!isOfFirst)
      throw new UsageError(`${file} is no share of the same as ${firstFile}`)
    const twin = byIndex.get(share.shard.index)
    if (twin) throw new UsageError(`${twin.file} and ${file} are the same share`)
    byIndex.set(share.shard.index, { file, share })
  }
  const { count } = first.shard
  const indexes = Array.from({ length: count }, (_, i) => i + 1)
  const missing = runsIn(indexes.filter((index) => !byIndex.has(index)))
  if (missing.length > 0) {
    const names = missing.map(([first, last]) =>
      first === last ? `${first}/${count}` : `${first}/${count} to ${last}/${count}`,
    )
    throw new UsageError(
      `not all shares are there; what is missing: ${names.join(', ')}`,
    )
  }
  const shares = indexes.flatMap((index) => byIndex.get(index)?.share ?? [])
  return { asked: first.asked, found: shares.map(({ found }) => found) }
}

/** From numbers that rise: the first and the last of those that follow each other. */
function runsIn(numbers: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run?.[1] === number - 1) run[1] = number
    else runs.push([number, number])
  }
  return runs
}

function readShare<Asked, Found>(of: string, file: string): Share<Asked, Found> {
  const share = parse(readFileSync(file, 'utf8')) as Share<Asked, Found> | null
  if (share?.of === of) return share
  throw new UsageError(`${file} is not what ${of} --out has written`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function shard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  const value = { index: Number(index), count: Number(count) }
  if (value.index >= 1 && value.index <= value.count) return value
  throw new InvalidArgumentError('It can be like 2/8, from 1/8 to 8/8.')
}
