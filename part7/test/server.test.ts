/** Server: this part on real sockets. Scenarios run there, too: RAFT_NETWORK=grpc. */
import { syncBuiltinESMExports } from 'node:module'
import { connect as connectSocket, createServer } from 'node:net'
import zlib from 'node:zlib'
import { pino } from 'pino'
import { realClock, silentLogger } from 'tools/lab'
import { freeAddress } from 'tools/processes/ports'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { Link } from '../../tools/bench/link.ts'
import type { Peer } from '../src/raft.ts'
import { type Carry, Server, type ServerOptions } from '../src/server.ts'
import { MemoryStorage } from '../src/storage.ts'
import { membersOf, stateless } from './single.ts'

const running: Server[] = []
/** By id, where they listen. */
const addresses: string[] = []

function newServer(id: number, options: Partial<ServerOptions> = {}): Server {
  const clock = realClock
  const server = new Server({
    id,
    members: membersOf(3),
    raftAddressOf: (member) => addresses[member.id] as string,
    clock,
    random: Math.random,
    logger: silentLogger,
    storage: new MemoryStorage(),
    apply: () => {},
    stateMachine: stateless,
    ...options,
  })
  running.push(server)
  return server
}

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
  addresses.length = 0
})

/** In ms; far above what anything here takes, however busy the machine is. */
const PATIENCE_MS = 60_000

/** Waits in real time for what real sockets do. */
const eventually = (check: () => void) =>
  vi.waitFor(check, { timeout: PATIENCE_MS, interval: 5 })

async function clusterOf(
  size: number,
  options: Partial<ServerOptions> = {},
  beforeStart: (servers: readonly Server[]) => void = () => {},
): Promise<{ servers: Server[]; addresses: string[] }> {
  const members = membersOf(size)
  const servers = members.map(({ id }) => newServer(id, { members, ...options }))
  for (const server of servers) addresses.push(await server.listen(await freeAddress()))
  beforeStart(servers)
  for (const server of servers) server.start()
  return { servers, addresses }
}

test('servers listen on loopback unless told otherwise', async () => {
  expect(await newServer(0).listen()).toMatch(/^127\.0\.0\.1:\d+$/)
})

test('an address that is taken is an error that names it', async () => {
  const address = await newServer(0).listen()
  await expect(newServer(1).listen(address)).rejects.toThrow(
    `cannot listen at ${address}`,
  )
})

test('over the wire, no command is not the empty command', async () => {
  const { servers } = await clusterOf(2)
  await eventually(() => expect(servers.some(isLeader)).toBe(true))
  const leader = servers.find(isLeader) as Server
  expect(leader.consensus.submit('')).not.toBeNull()
  await eventually(() => {
    for (const { consensus } of servers) {
      expect(consensus.log.map(({ command }) => command)).toContain('')
    }
  })
  for (const { consensus } of servers) {
    expect(consensus.log[0]).toMatchObject({ command: null })
    expect(consensus.log.at(-1)).toMatchObject({ command: '' })
  }
})

// Not as in part6: a server is told who is in the cluster.
test('a peer that returns is heard again', async () => {
  const { servers, addresses } = await clusterOf(2)
  await eventually(() => expect(servers.some(isLeader)).toBe(true))
  const gone = servers.findIndex((server) => !isLeader(server))
  await servers[gone]?.stop()

  const again = newServer(gone, { members: membersOf(2) })
  await again.listen(addresses[gone])
  again.start()
  await eventually(() => {
    const terms = [again, servers[1 - gone] as Server].map(
      (s) => s.consensus.currentTerm,
    )
    expect(new Set(terms).size).toBe(1)
    expect([again, servers[1 - gone] as Server].filter(isLeader)).toHaveLength(1)
  })
})

test('garbage sent to a server’s port disturbs nobody', async () => {
  const { servers, addresses } = await clusterOf(3)
  await eventually(() => expect(servers.filter(isLeader)).toHaveLength(1))
  for (const address of addresses) await sendGarbage(address)
  const http2Preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  for (const address of addresses) await sendGarbage(address, http2Preface)
  await eventually(() => expect(servers.filter(isLeader)).toHaveLength(1))
})

test('a term that cannot be counted on from is refused with a sentence', async () => {
  const messages: string[] = []
  const logger = pino({}, { write: (line) => messages.push(JSON.parse(line).msg) })
  const { servers } = await clusterOf(2, { logger }, ([hostile]) => {
    if (hostile) hostile.consensus.currentTerm = 2 ** 53
  })
  const refusal = 'term is 9007199254740992; the most that is taken is 4503599627370496'
  await eventually(() => expect(messages.join()).toContain(`from 0: ${refusal}`))
  await eventually(() => expect(messages.join()).toContain(`to 0 failed: ${refusal}`))
  expect(servers[1]?.consensus.currentTerm).toBeLessThan(1_000)
})

