/** What the state machine remembers of clients, with one entry after the other. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Entry,
  faultOf,
  type Request,
  type Result,
  type SessionLimits,
  Sessions,
  toCommand,
  toEntry,
} from '../src/sessions.ts'

const LIMITS: SessionLimits = { sessions: 3, bytes: 1_000, window: 4, idleMs: 1_000 }

/** The state machine, and a log that grows. */
class Machine {
  readonly sessions: Sessions
  private index = 0

  constructor(limits: Partial<SessionLimits> = {}) {
    this.sessions = new Sessions({ ...LIMITS, ...limits })
  }

  apply(request: Request, elapsed = 0, term = 1): Result {
    this.index += 1
    return this.sessions.apply({ ...request, elapsed }, this.index, term)
  }

  register(elapsed = 0, term = 1): number {
    const result = this.apply({ op: 'register' }, elapsed, term)
    return result.kind === 'registered' ? result.client : Number.NaN
  }

  append(
    client: number,
    serial: number,
    elapsed = 0,
    term = 1,
    acknowledged = 0,
  ): Result {
    const session = { client, serial, acknowledged }
    return this.apply(
      { op: 'append', key: 'x', value: `${serial} `, session },
      elapsed,
      term,
    )
  }

  /** One that has what a snapshot of this one holds, and goes on behind it. */
  restored(pieces = this.sessions.snapshot(100), former = new Sessions()): Machine {
    const machine = new Machine()
    machine.index = this.index
    for (const piece of pieces) machine.sessions.restore(piece, former)
    return machine
  }

  get value(): string | null {
    const result = this.sessions.store.apply({ op: 'get', key: 'x' }, 0)
    return result.kind === 'found' ? result.value : null
  }
}

test('a client’s number is the index of its entry, so it comes only once', () => {
  const machine = new Machine()
  expect([machine.register(), machine.register()]).toEqual([1, 2])
})

test('what comes again is not done again, and is answered as it was the first time', () => {
  const machine = new Machine()
  const client = machine.register()
  const first = machine.append(client, 1)
  const second = machine.append(client, 2)
  expect(machine.append(client, 1)).toEqual(first)
  expect(machine.append(client, 2)).toEqual(second)
  expect(machine.value).toBe('1 2 ')
})

test('operations on their way together may arrive in any order', () => {
  const machine = new Machine()
  const client = machine.register()
  for (const serial of [3, 1, 2, 3, 1]) machine.append(client, serial)
  expect(machine.value).toBe('3 1 2 ')
})

test('a condition that did not hold is remembered, too', () => {
  const machine = new Machine()
  const client = machine.register()
  const put: Request = {
    op: 'put',
    key: 'x',
    value: '1',
    if: { version: 9 },
    session: { client, serial: 1 },
  }
  expect(machine.apply(put)).toEqual({ kind: 'mismatch', version: null })
  machine.append(client, 2)
  expect(machine.apply(put)).toEqual({ kind: 'mismatch', version: null })
})

test('two clients with the same serials have nothing to do with each other', () => {
  const machine = new Machine()
  const [one, other] = [machine.register(), machine.register()]
  machine.append(one, 1)
  machine.append(other, 1)
  expect(machine.value).toBe('1 1 ')
})

test('what a client has acknowledged is forgotten, and is not done again', () => {
  const machine = new Machine()
  const client = machine.register()
  machine.append(client, 1)
  const { bytes } = machine.sessions.gauge()
  machine.append(client, 2, 0, 1, 1)
  expect(machine.sessions.gauge().bytes).toBeLessThan(2 * bytes)
  expect(machine.append(client, 1)).toEqual({ kind: 'too old' })
  expect(machine.value).toBe('1 2 ')
})

test('what is further back than the window counts as acknowledged', () => {
  const machine = new Machine()
  const client = machine.register()
  for (const serial of [1, 2, 3, 4, 5]) machine.append(client, serial)
  expect(machine.append(client, 1)).toEqual({ kind: 'too old' })
  expect(machine.append(client, 2)).toMatchObject({ kind: 'changed' })
  expect(machine.value).toBe('1 2 3 4 5 ')
})

test('a client that nobody knows has nothing carried out', () => {
  const machine = new Machine()
  machine.register()
  expect(machine.append(7, 1)).toEqual({ kind: 'no session' })
  expect(machine.apply({ op: 'keep', client: 7 })).toEqual({ kind: 'no session' })
  expect(machine.value).toBeNull()
})

test('a session that is not used expires, by the time that stands in the entries', () => {
  const machine = new Machine()
  const client = machine.register(0)
  expect(machine.append(client, 1, 999)).toMatchObject({ kind: 'changed' })
  expect(machine.append(client, 2, 1_998)).toMatchObject({ kind: 'changed' })
  expect(machine.append(client, 2, 2_998)).toEqual({ kind: 'no session' })
})

