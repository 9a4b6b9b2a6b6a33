import { type Command, Option } from 'commander'
import { program, wholeNumber } from '../cli/command.ts'
import { readSettings, type Settings } from '../harness/settings.ts'
import { partNamed } from '../parts/find.ts'

/** What a person asked for. */
export interface Request {
  readonly part: string
  /** Empty for all tests. */
  readonly pattern: string
  readonly seed: number
  /** Run over this many seeds, from 1 on, until one fails. */
  readonly seeds: number | null
  readonly network: Settings['network']
  /** Shows every line of the test log, heartbeats too. */
  readonly verbose: boolean
  readonly open: boolean
}

const HELP = `
The pattern is the whole name of a test, or a text or regular expression that its name
contains, in upper or lower case; all tests that match are run, and their servers' events
shown. Without a pattern, all tests of the part are run, without a test log; the first
that fails is run again with one.

The test log and the timelines go to timelines/<part>/<seed>/.

Examples:
  ./dotest.sh part1                                all tests of part 1
  ./dotest.sh part1 'comes back'                   one test, and its timeline
  ./dotest.sh part1 'comes back' --verbose         with every heartbeat
  ./dotest.sh part1 'comes back' --seed 7          the same with other luck
  ./dotest.sh part1 'comes back' --seeds 1000      look for a seed with which it fails
  ./dotest.sh part1 'comes back' --network grpc    in real time, over real sockets

Environment:
  RAFT_UNRELIABLE_RPC=1         one call in ten is lost, one in ten is late
  RAFT_FORCE_MORE_REELECTION=1  one election timeout in three is the shortest
  RAFT_SEED, RAFT_NETWORK       what --seed and --network say when they are not given
  NO_COLOR=1                    no colours

Exit codes:
  0  the tests passed
  1  a test failed
  2  there is no such part, test or option`

/** Ends the process when there is nothing to run: after an error, or --help. */
export function readRequest(argv: readonly string[], parts: readonly string[]): Request {
  const command: Command = commandLine(parts)
  command.parse(argv)
  const [partArgument = '', words] = command.processedArgs as [string, string[]]
  const options = command.opts<{
    seed?: number
    seeds?: number
    network?: Settings['network']
    verbose: boolean
    open: boolean
  }>()
  const part = partNamed(partArgument, parts)
  if (part === null) {
    command.error(
      `error: there is no part "${partArgument}"; there are ${parts.join(', ')}`,
    )
  }
  const settings = settingsOrError(command)
  const network = options.network ?? settings.network
  if (options.seeds !== undefined && network === 'grpc') {
    command.error(
      'error: --seeds is for virtual time, where a seed decides everything; ' +
        'leave it out, or leave out --network grpc',
    )
  }
  return {
    part,
    pattern: words.join(' '),
    seed: options.seed ?? settings.seed ?? 1,
    seeds: options.seeds ?? null,
    network,
    verbose: options.verbose,
    open: options.open,
  }
}

function commandLine(parts: readonly string[]): Command {
  const seed = new Option('--seed <n>', 'the seed that decides everything (default: 1)')
  const seeds = new Option(
    '--seeds <n>',
    'run over seeds 1 to n; replay the first failure',
  )
  const network = new Option('--network <kind>', 'virtual time, or gRPC in real time')
  return program('./dotest.sh')
    .description('Runs tests of a part, shows what its servers say, opens the timeline.')
    .argument('<part>', parts.join(', '))
    .argument('[pattern...]', 'which tests: a name, or a text or pattern in it')
    .addOption(seed.argParser(wholeNumber(0)))
    .addOption(seeds.argParser(wholeNumber(1)).conflicts('seed'))
    .addOption(network.choices(['simulated', 'grpc']))
    .option('--verbose', 'show every heartbeat, too', false)
    .option('--no-open', 'do not open the timeline in the browser')
    .addHelpText('after', HELP)
}

function settingsOrError(command: Command): Settings {
  try {
    return readSettings(process.env)
  } catch (error) {
    command.error(`error: ${(error as Error).message}`)
  }
}
