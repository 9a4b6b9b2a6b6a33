/** The service in the words of HTTP: every row of the table, without a socket. */
import { EventEmitter } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { OnOutcome, Outcome } from '../src/changes.ts'
import { Configurations, type Member } from '../src/configuration.ts'
import { createApp, type Node } from '../src/http.ts'
import { MAX_VALUE_BYTES } from '../src/kv.ts'
import { Membership } from '../src/membership.ts'
import { createMetrics } from '../src/metrics.ts'
import type { Limits } from '../src/service.ts'
import { toCommand } from '../src/sessions.ts'
import { Single } from './single.ts'

interface Setup {
  /** Who leads, as a server knows it that does not. */
  readonly leaderId?: number | null
  readonly limits?: Limits
  /** It leads, and takes no commands. */
  readonly isHandingOver?: boolean
  /** Its cluster is its own: one server. */
  readonly isAlone?: boolean
}

/** A cluster of which the test says what becomes of its changes. */
class Cluster {
  /** What was asked for, and what to call with its outcome. */
  readonly asked: { what: unknown; onOutcome: OnOutcome }[] = []
  readonly configurations = new Configurations(
    [0, 1, 2].map((id) => ({ id, address: `127.0.0.1:700${id}/800${id}` })),
  )
  learner: Member | null = null
  private readonly leaderId: number | null

  constructor(leaderId: number | null = 0) {
    this.leaderId = leaderId
  }

  get changes() {
    const ask = (what: unknown, onOutcome: OnOutcome) =>
      this.asked.push({ what, onOutcome })
    const { learner } = this
    return { learner, handover: null, request: ask, handOver: ask }
  }

  report() {
    const { leaderId } = this
    const isLeader = leaderId === 0
    const role = isLeader ? ('Leader' as const) : ('Follower' as const)
    const indexes = { firstLogIndex: 1, lastLogIndex: 1, snapshotIndex: 0 }
    const state = { id: 0, term: 1, commitIndex: 1, lastApplied: 1 }
    return { ...state, ...indexes, role, isLeader, leaderId }
  }

  /** Another configuration is in force. */
  has(ids: readonly number[], removed: readonly number[] = []): void {
    const members = ids.map((id) => ({ id, address: `127.0.0.1:700${id}/800${id}` }))
    const configuration = { cluster: 'one', members, removed }
    this.configurations.replaceFrom(1, [{ term: 1, command: null, configuration }])
  }
}

/** A server of a cluster of three addresses; it leads if nothing else is said. */
class Site {
  readonly single: Single
  readonly app: ReturnType<typeof createApp>
  readonly lines = new Set<(line: string) => void>()
  readonly cluster: Cluster
  readonly membership: Membership
  isBlocked = false
  isStopped = false
  leaderHeardMsAgo: number | null = 1_700
  whyNotReady: string | null = null
  /** Of reads that a server asks the leader for: what to call with its answer. */
  readonly confirmations: ((index: number) => void)[] = []
  private readonly lastAtFirst: number

  constructor({ leaderId, limits, isHandingOver = false, isAlone = false }: Setup = {}) {
    this.single = new Single({
      ...(limits && { limits }),
      ...(leaderId !== undefined && {
        consensus: () => ({
          submit: () => null,
          readIndex: (onIndex) => this.confirmations.push(onIndex),
          report: () => {
            const report = this.single.consensus.report()
            return { ...report, leaderId, isLeader: isHandingOver }
          },
        }),
      }),
    })
    const { service, consensus, clock } = this.single
    if (leaderId === undefined) this.single.elect()
    this.lastAtFirst = consensus.report().lastLogIndex
    const node: Node = {
      httpOf: (id) => ([0, 1, 2].includes(id) ? `127.0.0.1:800${id}` : undefined),
      status: () => ({ id: 0 }),
      applied: () => [{ index: 1 }, { index: 2 }],
      follow: (onLine) => {
        this.lines.add(onLine)
        return () => this.lines.delete(onLine)
      },
      leaderHeardMsAgo: () => this.leaderHeardMsAgo,
      whyNotReady: () => this.whyNotReady,
      setBlocked: (isBlocked) => {
        this.isBlocked = isBlocked
      },
      takeSnapshot: () => this.single.takeSnapshot(),
      openSnapshot: async () => {
        return this.isStopped
          ? null
          : Readable.from([Buffer.from('one\n'), Buffer.from('two\n')])
      },
    }
    this.cluster = new Cluster(leaderId)
    this.membership = new Membership({
      clock,
      consensus: () => (isAlone ? this.single.consensus : this.cluster),
      objection: ({ raft }) => (raft.startsWith('8.8.8.8') ? 'it is far away' : null),
    })
    this.app = createApp({
      service,
      membership: this.membership,
      node,
      metrics: createMetrics({
        service,
        report: () => consensus.report(),
        members: () => consensus.configurations.members.length,
        now: () => clock.now(),
      }),
      allowed: { hosts: ['10.0.0.1'], origins: ['http://page.example:1'] },
    })
  }

  /** How many entries came of what was asked. */
  get taken(): number {
    return this.single.consensus.report().lastLogIndex - this.lastAtFirst
  }

  /** Another leader's entry is committed: x is put. */
  apply(index: number, value: string): void {
    const command = toCommand({ op: 'put', key: 'x', value, elapsed: 0 })
    this.single.service.apply({ index, term: 1, command })
  }

  /** Asks, and lets time pass until there is an answer. */
  async ask(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    let answer: Response | null = null
    const asked = this.send(method, path, init).then((response) => {
      answer = response
    })
    for (let turns = 0; answer === null && turns < 2_000; turns += 1) {
      await turn()
      this.single.clock.advance(5)
    }
    await asked
    return answer as unknown as Response
  }

