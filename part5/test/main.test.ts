/** The command line: what is said, and the exit codes that tell it. */
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { request } from 'undici'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { FileStorage } from '../src/storage.ts'
import { eventually, ProcessCluster, Program, run } from './process-cluster.ts'

/** In ms: far above what it takes, also on a machine with other things to do. */
const TIMEOUT_MS = 120_000
/** So patient that its leader stays, however busy the machine is. */
const PATIENT = ['--election-timeout', '1500-3000', '--timeout', '20']

const LONG = ['--timeout', '30']

let cluster: ProcessCluster

beforeAll(async () => {
  cluster = await ProcessCluster.start(3, [...PATIENT, '--print'])
}, TIMEOUT_MS)

afterAll(() => cluster.remove())

/** Asks the server that leads, or one that does not. */
async function ask(...args: readonly string[]) {
  const leader = cluster.address(await cluster.leader())
  return run(...args, '--server', leader, '--timeout', '30')
}

async function follower(): Promise<string> {
  const leader = await cluster.leader()
  return cluster.address((leader + 1) % 3)
}

/** Answers every request with a status, or cuts it off. */
async function pretender(
  status: number | null,
  text = '{"error":"so it is"}',
): Promise<string> {
  const server: Server = createServer((incoming, outgoing) => {
    incoming.resume()
    if (incoming.url === '/sessions') outgoing.writeHead(201).end('{"client":1}')
    else if (status === null) incoming.socket.destroy()
    else outgoing.writeHead(status).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test(
  'put, get, append, delete: done is 0, and so is what it prints',
  async () => {
    expect(await ask('put', 'x', 'a')).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^version \d+, before: nothing\n$/),
      errors: '',
    })
    const append = await ask('append', 'x', 'b', '--json')
    expect(append.code).toBe(0)
    const { version, ...rest } = JSON.parse(append.output)
    expect(rest).toEqual({ key: 'x', held: true, previous: 'a' })
    expect(await ask('get', 'x')).toMatchObject({ code: 0, output: 'ab\n' })
    const get = await ask('get', 'x', '--json')
    expect(JSON.parse(get.output)).toEqual({ key: 'x', value: 'ab', version })
    expect(await ask('delete', 'x')).toMatchObject({
      code: 0,
      output: expect.stringContaining('before: "ab"'),
    })
  },
  TIMEOUT_MS,
)

test(
  'not done is 1: there is no such key, or the condition does not hold',
  async () => {
    const absent = 'not done: there is no key none\n'
    expect(await ask('get', 'none')).toMatchObject({ code: 1, errors: absent })
    expect(await ask('delete', 'none')).toMatchObject({ code: 1, errors: absent })
    const put = await ask('put', 'none', 'v', '--if-version', '3')
    expect(put).toMatchObject({
      code: 1,
      output: '',
      errors: 'not done: the condition does not hold: there is no such key\n',
    })
    expect((await ask('put', 'cond', 'v', '--if-absent')).code).toBe(0)
    const again = await ask('put', 'cond', 'v', '--if-absent', '--json')
    expect(again.code).toBe(1)
    expect(JSON.parse(again.output)).toMatchObject({ held: false })
  },
  TIMEOUT_MS,
)

test(
  'not done is 1: nobody is there, or the server refuses',
  async () => {
    const nobody = await run(
      'put',
      'x',
      'v',
      '--server',
      '127.0.0.1:1',
      '--timeout',
      '1',
    )
    expect(nobody.code).toBe(1)
    expect(nobody.errors).toBe(
      'not done: 127.0.0.1:1 cannot be reached (ECONNREFUSED)\n',
    )
    const refused = await run('put', 'x', 'v', '--server', await pretender(413))
    expect(refused).toMatchObject({ code: 1, errors: 'not done: so it is\n' })
    const other = await pretender(200, '<!doctype html>')
    const status = await run('status', '--server', other)
    const sentence = `${other} does not answer as a server of this part does`
    expect(status).toMatchObject({ code: 1, errors: `not done: ${sentence}\n` })
  },
  TIMEOUT_MS,
)

// Not as in part4: it is asked again, until there is no more time.
test(
  'unknown is 3: cut off before there was an answer, or the server does not know',
  async () => {
    const address = await pretender(null)
    const brief = ['--timeout', '1']
    const cutOff = await run('put', 'x', 'v', '--server', address, ...brief)
    expect(cutOff.code).toBe(3)
    expect(cutOff.errors).toMatch(/^unknown: .* was cut off/)
    const at504 = ['--server', await pretender(504)]
    const unknown = await run('append', 'x', 'v', ...at504, ...brief)
    expect(unknown).toMatchObject({ code: 3, errors: 'unknown: so it is\n' })
    // A read is asked again, until there is no more time.
    const get = await run('get', 'x', '--server', address, '--timeout', '1')
    expect(get.code).toBe(3)
  },
  TIMEOUT_MS,
)

