/** What a client repeats and what it does not: servers that say what the test wants. */
import { setImmediate as turn } from 'node:timers/promises'
import { VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import {
  type ClientOptions,
  KeyValueClient,
  NotDone,
  type Reply,
  type SendOptions,
  type Transport,
  UnknownOutcome,
} from '../src/client.ts'
import type { Operation, Result } from '../src/kv.ts'

interface Sent {
  readonly server: string
  readonly operation: Operation
  readonly options: SendOptions
  readonly atMs: number
}

type Script = (sent: Sent, count: number) => Reply | 'silence'

/** Servers behind a script, in virtual time. */
class Stage implements Transport {
  readonly clock = new VirtualClock()
  readonly sent: Sent[] = []
  readonly redirects: string[] = []
  readonly client: KeyValueClient
  private readonly script: Script
  private readonly all: readonly string[]

  constructor(
    script: Script,
    options: Partial<ClientOptions> = {},
    servers: readonly string[] = [],
  ) {
    this.script = script
    this.all = servers
    this.client = new KeyValueClient({
      servers: ['a', 'b', 'c'],
      transport: this,
      clock: this.clock,
      random: () => 0.5,
      onRedirect: (from, to) => this.redirects.push(`${from} → ${to}`),
      ...options,
    })
  }

  send(server: string, operation: Operation, options: SendOptions): Promise<Reply> {
    const sent = { server, operation, options, atMs: this.clock.now() }
    this.sent.push(sent)
    const reply = this.script(sent, this.sent.length)
    if (reply !== 'silence') return Promise.resolve(reply)
    return new Promise((resolve) => {
      options.signal.addEventListener('abort', () => {
        resolve({ outcome: 'unknown', reason: `${server} gave no answer in time` })
      })
    })
  }

  async servers(): Promise<readonly string[]> {
    return this.all
  }

  get asked(): string[] {
    return this.sent.map(({ server }) => server)
  }

  /** Lets time pass until the call is over. */
  async until<T>(call: Promise<T>): Promise<T> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    call.then(over, over)
    for (let turns = 0; !isOver && turns < 10_000; turns += 1) {
      await turn()
      if (!isOver) this.clock.advance(1)
    }
    return call
  }
}

const done = (result: Result): Reply => ({ outcome: 'done', result })
const CHANGED = done({ kind: 'changed', version: 7, previous: 'old' })
const FOUND = done({ kind: 'found', value: '1', version: 7 })
const UNKNOWN: Reply = { outcome: 'unknown', reason: 'cut off' }
const notDone = (leader: string | null = null): Reply => ({
  outcome: 'not done',
  reason: 'not the leader',
  leader,
})

test('what was done is what a call returns', async () => {
  const results: Record<string, Result> = {
    get: { kind: 'found', value: '1', version: 7 },
    put: { kind: 'changed', version: 8, previous: '1' },
    append: { kind: 'mismatch', version: 8 },
    delete: { kind: 'absent' },
    list: { kind: 'listed', pairs: [{ key: 'x', value: '1', version: 7 }] },
  }
  const stage = new Stage(({ operation }) => done(results[operation.op] as Result))
  const { client } = stage
  expect(await client.get('x')).toEqual({ value: '1', version: 7 })
  expect(await client.put('x', '2', { if: { version: 7 } })).toEqual({
    held: true,
    version: 8,
    previous: '1',
  })
  expect(await client.append('x', '2')).toEqual({
    held: false,
    version: 8,
    previous: null,
  })
  expect(await client.delete('x')).toEqual({ held: true, version: null, previous: null })
  expect(await client.list('x', { limit: 2 })).toEqual([
    { key: 'x', value: '1', version: 7 },
  ])
  expect(stage.sent.map(({ operation }) => operation)).toEqual([
    { op: 'get', key: 'x' },
    { op: 'put', key: 'x', value: '2', if: { version: 7 } },
    { op: 'append', key: 'x', value: '2' },
    { op: 'delete', key: 'x' },
    { op: 'list', prefix: 'x', limit: 2 },
  ])
})

test('a key that is not there is null', async () => {
  const { client } = new Stage(() => done({ kind: 'absent' }))
  expect(await client.get('x')).toBeNull()
})

test('a client follows to the leader at once, and remembers it', async () => {
  const stage = new Stage(({ server }) => (server === 'b' ? CHANGED : notDone('b')))
  await stage.until(stage.client.put('x', '1'))
  await stage.until(stage.client.put('x', '2'))
  expect(stage.asked).toEqual(['a', 'b', 'b'])
  expect(stage.sent[1]?.atMs).toBe(0)
  expect(stage.redirects).toEqual(['a → b'])
})

test('a client goes on to the next server when one did nothing', async () => {
  const stage = new Stage(({ server }) => (server === 'c' ? CHANGED : notDone()))
  await stage.until(stage.client.put('x', '1'))
  await stage.until(stage.client.put('x', '2'))
  expect(stage.asked).toEqual(['a', 'b', 'c', 'c'])
})

test('between two attempts it waits, longer each time, up to half a second', async () => {
  const stage = new Stage(() => notDone())
  await expect(stage.until(stage.client.put('x', '1'))).rejects.toThrow(NotDone)
  const times = stage.sent.map(({ atMs }) => atMs)
  const waits = times.slice(1).map((ms, i) => ms - (times[i] as number))
  // Three quarters of it, with a chance of one half.
  expect(waits.slice(0, 6)).toEqual([19, 38, 75, 150, 300, 375])
  expect(Math.max(...waits)).toBeLessThan(500)
})