  /** Without waiting; `outgoing` says when the client has gone. */
  async send(
    method: string,
    path: string,
    { body, ...init }: RequestInit = {},
    outgoing = new EventEmitter(),
  ): Promise<Response> {
    const request = new Request(`http://localhost:8000${path}`, { ...init, method })
    const bytes = Buffer.from((body ?? '') as string)
    const incoming = Object.assign(Readable.from(piecesOf(bytes)), { url: path })
    return this.app.fetch(request, { incoming, outgoing })
  }
}

/** As they come from a socket. */
function* piecesOf(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

const PIECE = 65_536

const headers = (...pairs: [string, string][]) => ({ headers: pairs })

async function errorOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: string }).error
}

// Not as in part4: a leader’s first entry is its own, and reads have none.
test('PUT sets, GET reads, POST appends, DELETE removes', async () => {
  const site = new Site()
  const put = await site.ask('PUT', '/kv/x', { body: 'a' })
  expect(put.status).toBe(200)
  expect(put.headers.get('etag')).toBe('"2"')
  expect(await put.json()).toEqual({ version: 2, previous: null })

  const post = await site.ask('POST', '/kv/x', { body: 'ä' })
  expect(await post.json()).toEqual({ version: 3, previous: 'a' })

  const get = await site.ask('GET', '/kv/x')
  expect(get.status).toBe(200)
  expect(get.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(get.headers.get('etag')).toBe('"3"')
  expect(await get.text()).toBe('aä')

  const remove = await site.ask('DELETE', '/kv/x')
  expect(await remove.json()).toEqual({ version: 4, previous: 'aä' })
  expect(await errorOf(await site.ask('GET', '/kv/x'))).toBe('there is no key "x"')
  expect((await site.ask('GET', '/kv/x')).status).toBe(404)
  expect((await site.ask('DELETE', '/kv/x')).status).toBe(404)
})

test('a value comes back byte for byte', async () => {
  const site = new Site()
  for (const body of ['', '\ufeffmark', 'a\u0000b\r\n', '😀'.repeat(1_000)]) {
    await site.ask('PUT', '/kv/x', { body })
    const bytes = await (await site.ask('GET', '/kv/x')).arrayBuffer()
    expect(Buffer.from(bytes)).toEqual(Buffer.from(body))
  }
})

test('keys are percent-encoded, whatever a URL would make of them', async () => {
  const site = new Site()
  const keys = ['a/b', '..', '.', 'a b', '?', '%', '€', '#', 'a%2Fb', '+']
  for (const key of keys) {
    const path = `/kv/${encodeURIComponent(key).replaceAll('.', '%2E')}`
    expect((await site.ask('PUT', path, { body: key })).status).toBe(200)
  }
  const listed = await (await site.ask('GET', '/kv')).text()
  const pairs = listed
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(pairs.map(({ key }) => key)).toEqual([...keys].sort())
  for (const { key, value } of pairs) expect(value).toBe(key)
})

test('what is no key is refused with a sentence', async () => {
  const site = new Site()
  for (const [path, sentence] of [
    ['/kv/', 'a key must not be empty'],
    ['/kv/%ff', '%ff is no key'],
    ['/kv/%zz', '%zz is no key'],
    ['/kv/%ed%a0%80', 'is no key'],
    [`/kv/${'k'.repeat(1_025)}`, 'a key can be 1024 bytes long, not 1025'],
  ] as const) {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
      const response = await site.ask(method, path)
      expect(response.status).toBe(400)
      expect(await errorOf(response)).toContain(sentence)
    }
  }
  expect(site.taken).toBe(0)
})

test('what is no value is refused with a sentence', async () => {
  const site = new Site()
  const bad = await site.ask('PUT', '/kv/x', { body: Uint8Array.of(0x61, 0xff) })
  expect(bad.status).toBe(400)
  expect(await errorOf(bad)).toContain('UTF-8')

  const long = 'x'.repeat(MAX_VALUE_BYTES + 1)
  for (const init of [
    { body: long },
    { body: long, ...headers(['content-length', String(long.length)]) },
  ]) {
    const tooLong = await site.ask('PUT', '/kv/x', init)
    expect(tooLong.status).toBe(413)
    const suffix = 'headers' in init ? '' : ' or more'
    expect(await errorOf(tooLong)).toBe(
      `a value can be 262144 bytes long, not 262145${suffix}`,
    )
  }
  const zipped = { body: 'a', ...headers(['content-encoding', 'gzip']) }
  expect((await site.ask('PUT', '/kv/x', zipped)).status).toBe(415)
  const part = { body: 'a', ...headers(['content-range', 'bytes 0-0/2']) }
  expect((await site.ask('PUT', '/kv/x', part)).status).toBe(400)
  expect(site.taken).toBe(0)
})

test('a value can be 256 KiB long, and an append makes it no longer', async () => {
  const site = new Site()
  const body = '\u0000'.repeat(MAX_VALUE_BYTES)
  expect((await site.ask('PUT', '/kv/x', { body })).status).toBe(200)
  const post = await site.ask('POST', '/kv/x', { body: 'a' })
  expect(post.status).toBe(413)
  expect(await errorOf(post)).toBe('a value can be 262144 bytes long, not 262145')
  expect(await (await site.ask('GET', '/kv/x')).text()).toBe(body)
})

// Not as in part4: a leader’s first entry is its own, and reads have none.
test('a change on a condition is made when it holds, and answered 412 when not', async () => {
  const site = new Site()
  const change = (name: string, value: string) =>
    site.ask('PUT', '/kv/x', { body: 'a', ...headers([name, value]) })
  expect((await change('If-Match', '*')).status).toBe(412)
  expect((await change('If-None-Match', '*')).status).toBe(200)
  expect(site.single.consensus.log[2]?.command).toContain('"if":{"absent":true}')
  expect((await change('If-None-Match', '*')).status).toBe(412)
  expect((await change('If-Match', '"3"')).status).toBe(200)
  const old = await change('If-Match', '"3"')
  expect(old.status).toBe(412)
  expect(await old.json()).toEqual({
    error: 'the condition does not hold: its version is 5',
    version: 5,
  })
  expect((await change('If-Match', '*')).status).toBe(200)
  // A list has one that fits; a weak one never does, nor one of another server (13.1.1).
  expect((await change('If-Match', '"1", "7"')).status).toBe(200)
  expect((await change('If-Match', 'W/"8"')).status).toBe(412)
  expect((await change('If-Match', '"abc"')).status).toBe(412)
  // All others than these.
  expect((await change('If-None-Match', '"8"')).status).toBe(412)
  expect((await change('If-None-Match', '"1", "2"')).status).toBe(200)
})

