/** The command line: runs a server of this part, or asks one for something. */
import { isUtf8 } from 'node:buffer'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Command, InvalidArgumentError } from 'commander'
import { Admin } from './admin.ts'
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
import {
  areNear,
  hostOf,
  type Member,
  memberText,
  parseMember,
  parseMembers,
} from './members.ts'
import type { View } from './membership.ts'
import { isLoopback } from './origin.ts'
import type { Change } from './serve.ts'
import { readSecrets, type TlsFiles } from './tls.ts'
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
  ./raft.sh ${PART} serve --id 3 --address 127.0.0.1:7003/8003 --join 127.0.0.1:8000
  ./raft.sh ${PART} remove-server 0
  ./raft.sh ${PART} get color --tls-ca ca.pem --token-file token
  curl -L -X PUT -d blue http://127.0.0.1:8000/kv/color

Exit codes:
  0  done
  1  not done: it certainly was not carried out, the condition did not hold, or there is
     no such key
  2  the command line cannot be understood
  3  unknown: it may have been carried out, or may still be`

/** What a command line has that asks a server. */
interface Asking extends TlsFiles {
  readonly server: readonly string[]
  readonly timeout: number
  readonly json: boolean
}

interface Changing extends Asking {
  readonly ifVersion?: number
  readonly ifAbsent?: true
}

/** What says which server it is, and where it has its memory. */
interface Placed {
  readonly id: number
  readonly cluster: string
  readonly address?: string
  readonly data?: string
}

interface Serving extends Placed, TlsFiles {
  readonly join: readonly string[]
  readonly timeout: number
  readonly electionTimeout?: readonly [number, number]
  readonly allowOrigin: readonly string[]
  readonly maxConnections: number
  readonly listen?: string
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

knowing(placed('serve', 'run a server until SIGTERM or Ctrl-C'))
  .option(
    '--join <address>',
    'a server of a cluster, as HOST:PORT, which is to add this one',
    addresses,
    [],
  )
  .option('--timeout <s>', 'a client waits so long for an answer', seconds, 5)
  .option('--election-timeout <min-max>', 'in ms (default: 150-300)', range)
  .option('--allow-origin <origin>', 'a page that may ask it, http://HOST:PORT', all, [])
  .option('--listen <host>', 'where to listen, if not at its own name: 0.0.0.0, say')
  .option('--max-connections <n>', 'of clients, at a time', wholeNumber, 10_000)
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

ask('members', 'who is in the cluster').action(async (options: Asking) => {
  const view = await withAdmin(options, (admin) => admin.members())
  sayMembers(view, options)
})

changeMembers('add-server <server>', 'add one, ID=HOST:RAFTPORT/HTTPPORT').action(
  async (text: string, options: Asking) => {
    const member = parseMember(text)
    const view = await withAdmin(options, (admin) => admin.add(member))
    sayMembers(view, options)
  },
)

changeMembers('remove-server <id>', 'remove one, for good').action(
  async (text: string, options: Asking) => {
    const id = serverId(text)
    const view = await withAdmin(options, (admin) => admin.remove(id))
    sayMembers(view, options)
  },
)

changeMembers('transfer', 'let another server lead')
  .option('--to <id>', 'this one', wholeNumber)
  .action(async (options: Asking & { readonly to?: number }) => {
    const { to = null } = options
    const view = await withAdmin(options, (admin) => admin.transfer(to))
    say(options.json ? JSON.stringify(view) : `server ${view.leader} leads`)
  })

/** As `--cluster` has them, one a line. */
function sayMembers(view: View, { json }: Asking): void {
  const { members, learner, leader } = view
  const lines = members.map((member) => {
    return `${memberText(member)}${member.id === leader ? ' leads' : ''}`
  })
  if (learner) lines.push(`${memberText(learner)} learns`)
  say(json ? JSON.stringify(view) : lines.join('\n'))
}

ask('snapshot', 'let a server’s snapshot take the place of what it has applied').action(
  async (options: Asking) => {
    const answer = await askOne(options, 'POST', '/snapshot')
    const { lastIncludedIndex } = parsed<{ lastIncludedIndex: number }>(answer, options)
    const text = `${options.server[0]} has a snapshot up to entry ${lastIncludedIndex}`
    say(options.json ? answer : text)
  },
)

ask('backup <file>', 'write all that the cluster holds to a file', 60).action(
  async (file: string, { server: [server = ''], timeout, json, ...files }: Asking) => {
    const { backUp } = await import('./backup.ts')
    const transport = new HttpTransport(readSecrets(files))
    const signal = AbortSignal.timeout(timeout * 1000)
    const lastIndex = await backUp(file, server, transport, signal).finally(() =>
      transport.close(),
    )
    const text = `${file} has all up to entry ${lastIndex}`
    say(json ? JSON.stringify({ file, lastIndex }) : text)
  },
)

placed(
  'restore [file]',
  'make this server a cluster of its own, with a backup, or what it has kept itself',
)
  .option('--json', 'print JSON', false)
  .action(async (file: string | undefined, options: Placed & { json: boolean }) => {
    const own = ownIn(options)
    if (!own)
      throw new UsageError(`the cluster has no server ${options.id}; give its --address`)
    const { restore } = await import('./backup.ts')
    const folder = options.data ?? defaultFolder(own)
    const restored = restore(own, folder, file ?? null)
    const { cluster, lastIndex } = restored
    say(
      options.json
        ? JSON.stringify(restored)
        : `server ${own.id} is a cluster of its own, ${cluster}, with all up to entry ${lastIndex}; ` +
            'servers of an earlier cluster join it with empty folders only',
    )
  })

ask('block', 'cut a server off from its peers').action(async (options: Asking) => {
  const answer = await askOne(options, 'POST', '/block')
  say(options.json ? answer : `${options.server[0]} is cut off from its peers`)
})

ask('unblock', 'let it back').action(async (options: Asking) => {
  const answer = await askOne(options, 'POST', '/unblock')
  say(options.json ? answer : `${options.server[0]} is let back to its peers`)
})

/** A verb that is a server, or has to do with its memory. */
function placed(usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .requiredOption('--id <n>', 'which one of the cluster', wholeNumber)
    .option(
      '--cluster <list>',
      'all servers to begin with: ID=HOST:RAFTPORT/HTTPPORT,…',
      LOCAL_CLUSTER,
    )
    .option('--address <address>', 'where it listens, as HOST:RAFTPORT/HTTPPORT')
    .option(
      '--data <folder>',
      `its memory (default: ~/.raft-tutorial/${PART}/HOST_PORT)`,
    )
}

/** A verb that asks a server. */
function ask(usage: string, description: string, patienceS = 5): Command {
  return knowing(program.command(usage))
    .description(description)
    .option(
      '--server <address>',
      'any of the cluster, as HOST:PORT; more of them if it is repeated',
      addresses,
      LOCAL_SERVERS,
    )
    .option('--timeout <s>', 'gives up after so long', seconds, patienceS)
    .option('--json', 'print JSON', false)
}

/** A verb that knows with whom it speaks. */
function knowing(verb: Command): Command {
  return verb
    .option('--tls-ca <file>', 'speak TLS, with those whom this CA has certified')
    .option('--tls-cert <file>', 'the own certificate')
    .option('--tls-key <file>', 'its key')
    .option('--token-file <file>', 'what a client can show instead')
}

/** A verb that changes who is in the cluster, or who leads it. */
function changeMembers(usage: string, description: string): Command {
  // A server that is new gets all that there is first.
  return ask(usage, description, 60)
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
  { server, timeout, ...files }: Asking,
  work: (client: KeyValueClient) => Promise<T>,
): Promise<T> {
  const transport = new HttpTransport(readSecrets(files))
  const client = new KeyValueClient({
    servers: server,
    transport,
    clock: realClock,
    random: Math.random,
    timeoutMs: timeout * 1000,
    onRedirect: sendsOn(),
  })
  try {
    return await work(client)
  } finally {
    await transport.close()
  }
}

async function withAdmin<T>(
  { server, timeout, ...files }: Asking,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const transport = new HttpTransport(readSecrets(files))
  const admin = new Admin({
    servers: () => server,
    transport,
    signal: AbortSignal.timeout(timeout * 1000),
    onRedirect: sendsOn(),
    onRetry: (reason) => warn(`not yet: ${reason}`),
  })
  try {
    return await work(admin)
  } finally {
    await transport.close()
  }
}

/** Said once, however often it is so until there is another leader. */
function sendsOn(): (from: string, to: string) => void {
  let leader = ''
  return (from, to) => {
    if (to !== leader) warn(`${from} is not the leader; it sends on to ${to}`)
    leader = to
  }
}

/** What a server says of itself, and no other in its stead. */
async function askOne(
  { server: [server = ''], timeout, ...files }: Asking,
  method: 'GET' | 'POST',
  path: string,
): Promise<string> {
  const transport = new HttpTransport(readSecrets(files))
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

async function serve(options: Serving, command: Command): Promise<void> {
  const isSaid = command.getOptionValueSource('cluster') !== 'default'
  const { id, join: servers } = options
  const cluster = parseMembers(options.cluster)
  const listed = cluster.find((member) => member.id === id)
  const own = ownIn(options)
  // Who is new in a cluster, or not of this one, learns from its leader who is in it.
  const members = listed && servers.length === 0 ? cluster : []
  if (!own && !options.data) {
    throw new UsageError(
      `the cluster has no server ${id}; give its --address, and with --join a server ` +
        'that is to add it',
    )
  }
  const all = own ? [...members, own] : members
  const { listen } = options
  const isNear =
    areNear(all) &&
    servers.every((address) => isLoopback(hostOf(address))) &&
    (listen === undefined || isLoopback(listen))
  const hasTls = readSecrets(options) !== null
  if (!isNear && !options.insecure && !hasTls) {
    throw new UsageError(
      'not all servers are on loopback, and what they say to each other and to clients ' +
        'can be read and changed on its way; --tls-cert, --tls-key and --tls-ca prevent ' +
        'that, and --insecure says that it may be',
    )
  }
  const folder = options.data ?? defaultFolder(own as Member)
  const { electionTimeout } = options
  // Loaded when it is needed: who asks a server does without.
  const { runServer } = await import('./process.ts')
  const server = {
    id,
    members,
    ...(isSaid && { said: cluster }),
    ...(options.address && own && { own }),
    ...(listed && { listed }),
    join: servers,
    insecure: options.insecure,
    ...(hasTls && { tls: options }),
    folder,
    timeoutMs: options.timeout * 1000,
    allowOrigins: options.allowOrigin,
    maxConnections: options.maxConnections,
    ...(listen !== undefined && { listen }),
    lease: options.lease,
    ...(electionTimeout && { timing: { electionTimeout } }),
    ...(options.print && { onApply: (change: Change) => say(lineOf(change)) }),
  }
  await runServer(server, options.json)
}

function ownIn({ id, cluster, address }: Placed): Member | undefined {
  if (address) return parseMember(`${id}=${address}`)
  return parseMembers(cluster).find((member) => member.id === id)
}

function defaultFolder({ raft }: Member): string {
  return join(homedir(), '.raft-tutorial', PART, raft.replace(/[:[\]]+/g, '_'))
}

function serverId(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`${text} is no server; one is said by its id, as 3`)
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number.')
}

/** What is given replaces the default, and joins what was given before it. */
function addresses(text: string, before: readonly string[]): readonly string[] {
  const [, address] = /^(?:https?:\/\/)?([^/]+:\d+)\/?$/.exec(text) ?? []
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
