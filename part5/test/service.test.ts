/** Who is told what, and when: one service, in virtual time. */
import { VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import { type Operation, toCommand } from '../src/kv.ts'
import type { Report } from '../src/raft.ts'
import { type Answer, KeyValueService, type Limits } from '../src/service.ts'
import { Single } from './single.ts'

const PUT: Operation = { op: 'put', key: 'x', value: '1' }
const GET: Operation = { op: 'get', key: 'x' }

/** A leader of whose log the test alone says what becomes of it. */
class Scripted {
  readonly clock = new VirtualClock()
  readonly submitted: string[] = []
  readonly service: KeyValueService
  readonly answers: Answer[] = []
  role: Report['role'] = 'Leader'
  term = 3
  leaderId: number | null = 0

  constructor(limits?: Limits) {
    this.service = new KeyValueService({
      clock: this.clock,
      consensus: () => this,
      ...(limits && { limits }),
    })
  }

  submit(command: string): number | null {
    return this.role === 'Leader' ? this.submitted.push(command) : null
  }

  report(): Report {
    const { role, term, leaderId } = this
    const indexes = { commitIndex: 0, lastApplied: 0, lastLogIndex: 0 }
    return { id: 0, term, role, isLeader: role === 'Leader', leaderId, ...indexes }
  }

  ask(operation: Operation): () => void {
    return this.service.request(operation, (answer) => this.answers.push(answer))
  }

  becomes(role: Report['role'], term: number, leaderId: number | null = null): void {
    Object.assign(this, { role, term, leaderId })
    this.service.onChange(this.report())
  }

  apply(index: number, term: number, operation: Operation): void {
    this.service.apply({ index, term, command: toCommand(operation) })
  }
}

test('a client is answered when its command is applied, and not before', () => {
  const { service, consensus, clock } = new Single().elect()
  const answers: Answer[] = []
  service.request(PUT, (answer) => answers.push(answer))
  expect(consensus.report()).toMatchObject({ lastLogIndex: 1, lastApplied: 0 })
  expect(answers).toEqual([])
  clock.advance(10)
  const result = { kind: 'changed', version: 1, previous: null }
  expect(answers).toEqual([{ outcome: 'done', result }])
})

test('who was answered leaves no timer behind', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.apply(1, 3, PUT)
  expect(leader.clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})

test('a read takes a place in the log, and sees what was done before it', () => {
  const { service, consensus, clock } = new Single().elect()
  const answers: Answer[] = []
  service.request(PUT, () => {})
  service.request(GET, (answer) => answers.push(answer))
  clock.advance(10)
  expect(consensus.report().lastApplied).toBe(2)
  const result = { kind: 'found', value: '1', version: 1 }
  expect(answers).toEqual([{ outcome: 'done', result }])
})

test('a server that does not lead has taken nothing, and says who may', () => {
  const leader = new Scripted()
  leader.becomes('Follower', 4, 2)
  leader.ask(PUT)
  const reason = 'this server is not the leader'
  expect(leader.answers).toEqual([{ outcome: 'not done', reason, leaderId: 2 }])
  leader.becomes('Candidate', 5)
  leader.ask(PUT)
  expect(leader.answers[1]).toEqual({ outcome: 'not done', reason, leaderId: null })
  expect(leader.submitted).toEqual([])
})

test('a leader that is deposed does not know what becomes of what it took', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.ask(GET)
  leader.becomes('Follower', 4)
  const reason = 'this server is not the leader any more'
  expect(leader.answers).toEqual([
    { outcome: 'unknown', reason },
    { outcome: 'unknown', reason },
  ])
  // It lives on elsewhere (figure 8), and nobody is told twice.
  leader.apply(1, 3, PUT)
  expect(leader.answers).toHaveLength(2)
  expect(leader.service.readStale({ op: 'get', key: 'x' })).toMatchObject({ value: '1' })
})

test('a server that stops answers everyone who waits', () => {
  const { service, consensus } = new Single().elect()
  const answers: Answer[] = []
  for (let i = 0; i < 100; i += 1) service.request(PUT, (a) => answers.push(a))
  consensus.stop()
  expect(answers).toHaveLength(100)
  const unknown = { outcome: 'unknown', reason: 'this server stops' }
  for (const answer of answers) expect(answer).toEqual(unknown)
  expect(service.gauge()).toMatchObject({ clients: 0, entries: 0 })
  // And takes no more.
  service.request(PUT, (a) => answers.push(a))
  expect(answers[100]).toMatchObject({ outcome: 'not done', leaderId: null })
})

test('the entry of another term at its index is not the client’s', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.apply(1, 4, { op: 'put', key: 'x', value: 'of another' })
  const reason = 'another entry was applied at its index'
  expect(leader.answers).toEqual([{ outcome: 'not done', reason, leaderId: null }])
  expect(leader.service.readStale({ op: 'get', key: 'x' })).toMatchObject({
    value: 'of another',
  })
})

