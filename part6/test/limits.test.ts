/** What one client, or many, can take from a server, and no more. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { eventually, ProcessCluster, run } from './process-cluster.ts'

/** In ms: far above what it takes, also on a machine with other things to do. */
const LONG_MS = 240_000
const MOST_WATCHERS = 32

/** A server alone, or several. */
async function start(size: number, ...args: string[]) {
  const patient = ['--election-timeout', '1000-2000', ...args]
  const cluster = await ProcessCluster.start(size, patient)
  onTestFinished(() => cluster.remove())
  return { cluster, address: cluster.address(0) }
}

/** A connection, and what came over it. */
async function open(address: string) {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const ended = once(socket, 'close')
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes
  })
  await once(socket, 'connect')
  return { socket, ended, text: () => text }
}

async function statusOf(address: string, path: string): Promise<number | null> {
  try {
    const { statusCode, body } = await request(`http://${address}${path}`)
    await body.dump()
    return statusCode
  } catch {
    return null
  }
}

test(
  'who does not finish the head of a request in time is told so, and hung up on',
  async () => {
    const { address } = await start(1)
    const { socket, ended, text } = await open(address)
    socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\nSlow: ')
    await ended
    expect(text()).toContain('HTTP/1.1 408 Request Timeout')
    expect(await statusOf(address, '/status')).toBe(200)
  },
  LONG_MS,
)

test(
  'a server has so many connections and no more, and serves who is there',
  async () => {
    const { address } = await start(1, '--max-connections', '6')
    const ask = 'GET /kv/x?consistency=stale HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const all: Awaited<ReturnType<typeof open>>[] = []
    // The first is one that this test's own requests have left open.
    while (all.length < 20) all.push(await open(address))
    const stay = () => all.filter(({ socket }) => !socket.destroyed)
    await expect.poll(() => stay().length, { timeout: 20_000 }).toBeLessThanOrEqual(6)
    const served = new Set<Socket>()
    for (const { socket, text } of stay()) {
      socket.write(ask)
      // One more of them may still be hung up on.
      const wait = () => socket.destroyed || text().includes('404 Not Found')
      await expect.poll(wait, { timeout: 20_000 }).toBe(true)
      if (text() !== '') served.add(socket)
    }
    expect(served.size).toBeGreaterThan(2)
    for (const socket of served) socket.destroy()
    await eventually('there is no room', async () =>
      (await statusOf(address, '/status')) === 200 ? true : null,
    )
  },
  LONG_MS,
)

test(
  'so many may watch the log, and others when one of them has gone',
  async () => {
    const { address } = await start(1)
    const watchers: Socket[] = []
    for (let i = 0; i < MOST_WATCHERS; i += 1) {
      const { socket, text } = await open(address)
      socket.write('GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await expect.poll(text, { timeout: 20_000 }).toContain('200 OK')
      watchers.push(socket)
    }
    expect(await statusOf(address, '/log')).toBe(503)
    watchers[0]?.destroy()
    const { socket, text } = await open(address)
    await eventually('there is no room', async () => {
      socket.write('GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await sleep(100)
      return text().includes('200 OK') ? true : null
    })
  },
  LONG_MS,
)

test(
  'a server can listen at all addresses of its machine, and not at its name alone',
  async () => {
    const refused = await run('serve', '--id', '0', '--listen', '0.0.0.0')
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.errors).toContain('--insecure')
    const { address } = await start(1, '--listen', '0.0.0.0', '--insecure')
    const other = address.replace('127.0.0.1', '127.0.0.2')
    expect(await statusOf(other, '/status')).toBe(200)
    const { address: near } = await start(1)
    expect(await statusOf(near.replace('127.0.0.1', '127.0.0.2'), '/status')).toBe(null)
  },
  LONG_MS,
)

/** What a person with bad intent, or a broken client, sends: noise, or a request that is off. */
const mutated = fc
  .record({
    method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'),
    path: fc.oneof(
      fc.constantFrom('/kv/x', '/kv', '/sessions', '/sessions/1', '/status', '/ready'),
      fc.constantFrom('/applied', '/metrics', '/log', '/kv/%ff', '/kv/', '/..', '*'),
      fc.string().map((text) => `/kv/${text}`),
      fc.string().map((text) => `/kv?limit=${text}&prefix=${text}`),
    ),
    header: fc.oneof(
      fc.constantFrom('If-Match: "1"', 'If-None-Match: *', 'Transfer-Encoding: chunked'),
      fc.constantFrom('Content-Length: -1', 'Content-Length: 99999999999', 'Expect: x'),
      fc.constantFrom('Idempotency-Key: 1:1', 'Idempotency-Key: -1:9e99', 'Host: evil'),
      fc.tuple(fc.string(), fc.string()).map(([name, value]) => `${name}: ${value}`),
    ),
    body: fc.string({ maxLength: 200 }),
    cutAt: fc.nat(400),
    noiseAt: fc.nat(100),
    noise: fc.uint8Array({ maxLength: 4 }),
  })
  .map(({ method, path, header, body, cutAt, noiseAt, noise }) => {
    const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n`
    const whole = Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
    whole.set(noise, Math.min(noiseAt, whole.length - noise.length))
    return whole.subarray(0, cutAt)
  })

/** How HTTP/2 begins, which gRPC speaks: what follows is a frame, or none. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const frames = fc
  .array(
    fc.record({
      length: fc.nat(0xff_ffff),
      type: fc.nat(12),
      flags: fc.nat(255),
      stream: fc.nat(9),
      payload: fc.uint8Array({ maxLength: 64 }),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    Buffer.concat([
      PREFACE,
      ...all.map(({ length, type, flags, stream, payload }) => {
        const head = Buffer.alloc(9)
        head.writeUIntBE(flags % 2 ? payload.length : length, 0, 3)
        head.set([type, flags, 0, 0, 0, stream], 3)
        return Buffer.concat([head, payload])
      }),
    ]),
  )
const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))

test(
  'no bytes at either port end a server, or change what it holds',
  async () => {
    const { cluster, address } = await start(3)
    await request(`http://${cluster.address(await cluster.leader())}/kv/keep`, {
      method: 'PUT',
      body: 'this',
    })
    const raft = cluster.members[0]?.raft as string
    const throwAt = async (where: string, bytes: Buffer) => {
      const { socket, ended } = await open(where)
      socket.end(bytes)
      socket.resume()
      await Promise.race([ended, sleep(50)])
      socket.destroy()
    }
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(noise, mutated),
        fc.oneof(noise, frames),
        async (http, rpc) => {
          await Promise.all([throwAt(address, http), throwAt(raft, rpc)])
          expect(await statusOf(address, '/status')).toBe(200)
        },
      ),
      { numRuns: 150 },
    )
    const kept = await request(`http://${address}/kv/keep?consistency=follower`)
    expect([200, 503]).toContain(kept.statusCode)
    for (const id of cluster.ids) {
      const { body } = await request(
        `http://${cluster.address(id)}/kv/keep?consistency=stale`,
      )
      expect(await body.text()).toBe('this')
    }
  },
  LONG_MS,
)