test('to say that one is still there is a use', () => {
  const machine = new Machine()
  const client = machine.register(0)
  expect(machine.apply({ op: 'keep', client }, 999)).toEqual({ kind: 'kept' })
  expect(machine.append(client, 1, 1_998)).toMatchObject({ kind: 'changed' })
})

test('a change of leader does not move the time', () => {
  const machine = new Machine()
  const client = machine.register(5_000_000, 1)
  // The next leader’s clock begins at its election.
  expect(machine.append(client, 1, 0, 2)).toMatchObject({ kind: 'changed' })
  expect(machine.append(client, 2, 999, 3)).toMatchObject({ kind: 'changed' })
  expect(machine.append(client, 3, 1_000, 3)).toMatchObject({ kind: 'changed' })
  expect(machine.append(client, 4, 2_000, 3)).toEqual({ kind: 'no session' })
})

test('what one leader after the other has counted adds up', () => {
  const machine = new Machine()
  const idle = machine.register(0, 1)
  const other = machine.register(400, 1)
  for (const term of [2, 3]) machine.apply({ op: 'keep', client: other }, 400, term)
  expect(machine.append(other, 1, 400, 3)).toMatchObject({ kind: 'changed' })
  expect(machine.append(idle, 1, 400, 3)).toEqual({ kind: 'no session' })
})

test('a clock that falls back does not set the time back', () => {
  const machine = new Machine()
  const client = machine.register(900)
  machine.apply({ op: 'keep', client }, 100)
  expect(machine.append(client, 1, 1_899)).toMatchObject({ kind: 'changed' })
})

test('of too many sessions the one goes first that was not used for longest', () => {
  const machine = new Machine()
  const [a, b, c] = [machine.register(), machine.register(), machine.register()]
  machine.append(a as number, 1)
  machine.register()
  expect(machine.sessions.gauge().sessions).toBe(3)
  expect(machine.append(b as number, 1)).toEqual({ kind: 'no session' })
  expect(machine.append(c as number, 1)).toMatchObject({ kind: 'changed' })
  expect(machine.append(a as number, 2)).toMatchObject({ kind: 'changed' })
})

test('what answers take is bounded in bytes, by sessions that go', () => {
  const machine = new Machine({ bytes: 600, window: 100 })
  const [one, other] = [machine.register(), machine.register()]
  machine.append(one as number, 1)
  for (let serial = 1; serial <= 6; serial += 1) machine.append(other as number, serial)
  expect(machine.append(one as number, 2)).toEqual({ kind: 'no session' })
  expect(machine.sessions.gauge().bytes).toBeLessThanOrEqual(600)
})

test('a million clients leave no more than the bound', () => {
  const machine = new Machine({ sessions: 10_000, bytes: 1_000_000 })
  for (let i = 0; i < 1_000_000; i += 1) {
    const session = { client: machine.register(), serial: 1 }
    machine.apply({ op: 'put', key: 'x', value: '1', session })
  }
  const { sessions, bytes } = machine.sessions.gauge()
  expect(sessions).toBeLessThanOrEqual(10_000)
  expect(sessions).toBeGreaterThan(9_000)
  expect(bytes).toBeLessThanOrEqual(1_000_000)
})

test('machines that apply the same hold the same; another order is another state', () => {
  const machines = [new Machine(), new Machine()] as const
  for (const machine of machines) {
    machine.append(machine.register(5), 1, 10)
  }
  expect(machines[0].sessions.digest()).toBe(machines[1].sessions.digest())
  machines[0].apply({ op: 'keep', client: 1 }, 11)
  expect(machines[0].sessions.digest()).not.toBe(machines[1].sessions.digest())
})

test('an entry comes out of the log as it went in', () => {
  const entries: Entry[] = [
    { op: 'put', key: 'x', value: '"\\\n\u0000€😀', if: { version: 3 }, elapsed: 7 },
    { op: 'append', key: 'x', value: '', session: { client: 1, serial: 2 }, elapsed: 0 },
    { op: 'delete', key: '€', if: { absent: true }, elapsed: 0 },
    { op: 'register', elapsed: 0 },
    { op: 'keep', client: 3, elapsed: 0 },
  ]
  for (const entry of entries) expect(toEntry(toCommand(entry))).toEqual(entry)
})

test('an operation that is acknowledged in itself is refused', () => {
  const session = { client: 1, serial: 2, acknowledged: 2 }
  expect(faultOf({ op: 'delete', key: 'x', session })).toContain('acknowledged')
  expect(
    faultOf({ op: 'delete', key: 'x', session: { client: 1, serial: 2 } }),
  ).toBeNull()
  expect(faultOf({ op: 'delete', key: '' })).toContain('empty')
})