test('POST and DELETE can have conditions', async () => {
  const site = new Site()
  const put = await site.ask('PUT', '/kv/x', { body: 'a' })
  const tag = put.headers.get('etag') ?? ''
  for (const method of ['POST', 'DELETE']) {
    const response = await site.ask(method, '/kv/x', headers(['If-Match', '"9"']))
    expect(response.status).toBe(412)
  }
  const remove = await site.ask('DELETE', '/kv/x', headers(['If-Match', tag]))
  expect(remove.status).toBe(200)
})

test('a GET on a condition is 304 when the client has it, 412 when it is another', async () => {
  const site = new Site()
  const put = await site.ask('PUT', '/kv/x', { body: 'a' })
  const tag = put.headers.get('etag') ?? ''
  const get = async (name: string, value: string, path = '/kv/x') =>
    (await site.ask('GET', path, headers([name, value]))).status
  expect(await get('If-None-Match', tag)).toBe(304)
  expect(await get('If-None-Match', `W/${tag}`)).toBe(304)
  expect(await get('If-None-Match', '*')).toBe(304)
  expect(await get('If-None-Match', '"9"')).toBe(200)
  expect(await get('If-Match', tag)).toBe(200)
  expect(await get('If-Match', '"9"')).toBe(412)
  expect(await get('If-None-Match', '*', '/kv/y')).toBe(404)
  expect(await get('If-Match', '*', '/kv/y')).toBe(412)
})

test('a condition that cannot be read is refused', async () => {
  const site = new Site()
  for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
    for (const pairs of [
      [['If-Match', '1']],
      [['If-None-Match', '"1" "2"']],
      [
        ['If-Match', '"1"'],
        ['If-None-Match', '*'],
      ],
    ] as [string, string][][]) {
      const response = await site.ask(method, '/kv/x', headers(...pairs))
      expect(response.status).toBe(400)
      expect(await errorOf(response)).toContain('If-')
    }
  }
})

// Not as in part4: a leader’s first entry is its own, and reads have none.
test('GET /kv lists by prefix, in order, up to a limit, of one moment', async () => {
  const site = new Site()
  for (const key of ['b', 'a1', 'a2']) await site.ask('PUT', `/kv/${key}`, { body: key })
  const list = await site.ask('GET', '/kv?prefix=a')
  expect(list.headers.get('content-type')).toBe('application/x-ndjson')
  expect(await list.text()).toBe(
    '{"key":"a1","value":"a1","version":3}\n{"key":"a2","value":"a2","version":4}\n',
  )
  const first = await (await site.ask('GET', '/kv?limit=1')).text()
  expect(first).toBe('{"key":"a1","value":"a1","version":3}\n')
  expect(await (await site.ask('GET', '/kv?prefix=%26')).text()).toBe('')
  for (const query of [
    'limit=0',
    'limit=-1',
    'limit=x',
    'limits=1',
    'consistency=old',
  ]) {
    const response = await site.ask('GET', `/kv?${query}`)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toMatch(/limit|consistency/)
  }
})

test('a long list is sent in pieces', async () => {
  const site = new Site()
  for (let i = 0; i < 1_000; i += 1) {
    site.single.service.request({ op: 'put', key: `${i}`, value: 'v' }, () => {})
  }
  site.single.clock.advance(5)
  const text = await (await site.ask('GET', '/kv')).text()
  expect(text.trimEnd().split('\n')).toHaveLength(1_000)
})

test('a stale read is answered at any server, without the log', async () => {
  const site = new Site({ leaderId: null })
  site.single.service.apply({
    index: 1,
    term: 1,
    command: '{"op":"put","key":"x","value":"old"}',
  })
  const get = await site.ask('GET', '/kv/x?consistency=stale')
  expect(get.status).toBe(200)
  expect(await get.text()).toBe('old')
  expect((await site.ask('GET', '/kv/y?consistency=stale')).status).toBe(404)
  const list = await site.ask('GET', '/kv?consistency=stale')
  expect(await list.text()).toBe('{"key":"x","value":"old","version":1}\n')
  expect((await site.ask('GET', '/kv/x?consistency=linearizable')).status).toBe(503)
})

test('a stale read says how old it may be', async () => {
  const site = new Site({ leaderId: 2 })
  const get = async (path: string) => {
    const response = await site.ask('GET', `${path}consistency=stale`)
    const { headers } = response
    return ['age', 'leader-heard-ms-ago', 'applied-index'].map((name) =>
      headers.get(name),
    )
  }
  expect(await get('/kv/x?')).toEqual(['1', '1700', '0'])
  site.apply(1, 'a')
  expect(await get('/kv/x?')).toEqual(['1', '1700', '1'])
  expect(await get('/kv?')).toEqual(['1', '1700', '1'])
  // Who has heard of no leader cannot say.
  site.leaderHeardMsAgo = null
  expect(await get('/kv/x?')).toEqual([null, null, '1'])
  const fresh = await new Site().ask('GET', '/kv/x')
  expect(fresh.headers.get('age')).toBeNull()
})

