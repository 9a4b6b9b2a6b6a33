/**
 * What the last part does when it is asked for more than it can do, and when many hold
 * connections to its leader and want little. Times are printed, never asserted.
 */
import { spawnSync } from 'node:child_process'
import { InvalidArgumentError } from 'commander'
import { program } from '../src/cli/command.ts'
import { say } from '../src/cli/print.ts'
import { programOf } from '../src/processes/program.ts'
import { type KvLoad, measure } from './children.ts'
import { exitCodeOfBench, leaveNothingBehind } from './ending.ts'
import { ELECTION_TIMEOUT, type KvCluster, startPart } from './kv-clusters.ts'
import { BenchError } from './loads.ts'
import { describe, type Results, resultOf } from './overload-report.ts'
import { atLeast, progressBar } from './report.ts'
import { type Round, type Situation, tryOut } from './situations.ts'

interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly idle: number
  readonly electionTimeout: string
  readonly json: boolean
}

/** One of these is the load with which the most is done. */
const CONNECTIONS = [16, 32, 64, 128, 256, 512]
/** Characters of a value. */
const LENGTH = 100
/** How many times what can be done is asked for. */
const OVERLOAD = 3
/** As many as may read the log. */
const SLOW_READERS = 32
const HALF_REQUESTS = 1_000
/** Connections beside those that are idle, at most: half requests, and clients that put. */
const OTHER_CONNECTIONS = 2_000
/** What a server has open beside its clients, at most. */
const OTHER_FILES = 100

const HELP = `
Three servers. First is looked for the number of connections with which they do the most
puts a second: ${CONNECTIONS.join(', ')}. Then, in turns: that load alone; ${OVERLOAD} times as many
connections; ${OVERLOAD} times as many puts a second, sent whether or not those before were answered;
and that load again, while others hold connections to the leader. They are idle; or ${SLOW_READERS} that
have asked for GET /log and never read; or ${HALF_REQUESTS} that send half of a request, and come again
when they are hung up on.

Examples:
  npm run bench:overload
  npm run bench:overload -- --rounds 1 --seconds 1 --idle 100
  npm run bench:overload -- --election-timeout 150-300

Exit codes:
  0  all was measured
  1  something could not be measured: a process may not have so many files open, say
  2  there is no such option`

function main(): Promise<unknown> {
  return program('npm run bench:overload --')
    .description(
      'Measures what is done under too much load, and beside many connections.',
    )
    .option('--rounds <n>', 'how often to measure each', atLeast(1), 5)
    .option('--seconds <n>', 'how long a round takes', atLeast(1), 5)
    .option('--idle <n>', 'connections that are idle', atLeast(1), 10_000)
    .option(
      '--election-timeout <min-max>',
      'of the servers, in ms',
      range,
      ELECTION_TIMEOUT,
    )
    .option('--json', 'print JSON instead of a table', false)
    .addHelpText('after', HELP)
    .action(run)
    .parseAsync()
}

function range(text: string): string {
  const [, min, max] = /^(\d{1,6})-(\d{1,6})$/.exec(text) ?? []
  if (Number(min) > 0 && Number(min) <= Number(max)) return text
  throw new InvalidArgumentError('It must be two numbers of milliseconds, as 150-300.')
}

async function run(options: Options): Promise<void> {
  const { rounds, seconds, idle, electionTimeout, json } = options
  const mostConnections = idle + OTHER_CONNECTIONS
  mustHaveFiles(mostConnections + OTHER_FILES)
  leaveNothingBehind()
  const progress = progressBar(CONNECTIONS.length + 6 * rounds)
  const cluster = await startPart(programOf(undefined).part, [
    ...['--election-timeout', electionTimeout],
    ...['--max-connections', `${mostConnections}`],
  ])
  try {
    const best = await findBest(cluster, seconds, progress.step)
    const situations = situationsFor(best, idle)
    const all = situations.map((): Round[] => [])
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, situation] of situations.entries()) {
        progress.step(situation.name)
        all[i]?.push(await tryOut(cluster, situation))
      }
    }
    progress.stop()
    const results: Results = {
      part: cluster.name,
      connections: best.connections,
      electionTimeout,
      results: situations.map(({ name }, i) => resultOf(name, all[i] ?? [])),
    }
    say(json ? JSON.stringify(results, null, 2) : describe(results))
  } finally {
    progress.stop()
    await cluster.stop()
  }
}

interface Best extends KvLoad {
  readonly perSecond: number
}

async function findBest(
  cluster: KvCluster,
  seconds: number,
  onStep: (what: string) => void,
): Promise<Best> {
  const loads = CONNECTIONS.map((connections): KvLoad => {
    return { operation: 'put', connections, seconds, length: LENGTH, inSessions: false }
  })
  const tried: Best[] = []
  for (const load of loads) {
    onStep(`the best load: ${load.connections} connections`)
    tried.push({ ...load, perSecond: (await measure(cluster, load)).perSecond })
  }
  return tried.reduce((best, one) => (one.perSecond > best.perSecond ? one : best))
}

function situationsFor(best: Best, idle: number): readonly Situation[] {
  const { perSecond, ...load } = best
  const rate = OVERLOAD * perSecond
  const many = HALF_REQUESTS.toLocaleString('en')
  return [
    { name: 'that load alone', load },
    {
      name: `${OVERLOAD} times as many connections`,
      load: { ...load, connections: OVERLOAD * load.connections },
    },
    { name: `${OVERLOAD} times as many puts`, load: { ...load, rate } },
    {
      name: `beside ${idle.toLocaleString('en')} idle connections`,
      load,
      crowd: { kind: 'idle', connections: idle },
    },
    {
      name: `beside ${SLOW_READERS} slow readers of /log`,
      load,
      crowd: { kind: 'slow', connections: SLOW_READERS },
    },
    {
      name: `beside ${many} halves of requests`,
      load,
      crowd: { kind: 'half', connections: HALF_REQUESTS },
    },
  ]
}

/** Node itself takes as many as the system lets it have. */
function mustHaveFiles(count: number): void {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' })
  if (!(Number(stdout) < count)) return
  throw new BenchError(
    `a process may have ${stdout.trim()} files open here, and ${count} are needed; raise ` +
      'that (ulimit -n), or ask for less (--idle)',
  )
}

process.exitCode = await exitCodeOfBench(main)
