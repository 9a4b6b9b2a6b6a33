/** The command line: runs a server of this part, or asks one for something. */
import { isUtf8 } from 'node:buffer'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Command, InvalidArgumentError } from 'commander'
import {
  type Changed,
  KeyValueClient,
  NotDone,
  type ReadOptions,
  UnknownOutcome,
} from './client.ts'
import { realClock } from './clock.ts'
import { StartError, UsageError } from './errors.ts'
import type { Condition } from './kv.ts'
import { areNear, parseMembers } from './members.ts'
import type { Change } from './serve.ts'
import { HttpTransport } from './transport.ts'

const PART = basename(dirname(import.meta.dirname))

/** Three servers on this machine: what is meant where nothing else is said. */
const LOCAL_CLUSTER = '0=127.0.0.1:7000/8000,1=127.0.0.1:7001/8001,2=127.0.0.1:7002/8002'

const LOCAL_SERVERS = parseMembers(LOCAL_CLUSTER).map(({ http }) => http)

/** Of an election timeout, so that a heartbeat can be late, and still come in time (5.6). */
const LEAST_PATIENCE_MS = 100

const EXIT_NOT_DONE = 1
const EXIT_USAGE = 2
const EXIT_UNKNOWN = 3

const HELP = `
Examples:
  ./raft.sh ${PART} serve --id 0              one of three servers; 1 and 2 likewise
  ./raft.sh ${PART} put color blue
  ./raft.sh ${PART} get color --server 127.0.0.1:8001
  ./raft.sh ${PART} put color green --if-version 3
  curl -L -X PUT -d blue http://127.0.0.1:8000/kv/color

Exit codes:
  0  done
  1  not done: it certainly was not carried out, the condition did not hold, or there is
     no such key
  2  the command line cannot be understood
  3  unknown: it may have been carried out, or may still be`

/** What a command line has that asks a server. */
interface Asking {
  readonly server: readonly string[]
  readonly timeout: number
  readonly json: boolean
}

interface Changing extends Asking {
  readonly ifVersion?: number
  readonly ifAbsent?: true
}

interface Serving {
  readonly id: number
  readonly cluster: string
  readonly data?: string
  readonly timeout: number
  readonly electionTimeout?: readonly [number, number]
  readonly allowOrigin: readonly string[]
  readonly insecure: boolean
  readonly lease: boolean
  readonly print: boolean
  readonly json: boolean
}

const program = new Command(`./raft.sh ${PART}`)
  .description('A key/value service on Raft: runs one server of it, or asks one.')
  .addHelpText('after', HELP)
  .configureOutput({
    outputError: (text, write) => {
      write(
        `${text.trim().replaceAll('\n', ' ')} (./raft.sh ${PART} --help says more)\n`,
      )
    },
  })
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))

program
  .command('serve')
  .description('run a server until SIGTERM or Ctrl-C')
  .requiredOption('--id <n>', 'which one of the cluster', wholeNumber)
  .option('--cluster <list>', 'all servers: ID=HOST:RAFTPORT/HTTPPORT,…', LOCAL_CLUSTER)
  .option('--data <folder>', `its memory (default: ~/.raft-tutorial/${PART}/HOST_PORT)`)
  .option('--timeout <s>', 'a client waits so long for an answer', seconds, 5)
  .option('--election-timeout <min-max>', 'in ms (default: 150-300)', range)
  .option('--allow-origin <origin>', 'a page that may ask it, http://HOST:PORT', all, [])
  .option('--insecure', 'listen where others can read and change all, too', false)
  .option(
    '--lease',
    'answer reads without asking a majority each time: all or none',
    false,
  )
  .option('--print', 'say on standard output what is applied', false)
  .option('--json', 'what it says of itself as JSON, also in a terminal', false)
  .action(serve)

change(
  'put <key> [value]',
  'set a key; the value is read from standard input without one',
).action(async (key: string, value: string | undefined, options: Changing) => {
  const text = value ?? (await readInput())
  await changing(options, key, (client, how) => client.put(key, text, how))
})

change('append <key> [value]', 'put a value behind what the key holds').action(
  async (key: string, value: string | undefined, options: Changing) => {
    const text = value ?? (await readInput())
    await changing(options, key, (client, how) => client.append(key, text, how))
  },
)

change('delete <key>', 'remove a key').action(async (key: string, options: Changing) => {
  await changing(options, key, (client, how) => client.delete(key, how))
})

read('get <key>', 'print what a key holds').action(
  async (key: string, options: Reading) => {
    const found = await withClient(options, (client) => client.get(key, how(options)))
    if (!found) return notDone(`there is no key ${key}`)
    say(options.json ? JSON.stringify({ key, ...found }) : found.value)
  },
)

