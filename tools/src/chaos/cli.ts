/** Breaks a cluster of real processes by chance, and judges what its clients saw. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import { program, wholeNumber } from '../cli/command.ts'
import { temporaryFolder } from '../cli/ending.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { complain } from '../cli/print.ts'
import { type ShardOptions, withShards } from '../cli/shard.ts'
import { Namespaces } from '../processes/namespaces.ts'
import { folderWithin, runWithin, whyNone } from '../processes/own-namespaces.ts'
import { programOf, programWith } from '../processes/program.ts'
import { Chaos, type ChaosOptions } from './chaos.ts'
import { keepSeen, merge, shareOfMinutes } from './shares.ts'

interface Options extends ChaosOptions, ShardOptions {
  readonly outDir: string
  readonly network?: 'namespaces' | 'relays'
}

const HELP = `
Servers are killed (kill -9) and started again, one or all; they stand still (SIGSTOP), are
cut off, are not heard by the others; single links are cut one way, or slow; a cluster falls
in two; snapshots are taken; where the cluster itself can change, servers join and leave, and
leaders hand over. For root on Linux, with iproute2 and
nftables, each server has a network namespace: then cables are pulled, packets get lost one
way, little passes in a second, disks are full, and with libfaketime clocks jump. Meanwhile
clients are busy. A round is some 20 seconds of that; then all is mended, everything is read
once more, all servers must hold the same, and it is judged whether there is an order of the
operations that explains every answer. A seed decides on the faults and on what clients ask for, but real processes never
do the same twice.

What kill -9 cannot show is an answer that was given before the disk had it: what a process
has written survives it. That is shown by the laboratory, whose power fails: npm run explore.

Examples:
  npm run chaos -- part5
  npm run chaos -- part5 --minutes 5 --seed 7
  npm run chaos -- part5 --mistake sessions-at-the-leader
  npm run chaos -- part6 --network relays     as it is without root
  npm run chaos -- --minutes 60 --shard 2/8 --out 2.json      an eighth, on the second machine
  npm run chaos -- --merge *.json             what all of them have seen

Exit codes:
  0  what the clients saw can be explained
  1  it cannot, a server ended by itself, or nothing was done, or servers did not agree,
     though nothing was broken
  2  the command line cannot be understood
  3  unknown: to judge took too long`

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const chaos = program('npm run chaos --')
    .description('Breaks a cluster of real processes, and judges what its clients saw.')
    .argument('[part]', 'a part that has a service (default: the last one)')
    .option('--minutes <n>', 'how long', minutes, 1)
    .option('--seed <n>', 'decides on faults and operations', wholeNumber(0), 1)
    .option('--servers <n>', 'how many', wholeNumber(1), 3)
    .option('--clients <n>', 'how many are busy', wholeNumber(1), 6)
    .option('--election-timeout <min-max>', 'in ms: more where a machine is busy', range)
    .addOption(
      new Option('--network <kind>', 'what is between the servers')
        .choices(['namespaces', 'relays'])
        .default(undefined, 'namespaces where they can be had'),
    )
    .option('--mistake <name>', 'servers with a mistake of the gallery in them')
    .option('--out-dir <folder>', 'where a failure is kept', 'timelines/chaos')
    .option('--no-open', 'do not open what was found in a browser')
    .option('--json', 'print a line of JSON for each round', false)
    .addHelpText('after', HELP)
  const others = ['minutes', 'seed', 'servers', 'clients', 'network', 'mistake']
  const command = withShards(chaos, others).parse()
  const asked = command.opts<Options>()
  if (asked.merge) return merge(asked.merge, asked.json)
  const part = programOf(command.args[0])
  const options = shareOfMinutes(asked)
  const within = folderWithin()
  if (within === null && mayRunWithin(options)) return runWithin()
  const folder = join(options.outDir, `${part.part}-seed-${options.seed}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const chosen = options.mistake
    ? programWith(options.mistake, part, within ?? temporaryFolder('raft-chaos-'))
    : part
  const ids = Array.from({ length: options.servers }, (_, id) => id)
  const namespaces = within === null ? null : new Namespaces(ids)
  if (namespaces?.hasClocks === false) {
    complain('No clock jumps: libfaketime is not installed (Debian’s package faketime).')
  }
  // A browser that was started from within would end with the command.
  const how = within === null ? options : { ...options, open: false }
  const all = new Chaos(chosen, folder, how, namespaces)
  const exitCode = await all.run()
  const { seed } = options
  await keepSeen(part.part, asked, { seed, rows: all.rows, exitCode })
  return exitCode
}

/** Whether there are namespaces to run in. @throws UsageError if not, though they must be. */
function mayRunWithin({ network }: Options): boolean {
  if (network === 'relays') return false
  const why = whyNone()
  if (why === null) return true
  if (network) throw new UsageError(`there are no namespaces to be had: ${why}`)
  complain(`The servers have no network namespaces, but relays between them: ${why}.`)
  return false
}

function range(text: string): string {
  if (/^\d{1,6}-\d{1,6}$/.test(text)) return text
  throw new InvalidArgumentError('It is two numbers of milliseconds, as 150-300.')
}

function minutes(text: string): number {
  const value = Number(text)
  if (text !== '' && value > 0 && value <= 24 * 60) return value
  throw new InvalidArgumentError('It is a number of minutes, above 0, up to a day.')
}