test('a follower that is asked for it answers a read itself, when the leader confirms', async () => {
  const site = new Site({ leaderId: 2 })
  site.apply(1, 'old')
  let answer: Response | null = null
  const asked = site.send('GET', '/kv/x?consistency=follower').then((response) => {
    answer = response
  })
  await turn()
  site.confirmations[0]?.(2)
  await turn()
  expect(answer).toBeNull()
  site.apply(2, 'new')
  await asked
  const response = answer as unknown as Response
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('new')
  expect(response.headers.get('age')).toBeNull()

  const list = site.send('GET', '/kv?consistency=follower')
  await turn()
  site.confirmations[1]?.(2)
  expect(await (await list).text()).toBe('{"key":"x","value":"new","version":2}\n')
})

test('a follower that hears nothing of the leader asks to come again', async () => {
  const knowsOne = await new Site({ leaderId: 2 }).ask(
    'GET',
    '/kv/x?consistency=follower',
  )
  expect(knowsOne.status).toBe(503)
  expect(knowsOne.headers.get('retry-after')).toBe('1')
  expect(await knowsOne.json()).toMatchObject({ outcome: 'not done' })
  const knowsNone = await new Site({ leaderId: null }).send(
    'GET',
    '/kv/x?consistency=follower',
  )
  expect(knowsNone.status).toBe(503)
  expect(await errorOf(knowsNone)).toBe('this server knows no leader')
})

test('a read writes nothing', async () => {
  const site = new Site()
  const { syncs } = site.single.storage
  for (const path of ['/kv/x', '/kv', '/kv/x?consistency=follower']) {
    expect((await site.ask('GET', path)).status).toBeLessThan(500)
  }
  expect(site.taken).toBe(0)
  expect(site.single.storage.syncs).toBe(syncs)
})

test('POST /sessions registers a client, which can say that it is still there', async () => {
  const site = new Site()
  const registered = await site.ask('POST', '/sessions')
  expect(registered.status).toBe(201)
  expect(registered.headers.get('location')).toBe('/sessions/2')
  expect(await registered.json()).toEqual({ client: 2 })
  expect(await (await site.ask('POST', '/sessions')).json()).toEqual({ client: 3 })

  const kept = await site.ask('POST', '/sessions/2')
  expect(kept.status).toBe(200)
  expect(await kept.json()).toEqual({ kept: true })
  const unknown = await site.ask('POST', '/sessions/9')
  expect(unknown.status).toBe(410)
  expect(await errorOf(unknown)).toContain('no such session')

  const { taken } = site
  for (const client of ['0', '-1', 'x', '1.5', '1e3', '9'.repeat(16)]) {
    const refused = await site.ask('POST', `/sessions/${client}`)
    expect(refused.status).toBe(400)
    expect(await errorOf(refused)).toContain(`not ${client}`)
  }
  expect(site.taken).toBe(taken)
  for (const path of ['/sessions', '/sessions/2']) {
    expect((await site.ask('OPTIONS', path)).headers.get('allow')).toBe('POST, OPTIONS')
    expect((await site.ask('GET', path)).status).toBe(405)
  }
})

/** A change of a client: which of its own, and up to where it has the answers. */
const numbered = (key: string, acknowledged?: string) =>
  headers(
    ['Idempotency-Key', key],
    ...(acknowledged === undefined
      ? []
      : ([['Idempotency-Acknowledged', acknowledged]] as [string, string][])),
  )

test('a change of the same number is made once, and answered as the first time', async () => {
  const site = new Site()
  await site.ask('POST', '/sessions')
  for (const [serial, method, status] of [
    [1, 'PUT', 200],
    [2, 'POST', 200],
    [3, 'DELETE', 200],
    // Not done is an answer, too, though the condition would hold by now.
    [4, 'DELETE', 404],
  ] as const) {
    const init = { body: 'a', ...numbered(`2:${serial}`) }
    const first = await site.ask(method, '/kv/x', init)
    const again = await site.ask(method, '/kv/x', init)
    expect(first.status).toBe(status)
    expect(again.status).toBe(status)
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'))
    expect(await again.text()).toBe(await first.text())
  }
  expect((await site.ask('GET', '/kv/x')).status).toBe(404)
  const onlyIfThere = headers(['Idempotency-Key', '2:5'], ['If-Match', '*'])
  const put = () => site.ask('PUT', '/kv/x', { body: 'a', ...onlyIfThere })
  expect((await put()).status).toBe(412)
  await site.ask('PUT', '/kv/x', { body: 'b' })
  expect((await put()).status).toBe(412)
  expect(await (await site.ask('GET', '/kv/x')).text()).toBe('b')
})

test('what is acknowledged is 409, and what has no session 410; neither is carried out', async () => {
  const site = new Site()
  await site.ask('POST', '/sessions')
  const append = (key: string, acknowledged?: string) =>
    site.ask('POST', '/kv/x', { body: 'a', ...numbered(key, acknowledged) })
  expect((await append('2:1')).status).toBe(200)
  expect((await append('2:2', '1')).status).toBe(200)
  const late = await append('2:1')
  expect(late.status).toBe(409)
  expect(await errorOf(late)).toContain('acknowledged')
  // It was acknowledged by its absence: so far behind, no answer is kept.
  expect((await append('2:100')).status).toBe(200)
  expect((await append('2:3')).status).toBe(409)
  const unknown = await append('9:1')
  expect(unknown.status).toBe(410)
  expect(await errorOf(unknown)).toContain('nothing was done')
  expect(await (await site.ask('GET', '/kv/x')).text()).toBe('aaa')
})

test('a number that cannot be read is refused', async () => {
  const site = new Site()
  for (const [key, acknowledged] of [
    ['2'],
    ['2:'],
    [':1'],
    ['2:0'],
    ['0:1'],
    ['2:1:1'],
    ['2:x'],
    ['2:1', 'x'],
    ['2:1', '-1'],
    ['2:1', ''],
    ['2:1', '1'],
  ] as const) {
    for (const method of ['PUT', 'POST', 'DELETE']) {
      const response = await site.ask(method, '/kv/x', numbered(key, acknowledged))
      expect(response.status).toBe(400)
      expect(await errorOf(response)).toMatch(/Idempotency-|acknowledged already/)
    }
  }
  expect(site.taken).toBe(0)
  expect((await site.ask('PUT', '/kv/x', numbered('2:1', '0'))).status).toBe(410)
})

