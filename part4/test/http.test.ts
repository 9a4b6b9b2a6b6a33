/** The service in the words of HTTP: every row of the table, without a socket. */
import { EventEmitter } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createApp, type Node } from '../src/http.ts'
import { MAX_VALUE_BYTES } from '../src/kv.ts'
import { createMetrics } from '../src/metrics.ts'
import type { Limits } from '../src/service.ts'
import { Single } from './single.ts'

interface Setup {
  /** Who leads, as a server knows it that does not. */
  readonly leaderId?: number | null
  readonly limits?: Limits
}

/** A server of a cluster of three addresses; it leads if nothing else is said. */
class Site {
  readonly single: Single
  readonly app: ReturnType<typeof createApp>
  readonly lines = new Set<(line: string) => void>()
  isBlocked = false
  private readonly lastAtFirst: number

  constructor({ leaderId, limits }: Setup = {}) {
    this.single = new Single({
      ...(limits && { limits }),
      ...(leaderId !== undefined && {
        consensus: () => ({
          submit: () => null,
          report: () => ({ ...this.single.consensus.report(), leaderId }),
        }),
      }),
    })
    const { service, consensus, clock } = this.single
    if (leaderId === undefined) this.single.elect()
    this.lastAtFirst = consensus.report().lastLogIndex
    const node: Node = {
      addresses: new Map([0, 1, 2].map((id) => [id, `127.0.0.1:800${id}`])),
      status: () => ({ id: 0 }),
      applied: () => [{ index: 1 }, { index: 2 }],
      follow: (onLine) => {
        this.lines.add(onLine)
        return () => this.lines.delete(onLine)
      },
      setBlocked: (isBlocked) => {
        this.isBlocked = isBlocked
      },
    }
    this.app = createApp({
      service,
      node,
      metrics: createMetrics({
        service,
        report: () => consensus.report(),
        now: () => clock.now(),
      }),
      allowed: { hosts: ['10.0.0.1'], origins: ['http://page.example:1'] },
    })
  }

  /** How many entries came of what was asked. */
  get taken(): number {
    return this.single.consensus.report().lastLogIndex - this.lastAtFirst
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

test('PUT sets, GET reads, POST appends, DELETE removes', async () => {
  const site = new Site()
  const put = await site.ask('PUT', '/kv/x', { body: 'a' })
  expect(put.status).toBe(200)
  expect(put.headers.get('etag')).toBe('"1"')
  expect(await put.json()).toEqual({ version: 1, previous: null })

  const post = await site.ask('POST', '/kv/x', { body: 'ä' })
  expect(await post.json()).toEqual({ version: 2, previous: 'a' })

  const get = await site.ask('GET', '/kv/x')
  expect(get.status).toBe(200)
  expect(get.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(get.headers.get('etag')).toBe('"2"')
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

test('a change on a condition is made when it holds, and answered 412 when not', async () => {
  const site = new Site()
  const change = (name: string, value: string) =>
    site.ask('PUT', '/kv/x', { body: 'a', ...headers([name, value]) })
  expect((await change('If-Match', '*')).status).toBe(412)
  expect((await change('If-None-Match', '*')).status).toBe(200)
  expect(site.single.consensus.log[1]?.command).toContain('"if":{"absent":true}')
  expect((await change('If-None-Match', '*')).status).toBe(412)
  expect((await change('If-Match', '"2"')).status).toBe(200)
  const old = await change('If-Match', '"2"')
  expect(old.status).toBe(412)
  expect(await old.json()).toEqual({
    error: 'the condition does not hold: its version is 4',
    version: 4,
  })
  expect((await change('If-Match', '*')).status).toBe(200)
  // A list has one that fits; a weak one never does, nor one of another server (13.1.1).
  expect((await change('If-Match', '"1", "6"')).status).toBe(200)
  expect((await change('If-Match', 'W/"7"')).status).toBe(412)
  expect((await change('If-Match', '"abc"')).status).toBe(412)
  // All others than these.
  expect((await change('If-None-Match', '"7"')).status).toBe(412)
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

test('GET /kv lists by prefix, in order, up to a limit, of one moment', async () => {
  const site = new Site()
  for (const key of ['b', 'a1', 'a2']) await site.ask('PUT', `/kv/${key}`, { body: key })
  const list = await site.ask('GET', '/kv?prefix=a')
  expect(list.headers.get('content-type')).toBe('application/x-ndjson')
  expect(await list.text()).toBe(
    '{"key":"a1","value":"a1","version":2}\n{"key":"a2","value":"a2","version":3}\n',
  )
  const first = await (await site.ask('GET', '/kv?limit=1')).text()
  expect(first).toBe('{"key":"a1","value":"a1","version":2}\n')
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

test('where too much waits, one is asked to come again at once', async () => {
  const site = new Site({ limits: { entries: 0, length: 0 } })
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

test('OPTIONS says what there is, and anything else is 405', async () => {
  const site = new Site()
  for (const [path, allow] of [
    ['/kv/x', 'GET, PUT, POST, DELETE, HEAD, OPTIONS'],
    ['/kv', 'GET, HEAD, OPTIONS'],
    ['/status', 'GET, HEAD, OPTIONS'],
    ['/block', 'POST, OPTIONS'],
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

test('there is nothing at other paths', async () => {
  const response = await new Site().ask('GET', '/nowhere')
  expect(response.status).toBe(404)
  expect(await errorOf(response)).toBe('there is nothing at /nowhere')
})

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