test('a server that sends on to a leader that is gone does not hide the others', async () => {
  const replies: Record<string, Reply> = { a: notDone('b'), b: notDone(), c: CHANGED }
  const stage = new Stage(({ server }) => replies[server] as Reply)
  await stage.until(stage.client.put('x', '1'))
  expect(stage.asked).toEqual(['a', 'b', 'c'])
})

test('two servers that send to each other are not asked in a circle without a pause', async () => {
  const stage = new Stage(({ server }, count) => {
    if (count > 20) return CHANGED
    return notDone(server === 'a' ? 'b' : 'a')
  })
  await stage.until(stage.client.put('x', '1'))
  expect(stage.sent.at(-1)?.atMs).toBeGreaterThan(1_000)
})

test('a change whose outcome is unknown is not sent again', async () => {
  for (const op of ['put', 'append', 'delete'] as const) {
    const stage = new Stage(() => UNKNOWN)
    const call = op === 'delete' ? stage.client.delete('x') : stage.client[op]('x', '1')
    await expect(stage.until(call)).rejects.toThrow(UnknownOutcome)
    await expect(call).rejects.toThrow('unknown: cut off')
    expect(stage.sent).toHaveLength(1)
  }
})

test('after an unknown outcome another server is asked first', async () => {
  const stage = new Stage((_sent, count) => (count === 1 ? UNKNOWN : CHANGED))
  await expect(stage.client.put('x', '1')).rejects.toThrow(UnknownOutcome)
  await stage.client.put('x', '2')
  expect(stage.asked).toEqual(['a', 'b'])
})

test('a read is sent again, whatever became of it', async () => {
  const stage = new Stage((_sent, count) => (count < 4 ? UNKNOWN : FOUND))
  expect(await stage.until(stage.client.get('x'))).toEqual({ value: '1', version: 7 })
  expect(stage.asked).toEqual(['a', 'b', 'c', 'a'])
})

test('what is wrong in itself is not sent again', async () => {
  const refused: Reply = { ...notDone(), reason: 'too long', isFinal: true } as Reply
  const stage = new Stage(() => refused)
  await expect(stage.client.put('x', '1')).rejects.toThrow('not done: too long')
  expect(stage.sent).toHaveLength(1)
})

test('an append that makes a value too long was not done', async () => {
  const stage = new Stage(() => done({ kind: 'too long', bytes: 300_000 }))
  await expect(stage.client.append('x', '1')).rejects.toThrow(NotDone)
  expect(stage.sent).toHaveLength(1)
})

test('at the deadline the outcome is unknown if a change is on its way', async () => {
  const stage = new Stage(() => 'silence', { timeoutMs: 100 })
  await expect(stage.until(stage.client.put('x', '1'))).rejects.toThrow(UnknownOutcome)
  expect(stage.clock.now()).toBeGreaterThanOrEqual(100)
  expect(stage.clock.now()).toBeLessThan(120)
})

test('at the deadline a change is not done if nobody took it', async () => {
  const stage = new Stage(() => notDone())
  const call = stage.client.put('x', '1', { timeoutMs: 200 })
  await expect(stage.until(call)).rejects.toThrow('not done: not the leader')
  expect(stage.clock.now()).toBeLessThan(220)
  for (const { atMs } of stage.sent) expect(atMs).toBeLessThan(200)
})

test('who aborts a change that is on its way does not know its outcome', async () => {
  const stage = new Stage(() => 'silence')
  const user = new AbortController()
  const call = stage.client.put('x', '1', { signal: user.signal })
  await turn()
  user.abort()
  await expect(stage.until(call)).rejects.toThrow(UnknownOutcome)
  expect(stage.clock.now()).toBeLessThan(10)
})

test('who aborts a read does not wait for another attempt', async () => {
  const stage = new Stage(() => 'silence')
  const user = new AbortController()
  const call = stage.client.get('x', { signal: user.signal })
  user.abort()
  await expect(stage.until(call)).rejects.toThrow(UnknownOutcome)
  expect(stage.clock.now()).toBeLessThan(10)
})

test('what is aborted beforehand is never sent', async () => {
  const stage = new Stage(() => CHANGED)
  const call = stage.client.put('x', '1', { signal: AbortSignal.abort() })
  await expect(call).rejects.toThrow('abort')
  expect(stage.sent).toHaveLength(0)
})

test('a client that knows one address learns the others', async () => {
  const stage = new Stage(
    ({ server }, count) => (server === 'a' && count > 1 ? notDone() : FOUND),
    { servers: ['a'] },
    ['a', 'b'],
  )
  await stage.until(stage.client.get('x'))
  await turn()
  await stage.until(stage.client.get('x'))
  expect(stage.asked).toEqual(['a', 'a', 'b'])
})

test('a stale read is asked for as such', async () => {
  const stage = new Stage(() => FOUND)
  await stage.client.get('x', { stale: true })
  await stage.client.get('x')
  expect(stage.sent.map(({ options }) => options.stale)).toEqual([true, false])
})

test('a client leaves no timer behind', async () => {
  const stage = new Stage((_sent, count) => (count === 1 ? notDone() : CHANGED))
  await stage.until(stage.client.put('x', '1'))
  expect(stage.clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})

test('a client needs a server to begin with', () => {
  expect(() => new Stage(() => CHANGED, { servers: [] })).toThrow('needs a server')
})