test('who does not lead sends on a client that registers', async () => {
  for (const path of ['/sessions', '/sessions/2']) {
    const response = await new Site({ leaderId: 2 }).ask('POST', path)
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe(`http://127.0.0.1:8002${path}`)
  }
})

test('a page is told that it may number its changes, and sees how old a read is', async () => {
  const site = new Site()
  const origin: [string, string] = ['origin', 'http://page.example:1']
  const asking = headers(origin, ['access-control-request-method', 'PUT'])
  const beforehand = await site.ask('OPTIONS', '/kv/x', asking)
  const allowed = beforehand.headers.get('access-control-allow-headers')
  expect(allowed).toContain('Idempotency-Key')
  expect(allowed).toContain('Idempotency-Acknowledged')
  const stale = await site.ask('GET', '/kv/x?consistency=stale', headers(origin))
  const exposed = stale.headers.get('access-control-expose-headers')
  for (const name of ['Age', 'Applied-Index', 'Leader-Heard-Ms-Ago']) {
    expect(exposed).toContain(name)
  }
})

test('who does not lead sends on to the leader, with the whole path', async () => {
  const site = new Site({ leaderId: 2 })
  for (const [method, path] of [
    ['GET', '/kv/a%2Fb'],
    ['PUT', '/kv/%2E%2E'],
    ['POST', '/kv/x'],
    ['DELETE', '/kv/x'],
    ['GET', '/kv?prefix=a%26&limit=3'],
  ] as const) {
    const response = await site.ask(method, path)
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe(`http://127.0.0.1:8002${path}`)
    expect(await response.json()).toEqual({
      error: 'this server is not the leader',
      outcome: 'not done',
    })
  }
})

test('who knows no leader asks to come again', async () => {
  const response = await new Site({ leaderId: null }).ask('PUT', '/kv/x', { body: 'a' })
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(await response.json()).toMatchObject({ outcome: 'not done' })
})

// Not as in part4: reads have a bound of their own.
test('where too much waits, one is asked to come again at once', async () => {
  const site = new Site({ limits: { entries: 0, length: 0, reads: 0 } })
  const response = await site.send('PUT', '/kv/x', { body: 'a' })
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(await errorOf(response)).toContain('too many')
})

test('what nobody knows the outcome of is 504', async () => {
  const site = new Site()
  const waiting = site.send('PUT', '/kv/x', { body: 'a' })
  await turn()
  site.single.consensus.stop()
  const response = await waiting
  expect(response.status).toBe(504)
  expect(await response.json()).toEqual({
    error: 'this server stops',
    outcome: 'unknown',
  })
})

test('a body that is cut off is no value', async () => {
  const site = new Site()
  const incoming = Object.assign(new PassThrough(), { url: '/kv/x' })
  incoming.write('half of i')
  const request = new Request('http://localhost:8000/kv/x', { method: 'PUT' })
  const asked = site.app.fetch(request, { incoming, outgoing: new EventEmitter() })
  await turn()
  incoming.destroy()
  expect((await asked).status).toBe(400)
  expect(site.taken).toBe(0)
})

test('a client that hangs up is forgotten', async () => {
  const site = new Site()
  const outgoing = new EventEmitter()
  site.send('PUT', '/kv/x', { body: 'a' }, outgoing)
  await turn()
  expect(site.single.service.gauge()).toMatchObject({ clients: 1, entries: 1 })
  outgoing.emit('close')
  expect(site.single.service.gauge().clients).toBe(0)
})

test('HEAD is answered as GET is, without the value', async () => {
  const site = new Site()
  const put = await site.ask('PUT', '/kv/x', { body: 'abc' })
  const head = await site.ask('HEAD', '/kv/x')
  expect(head.status).toBe(200)
  expect(head.headers.get('etag')).toBe(put.headers.get('etag'))
  expect(await head.text()).toBe('')
  expect((await site.ask('HEAD', '/kv/y')).status).toBe(404)
})

// Not as in part6: there is more.
test('OPTIONS says what there is, and anything else is 405', async () => {
  const site = new Site()
  for (const [path, allow] of [
    ['/kv/x', 'GET, PUT, POST, DELETE, HEAD, OPTIONS'],
    ['/kv', 'GET, HEAD, OPTIONS'],
    ['/status', 'GET, HEAD, OPTIONS'],
    ['/block', 'POST, OPTIONS'],
    ['/members', 'GET, POST, HEAD, OPTIONS'],
    ['/members/2', 'DELETE, OPTIONS'],
    ['/transfer', 'POST, OPTIONS'],
  ] as const) {
    const options = await site.ask('OPTIONS', path)
    expect(options.status).toBe(204)
    expect(options.headers.get('allow')).toBe(allow)
    const patch = await site.ask('PATCH', path)
    expect(patch.status).toBe(405)
    expect(patch.headers.get('allow')).toBe(allow)
    expect(await errorOf(patch)).toContain(allow)
  }
  expect((await site.ask('GET', '/block')).status).toBe(405)
  expect(site.isBlocked).toBe(false)
})

test('who balances the load is told whether a server should be asked, and why not', async () => {
  const site = new Site()
  const ready = await site.ask('GET', '/ready')
  expect(ready.status).toBe(200)
  expect(await ready.json()).toEqual({ ready: true })
  site.whyNotReady = 'it hears no leader'
  const notYet = await site.ask('GET', '/ready')
  expect(notYet.status).toBe(503)
  expect(notYet.headers.get('retry-after')).toBe('1')
  expect(await errorOf(notYet)).toBe('it hears no leader')
})

test('there is nothing at other paths', async () => {
  const response = await new Site().ask('GET', '/nowhere')
  expect(response.status).toBe(404)
  expect(await errorOf(response)).toBe('there is nothing at /nowhere')
})

