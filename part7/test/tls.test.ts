/** TLS: who is let in, who is turned away, and what is said of it. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { pino } from 'pino'
import { realClock, silentLogger } from 'tools/lab'
import { freePorts } from 'tools/processes/ports'
import { afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Admin } from '../src/admin.ts'
import { KeyValueClient } from '../src/client.ts'
import type { Member } from '../src/members.ts'
import { type KeyValueServer, type ServeOptions, startServer } from '../src/serve.ts'
import { Server } from '../src/server.ts'
import { MemoryStorage } from '../src/storage.ts'
import { readSecrets, Tls, type TlsFiles } from '../src/tls.ts'
import { HttpTransport } from '../src/transport.ts'
import { Authority } from './certificates.ts'
import { Program, run } from './process-cluster.ts'
import { membersOf, stateless } from './single.ts'

const TIMEOUT_MS = 120_000
const TOKEN = 'a-token-for-tests-0123456789'

const folder = mkdtempSync(join(tmpdir(), 'raft-tls-'))
const tokenFile = join(folder, 'tokens')
writeFileSync(tokenFile, `${TOKEN}\n`)

let ca: Authority
let otherCa: Authority
/** By id. */
let own: TlsFiles[]

beforeAll(async () => {
  ca = await Authority.create(folder, 'ca')
  otherCa = await Authority.create(folder, 'other-ca')
  own = await Promise.all([0, 1, 2].map((id) => ca.certify(`raft-server-${id}`)))
  return () => rmSync(folder, { recursive: true })
})

const eventually = (check: () => unknown) =>
  vi.waitFor(check, { timeout: TIMEOUT_MS / 2, interval: 20 })

/** What a server says of itself. */
class Said {
  readonly sentences: string[] = []
  readonly logger = pino(
    {},
    { write: (line) => this.sentences.push(JSON.parse(line).msg) },
  )

  get text(): string {
    return this.sentences.join('\n')
  }
}

/** Whole servers in this process. */
class Cluster {
  readonly servers: KeyValueServer[] = []
  readonly said: Said[] = []
  readonly members: readonly Member[]

  static async start(size: number, tls: readonly TlsFiles[]): Promise<Cluster> {
    const ports = await freePorts(2 * size)
    const cluster = new Cluster(
      Array.from({ length: size }, (_, id) => ({
        id,
        raft: `127.0.0.1:${ports[2 * id]}`,
        http: `127.0.0.1:${ports[2 * id + 1]}`,
      })),
    )
    onTestFinished(() => cluster.stop())
    for (const { id } of cluster.members) {
      await cluster.launch(id, tls[id] as TlsFiles, { members: cluster.members })
    }
    return cluster
  }

  private constructor(members: readonly Member[]) {
    this.members = members
  }

  /** One more, which has itself added. */
  async grow(tls: TlsFiles): Promise<void> {
    const id = this.members.length
    const [raft, http] = await freePorts(2)
    const own = { id, raft: `127.0.0.1:${raft}`, http: `127.0.0.1:${http}` }
    await this.launch(id, tls, { members: [], own, join: [this.http(0)] })
    await this.servers[id]?.join()
  }

  private async launch(
    id: number,
    tls: TlsFiles,
    others: Pick<ServeOptions, 'members'> & Partial<ServeOptions>,
  ): Promise<void> {
    const said = new Said()
    const server = await startServer({
      id,
      join: [],
      insecure: false,
      tls: { ...tls, tokenFile },
      folder: mkdtempSync(join(folder, 'server-')),
      logger: said.logger,
      timeoutMs: 20_000,
      timing: { electionTimeout: [1_000, 2_000] },
      allowOrigins: [],
      maxConnections: 100,
      lease: false,
      ...others,
    })
    this.servers.push(server)
    this.said.push(said)
  }

  http(id: number): string {
    return this.members[id]?.http as string
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.splice(0).map((server) => server.stop()))
  }
}