test(
  'bad usage is 2, and says how it is meant',
  async () => {
    const all = [
      [['put'], "missing required argument 'key'"],
      [['put', 'x', 'v', '--if-version', '1', '--if-absent'], 'cannot both hold'],
      [['get', 'x', '--timeout', '0'], 'a number of seconds'],
      [['get', 'x', '--server', 'here'], 'It is HOST:PORT'],
      [['get', 'x', '--server', '127.0.0.1:99999'], 'It is HOST:PORT'],
      [['serve', '--id', '0', '--cluster', '0=10.0.0.1:1/2'], '--insecure'],
      [['serve', '--id', '1', '--cluster', '0=127.0.0.1:1/2'], 'has no server 1'],
      [['serve', '--id', '0', '--election-timeout', '20-40'], 'It begins at 100'],
    ] as const
    const runs = all.map(async ([args, sentence]) => {
      const { code, output, errors } = await run(...args)
      expect(errors).toContain(sentence)
      expect(errors.trimEnd().split('\n')).toHaveLength(1)
      expect({ code, output }).toEqual({ code: 2, output: '' })
    })
    await Promise.all(runs)
  },
  TIMEOUT_MS,
)

test(
  'any server will do: it says who leads',
  async () => {
    const server = await follower()
    const leader = cluster.address(await cluster.leader())
    // An address can be a URL, and stand before what is asked for.
    const put = await run('put', '--server', `http://${server}/`, 'way', 'v', ...LONG)
    expect(put).toMatchObject({
      code: 0,
      errors: `${server} is not the leader; it sends on to ${leader}\n`,
    })
  },
  TIMEOUT_MS,
)

test(
  'with the addresses of several servers, it matters not if one is gone',
  async () => {
    const servers = ['--server', '127.0.0.1:1', '--server', cluster.address(0)]
    expect(await run('put', 'way', 'w', ...servers, ...LONG)).toMatchObject({ code: 0 })
  },
  TIMEOUT_MS,
)

test(
  'a value comes from standard input where there is none on the command line',
  async () => {
    const server = cluster.address(await cluster.leader())
    const put = new Program(['put', 'fed', '--server', server, '--timeout', '30'])
    put.feed('line 1\nline 2\n')
    expect((await put.ended).code).toBe(0)
    expect((await ask('get', 'fed')).output).toBe('line 1\nline 2\n\n')
    // A mark of the byte order is text like any other.
    const marked = new Program(['append', 'fed', '--server', server, '--timeout', '30'])
    marked.feed('\ufeffline 3')
    expect((await marked.ended).code).toBe(0)
    expect((await ask('get', 'fed')).output).toBe('line 1\nline 2\n\ufeffline 3\n')
    const other = new Program(['put', 'fed', '--server', server])
    other.feed(Buffer.from([0xff, 0xfe]))
    expect(await other.ended).toMatchObject({
      code: 2,
      errors: 'error: a value is text in UTF-8, and what was read is not\n',
    })
  },
  TIMEOUT_MS,
)

test(
  'list shows pairs, in order',
  async () => {
    await ask('put', 'list/b', '2')
    await ask('put', 'list/a', '1')
    expect((await ask('list', 'list/')).output).toBe('list/a\t1\nlist/b\t2\n')
    expect((await ask('list', 'list/', '--limit', '1')).output).toBe('list/a\t1\n')
    const json = (await ask('list', 'list/a', '--json')).output
    expect(JSON.parse(json)).toMatchObject({ key: 'list/a', value: '1' })
  },
  TIMEOUT_MS,
)

test(
  'messages appended at any server are counted and printed in order by each',
  async () => {
    for (const [i, server] of cluster.addresses.entries()) {
      await run('append', 'toy', `${i}`, '--server', server, '--timeout', '30')
    }
    await cluster.converged()
    const expected = /^\d+ append toy "0"\n\d+ append toy "1"\n\d+ append toy "2"\n$/
    const printed = new Set<string>()
    for (const [id, server] of cluster.addresses.entries()) {
      const count = await run('count', 'toy', '--server', server)
      expect(count.output).toBe('3\n')
      const print = await run('print', 'toy', '--server', server)
      expect(print.output).toMatch(expected)
      printed.add(print.output)
      // And by `serve --print` on its own standard output.
      const ofServer = cluster.program(id).said
      const lines = ofServer.split('\n').filter((line) => line.includes(' toy '))
      expect(`${lines.join('\n')}\n`).toBe(print.output)
    }
    expect(printed.size).toBe(1)
    const all = await run('count', '--json', '--server', cluster.address(0))
    expect(JSON.parse(all.output).count).toBeGreaterThanOrEqual(3)
  },
  TIMEOUT_MS,
)

