import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { program, wholeNumber } from '../cli/command.ts'
import { UsageError } from '../cli/exit.ts'
import { MAX_SEED, parseWholeNumber } from '../cli/numbers.ts'
import { type ShardOptions, shareOf, withShards } from '../cli/shard.ts'
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

export interface ExploreOptions extends ShardOptions {
  readonly seeds: number
  readonly from: number
  readonly duration: number
  readonly servers?: number
  readonly faults?: readonly FaultKind[]
  readonly lease?: boolean
  readonly jobs: number
  readonly keepGoing: boolean
  readonly json: boolean
  readonly replay?: string
  readonly outDir: string
  readonly open: boolean
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
  npm run explore -- part5 --lease                    reads that ask nobody
  npm run explore -- part3 --shard 2/8 --out 2.json   the second of eight machines
  npm run explore -- --merge *.json                   what all of them have found
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
  const whole = withSearchOptions(found, DEFAULT_SEEDS)
  return withShards(whole, [...OF_SEEDS, 'replay'])
    .addOption(
      new Option(
        '--replay <file>',
        'run a schedule that was saved, instead of seeds',
      ).conflicts([...OF_SEEDS, 'json', 'shard', 'out']),
    )
    .option('--keep-going', 'go through all seeds, whatever is found', false)
    .addHelpText('after', HELP)
}

/** The options that say nothing of a schedule that was saved, or of what was found. */
const OF_SEEDS = [
  ...['seeds', 'from', 'duration', 'servers', 'faults', 'lease', 'jobs', 'keepGoing'],
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
    .option(
      '--lease',
      'reads are answered in a lease, and clocks are as good as it needs',
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
  const { duration, servers, faults, lease } = options
  return [
    duration === DEFAULT_DURATION_S ? '' : ` --duration ${duration}`,
    servers === undefined ? '' : ` --servers ${servers}`,
    faults === undefined ? '' : ` --faults ${faults.join(',')}`,
    lease ? ' --lease' : '',
  ].join('')
}

/** What was asked for, of which machines do shares. */
export interface Asked
  extends Pick<ExploreOptions, 'seeds' | 'from' | 'duration' | 'keepGoing' | 'lease'> {
  readonly part: string
  /** Null for what is left to the seed. */
  readonly servers: number | null
  readonly faults: readonly FaultKind[] | null
}

export function askedBy(part: string, options: ExploreOptions): Asked {
  const {
    seeds,
    from,
    duration,
    keepGoing,
    lease,
    servers = null,
    faults = null,
  } = options
  const optional = lease && { lease }
  return { part, seeds, from, duration, keepGoing, ...optional, servers, faults }
}

/** The options as they were when it was asked. */
export function optionsOf(
  { part: _, servers, faults, ...asked }: Asked,
  others: ExploreOptions,
): ExploreOptions {
  return {
    ...others,
    ...asked,
    ...(servers !== null && { servers }),
    ...(faults !== null && { faults }),
  }
}

/** The seeds that are this machine's share: one after another, none twice, none left out. */
export function seedsOfShard(options: ExploreOptions): { from: number; seeds: number } {
  const { from, seeds, shard } = options
  const last = from + seeds - 1
  if (last > MAX_SEED) {
    throw new UsageError(`the last seed would be ${last}; it can be ${MAX_SEED} at most`)
  }
  const { first, end } = shareOf(seeds, shard)
  if (end > first) return { from: from + first, seeds: end - first }
  throw new UsageError(`${seeds} seeds are too few for ${shard?.count} shares`)
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
