import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { program, wholeNumber } from '../cli/command.ts'
import { UsageError } from '../cli/exit.ts'
import { MAX_SEED, parseWholeNumber } from '../cli/numbers.ts'
import { FAULT_KINDS, type FaultKind } from './schedule.ts'

/** The exit code when a violation was found. */
export const EXIT_FOUND = 1
/** … and when nothing was, but some place was never reached that must be. */
export const EXIT_UNREACHED = 3
/** With fewer seeds than this, a place that was not reached says nothing. */
export const SEEDS_TO_REACH_ALL = 100_000

export const MAX_SERVERS = 7
export const MAX_DURATION_S = 3600
const DEFAULT_SEEDS = 1000
/** Long enough for some twenty elections. */
const DEFAULT_DURATION_S = 5

export interface ExploreOptions {
  readonly seeds: number
  readonly from: number
  readonly duration: number
  readonly servers?: number
  readonly faults?: readonly FaultKind[]
  readonly jobs: number
  readonly shard?: Shard
  readonly keepGoing: boolean
  readonly json: boolean
  readonly replay?: string
  readonly outDir: string
  readonly open: boolean
}

/** One of several machines that share the seeds among them, counted from 1. */
interface Shard {
  readonly index: number
  readonly count: number
}

const HELP = `
Every seed makes a cluster, a workload and a schedule of faults in virtual time. After every
event the invariants of the paper's figure 3 are checked, and at the end, when the faults
have stopped, that the servers elect a leader and all catch up.

Faults: ${FAULT_KINDS.join(', ')}

Examples:
  npm run explore -- part3                            1000 seeds, on all cores
  npm run explore -- part3 --seeds 100000 --json      many more, for a program to read
  npm run explore -- part3 --seeds 1 --from 17        seed 17 alone
  npm run explore -- part2 --servers 5 --faults loss,partition
  npm run explore -- part3 --shard 2/8                the second of eight machines
  npm run explore -- --replay timelines/explore/part3-seed-17.json

Exit codes:
  0  no violation was found
  1  a violation was found
  2  there is no such part, option or file
  3  no violation, but 100,000 seeds or more, of all that can be drawn, never came to some
     place that a search must reach (a split vote, say; all of them are listed at the end)`

export function exploreCommand(): Command {
  const found = program('npm run explore --')
    .description('Looks for schedules of faults that break a part of this tutorial.')
    .argument('[part]', 'part1, part2, …')
  return withSearchOptions(found, DEFAULT_SEEDS)
    .addOption(
      new Option(
        '--replay <file>',
        'run a schedule that was saved, instead of seeds',
      ).conflicts(OF_SEEDS),
    )
    .option('--keep-going', 'go through all seeds, whatever is found', false)
    .option('--shard <i/n>', 'only the i-th of n shares of the seeds', shard)
    .addHelpText('after', HELP)
}

/** The options that say nothing of a schedule that was saved. */
const OF_SEEDS = [
  ...['seeds', 'from', 'duration', 'servers', 'faults', 'jobs', 'json'],
  ...['keepGoing', 'shard'],
]

/** The options that every search has. */
export function withSearchOptions(command: Command, seeds: number): Command {
  const kinds = FAULT_KINDS.join(',')
  return command
    .addOption(
      new Option('--seeds <n>', 'how many seeds to go through')
        .default(seeds)
        .argParser(wholeNumber(1)),
    )
    .addOption(
      new Option('--from <seed>', 'the first seed').default(1).argParser(wholeNumber(0)),
    )
    .addOption(
      new Option('--duration <s>', 'how long the faults go on, in simulated seconds')
        .default(DEFAULT_DURATION_S)
        .argParser(seconds),
    )
    .option(
      '--servers <n>',
      `servers in the cluster (1 to ${MAX_SERVERS}, by the seed)`,
      size,
    )
    .option(
      '--faults <kinds>',
      `some of ${kinds} (all that the part can take)`,
      faultKinds,
    )
    .addOption(
      new Option('--jobs <n>', 'worker threads')
        .default(availableParallelism(), 'all cores')
        .argParser(wholeNumber(1)),
    )
    .option('--json', 'write one JSON object instead of text', false)
    .option('--out-dir <folder>', 'where cases and timelines go', 'timelines/explore')
    .option('--no-open', 'do not open the timeline in the browser')
}

/** The options that must be given again for a seed to mean the same schedule. */
export function optionsOfSeed(options: ExploreOptions): string {
  const { duration, servers, faults } = options
  return [
    duration === DEFAULT_DURATION_S ? '' : ` --duration ${duration}`,
    servers === undefined ? '' : ` --servers ${servers}`,
    faults === undefined ? '' : ` --faults ${faults.join(',')}`,
  ].join('')
}

/** The seeds that are this machine's share: one after another, none twice, none left out. */
export function seedsOfShard(options: ExploreOptions): { from: number; seeds: number } {
  const { from, seeds, shard } = options
  const last = from + seeds - 1
  if (last > MAX_SEED) {
    throw new UsageError(`the last seed would be ${last}; it can be ${MAX_SEED} at most`)
  }
  if (!shard) return { from, seeds }
  const start = Math.floor((seeds * (shard.index - 1)) / shard.count)
  const end = Math.floor((seeds * shard.index) / shard.count)
  if (end > start) return { from: from + start, seeds: end - start }
  throw new UsageError(`${seeds} seeds are too few for ${shard.count} shares`)
}

function size(text: string): number {
  const value = parseWholeNumber(text, 1)
  if (value !== null && value <= MAX_SERVERS) return value
  throw new InvalidArgumentError(`It can be a whole number from 1 to ${MAX_SERVERS}.`)
}

function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && value <= MAX_DURATION_S) return value
  throw new InvalidArgumentError(`It can be a number above 0, up to ${MAX_DURATION_S}.`)
}

function faultKinds(text: string): FaultKind[] {
  const kinds = FAULT_KINDS.filter((kind) => text.split(',').includes(kind))
  if (kinds.length === text.split(',').length) return kinds
  throw new InvalidArgumentError(`It can be some of ${FAULT_KINDS.join(',')}.`)
}

function shard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  const value = { index: Number(index), count: Number(count) }
  if (value.index >= 1 && value.index <= value.count) return value
  throw new InvalidArgumentError('It can be like 2/8, from 1/8 to 8/8.')
}