test('a server of another cluster is turned away, and told why', async () => {
  const refusals: string[] = []
  const options = {
    onRefusal: (text: string) => refusals.push(text),
    members: membersOf(2),
  }
  const ours = identityOf('ours')
  const servers = [
    newServer(0, { ...options, identity: ours }),
    newServer(1, { ...options, identity: identityOf('theirs') }),
  ]
  for (const server of servers) addresses.push(await server.listen(await freeAddress()))
  for (const server of servers) server.start()
  const reason = 'server 0 is of cluster ours, and server 1 of theirs'
  await eventually(() => {
    expect(refusals).toContain(`refuses a message from 1: ${reason}`)
    expect(refusals).toContain(`PreVote to 0 failed: ${reason}`)
  })
  expect(servers.filter(isLeader)).toEqual([])
})

test('a server that is taken for another one is not heard, and told why', async () => {
  const refusals: string[] = []
  const options = {
    onRefusal: (text: string) => refusals.push(text),
    members: membersOf(2),
  }
  // Both addresses lead to one server.
  const servers = [newServer(0, options)]
  for (const server of servers) addresses.push(await server.listen(await freeAddress()))
  addresses.push(...addresses)
  for (const server of servers) server.start()
  const reason = 'it is for server 1, and this is server 0'
  await eventually(() => {
    expect(refusals).toContain(`PreVote to 1 failed: ${reason}`)
  })
  expect(servers.filter(isLeader)).toEqual([])
})

test('who knows of no cluster is of that whose leader speaks to it', async () => {
  const identity = identityOf(null)
  const options = { members: membersOf(2) }
  const leader = newServer(0, { ...options, identity: identityOf('ours') })
  // It does not lead itself.
  const timing = { electionTimeout: [2 * PATIENCE_MS, 2 * PATIENCE_MS] } as const
  const other = newServer(1, { ...options, identity, timing })
  for (const server of [leader, other]) addresses.push(await server.listen())
  for (const server of [leader, other]) server.start()
  await eventually(() => expect(identity.cluster).toBe('ours'))
})

function identityOf(cluster: string | null) {
  return {
    cluster,
    join(other: string) {
      this.cluster ??= other
    },
  }
}

test('a message that speaks for another server is refused with a sentence', async () => {
  const messages: string[] = []
  const logger = pino({}, { write: (line) => messages.push(JSON.parse(line).msg) })
  const carry: Carry = ({ kind, args }, arrive) => {
    if (kind === 'request') Object.assign(args, { candidateId: 2 })
    arrive()
  }
  const { servers } = await clusterOf(2, { logger, carry })
  await eventually(() => {
    expect(messages).toContain(
      'refuses a message from 0: it speaks for server 2, and is not of it',
    )
  })
  for (const { consensus } of servers) expect(consensus.currentTerm).toBe(0)
})

/** One that starts when the leader's log has no more what it lacks, but a snapshot has. */
async function latecomerTo(pieces: readonly string[], options: Partial<ServerOptions>) {
  const brought: string[] = []
  const stateMachine = {
    snapshot: () => pieces.values(),
    restore: () => ({ add: (piece: string) => brought.push(piece), end() {} }),
  }
  const all = [0, 1, 2].map((id) => newServer(id, { ...options, stateMachine }))
  for (const server of all) addresses.push(await server.listen())
  const [latecomer, ...others] = all as [Server, ...Server[]]
  for (const server of others) server.start()
  await eventually(() => expect(others.some(isLeader)).toBe(true))
  for (const { consensus } of others) {
    await eventually(() => expect(consensus.commitIndex).toBeGreaterThan(0))
    consensus.takeSnapshot()
    await eventually(() => expect(consensus.base.index).toBeGreaterThan(0))
  }
  latecomer.start()
  return { latecomer, brought }
}

test('over the wire, a snapshot stays what it was', async () => {
  const pieces = ['not ASCII: ☃ 😀\n', '\u0000\r\n', '\ufeffmark\n']
  const { latecomer, brought } = await latecomerTo(pieces, { minSnapshotLength: 0 })
  await eventually(() => expect(latecomer.consensus.commitIndex).toBeGreaterThan(0))
  expect(brought.join('')).toBe(pieces.join(''))
})

test('a piece that is not what its checksum says is refused, and comes again', async () => {
  const messages: string[] = []
  const logger = pino({}, { write: (line) => messages.push(JSON.parse(line).msg) })
  const { crc32 } = zlib
  const restore = () => {
    zlib.crc32 = crc32
    syncBuiltinESMExports()
  }
  onTestFinished(restore)
  let next = 0
  zlib.crc32 = () => next++
  syncBuiltinESMExports()
  const options = { logger, minSnapshotLength: 0 }
  const { latecomer, brought } = await latecomerTo(['a piece\n'], options)
  const refusal = 'its data is not what its checksum says'
  await eventually(() => expect(messages.join()).toContain(refusal))
  expect(brought).toEqual([])
  restore()
  await eventually(() => expect(latecomer.consensus.commitIndex).toBeGreaterThan(0))
  expect(brought).toEqual(['a piece\n'])
})