test('what comes again is known also to who has it from a snapshot', () => {
  const machine = new Machine()
  const client = machine.register()
  const first = machine.append(client, 1)
  machine.append(client, 2, 0, 1, 1)
  const third = machine.append(client, 3)
  const restored = machine.restored()
  expect(restored.append(client, 3)).toEqual(third)
  expect(restored.append(client, 1)).toEqual({ kind: 'too old' })
  expect(restored.value).toBe('1 2 3 ')
  expect(first).toMatchObject({ kind: 'changed' })
})

test('a snapshot says when sessions were used, and which of them last', () => {
  const machine = new Machine()
  const [a, b, c] = [machine.register(), machine.register(), machine.register()]
  machine.append(a as number, 1, 999)
  const late = machine.restored()
  expect(late.append(b as number, 1, 1_000)).toEqual({ kind: 'no session' })
  expect(late.append(a as number, 2, 1_998)).toMatchObject({ kind: 'changed' })
  const full = machine.restored()
  full.register(999)
  expect(full.append(b as number, 1, 999)).toEqual({ kind: 'no session' })
  expect(full.append(c as number, 1, 999)).toMatchObject({ kind: 'changed' })
  expect(full.append(a as number, 2, 999)).toMatchObject({ kind: 'changed' })
})

test('what is changed while a snapshot is made is not in it', () => {
  const machine = new Machine()
  const [one, other] = [machine.register(), machine.register()]
  for (const key of ['a', 'b', 'c']) machine.apply({ op: 'put', key, value: '1' })
  machine.append(one as number, 1)
  const before = machine.sessions.digest()
  const snapshot = machine.sessions.snapshot(1)[Symbol.iterator]()
  const pieces: string[] = []
  for (let next = snapshot.next(); !next.done; next = snapshot.next()) {
    pieces.push(next.value)
    machine.apply({ op: 'delete', key: 'a' }, 100)
    machine.apply({ op: 'put', key: 'b', value: '2' }, 100)
    machine.append(one as number, 2, 100, 2, 1)
    machine.append(other as number, 1, 100)
    machine.register(3_000)
  }
  expect(pieces.length).toBeGreaterThan(5)
  expect(pieces.join('')).toBe(before)
  expect(machine.restored(pieces).sessions.digest()).toBe(before)
  expect(machine.sessions.digest()).not.toBe(before)
})

test('a piece has whole lines, and not many more characters than it is to have', () => {
  const machine = new Machine()
  for (let i = 0; i < 100; i += 1) {
    machine.apply({ op: 'put', key: `${i}`, value: 'line\nbreak' })
  }
  const pieces = [...machine.sessions.snapshot(1_000)]
  for (const piece of pieces) expect(piece.at(-1)).toBe('\n')
  for (const piece of pieces.slice(0, -1)) {
    expect(piece.length).toBeGreaterThanOrEqual(1_000)
    expect(piece.length).toBeLessThan(1_100)
  }
  expect(machine.restored(pieces).sessions.digest()).toBe(machine.sessions.digest())
})

test('out of a snapshot comes the same state, and it goes on in the same way', () => {
  // Of few clients, some of whom nobody knows, or not any more.
  const client = fc.integer({ min: 1, max: 12 })
  const serial = fc.integer({ min: 1, max: 8 })
  const session = fc.record({ client, serial })
  const key = fc.constantFrom('x', 'y')
  const value = fc.string()
  const request: fc.Arbitrary<Request> = fc.oneof(
    fc.constant({ op: 'register' as const }),
    fc.record({ op: fc.constant('keep' as const), client }),
    fc.record({ op: fc.constantFrom('put', 'append'), key, value, session }),
    fc.record({ op: fc.constant('delete' as const), key, session }),
  )
  const elapsed = fc.integer({ min: 0, max: 1_200 })
  const term = fc.integer({ min: 1, max: 3 })
  const entries = fc.array(fc.tuple(request, elapsed, term), { maxLength: 60 })
  fc.assert(
    fc.property(entries, entries, (before, after) => {
      const machine = new Machine()
      for (const entry of before) machine.apply(...entry)
      const restored = machine.restored()
      expect(restored.sessions.gauge()).toEqual(machine.sessions.gauge())
      for (const entry of after) {
        expect(restored.apply(...entry)).toEqual(machine.apply(...entry))
      }
      expect(restored.sessions.digest()).toBe(machine.sessions.digest())
    }),
    { numRuns: 300 },
  )
})

test('a value that is there already is not held twice', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc')
  const heapUsed = () => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const machine = new Machine()
  for (let i = 0; i < 100; i += 1) {
    const value = `${i}`.repeat(50_000)
    machine.apply({ op: 'put', key: `${i}`, value })
  }
  // As they come from elsewhere, piece by piece.
  const former = machine.restored()
  const before = heapUsed()
  const same = former.restored(undefined, former.sessions)
  expect(heapUsed() - before).toBeLessThan(1_000_000)
  const other = former.restored()
  expect(heapUsed() - before).toBeGreaterThan(5_000_000)
  expect(same.sessions.digest()).toBe(other.sessions.digest())
})