/** Somebody with what is in these files. */
function transportWith(files: TlsFiles): HttpTransport {
  const transport = new HttpTransport(readSecrets(files))
  onTestFinished(() => transport.close())
  return transport
}

function clientOf(cluster: Cluster, files: TlsFiles): KeyValueClient {
  return new KeyValueClient({
    servers: cluster.members.map(({ http }) => http),
    transport: transportWith(files),
    clock: realClock,
    random: Math.random,
    timeoutMs: 60_000,
  })
}

test(
  'three servers with certificates elect a leader, and take a put over HTTPS',
  async () => {
    const cluster = await Cluster.start(3, own)
    const byToken = clientOf(cluster, { tlsCa: ca.file, tokenFile })
    expect(await byToken.put('x', 'a')).toMatchObject({ held: true })
    const byCertificate = clientOf(cluster, await ca.certify('client'))
    expect(await byCertificate.append('x', 'b')).toMatchObject({ previous: 'a' })
    expect(await byToken.get('x')).toMatchObject({ value: 'ab' })
    for (const said of cluster.said) expect(said.text).not.toContain('away')
  },
  TIMEOUT_MS,
)

test(
  'a server that joins shows its certificate to whom it asks',
  async () => {
    const cluster = await Cluster.start(1, own)
    await cluster.grow(own[1] as TlsFiles)
    expect(cluster.said[1]?.text).toContain('is in the cluster, which is 0, 1 now')
  },
  TIMEOUT_MS,
)

test(
  'who does not lead sends on to an address with https',
  async () => {
    const cluster = await Cluster.start(3, own)
    const client = clientOf(cluster, { tlsCa: ca.file, tokenFile })
    await client.put('x', 'a')
    const transport = transportWith({ tlsCa: ca.file, tokenFile })
    const locations = await Promise.all(
      cluster.members.map(async ({ http }) => {
        const asked = { method: 'PUT', path: '/kv/x', body: 'b' } as const
        const { headers, body } = await transport.request(http, asked)
        await body.dump()
        return headers.location
      }),
    )
    const redirects = locations.filter((location) => location !== undefined)
    expect(redirects).toHaveLength(2)
    for (const location of redirects) expect(location).toMatch(/^https:.*\/kv\/x$/)
  },
  TIMEOUT_MS,
)

test(
  'who has neither a certificate of the CA nor a token is answered 401 and a sentence',
  async () => {
    const cluster = await Cluster.start(1, own)
    const wrong = join(folder, 'wrong-token')
    writeFileSync(wrong, 'not-a-token-of-the-servers')
    const stranger = await otherCa.certify('stranger')
    const known = clientOf(cluster, { tlsCa: ca.file, tokenFile })
    const { version } = await known.put('x', 'a')
    for (const files of [
      { tlsCa: ca.file },
      { tlsCa: ca.file, tokenFile: wrong },
      // A client that trusts this server, and whose own certificate is another CA's.
      { ...stranger, tlsCa: bothIn(join(folder, 'trusted-by-client.pem')) },
    ]) {
      const transport = transportWith(files)
      for (const [method, path] of [
        ['PUT', '/kv/x'],
        ['GET', '/kv/x'],
        ['POST', '/sessions'],
        ['DELETE', '/members/0'],
        ['POST', '/block'],
        ['GET', '/status'],
        ['GET', '/log'],
        ['GET', '/none'],
      ] as const) {
        const answer = await transport.request(cluster.http(0), { method, path })
        expect([path, answer.statusCode]).toEqual([path, 401])
        expect(answer.headers['www-authenticate']).toBe('Bearer')
        expect(await answer.body.json()).toEqual({
          error: expect.stringMatching(/^this server does not know who asks; show a/),
        })
      }
      const ready = { method: 'GET', path: '/ready' } as const
      const { statusCode, body } = await transport.request(cluster.http(0), ready)
      expect(statusCode).toBe(200)
      await body.dump()
    }
    expect(await known.get('x')).toEqual({ value: 'a', version })
  },
  TIMEOUT_MS,
)