// Not as in part6: it says how large the cluster is.
test('a server shows its state, what it applied, and its figures', async () => {
  const site = new Site()
  expect(await (await site.ask('GET', '/status')).json()).toEqual({ id: 0 })
  expect(await (await site.ask('GET', '/applied')).text()).toBe(
    '{"index":1}\n{"index":2}\n',
  )
  await site.ask('PUT', '/kv/x', { body: 'a' })
  const metrics = await site.ask('GET', '/metrics')
  expect(metrics.headers.get('content-type')).toContain('text/plain')
  const text = await metrics.text()
  expect(text).toContain('kv_operations_total{op="put",outcome="done"} 1')
  expect(text).toContain('kv_operation_duration_seconds_count{op="put"} 1')
  expect(text).toContain('raft_is_leader 1')
  expect(text).toContain('kv_keys 1')
  expect(text).toContain('raft_members 1')
})

test('the test log comes as events, for as long as somebody listens', async () => {
  const site = new Site()
  const response = await site.ask('GET', '/log')
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const read = async () => Buffer.from((await reader.read()).value ?? []).toString()
  expect(await read()).toContain(': ')
  for (const onLine of site.lines) onLine('{"event":"note"}\n')
  expect(await read()).toBe('data: {"event":"note"}\n\n')
  await reader.cancel()
  expect(site.lines.size).toBe(0)
  // Whoever asks only for the head follows nothing.
  await site.ask('HEAD', '/log')
  expect(site.lines.size).toBe(0)
})

test('who reads the log too slowly is cut off', async () => {
  const site = new Site()
  const response = await site.ask('GET', '/log')
  const line = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < 20; i += 1) for (const onLine of site.lines) onLine(line)
  await turn()
  expect(site.lines.size).toBe(0)
  await expect(response.text()).rejects.toThrow('too slow')
})

test('what a turn says is made into bytes once, however many read it', async () => {
  const site = new Site()
  const responses = [await site.ask('GET', '/log'), await site.ask('GET', '/log')]
  const readers = responses.map(({ body }) =>
    (body as ReadableStream<Uint8Array>).getReader(),
  )
  for (const reader of readers) await reader.read()
  for (const line of ['1', '2']) for (const onLine of site.lines) onLine(`${line}\n`)
  const [one, other] = await Promise.all(readers.map((reader) => reader.read()))
  expect(Buffer.from(one?.value ?? []).toString()).toBe('data: 1\n\ndata: 2\n\n')
  expect(other?.value).toBe(one?.value)
})

test('a server can be cut off from its peers, and let back', async () => {
  const site = new Site()
  expect(await (await site.ask('POST', '/block')).json()).toEqual({ blocked: true })
  expect(site.isBlocked).toBe(true)
  expect(await (await site.ask('POST', '/unblock')).json()).toEqual({ blocked: false })
  expect(site.isBlocked).toBe(false)
})

test('POST /snapshot has a server take one, and says what it stands for then', async () => {
  const site = new Site()
  const value = 'x'.repeat(250_000)
  for (let i = 0; i < 6; i += 1) await site.ask('PUT', '/kv/x', { body: value })
  // Whoever asks while one is taken waits for that.
  const [one, other] = await Promise.all([
    site.ask('POST', '/snapshot'),
    site.ask('POST', '/snapshot'),
  ])
  expect(one.status).toBe(200)
  expect(await one.json()).toEqual({ lastIncludedIndex: 7 })
  expect(await other.json()).toEqual({ lastIncludedIndex: 7 })
  // There is nothing new.
  const again = await site.ask('POST', '/snapshot')
  expect(await again.json()).toEqual({ lastIncludedIndex: 7 })
  expect((await site.ask('PUT', '/snapshot')).status).toBe(405)
  // Its log keeps a million characters before.
  const metrics = await (await site.ask('GET', '/metrics')).text()
  expect(metrics).toContain('raft_snapshot_index 7\n')
  expect(metrics).toContain('raft_first_log_index 5\n')
  expect(metrics).toContain('raft_last_log_index 7\n')
})

test('whoever waits for a snapshot hears when the server stops', async () => {
  const site = new Site()
  await site.ask('PUT', '/kv/x', { body: 'x' })
  const waiting = site.send('POST', '/snapshot')
  await turn()
  site.single.consensus.stop()
  const response = await waiting
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({ error: 'this server stops' })
})

test('GET /snapshot gives all that was done before, as a file', async () => {
  const site = new Site()
  const response = await site.ask('GET', '/snapshot')
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('one\ntwo\n')
  site.isStopped = true
  const late = await site.ask('GET', '/snapshot')
  expect(late.status).toBe(503)
  expect(await late.json()).toEqual({ error: 'this server stops' })
})

test('GET /snapshot of a follower waits until the leader has confirmed it', async () => {
  const site = new Site({ leaderId: 1 })
  let isAnswered = false
  const waiting = site.send('GET', '/snapshot').then((response) => {
    isAnswered = true
    return response
  })
  await turn()
  expect(isAnswered).toBe(false)
  site.confirmations[0]?.(0)
  expect((await waiting).status).toBe(200)
})

test('requests for another host are refused: the name may lead here by a trick', async () => {
  const site = new Site()
  const as = (host: string) => site.ask('GET', '/status', headers(['host', host]))
  for (const host of ['127.0.0.1:8000', 'LocalHost', '[::1]:1', '10.0.0.1:8000']) {
    expect((await as(host)).status).toBe(200)
  }
  for (const host of [
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil',
    'notlocalhost',
    '',
  ]) {
    const response = await as(host)
    expect(response.status).toBe(403)
    expect(await errorOf(response)).toContain(`and not ${host}`)
  }
})