// Not as in part6: a leader that nobody answers steps down.
test('who carries a server’s messages can cut it off, both ways', async () => {
  let cutOff: number | null = null
  const carry: Carry = ({ from, to }, arrive) => {
    if (from !== cutOff && to !== cutOff) arrive()
  }
  const { servers } = await clusterOf(3, { carry })
  await eventually(() => expect(servers.filter(isLeader)).toHaveLength(1))
  const old = servers.findIndex(isLeader)
  const { term } = servers[old]?.consensus.report() ?? {}
  cutOff = old
  await eventually(() => expect(servers.findIndex(isLeader)).not.toBe(old))
  await eventually(() => expect(servers.filter(isLeader)).toHaveLength(1))
  // It hears nothing of the new leader, not even in answers to what it has sent.
  expect(servers[old]?.consensus.report()).toMatchObject({ leaderId: null, term })
  const next = servers.findIndex(isLeader)
  cutOff = null
  await eventually(() => {
    expect(servers[old]?.consensus.report()).toMatchObject({ leaderId: next })
  })
})

/** Three servers, of which the second leads. What comes to the first comes over a link. */
async function followerBehindLink(patienceMs: number) {
  const link = new Link()
  onTestFinished(() => link.close())
  const roles: string[] = []
  const follower = newServer(0, {
    timing: { electionTimeout: [patienceMs, patienceMs] },
    onChange: ({ role }) => roles.push(role),
  })
  // Nobody else ever stands for election, however busy this machine is.
  const timing = { electionTimeout: [60_000, 60_000] as const }
  const servers = [follower, newServer(1), newServer(2, { timing })]
  for (const server of servers) addresses.push(await server.listen(await freeAddress()))
  addresses[0] = await link.listen(true, addresses[0] as string)
  for (const server of servers) server.start()
  await eventually(() => expect(follower.consensus.report().leaderId).not.toBeNull())
  const submit = (command: string) =>
    servers.map((server) => server.consensus.submit(command))
  return { follower, link, roles, submit }
}

test('a command that takes two seconds to send deposes nobody', async () => {
  const { follower, link, roles, submit } = await followerBehindLink(1_500)
  link.limit(500_000)
  const command = 'x'.repeat(1_000_000)
  submit(command)
  await eventually(() => expect(commandsOf(follower)).toContain(command))
  expect(roles).not.toContain('Candidate')
  expect(link.there.bytes).toBeLessThan(1_300_000)
})

test('a connection that has fallen silent is given up, and another one made', async () => {
  const { follower, link, submit } = await followerBehindLink(60_000)
  link.silence()
  submit('x')
  await eventually(() => expect(commandsOf(follower)).toContain('x'))
})

test('nothing is sent to who is no peer any more', async () => {
  const { servers } = await clusterOf(3)
  await eventually(() => expect(servers.filter(isLeader)).toHaveLength(1))
  const { consensus } = servers.find(isLeader) as Server
  const [gone] = consensus.peers as [Peer]
  await eventually(() => {
    consensus.changes.request({ remove: gone.id }, () => {})
    expect(consensus.peers).not.toContain(gone)
  })
  expect(() => gone.timeoutNow({ term: 0 }, () => {})).not.toThrow()
})

test('all reads that wait at a follower are answered', async () => {
  const { servers } = await clusterOf(3, { timing: { electionTimeout: [1000, 2000] } })
  const follows = ({ consensus }: Server) => {
    const { leaderId, isLeader, commitIndex } = consensus.report()
    return leaderId !== null && !isLeader && commitIndex > 0
  }
  await eventually(() => expect(servers.some(follows)).toBe(true))
  const follower = servers.find(follows) as Server
  let answered = 0
  for (let i = 0; i < 3_000; i += 1) {
    follower.consensus.readIndex(() => {
      answered += 1
    })
  }
  await eventually(() => expect(answered).toBe(3_000))
})

test('a stopped server leaves its port to others', async () => {
  const server = newServer(0)
  const address = await server.listen()
  await server.stop()
  const port = Number(address.split(':')[1])
  const other = createServer()
  await new Promise<void>((resolve, reject) => {
    other.once('error', reject)
    other.listen(port, '127.0.0.1', resolve)
  })
  await new Promise((resolve) => other.close(resolve))
})

function commandsOf({ consensus }: Server): unknown[] {
  return consensus.log.map(({ command }) => command)
}

function isLeader(server: Server): boolean {
  return server.consensus.report().isLeader
}

function sendGarbage(address: string, prefix = ''): Promise<void> {
  const [host, port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connectSocket(Number(port), host, () => {
      const garbage = Buffer.alloc(4096, 0xa5)
      socket.end(Buffer.concat([Buffer.from(prefix), garbage]))
    })
    socket.resume() // Nobody needs its answer, but unread it would not close.
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
  })
}