/** Both CAs in one file. */
function bothIn(file: string): string {
  writeFileSync(file, ca.text + otherCa.text)
  return file
}

/** Asks without a certificate, and gives the session, too, if it is a new one. */
async function askOnce(address: string, session?: Buffer) {
  const [host = '', port] = address.split(':')
  const options = { host, port: Number(port), ca: ca.text }
  const socket: TLSSocket = connect({ ...options, ...(session && { session }) })
  let given = session
  socket.on('session', (next) => {
    given = next
  })
  await once(socket, 'secureConnect')
  socket.write(`GET /kv/x HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const [answer] = await once(socket, 'data')
  const isReused = socket.isSessionReused()
  socket.destroy()
  return { answer: String(answer), session: given, isReused }
}

test(
  'who takes up a connection that had no certificate still has none',
  async () => {
    const cluster = await Cluster.start(1, own)
    const first = await askOnce(cluster.http(0))
    expect(first).toMatchObject({
      isReused: false,
      answer: expect.stringMatching(/ 401 /),
    })
    const second = await askOnce(cluster.http(0), first.session)
    expect(second).toMatchObject({
      isReused: true,
      answer: expect.stringMatching(/ 401 /),
    })
  },
  TIMEOUT_MS,
)

const running: Server[] = []

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
})

/** Two servers as Raft knows them, and what the first one says of the other. */
async function pairOf(first: Tls, second: Tls | null): Promise<Server[]> {
  const addresses: string[] = []
  const servers = [first, second].map((tls, id) => {
    return new Server({
      id,
      members: membersOf(2),
      raftAddressOf: (member) => addresses[member.id] as string,
      clock: realClock,
      random: Math.random,
      logger: silentLogger,
      storage: new MemoryStorage(),
      apply: () => {},
      stateMachine: stateless,
      ...(tls && { tls }),
    })
  })
  running.push(...servers)
  for (const server of servers) addresses.push(await server.listen())
  for (const server of servers) server.start()
  return servers
}

function tlsOf(id: number, files: TlsFiles, said = new Said()): Tls {
  return new Tls({ id, files, logger: said.logger })
}

test(
  'a server with a certificate of another CA is turned away with a sentence',
  async () => {
    const said = new Said()
    const certified = await otherCa.certify('raft-server-1', 'stranger-1')
    // It would take part, if it were let in.
    const stranger = { ...certified, tlsCa: bothIn(join(folder, 'trusted-by-one.pem')) }
    const [server] = await pairOf(tlsOf(0, own[0] as TlsFiles, said), tlsOf(1, stranger))
    await eventually(() => {
      // Who called, and who was called.
      expect(said.text).toMatch(
        /^turns 127.0.0.1 away: it has no certificate of the CA/m,
      )
      expect(said.text).toMatch(/^turns server 1 away: .*certificate/m)
    })
    expect(server?.consensus.report()).toMatchObject({ term: 0, leaderId: null })
  },
  TIMEOUT_MS,
)

test(
  'a server whose certificate names another one is turned away with a sentence',
  async () => {
    const said = new Said()
    const files = own[2] as TlsFiles
    const [server] = await pairOf(tlsOf(0, own[0] as TlsFiles, said), tlsOf(2, files))
    const names = 'DNS:raft-server-2, IP Address:127.0.0.1'
    const fault = `its certificate is not of raft-server-1, but has the names ${names}`
    await eventually(() => {
      expect(said.sentences).toContain(`turns who says to be server 1 away: ${fault}`)
      expect(said.sentences).toContain(`turns server 1 away: ${fault}`)
    })
    expect(server?.consensus.report()).toMatchObject({ term: 0, leaderId: null })
  },
  TIMEOUT_MS,
)

test(
  'who is no longer trusted is cut off when certificates are read anew',
  async () => {
    const trusted = bothIn(join(folder, 'trusted-for-now.pem'))
    const first = await otherCa.certify('raft-server-0', 'for-now')
    const second = { ...own[1], tlsCa: bothIn(join(folder, 'trusted-for-long.pem')) }
    const cluster = await Cluster.start(2, [{ ...first, tlsCa: trusted }, second])
    const admin = new Admin({
      servers: () => cluster.members.map(({ http }) => http),
      transport: transportWith({ tlsCa: second.tlsCa, tokenFile }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    // Who has led has called the other, and is still connected.
    for (const id of [0, 1]) await admin.transfer(id)
    const [said] = cluster.said as [Said]
    expect(said.text).not.toContain('away')

    writeFileSync(trusted, otherCa.text)
    cluster.servers[0]?.renewSecrets()
    await eventually(() => {
      expect(said.text).toMatch(
        /^turns 127.0.0.1 away: it has no certificate of the CA/m,
      )
      expect(said.text).toMatch(/^turns server 1 away: .*certificate/m)
    })
  },
  TIMEOUT_MS,
)

test(
  'a server without TLS is turned away with a sentence',
  async () => {
    const said = new Said()
    const [server] = await pairOf(tlsOf(0, own[0] as TlsFiles, said), null)
    await eventually(() => {
      expect(said.text).toMatch(/^turns a connection away: no TLS came of it/m)
    })
    expect(server?.consensus.report()).toMatchObject({ term: 0, leaderId: null })
  },
  TIMEOUT_MS,
)

test(
  'who connects and says nothing is hung up on, at both ports',
  async () => {
    const cluster = await Cluster.start(1, own)
    const { raft, http } = cluster.members[0] as Member
    const closed = [raft, http].map(async (address) => {
      const [host = '', port] = address.split(':')
      const socket = connectSocket(Number(port), host).on('error', () => {})
      await once(socket, 'close')
    })
    await Promise.all(closed)
  },
  TIMEOUT_MS,
)

test(
  'a server that stops does not wait for who says nothing',
  async () => {
    const cluster = await Cluster.start(1, own)
    const [host = '', port] = cluster.http(0).split(':')
    const socket = connectSocket(Number(port), host).on('error', () => {})
    await once(socket, 'connect')
    const began = performance.now()
    await cluster.stop()
    // Half of what the other could take.
    expect(performance.now() - began).toBeLessThan(2_500)
  },
  TIMEOUT_MS,
)

test(
  'servers change to another CA one after the other, and go on as a cluster',
  async () => {
    const old = await Authority.create(folder, 'old-ca')
    const next = await Authority.create(folder, 'next-ca')
    const trusted = join(folder, 'trusted.pem')
    const certifyAll = (authority: Authority) =>
      Promise.all(
        [0, 1, 2].map(async (id) => {
          const files = await authority.certify(`raft-server-${id}`, `changing-${id}`)
          return { ...files, tlsCa: trusted }
        }),
      )
    writeFileSync(trusted, old.text)
    const cluster = await Cluster.start(3, await certifyAll(old))
    const put = async (value: string) => {
      const client = clientOf(cluster, { tlsCa: trusted, tokenFile })
      expect(await client.put('x', value)).toMatchObject({ held: true })
    }
    await put('with the old')
    for (const change of [
      async () => writeFileSync(trusted, old.text + next.text),
      () => certifyAll(next),
      async () => writeFileSync(trusted, next.text),
    ]) {
      await change()
      for (const server of cluster.servers) {
        server.renewSecrets()
        await put('with some of both')
      }
    }
    await put('with the new')
    for (const said of cluster.said) {
      const times = said.sentences.filter((one) => one.includes('read its certificates'))
      expect(times).toHaveLength(3)
      expect(said.text).not.toContain('away')
    }
  },
  TIMEOUT_MS,
)

test('whoever is turned away again and again does not fill the log', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const said = new Said()
  const tls = tlsOf(0, own[0] as TlsFiles, said)
  for (let i = 0; i < 10; i += 1) tls.turnAway('10.0.0.9', 'it has no certificate')
  expect(said.sentences).toEqual(['turns 10.0.0.9 away: it has no certificate'])
  for (let i = 0; i < 1_000; i += 1) tls.turnAway(`host ${i}`, 'it has no certificate')
  expect(said.sentences).toHaveLength(100)
  vi.advanceTimersByTime(60_001)
  tls.turnAway('10.0.0.9', 'it has no certificate')
  expect(said.sentences).toHaveLength(101)
})

/** The certificate that a server shows. */
async function shownAt(address: string): Promise<string> {
  const [host = '', port] = address.split(':')
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()?.toString() ?? ''
  socket.destroy()
  return certificate
}

test(
  'at SIGHUP files are read anew; wrong ones leave the old in force, and it is said',
  async () => {
    const [raft, http] = await freePorts(2)
    const address = `127.0.0.1:${http}`
    const tokens = join(folder, 'changing-tokens')
    writeFileSync(tokens, `${TOKEN}\n`)
    const files = await ca.certify('raft-server-0', 'hup')
    const program = new Program([
      ...['serve', '--id', '0', '--cluster', `0=127.0.0.1:${raft}/${http}`],
      ...['--data', join(folder, 'hup'), ...optionsFor({ ...files, tokenFile: tokens })],
    ])
    onTestFinished(() => void program.kill())
    const text = () => readFileSync(files.tlsCert, 'utf8').trim()
    const first = text()
    await eventually(async () => expect((await shownAt(address)).trim()).toBe(first))

    writeFileSync(tokens, 'another-token-0123456789\n')
    await ca.certify('raft-server-0', 'hup')
    const second = text()
    process.kill(program.pid, 'SIGHUP')
    await eventually(async () => expect((await shownAt(address)).trim()).toBe(second))
    const statusWith = async (secret: TlsFiles) => {
      const asked = { method: 'GET', path: '/status' } as const
      const { statusCode, body } = await transportWith(secret).request(address, asked)
      await body.dump()
      return statusCode
    }
    expect(await statusWith({ tlsCa: ca.file, tokenFile })).toBe(401)
    expect(await statusWith({ tlsCa: ca.file, tokenFile: tokens })).toBe(200)

    writeFileSync(files.tlsKey, 'no key')
    process.kill(program.pid, 'SIGHUP')
    const fault = `${files.tlsKey} holds no private key in PEM, or one with a password`
    await eventually(() => {
      expect(program.heard).toContain(
        `keeps the certificates and tokens it has: ${fault}`,
      )
    })
    await ca.certify('raft-server-0', 'hup', undefined, 'sha1')
    process.kill(program.pid, 'SIGHUP')
    await eventually(() => {
      expect(program.heard).toContain(
        `${files.tlsCert} with ${files.tlsKey} is of no use`,
      )
    })
    expect((await shownAt(address)).trim()).toBe(second)
    expect(await statusWith({ tlsCa: ca.file, tokenFile: tokens })).toBe(200)
    expect((await program.kill('SIGTERM')).code).toBe(0)
  },
  TIMEOUT_MS,
)

function optionsFor({ tlsCert, tlsKey, tlsCa, tokenFile }: TlsFiles): string[] {
  const named = { tlsCert, tlsKey, tlsCa, tokenFile }
  return Object.entries(named).flatMap(([name, file]) => {
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    return file === undefined ? [] : [option, file]
  })
}

test('a file that is not what it should be is named in a sentence', async () => {
  const [good] = own as [TlsFiles]
  const yesterday = new Date(Date.now() - 86_400_000)
  const nextWeek = new Date(Date.now() + 604_800_000)
  const garbage = join(folder, 'garbage')
  const none = join(folder, 'none')
  writeFileSync(garbage, '-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n')
  const late = await ca.certify('raft-server-0', 'late', yesterday)
  const early = await ca.certify('raft-server-0', 'early', nextWeek)
  const foreign = await otherCa.certify('raft-server-0', 'foreign')
  const weak = await ca.certify('raft-server-0', 'weak', undefined, 'sha1')
  for (const [files, sentence] of [
    [{ ...good, tlsCert: none }, `${none} cannot be read: ENOENT`],
    [{ ...good, tlsCa: none }, `${none} cannot be read: ENOENT`],
    [{ ...good, tlsCert: garbage }, `${garbage} holds no certificate in PEM`],
    [{ ...good, tlsCa: good.tlsKey }, `${good.tlsKey} holds no certificate in PEM`],
    [{ ...good, tlsKey: good.tlsCert }, `${good.tlsCert} holds no private key in PEM`],
    [
      { ...good, tlsKey: own[1]?.tlsKey },
      `the key in ${own[1]?.tlsKey} is not that of ${good.tlsCert}`,
    ],
    [late, `${late.tlsCert} has expired: it was valid until`],
    [early, `${early.tlsCert} is not valid yet: it will be from`],
    [
      { ...foreign, tlsCa: ca.file },
      `${foreign.tlsCert} is not signed by a CA in ${ca.file}`,
    ],
    [weak, `${weak.tlsCert} with ${weak.tlsKey} is of no use: `],
    [own[1], `${own[1]?.tlsCert} is not of raft-server-0: it has the names DNS:raft-se`],
    [{ ...good, tlsCa: undefined }, '--token-file take a --tls-ca, too'],
    [{ ...good, tlsKey: undefined }, '--tls-cert takes a --tls-key'],
    [{ tlsCa: ca.file }, 'a server takes --tls-cert, --tls-key and --tls-ca together'],
    [
      { ...good, tokenFile: garbage },
      `${garbage} holds tokens, one a line, of 16 letters`,
    ],
  ] as [TlsFiles, string][]) {
    expect(() => tlsOf(0, files)).toThrow(sentence)
  }
})

test(
  'a server with wrong files does not start: a sentence, 2, and no folder',
  async () => {
    const data = join(folder, 'not-made')
    const serve = (...args: readonly string[]) =>
      run('serve', '--id', '0', '--data', data, ...args)
    const { tlsCert = '', tlsKey = '' } = own[1] ?? {}
    const other = { ...own[0], tlsKey }
    expect(await serve(...optionsFor(other))).toMatchObject({
      code: 2,
      errors: `error: the key in ${tlsKey} is not that of ${own[0]?.tlsCert}\n`,
    })
    expect(await serve(...optionsFor(own[1] as TlsFiles))).toMatchObject({
      code: 2,
      errors: expect.stringMatching(`^error: ${tlsCert} is not of raft-server-0.*\n$`),
    })
    expect(existsSync(data)).toBe(false)
  },
  TIMEOUT_MS,
)

test(
  'the command line speaks TLS, and says what is wrong when it may not',
  async () => {
    const cluster = await Cluster.start(1, own)
    const http = cluster.http(0)
    const ask = (verb: readonly string[], files: TlsFiles, patienceS = 20) => {
      const at = ['--server', `https://${http}`, '--timeout', `${patienceS}`]
      return run(...verb, ...at, ...optionsFor(files))
    }
    const known = { tlsCa: ca.file, tokenFile }
    expect(await ask(['put', 'x', 'a'], known)).toMatchObject({ code: 0 })
    const client = await ca.certify('client')
    expect(await ask(['get', 'x'], client)).toMatchObject({ code: 0, output: 'a\n' })
    expect(await ask(['members'], known)).toMatchObject({ code: 0 })
    const refused = 'not done: this server does not know who asks; show a certificate'
    for (const verb of [['put', 'x', 'b'], ['members']]) {
      expect(await ask(verb, { tlsCa: ca.file })).toMatchObject({
        code: 1,
        errors: expect.stringContaining(refused),
      })
    }
    const untrusting = { ...known, tlsCa: otherCa.file }
    expect(await ask(['get', 'x'], untrusting, 1)).toMatchObject({
      code: 1,
      errors: expect.stringContaining(`not done: ${http} is not to be trusted (`),
    })
    expect(await ask(['get', 'x'], { tokenFile })).toMatchObject({
      code: 2,
      errors: 'error: --tls-cert, --tls-key and --token-file take a --tls-ca, too\n',
    })
  },
  TIMEOUT_MS,
)