read('list [prefix]', 'print all keys that begin so, and what they hold')
  .option('--limit <n>', 'only so many', wholeNumber)
  .action(async (prefix = '', options: Reading & { readonly limit?: number }) => {
    const { limit } = options
    const asked = { ...how(options), ...(limit !== undefined && { limit }) }
    const pairs = await withClient(options, (client) => client.list(prefix, asked))
    for (const pair of pairs) {
      say(options.json ? JSON.stringify(pair) : `${pair.key}\t${pair.value}`)
    }
  })

interface Reading extends Asking {
  readonly stale: boolean
  readonly follower: boolean
}

function how({ stale, follower }: Reading): ReadOptions {
  if (stale && follower) throw new UsageError('--stale and --follower cannot both hold')
  return { consistency: stale ? 'stale' : follower ? 'follower' : 'linearizable' }
}

ask(
  'count [key]',
  'how many changes this very server has applied, to one key or to all',
).action(async (key: string | undefined, options: Asking) => {
  const changes = await changesAt(options, key)
  say(options.json ? JSON.stringify({ count: changes.length }) : `${changes.length}`)
})

ask('print [key]', 'the changes this very server has applied, in order').action(
  async (key: string | undefined, options: Asking) => {
    for (const change of await changesAt(options, key)) {
      say(options.json ? JSON.stringify(change) : lineOf(change))
    }
  },
)

ask('status', 'what a server knows of itself and of the others').action(
  async (options: Asking) => {
    const status = parsed(await askOne(options, 'GET', '/status'), options)
    say(JSON.stringify(status, null, options.json ? undefined : 2))
  },
)

ask('block', 'cut a server off from its peers').action(async (options: Asking) => {
  const answer = await askOne(options, 'POST', '/block')
  say(options.json ? answer : `${options.server[0]} is cut off from its peers`)
})

ask('unblock', 'let it back').action(async (options: Asking) => {
  const answer = await askOne(options, 'POST', '/unblock')
  say(options.json ? answer : `${options.server[0]} is let back to its peers`)
})

/** A verb that asks a server. */
function ask(usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .option(
      '--server <address>',
      'any of the cluster, as HOST:PORT; more of them if it is repeated',
      addresses,
      LOCAL_SERVERS,
    )
    .option('--timeout <s>', 'gives up after so long', seconds, 5)
    .option('--json', 'print JSON', false)
}

/** A verb that reads. */
function read(usage: string, description: string): Command {
  return ask(usage, description)
    .option('--stale', 'as this very server has it; it may be old', false)
    .option('--follower', 'from this very server, which asks the leader', false)
}

/** A verb that changes a key. */
function change(usage: string, description: string): Command {
  return ask(usage, description)
    .option('--if-version <n>', 'only if this is the key’s version', wholeNumber)
    .option('--if-absent', 'only if there is no such key')
}

async function changing(
  options: Changing,
  key: string,
  work: (client: KeyValueClient, how: { if?: Condition }) => Promise<Changed>,
): Promise<void> {
  const { ifVersion, ifAbsent } = options
  if (ifVersion !== undefined && ifAbsent) {
    throw new UsageError('--if-version and --if-absent cannot both hold')
  }
  const condition: Condition | null =
    ifVersion !== undefined ? { version: ifVersion } : ifAbsent ? { absent: true } : null
  const how = condition ? { if: condition } : {}
  const changed = await withClient(options, (client) => work(client, how))
  if (options.json) say(JSON.stringify({ key, ...changed }))
  const { held, version, previous } = changed
  if (!held) {
    const is = version === null ? 'there is no such key' : `its version is ${version}`
    return notDone(`the condition does not hold: ${is}`)
  }
  if (version === null) return notDone(`there is no key ${key}`)
  if (!options.json) {
    const before = previous === null ? 'nothing' : JSON.stringify(previous)
    say(`version ${version}, before: ${before}`)
  }
}

async function withClient<T>(
  { server, timeout }: Asking,
  work: (client: KeyValueClient) => Promise<T>,
): Promise<T> {
  const transport = new HttpTransport()
  let leader = ''
  const client = new KeyValueClient({
    servers: server,
    transport,
    clock: realClock,
    random: Math.random,
    timeoutMs: timeout * 1000,
    // Said once, however often it is so until there is another leader.
    onRedirect: (from, to) => {
      if (to !== leader) warn(`${from} is not the leader; it sends on to ${to}`)
      leader = to
    },
  })
  try {
    return await work(client)
  } finally {
    await transport.close()
  }
}