test('a page from elsewhere may not ask anything, unless it was allowed to', async () => {
  const site = new Site()
  for (const origin of ['http://evil.example', 'null', 'http://localhost.evil:1']) {
    for (const [method, path] of [
      ['POST', '/block'],
      ['PUT', '/kv/x'],
      ['POST', '/kv/x'],
      ['GET', '/kv/x'],
      ['OPTIONS', '/kv/x'],
    ] as const) {
      const response = await site.ask(method, path, headers(['origin', origin]))
      expect(response.status).toBe(403)
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
      expect(await errorOf(response)).toContain('--allow-origin')
    }
  }
  expect(site.isBlocked).toBe(false)
  expect(site.taken).toBe(0)
  for (const origin of [
    'http://localhost:5173',
    'http://127.0.0.1:1',
    'http://10.0.0.1:8001',
    'http://page.example:1',
  ]) {
    const response = await site.ask('PUT', '/kv/x', headers(['origin', origin]))
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(response.headers.get('access-control-expose-headers')).toContain('ETag')
    expect(response.headers.get('vary')).toBe('Origin')
  }
})

test('a browser that asks beforehand is told what it may send', async () => {
  const site = new Site()
  const asking = headers(
    ['origin', 'http://page.example:1'],
    ['access-control-request-method', 'PUT'],
  )
  const response = await site.ask('OPTIONS', '/kv/x', asking)
  expect(response.status).toBe(204)
  expect(response.headers.get('access-control-allow-methods')).toContain('PUT')
  expect(response.headers.get('access-control-allow-headers')).toContain('If-Match')
})

const ADDED = { id: 3, raft: '127.0.0.1:7003', http: '127.0.0.1:8003' }
const ADD = { add: { id: 3, address: '127.0.0.1:7003/8003' } }
const add = (addresses: unknown, id: unknown = 3) => ({
  body: JSON.stringify({ id, addresses }),
})
const THREE = [0, 1, 2].map((id) => ({
  id,
  raft: `127.0.0.1:700${id}`,
  http: `127.0.0.1:800${id}`,
}))

test('GET /members says who is in the cluster, by the log of the server that is asked', async () => {
  const site = new Site({ leaderId: 2 })
  const get = await site.ask('GET', '/members')
  expect(get.status).toBe(200)
  expect(await get.json()).toEqual({
    cluster: null,
    committed: true,
    leader: 2,
    members: THREE,
    learner: null,
    removed: [],
  })
  site.cluster.has([0, 2, 3], [1])
  site.cluster.learner = { id: 4, address: '[::1]:7004/8004' }
  expect(await (await site.ask('GET', '/members')).json()).toMatchObject({
    cluster: 'one',
    members: [THREE[0], THREE[2], ADDED],
    learner: { id: 4, raft: '[::1]:7004', http: '[::1]:8004' },
    removed: [1],
  })
})

test('POST /members adds a server, and is answered with the members when it is done', async () => {
  for (const addresses of [
    '127.0.0.1:7003/8003',
    { raft: '127.0.0.1:7003', http: '127.0.0.1:8003' },
  ]) {
    const site = new Site()
    const asked = site.send('POST', '/members', add(addresses))
    await turn()
    await turn()
    const { cluster } = site
    expect(cluster.asked.map(({ what }) => what)).toEqual([ADD])
    cluster.has([0, 1, 2, 3])
    cluster.asked[0]?.onOutcome({ outcome: 'done', reason: '' })
    const response = await asked
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ members: [...THREE, ADDED] })
  }
})

test('what is no server is refused with a sentence', async () => {
  const site = new Site()
  const at = '127.0.0.1:7003/8003'
  for (const [init, sentence] of [
    [{}, 'no object in JSON'],
    [{ body: '3' }, 'no object in JSON'],
    [{ body: '{' }, 'no object in JSON'],
    [{ body: '[]' }, 'no object in JSON'],
    [add(at, '3'), 'the id is a number'],
    [add(at, -1), 'is no server'],
    [add(at, 0.5), 'is no server'],
    [add(at, 1e9), 'is no server'],
    [add(undefined), 'a server is {'],
    [add('127.0.0.1:7003'), '3=127.0.0.1:7003 is no server'],
    [add('127.0.0.1:7003/7003'), 'twice'],
    [add({ raft: '127.0.0.1:7003' }), 'a server is {'],
    [add({ raft: '127.0.0.1:7003', http: 'localhost:8003' }), 'one host'],
    [add({ raft: '127.0.0.1:7003', http: '127.0.0.1' }), 'is no server'],
  ] as const) {
    const response = await site.ask('POST', '/members', init)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toContain(sentence)
  }
  for (const id of ['x', '-1', '1.5', '9'.repeat(10)]) {
    const response = await site.ask('DELETE', `/members/${id}`)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toContain(`not "${id}"`)
  }
  for (const body of ['2', '{"to":"x"}', '{"to":-1}']) {
    expect((await site.ask('POST', '/transfer', { body })).status).toBe(400)
  }
  expect((await site.ask('GET', '/members?all=1')).status).toBe(400)
  expect(site.cluster.asked).toEqual([])
})

test('a server cannot have the address of another, nor one that all can listen to', async () => {
  const taken = await new Site().ask('POST', '/members', add('127.0.0.1:7003/8001'))
  expect(taken.status).toBe(409)
  expect(await errorOf(taken)).toBe('server 1 has 127.0.0.1:8001 already')
  const far = await new Site().ask('POST', '/members', add('8.8.8.8:7003/8003'))
  expect(far.status).toBe(409)
  expect(await errorOf(far)).toBe('it is far away')
  // Its own it can have: that is another address, and it stays who it is.
  const site = new Site()
  site.send('POST', '/members', add('127.0.0.1:9001/8001', 1))
  await turn()
  await turn()
  expect(site.cluster.asked).toHaveLength(1)
})

/** What a server answers when this came of a change, or of handing over. */
async function answerTo(
  method: string,
  path: string,
  init: RequestInit,
  outcome: Outcome,
  setup: Setup = {},
): Promise<Response> {
  const site = new Site(setup)
  const asked = site.send(method, path, init)
  await turn()
  await turn()
  site.cluster.asked[0]?.onOutcome(outcome)
  return asked
}