test(
  'status shows the state of a server, and what it knows of its peers',
  async () => {
    await ask('put', 'x', 'v')
    const leader = await cluster.leader()
    const { output } = await ask('status', '--json')
    const status = JSON.parse(output)
    expect(status).toMatchObject({ id: leader, role: 'Leader', leader, blocked: false })
    expect(status.log).toEqual({ first: 1, last: status.commitIndex })
    expect(status.members).toEqual(cluster.members)
    expect(status.peers).toHaveLength(2)
    for (const peer of status.peers) {
      expect(peer.nextIndex).toBe(peer.matchIndex + 1)
      expect(peer.heardMsAgo).toBeLessThan(10_000)
    }
  },
  TIMEOUT_MS,
)

test(
  'block cuts a server off from its peers, both ways, and unblock lets it back',
  async () => {
    const server = await follower()
    const id = cluster.addresses.indexOf(server)
    expect((await run('block', '--server', server)).code).toBe(0)
    await ask('put', 'x', 'while it is away')
    expect(await cluster.status(id)).toMatchObject({ blocked: true })
    const behind = await run('get', 'x', '--stale', '--server', server)
    expect(behind.output).not.toBe('while it is away\n')
    expect((await run('unblock', '--server', server)).code).toBe(0)
    await eventually('it does not come back', async () => {
      const { output } = await run('get', 'x', '--stale', '--server', server)
      return output === 'while it is away\n' || null
    })
  },
  TIMEOUT_MS,
)

test(
  'a folder of part 4 is refused, with a sentence',
  async () => {
    const folder = join(cluster.data(0), 'of part 4')
    mkdirSync(folder)
    const storage = new FileStorage(join(folder, 'raft.log'))
    storage.load()
    const command = '{"op":"put","key":"x","value":"1"}'
    storage.saveEntries(1, [{ term: 1, command }])
    storage.sync()
    storage.close()
    const alone = ['serve', '--id', '0', '--cluster', '0=127.0.0.1:1/2']
    const { code, errors } = await run(...alone, '--data', folder)
    expect(code).toBe(1)
    expect(errors).toMatch(/^error: .* has the log of part 4, .* --data\n$/)
  },
  TIMEOUT_MS,
)

test(
  'two servers do not share a folder, nor an address',
  async () => {
    const other = ['serve', '--id', '0', '--cluster', '0=127.0.0.1:1/2']
    const folder = await run(...other, '--data', cluster.data(0))
    expect(folder.code).toBe(1)
    expect(folder.errors).toMatch(/^error: .* is in use by process \d+/)
    const address = await cluster.launchTwin(0).ended
    expect(address.code).toBe(1)
    expect(address.errors).toMatch(/^error: cannot listen at 127\.0\.0\.1:\d+/)
    expect(address.errors).not.toContain('    at ')
  },
  TIMEOUT_MS,
)

test(
  'what is no HTTP request is answered with a sentence',
  async () => {
    const [host, port] = cluster.address(0).split(':')
    for (const [sent, status] of [
      ['GARBAGE\r\n\r\n', '400 Bad Request'],
      [`GET /status HTTP/1.1\r\nLong: ${'x'.repeat(20_000)}\r\n\r\n`, '431 '],
      ['GET /status HTTP/1.1\r\nHost: no host\r\n\r\n', '400 Bad Request'],
    ] as const) {
      const socket = connect(Number(port), host)
      socket.end(sent)
      const answer = await text(socket)
      expect(answer).toContain(`HTTP/1.1 ${status}`)
      expect(answer).toContain('{"error":"')
    }
  },
  TIMEOUT_MS,
)

// Not as in part4: it says which part it is.
test(
  'the test log of a server can be followed while it runs',
  async () => {
    const { body } = await request(`http://${cluster.address(0)}/log`)
    let text = ''
    for await (const piece of body) {
      text += piece
      if (text.includes('"event":"receive"')) break
    }
    const line = text.split('\n').find((part) => part.includes('"receive"')) ?? ''
    expect(JSON.parse(line.replace('data: ', ''))).toMatchObject({
      test: 'part5',
      server: 0,
      event: 'receive',
    })
  },
  TIMEOUT_MS,
)