/** What a server says of itself, and no other in its stead. */
async function askOne(
  { server: [server = ''], timeout }: Asking,
  method: 'GET' | 'POST',
  path: string,
): Promise<string> {
  const transport = new HttpTransport()
  try {
    const signal = AbortSignal.timeout(timeout * 1000)
    const { statusCode, body } = await transport.request(
      server,
      { method, path },
      signal,
    )
    const text = await body.text()
    if (statusCode !== 200)
      throw new NotDone(`${server} answered ${statusCode}: ${text}`)
    return text
  } catch (error) {
    if (error instanceof NotDone) throw error
    throw new NotDone(`${server} does not answer: ${(error as Error).message}`)
  } finally {
    await transport.close()
  }
}

/** @throws NotDone when it is not what a server of this part says. */
function parsed<T extends object>(text: string, { server: [server] }: Asking): T {
  const isObject = text.startsWith('{')
  try {
    if (isObject) return JSON.parse(text)
  } catch {}
  throw new NotDone(`${server} does not answer as a server of this part does`)
}

async function changesAt(options: Asking, key: string | undefined): Promise<Change[]> {
  const text = await askOne(options, 'GET', '/applied')
  const lines = text.split('\n').filter((line) => line !== '')
  const changes = lines.map((line) => parsed<Change>(line, options))
  return changes.filter((change) => key === undefined || change.key === key)
}

function lineOf(change: Change): string {
  const { index, op, key } = change
  const value = 'value' in change ? ` ${JSON.stringify(change.value)}` : ''
  const condition = change.if ? ` if ${JSON.stringify(change.if)}` : ''
  return `${index} ${op} ${key}${value}${condition}`
}

async function serve(options: Serving): Promise<void> {
  const members = parseMembers(options.cluster)
  const own = members.find(({ id }) => id === options.id)
  if (!own) throw new UsageError(`the cluster has no server ${options.id}`)
  if (!areNear(members) && !options.insecure) {
    throw new UsageError(
      'not all servers are on loopback, and what they say to each other and to clients ' +
        'can be read and changed on its way; --insecure says that this may be',
    )
  }
  const folder =
    options.data ??
    join(homedir(), '.raft-tutorial', PART, own.raft.replace(/[:[\]]+/g, '_'))
  const { electionTimeout } = options
  // Loaded when it is needed: who asks a server does without.
  const { runServer } = await import('./process.ts')
  const server = {
    id: own.id,
    members,
    folder,
    timeoutMs: options.timeout * 1000,
    allowOrigins: options.allowOrigin,
    lease: options.lease,
    ...(electionTimeout && { timing: { electionTimeout } }),
    ...(options.print && { onApply: (change: Change) => say(lineOf(change)) }),
  }
  await runServer(server, options.json)
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number.')
}

/** What is given replaces the default, and joins what was given before it. */
function addresses(text: string, before: readonly string[]): readonly string[] {
  const [, address] = /^(?:http:\/\/)?([^/]+:\d+)\/?$/.exec(text) ?? []
  if (!address || !URL.canParse(`http://${address}`)) {
    throw new InvalidArgumentError('It is HOST:PORT, as 127.0.0.1:8000.')
  }
  return before === LOCAL_SERVERS ? [address] : [...before, address]
}

function all(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

function seconds(text: string): number {
  const value = Number(text)
  if (text !== '' && value > 0 && value <= 86_400) return value
  throw new InvalidArgumentError('It is a number of seconds, above 0, up to a day.')
}

async function readInput(): Promise<string> {
  const bytes = await buffer(process.stdin)
  if (isUtf8(bytes)) return bytes.toString()
  throw new UsageError('a value is text in UTF-8, and what was read is not')
}

function range(text: string): readonly [number, number] {
  const [, min, max] = /^(\d{1,6})-(\d{1,6})$/.exec(text) ?? []
  if (!min || !max || Number(min) > Number(max)) {
    throw new InvalidArgumentError('It is two numbers of milliseconds, as 150-300.')
  }
  if (Number(min) >= LEAST_PATIENCE_MS) return [Number(min), Number(max)]
  throw new InvalidArgumentError(
    `It begins at ${LEAST_PATIENCE_MS} or more: leaders are heard every 50 ms.`,
  )
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function warn(line: string): void {
  process.stderr.write(`${line}\n`)
}

function notDone(reason: string): void {
  warn(`not done: ${reason}`)
  process.exitCode = EXIT_NOT_DONE
}

function exitCodeFor(error: unknown): number {
  if (error instanceof UsageError) {
    warn(`error: ${error.message}`)
    return EXIT_USAGE
  }
  if (error instanceof UnknownOutcome) {
    warn(error.message)
    return EXIT_UNKNOWN
  }
  if (error instanceof NotDone) warn(error.message)
  else if (error instanceof StartError) warn(`error: ${error.message}`)
  else throw error
  return EXIT_NOT_DONE
}

// Whoever reads the output may have seen enough: `| head` is no error.
process.stdout.on('error', () => process.exit())
try {
  await program.parseAsync()
} catch (error) {
  process.exit(exitCodeFor(error))
}
