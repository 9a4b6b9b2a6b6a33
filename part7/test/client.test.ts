/** What a client asks, and asks again: servers that say what the test wants. */
import { setImmediate as turn } from 'node:timers/promises'
import { VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import {
  type Asked,
  type ClientOptions,
  KeyValueClient,
  NotDone,
  type Reply,
  type SendOptions,
  type Transport,
  UnknownOutcome,
} from '../src/client.ts'
import { type Numbered, type Result, WINDOW } from '../src/sessions.ts'

interface Sent {
  readonly server: string
  readonly operation: Asked
  readonly options: SendOptions
  readonly atMs: number
}

type Script = (sent: Sent, count: number) => Reply | 'silence'

/** Servers behind a script, in virtual time. */
class Stage implements Transport {
  readonly clock = new VirtualClock()
  readonly sent: Sent[] = []
  /** What was sent to register, which is not among `sent`. */
  readonly registering: Sent[] = []
  readonly redirects: string[] = []
  readonly client: KeyValueClient
  private readonly script: Script
  private readonly registry: Script
  private readonly all: readonly string[]

  constructor(
    script: Script,
    options: Partial<ClientOptions> = {},
    servers: readonly string[] = [],
    registry: Script = (_sent, count) => done({ kind: 'registered', client: count }),
  ) {
    this.script = script
    this.registry = registry
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

  send(server: string, operation: Asked, options: SendOptions): Promise<Reply> {
    const sent = { server, operation, options, atMs: this.clock.now() }
    const isRegister = operation.op === 'register'
    const [list, script] = isRegister
      ? [this.registering, this.registry]
      : [this.sent, this.script]
    list.push(sent)
    const reply = script(sent, list.length)
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

  /** Of each change that was sent: which of its client's it is. */
  get numbers(): (Numbered | undefined)[] {
    return this.sent.map(({ operation }) => {
      return 'session' in operation ? operation.session : undefined
    })
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
const NO_SESSION = done({ kind: 'no session' })
const UNKNOWN: Reply = { outcome: 'unknown', reason: 'cut off' }
const notDone = (leader: string | null = null): Reply => ({
  outcome: 'not done',
  reason: 'not the leader',
  leader,
})

// Not as in part4: changes have numbers.
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
    {
      op: 'put',
      key: 'x',
      value: '2',
      if: { version: 7 },
      session: { client: 1, serial: 1 },
    },
    {
      op: 'append',
      key: 'x',
      value: '2',
      session: { client: 1, serial: 2, acknowledged: 1 },
    },
    { op: 'delete', key: 'x', session: { client: 1, serial: 3, acknowledged: 2 } },
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

test('a change whose outcome is unknown is sent again, under the same number', async () => {
  for (const op of ['put', 'append', 'delete'] as const) {
    const stage = new Stage((_sent, count) => (count < 4 ? UNKNOWN : CHANGED))
    const call = op === 'delete' ? stage.client.delete('x') : stage.client[op]('x', '1')
    await stage.until(call)
    expect(stage.asked).toEqual(['a', 'b', 'c', 'a'])
    expect(stage.numbers).toEqual(Array(4).fill({ client: 1, serial: 1 }))
  }
})

test('a client registers once, before its first change, and reads without that', async () => {
  const stage = new Stage(({ operation }) => (operation.op === 'get' ? FOUND : CHANGED))
  await stage.client.get('x')
  expect(stage.registering).toEqual([])
  const { client } = stage
  await stage.until(Promise.all([client.put('x', '1'), client.put('x', '2')]))
  await stage.until(client.put('x', '3'))
  expect(stage.registering).toHaveLength(1)
  expect(stage.numbers.slice(1).map((number) => number?.serial)).toEqual([1, 2, 3])
})

test('two clients have numbers of their own', async () => {
  let clients = 0
  const registry = () => {
    clients += 1
    return done({ kind: 'registered', client: clients })
  }
  for (const client of [1, 2]) {
    const stage = new Stage(() => CHANGED, {}, [], registry)
    await stage.client.put('x', '1')
    expect(stage.numbers).toEqual([{ client, serial: 1 }])
  }
})

test('a client says up to where it has all answers, and no further', async () => {
  const stage = new Stage((_sent, count) => (count === 1 ? 'silence' : CHANGED))
  const { client } = stage
  const first = client.put('x', '1', { timeoutMs: 1_000 })
  await stage.until(client.put('x', '2'))
  await stage.until(client.put('x', '3'))
  expect(stage.numbers.map((number) => number?.acknowledged)).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  // Nobody waits for that answer any more: should it come late, it is not carried out.
  await expect(stage.until(first)).rejects.toThrow(UnknownOutcome)
  await stage.until(client.put('x', '4'))
  expect(stage.numbers.at(-1)).toEqual({ client: 1, serial: 4, acknowledged: 3 })
})

test('a repeated change says what is acknowledged by then', async () => {
  const stage = new Stage(({ operation }, count) => {
    if (count === 1) return 'silence'
    return 'value' in operation && operation.value === '2' && count < 4
      ? UNKNOWN
      : CHANGED
  })
  const first = stage.client.put('x', '1', { timeoutMs: 10 })
  const second = stage.client.put('x', '2')
  await expect(stage.until(first)).rejects.toThrow(UnknownOutcome)
  await stage.until(second)
  expect(stage.numbers.at(1)).toEqual({ client: 1, serial: 2 })
  expect(stage.numbers.at(-1)).toEqual({ client: 1, serial: 2, acknowledged: 1 })
})

test('at the deadline a change is unknown if any of its tries was', async () => {
  const stage = new Stage((_sent, count) => (count === 2 ? UNKNOWN : notDone()))
  const call = stage.client.put('x', '1', { timeoutMs: 500 })
  await expect(stage.until(call)).rejects.toThrow(UnknownOutcome)
  expect(stage.sent.length).toBeGreaterThan(3)
})

test('what is refused for good is unknown if an earlier try was', async () => {
  const refused: Reply = { ...notDone(), isFinal: true } as Reply
  const stage = new Stage((_sent, count) => (count === 1 ? UNKNOWN : refused))
  await expect(stage.until(stage.client.put('x', '1'))).rejects.toThrow(UnknownOutcome)
  expect(stage.sent).toHaveLength(2)
})

test('when its session has expired a client registers anew, and asks again', async () => {
  for (const gone of [NO_SESSION, done({ kind: 'too old' })]) {
    const stage = new Stage((_sent, count) => (count === 2 ? gone : CHANGED))
    await stage.until(stage.client.put('x', '1'))
    expect(await stage.until(stage.client.put('x', '2'))).toMatchObject({ version: 7 })
    expect(stage.registering).toHaveLength(2)
    expect(stage.numbers).toEqual([
      { client: 1, serial: 1 },
      { client: 1, serial: 2, acknowledged: 1 },
      { client: 2, serial: 1 },
    ])
  }
})

test('an expired session does not tell what became of an earlier try', async () => {
  for (const gone of [NO_SESSION, done({ kind: 'too old' })]) {
    const replies = [UNKNOWN, gone]
    const stage = new Stage(() => replies.shift() ?? CHANGED)
    await expect(stage.until(stage.client.put('x', '1'))).rejects.toThrow(UnknownOutcome)
    // It was not asked for again under another number, where it would be another change.
    expect(stage.sent).toHaveLength(2)
    await stage.until(stage.client.put('x', '2'))
    expect(stage.numbers.at(-1)).toEqual({ client: 2, serial: 1 })
  }
})

test('of changes whose session expires together each is asked again, in one session', async () => {
  const stage = new Stage(({ operation }) => {
    const isOld = 'session' in operation && operation.session?.client === 1
    return isOld ? NO_SESSION : CHANGED
  })
  const puts = ['1', '2', '3'].map((value) => stage.client.put('x', value))
  await stage.until(Promise.all(puts))
  expect(stage.registering).toHaveLength(2)
  expect(stage.numbers.slice(3).map((number) => number?.serial)).toEqual([1, 2, 3])
})

test('no more is on its way than servers remember; the next waits for an answer', async () => {
  let answerFirst = () => {}
  class Slow extends Stage {
    override send(server: string, operation: Asked, options: SendOptions) {
      const reply = super.send(server, operation, options)
      if (operation.op === 'register' || this.sent.length > 1) return reply
      return new Promise<Reply>((resolve) => {
        answerFirst = () => resolve(CHANGED)
      })
    }
  }
  const stage = new Slow(() => 'silence', { timeoutMs: 1_000 })
  const puts = Array.from({ length: WINDOW + 2 }, (_, i) =>
    stage.client.put('x', `${i}`),
  )
  const settled = Promise.allSettled(puts)
  await turn()
  expect(stage.sent).toHaveLength(WINDOW)
  answerFirst()
  await turn()
  expect(stage.sent).toHaveLength(WINDOW + 1)
  expect(stage.numbers.at(-1)).toEqual({
    client: 1,
    serial: WINDOW + 1,
    acknowledged: 1,
  })
  await stage.until(settled)
})

test('who gives up waiting to be sent is done with, and was not done', async () => {
  const stage = new Stage(() => 'silence')
  const puts = Array.from({ length: WINDOW }, (_, i) => stage.client.put('x', `${i}`))
  const settled = Promise.allSettled(puts)
  await turn()
  const late = stage.client.put('x', 'late', { timeoutMs: 100 })
  await expect(stage.until(late)).rejects.toThrow(NotDone)
  expect(stage.clock.now()).toBeLessThan(120)
  expect(stage.sent).toHaveLength(WINDOW)
  await stage.until(settled)
})

test('who cannot register has done nothing, and tries again with the next change', async () => {
  const registry = (_sent: Sent, count: number) =>
    count === 1 ? 'silence' : done({ kind: 'registered', client: 5 })
  const stage = new Stage(() => CHANGED, {}, [], registry)
  const call = stage.client.put('x', '1', { timeoutMs: 100 })
  await expect(stage.until(call)).rejects.toThrow(NotDone)
  expect(stage.sent).toEqual([])
  await stage.until(stage.client.put('x', '2'))
  expect(stage.numbers).toEqual([{ client: 5, serial: 1 }])
})

test('a registration is sent again, whatever became of it', async () => {
  const registry = (_sent: Sent, count: number) =>
    count < 3 ? UNKNOWN : done({ kind: 'registered', client: 5 })
  const stage = new Stage(() => CHANGED, {}, [], registry)
  await stage.until(stage.client.put('x', '1'))
  expect(stage.registering.map(({ server }) => server)).toEqual(['a', 'b', 'c'])
})

test('a client can say that it is still there, once it has a session', async () => {
  const stage = new Stage(({ operation }) =>
    operation.op === 'keep' ? done({ kind: 'kept' }) : CHANGED,
  )
  await stage.client.keepAlive()
  expect([...stage.sent, ...stage.registering]).toEqual([])
  await stage.client.put('x', '1')
  await stage.client.keepAlive()
  expect(stage.sent.at(-1)?.operation).toEqual({ op: 'keep', client: 1 })
  await stage.client.put('x', '2')
  expect(stage.registering).toHaveLength(1)
})

test('a client that hears that it was forgotten registers with its next change', async () => {
  const stage = new Stage(({ operation }) =>
    operation.op === 'keep' ? NO_SESSION : CHANGED,
  )
  await stage.client.put('x', '1')
  await stage.client.keepAlive()
  await stage.client.put('x', '2')
  expect(stage.numbers.at(-1)).toEqual({ client: 2, serial: 1 })
})

// Not as in part4: it is asked for the same change.
test('after an unknown outcome another server is asked first', async () => {
  const stage = new Stage((_sent, count) => (count === 1 ? UNKNOWN : CHANGED))
  await stage.until(stage.client.put('x', '1'))
  await stage.client.put('x', '2')
  expect(stage.asked).toEqual(['a', 'b', 'b'])
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

// Not as in part4: there is a third kind of read.
test('a client learns again, and goes to none that has left', async () => {
  const all = ['d', 'e']
  const gone = new Set(['a', 'b', 'c'])
  let leader = 'd'
  const stage = new Stage(
    ({ server }) => {
      if (server === leader) return FOUND
      return gone.has(server) ? UNKNOWN : notDone(leader)
    },
    { servers: ['d'] },
    all,
  )
  await stage.until(stage.client.get('x'))
  await turn()
  // Those who came meanwhile are heard of in time, and those who left forgotten.
  all.splice(0, 2, 'd', 'f', 'g')
  await stage.until(stage.client.get('x'))
  stage.clock.advance(5_000)
  await stage.until(stage.client.get('x'))
  await turn()
  leader = 'g'
  gone.add('d').add('e').add('f')
  stage.sent.length = 0
  await stage.until(stage.client.get('x'))
  expect(stage.asked).toEqual(['d', 'f', 'g'])
})

test('a stale read is asked for as such', async () => {
  const stage = new Stage(() => FOUND)
  await stage.client.get('x', { consistency: 'stale' })
  await stage.client.get('x')
  expect(stage.sent.map(({ options }) => options.consistency)).toEqual([
    'stale',
    'linearizable',
  ])
})

test('a client leaves no timer behind', async () => {
  const stage = new Stage((_sent, count) => (count === 1 ? notDone() : CHANGED))
  await stage.until(stage.client.put('x', '1'))
  expect(stage.clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})

test('a client needs a server to begin with', () => {
  expect(() => new Stage(() => CHANGED, { servers: [] })).toThrow('needs a server')
})

test('who has more time than who began to register does not fail with it', async () => {
  const stage = new Stage(
    () => CHANGED,
    {},
    [],
    ({ atMs }) => (atMs < 300 ? notDone() : done({ kind: 'registered', client: 5 })),
  )
  const short = stage.client.put('x', '1', { timeoutMs: 100 })
  const long = stage.client.put('x', '2', { timeoutMs: 5_000 })
  const told = short.catch((error: Error) => error)
  expect(await stage.until(long)).toMatchObject({ held: true })
  expect(await told).toBeInstanceOf(NotDone)
})

test('who has less time than who began to register does not wait for it', async () => {
  const stage = new Stage(
    () => CHANGED,
    {},
    [],
    () => notDone(),
  )
  const long = stage.client.put('x', '1', { timeoutMs: 5_000 })
  const call = stage.client.put('x', '2', { timeoutMs: 100 })
  await expect(stage.until(call)).rejects.toThrow(NotDone)
  expect(stage.clock.now()).toBeLessThan(200)
  await expect(stage.until(long)).rejects.toThrow(NotDone)
})