test('a change that is not done can be repeated, elsewhere or later, or never', async () => {
  for (const [method, path, init] of [
    ['POST', '/members', add('127.0.0.1:7003/8003')],
    ['DELETE', '/members/2', {}],
    ['POST', '/transfer', { body: '{"to":1}' }],
  ] as const) {
    const reason = 'so it is'
    const notDone: Outcome = { outcome: 'not done', reason }
    const elsewhere = await answerTo(method, path, init, notDone, { leaderId: 2 })
    expect(elsewhere.status).toBe(307)
    expect(elsewhere.headers.get('location')).toBe(`http://127.0.0.1:8002${path}`)
    const nowhere = await answerTo(method, path, init, notDone, { leaderId: null })
    const later = await answerTo(method, path, init, notDone)
    for (const response of [nowhere, later]) {
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('1')
    }
    expect(await later.json()).toEqual({ error: reason, outcome: 'not done' })
    const never = await answerTo(method, path, init, { ...notDone, isFinal: true })
    expect(never.status).toBe(409)
    expect(await never.json()).toEqual({ error: reason, outcome: 'not done' })
    const unknown = await answerTo(method, path, init, { outcome: 'unknown', reason })
    expect(unknown.status).toBe(504)
    expect(await unknown.json()).toEqual({ error: reason, outcome: 'unknown' })
  }
})

test('a change may take long while a server learns, and no longer than the rest otherwise', async () => {
  const site = new Site()
  let answer: Response | null = null
  site.send('POST', '/members', add('127.0.0.1:7003/8003')).then((response) => {
    answer = response
  })
  await turn()
  await turn()
  site.cluster.learner = { id: 3, address: '127.0.0.1:7003/8003' }
  site.single.clock.advance(60_000)
  await turn()
  expect(answer).toBeNull()
  // Now its entry stands in the log, and is not committed.
  site.cluster.learner = null
  site.single.clock.advance(5_000)
  await turn()
  expect((answer as unknown as Response).status).toBe(504)
})

test('who asks for the same waits for the same, and who hangs up for nothing', async () => {
  const site = new Site()
  const outgoing = new EventEmitter()
  const init = add('127.0.0.1:7003/8003')
  site.send('POST', '/members', init, outgoing)
  const other = site.send('POST', '/members', init)
  await turn()
  await turn()
  expect(site.cluster.asked).toHaveLength(1)
  expect(site.membership.clients).toBe(2)
  outgoing.emit('close')
  expect(site.membership.clients).toBe(1)
  site.cluster.asked[0]?.onOutcome({ outcome: 'done', reason: '' })
  expect((await other).status).toBe(200)
  expect(site.membership.clients).toBe(0)
  // Not even a timer.
  site.single.consensus.stop()
  expect(site.single.clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})

test('POST /transfer hands over to one, or to whoever can; who leads already has it', async () => {
  for (const [body, to] of [
    ['', null],
    ['{}', null],
    ['{"to":2}', 2],
  ] as const) {
    const site = new Site()
    const asked = site.send('POST', '/transfer', { body })
    await turn()
    await turn()
    expect(site.cluster.asked.map(({ what }) => what)).toEqual([to])
    site.cluster.asked[0]?.onOutcome({ outcome: 'done', reason: '' })
    expect((await asked).status).toBe(200)
  }
  const site = new Site()
  const itself = await site.ask('POST', '/transfer', { body: '{"to":0}' })
  expect(itself.status).toBe(200)
  expect(await itself.json()).toMatchObject({ leader: 0 })
  expect(site.cluster.asked).toEqual([])
})

test('the cluster is not changed for a page from elsewhere, nor for another host', async () => {
  const site = new Site()
  for (const pair of [
    ['origin', 'http://evil.example'],
    ['host', 'evil.example'],
  ] as [string, string][]) {
    for (const [method, path] of [
      ['POST', '/members'],
      ['DELETE', '/members/2'],
      ['POST', '/transfer'],
    ] as const) {
      const init = { ...add('127.0.0.1:7003/8003'), ...headers(pair) }
      expect((await site.ask(method, path, init)).status).toBe(403)
    }
  }
  expect(site.cluster.asked).toEqual([])
})

test('a leader that hands over sends nobody to itself', async () => {
  const site = new Site({ leaderId: 0, isHandingOver: true })
  const put = await site.ask('PUT', '/kv/x', { body: 'a' })
  expect(put.status).toBe(503)
  expect(put.headers.get('retry-after')).toBe('1')
  expect(await put.json()).toEqual({
    error: 'leadership is handed over',
    outcome: 'not done',
  })
})

test('a server that is alone is not removed, and gives up one that never comes', async () => {
  const site = new Site({ isAlone: true })
  for (const [method, path, init, sentence] of [
    ['DELETE', '/members/0', {}, 'the last server cannot be removed'],
    ['DELETE', '/members/7', {}, 'there is no server 7 in the cluster'],
    ['POST', '/transfer', {}, 'there is no such other member'],
  ] as const) {
    const response = await site.ask(method, path, init)
    expect(response.status).toBe(409)
    expect(await errorOf(response)).toBe(sentence)
  }
  const init = add('127.0.0.1:7003/8003')
  let answer: Response | null = null
  const asked = site.send('POST', '/members', init).then((response) => {
    answer = response
  })
  await turn()
  await turn()
  const view = await (await site.send('GET', '/members')).json()
  expect(view).toMatchObject({ learner: ADDED, members: [{ id: 0 }] })
  const other = await site.ask('DELETE', '/members/0')
  expect(other.status).toBe(503)
  expect(await errorOf(other)).toBe('another change is under way')
  for (let i = 0; i < 400; i += 1) site.single.clock.advance(10)
  await asked
  const response = answer as unknown as Response
  expect(response.status).toBe(503)
  expect(await errorOf(response)).toMatch(
    /^server 3 has made no progress for 3\d{3} ms$/,
  )
})