test('what took the index after the leader was deposed answers nobody’s question', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.becomes('Follower', 4)
  leader.becomes('Leader', 5)
  leader.submitted.length = 0
  leader.ask({ op: 'put', key: 'x', value: '2' })
  leader.apply(1, 5, { op: 'put', key: 'x', value: '2' })
  expect(leader.answers.map(({ outcome }) => outcome)).toEqual(['unknown', 'done'])
})

test('at the deadline the outcome is unknown, and what comes later tells nobody', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.clock.advance(4_999)
  expect(leader.answers).toEqual([])
  leader.clock.advance(1)
  const reason = 'it was not decided within 5000 ms'
  expect(leader.answers).toEqual([{ outcome: 'unknown', reason }])
  leader.apply(1, 3, PUT)
  expect(leader.answers).toHaveLength(1)
  expect(leader.service.gauge()).toMatchObject({ clients: 0, entries: 0, keys: 1 })
})

test('a client that hangs up leaves nothing behind', () => {
  const leader = new Scripted()
  const hangUp = leader.ask(PUT)
  expect(leader.service.gauge()).toMatchObject({ clients: 1, entries: 1 })
  hangUp()
  expect(leader.service.gauge().clients).toBe(0)
  // Its command stays in the log: nothing can be taken back from there.
  leader.apply(1, 3, PUT)
  leader.clock.advance(10_000)
  expect(leader.answers).toEqual([])
  expect(leader.service.gauge()).toEqual({ clients: 0, entries: 0, keys: 1 })
  // Nor does it disturb who comes after it.
  hangUp()
  leader.ask(GET)
  expect(leader.service.gauge().clients).toBe(1)
  leader.apply(2, 3, GET)
  expect(leader.answers).toMatchObject([{ outcome: 'done' }])
})

test('what is not applied is bounded in entries, whether its client waits or not', () => {
  const leader = new Scripted({ entries: 3, length: 1_000 })
  const hangUps = [leader.ask(PUT), leader.ask(PUT), leader.ask(PUT)]
  for (const hangUp of hangUps) hangUp()
  leader.ask(PUT)
  const reason = 'too many operations wait to be carried out'
  expect(leader.answers).toEqual([{ outcome: 'not done', reason, leaderId: null }])
  expect(leader.submitted).toHaveLength(3)
  leader.apply(1, 3, PUT)
  leader.ask(PUT)
  expect(leader.submitted).toHaveLength(4)
})

test('what is not applied is bounded in length', () => {
  const { length } = toCommand(PUT)
  const leader = new Scripted({ entries: 100, length: 2 * length })
  leader.ask(PUT)
  leader.ask(PUT)
  leader.ask(PUT)
  expect(leader.answers).toMatchObject([{ outcome: 'not done' }])
  leader.apply(1, 3, PUT)
  leader.ask(PUT)
  expect(leader.submitted).toHaveLength(3)
  // A new term begins with nothing.
  leader.becomes('Follower', 4)
  leader.becomes('Leader', 5)
  leader.submitted.length = 0
  leader.ask(PUT)
  leader.ask(PUT)
  expect(leader.submitted).toHaveLength(2)
})

test('a full server that does not lead sends on to who does', () => {
  const leader = new Scripted({ entries: 0, length: 0 })
  leader.becomes('Follower', 4, 1)
  leader.ask(PUT)
  expect(leader.answers).toMatchObject([{ outcome: 'not done', leaderId: 1 }])
})

test('an operation that no server can carry out is not taken', () => {
  const leader = new Scripted()
  expect(() => leader.ask({ op: 'get', key: '' })).toThrow('a key must not be empty')
  expect(() => leader.service.readStale({ op: 'get', key: '' })).toThrow('empty')
  expect(leader.submitted).toEqual([])
})

test('a stale read needs no leader, and shows what this server has applied', () => {
  const follower = new Scripted()
  follower.becomes('Follower', 4)
  expect(follower.service.readStale({ op: 'get', key: 'x' })).toEqual({ kind: 'absent' })
  follower.apply(1, 3, PUT)
  follower.apply(2, 3, GET)
  expect(follower.service.readStale({ op: 'get', key: 'x' })).toMatchObject({
    value: '1',
  })
  expect(follower.service.readStale({ op: 'list', prefix: '' })).toEqual({
    kind: 'listed',
    pairs: [{ key: 'x', value: '1', version: 1 }],
  })
})

test('all commands of one turn share one sync', () => {
  const { service, storage, clock } = new Single().elect()
  const before = storage.syncs
  const answers: Answer[] = []
  for (let i = 0; i < 50; i += 1) service.request(PUT, (a) => answers.push(a))
  clock.advance(1)
  expect(answers).toHaveLength(50)
  expect(storage.syncs - before).toBe(1)
})
