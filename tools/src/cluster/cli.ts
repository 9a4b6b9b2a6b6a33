/** Starts a cluster of real processes, and a page to watch it, break it and trust it. */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { program, wholeNumber } from '../cli/command.ts'
import { temporaryFolder } from '../cli/ending.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { openPage } from '../cli/open.ts'
import { complain, paint, say } from '../cli/print.ts'
import { programOf } from '../processes/program.ts'
import type { View } from './standing.ts'
import { MOST_SERVERS, type News, TOO_MANY, Watch } from './watch.ts'
import { Web } from './web.ts'

interface Options {
  readonly part?: string
  readonly servers: number
  readonly data?: string
  readonly chaos: boolean
  readonly seed: number
  readonly open: boolean
  readonly json: boolean
}

const HELP = `
The servers listen on loopback, at 127.0.0.1:8000 and so on if nobody else does: then
./raft.sh finds them by itself. The page shows them live; its buttons kill -9, restart, stop
and continue, cut off and let back, cut or slow single links, one way; where the cluster
itself can change, they add a server, remove one, and let one lead. What was seen can be saved
there. Ctrl-C ends the servers.

Examples:
  npm run cluster
  npm run cluster -- --part part4 --servers 5
  npm run cluster -- --data my-cluster        keeps what the servers remember, and what is saved
  npm run cluster -- --chaos                  things break by themselves
  npm run --silent cluster -- --json          a line of JSON for each thing that happens

Exit codes:
  0  it was ended
  1  it could not start; or with --chaos: what clients saw could not be explained
  2  the command line cannot be understood`

const EXIT_FOUND = 1

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = program('npm run cluster --')
    .description('A cluster of real processes, and a page to watch and to break it.')
    .option('--part <part>', 'a part that has a service (default: the last one)')
    .option('--servers <n>', `how many, up to ${MOST_SERVERS}`, wholeNumber(1), 3)
    .option('--data <folder>', 'keeps all in this folder (default: a temporary one)')
    .option('--chaos', 'lets things break by themselves, while clients are busy', false)
    .option('--seed <n>', 'decides what breaks with --chaos', wholeNumber(0), 1)
    .option('--no-open', 'do not open the page in a browser')
    .option('--json', 'print a line of JSON for each thing that happens', false)
    .addHelpText('after', HELP)
    .parse()
  const options = command.opts<Options>()
  if (options.servers > MOST_SERVERS) throw new UsageError(TOO_MANY)
  const chosen = programOf(options.part)
  const folder = options.data
    ? resolve(options.data)
    : temporaryFolder(`raft-cluster-${chosen.part}-`)
  mkdirSync(folder, { recursive: true })
  const tell = options.json ? tellProgram : tellPerson
  const watch = await Watch.start({
    program: chosen,
    servers: options.servers,
    folder,
    seed: options.seed,
    onNews: tell,
  })
  const web = await Web.start(watch, folder)
  sayWhere(watch, web, options)
  if (options.open && !options.json) await openPage(web.address)
  if (options.chaos) watch.setChaos(true)
  return untilEnded(() => (watch.hasFound ? EXIT_FOUND : 0))
}

function sayWhere({ cluster }: Watch, { address }: Web, { json }: Options): void {
  const servers = cluster.ids.map((id) => ({
    id,
    address: cluster.address(id),
    pid: cluster.pid(id),
  }))
  if (json) {
    tellProgram({ event: 'ready', part: cluster.part, page: address, servers })
    return
  }
  say(`${servers.length} servers of ${cluster.part}, each a process:`)
  for (const { id, address, pid } of servers) {
    say(`  ${id}  http://${address}  (pid ${pid})`)
  }
  say(`try   curl -L -X PUT -d blue http://${servers[0]?.address}/kv/color`)
  say(`page  ${paint('bold', address)}`)
  say('Ctrl-C ends it.\n')
}

function tellProgram(news: News): void {
  process.stdout.write(`${JSON.stringify({ time: Date.now(), ...news })}\n`)
}

/** Elections, and what is done to the cluster; the page tells more. */
function tellPerson(news: News): void {
  const { event, server, role, term } = news
  if (event === 'role' && role === 'Leader') {
    say(paint('green', `server ${server} leads term ${term}`))
  }
  if (event === 'fault') say(paint('yellow', String(news.text)))
  if (event === 'death') {
    complain(`server ${server} has ended by itself; server-${server}.log says why`)
  }
  if (event === 'members') {
    const { members, learner } = news as unknown as View
    const learns = learner === null ? '' : `; ${learner} learns`
    say(`members ${members.join(', ')}${learns}`)
  }
  if (event === 'verdict') {
    const { round, verdict, done, unknown, faults } = news
    say(`round ${round}: ${verdict}, ${done} done, ${unknown} unknown, ${faults} faults`)
  }
  if (event === 'picture') say(`what clients saw: ${news.picture}`)
  if (event === 'saved') say(`saved in ${news.folder}`)
}

/** Goes on until a signal ends it, and all that was started. */
function untilEnded(exitCode: () => number): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // This is how it is meant to end: no failure.
    process.prependOnceListener(signal, () => {
      process.on('exit', () => {
        process.exitCode = exitCode()
      })
    })
  }
  return new Promise(() => {})
}
