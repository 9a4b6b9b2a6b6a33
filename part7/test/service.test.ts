/** Who is told what, and when: one service, in virtual time. */
import { VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import type { Read } from '../src/kv.ts'
import type { Report } from '../src/raft.ts'
import {
  type Answer,
  type Consistency,
  KeyValueService,
  type Limits,
} from '../src/service.ts'
import { type Request, toCommand } from '../src/sessions.ts'
import { Single } from './single.ts'

const PUT: Request = { op: 'put', key: 'x', value: '1' }
const GET: Read = { op: 'get', key: 'x' }

/** A leader of whose log the test alone says what becomes of it. */
class Scripted {
  readonly clock = new VirtualClock()
  readonly submitted: string[] = []
  readonly service: KeyValueService
  readonly answers: Answer[] = []
  /** What it was asked for the index of; the test answers for the leader. */
  readonly confirm: ((index: number) => void)[] = []
  role: Report['role'] = 'Leader'
  term = 3
  leaderId: number | null = 0

  constructor(limits?: Partial<Limits>) {
    this.service = new KeyValueService({
      clock: this.clock,
      consensus: () => this,
      ...(limits && { limits: { entries: 100, length: 1_000, reads: 100, ...limits } }),
    })
  }

  submit(command: string): number | null {
    return this.role === 'Leader' ? this.submitted.push(command) : null
  }

  readIndex(onIndex: (index: number) => void): void {
    this.confirm.push(onIndex)
  }

  report(): Report {
    const { role, term, leaderId } = this
    const indexes = {
      commitIndex: 0,
      lastApplied: 0,
      firstLogIndex: 1,
      lastLogIndex: 0,
      snapshotIndex: 0,
    }
    return { id: 0, term, role, isLeader: role === 'Leader', leaderId, ...indexes }
  }

  ask(request: Request): () => void {
    return this.service.request(request, (answer) => this.answers.push(answer))
  }

  read(consistency: Consistency = 'linearizable', operation = GET): () => void {
    return this.service.read(operation, consistency, (answer) => {
      this.answers.push(answer)
    })
  }

  becomes(role: Report['role'], term: number, leaderId: number | null = null): void {
    Object.assign(this, { role, term, leaderId })
    this.service.onChange(this.report())
  }

  apply(index: number, term: number, request: Request | null): void {
    const command = request && toCommand({ ...request, elapsed: 0 })
    this.service.apply({ index, term, command })
  }
}

// Not as in part4: the leader’s own entry stands before it.
test('a client is answered when its command is applied, and not before', () => {
  const { service, consensus, clock } = new Single().elect()
  const answers: Answer[] = []
  service.request(PUT, (answer) => answers.push(answer))
  expect(consensus.report()).toMatchObject({ lastLogIndex: 2, lastApplied: 1 })
  expect(answers).toEqual([])
  clock.advance(10)
  const result = { kind: 'changed', version: 2, previous: null }
  expect(answers).toEqual([{ outcome: 'done', result }])
})

test('who was answered leaves no timer behind', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.apply(1, 3, PUT)
  expect(leader.clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})

test('a read takes no place in the log, and sees what was done before it', () => {
  const { service, consensus, clock, storage } = new Single().elect()
  service.request(PUT, () => {})
  clock.advance(10)
  const { syncs } = storage
  const answers: Answer[] = []
  service.read(GET, 'linearizable', (answer) => answers.push(answer))
  clock.advance(10)
  const result = { kind: 'found', value: '1', version: 2 }
  expect(answers).toEqual([{ outcome: 'done', result }])
  expect(consensus.report().lastLogIndex).toBe(2)
  expect(storage.syncs).toBe(syncs)
})

test('a read waits for the leader’s word, and for what that says to be applied', () => {
  const leader = new Scripted()
  leader.read()
  leader.apply(1, 3, PUT)
  expect(leader.answers).toEqual([])
  leader.confirm[0]?.(2)
  expect(leader.answers).toEqual([])
  leader.apply(2, 3, { op: 'put', key: 'x', value: '2' })
  const result = { kind: 'found', value: '2', version: 2 }
  expect(leader.answers).toEqual([{ outcome: 'done', result }])
  // The leader’s word may come twice.
  leader.confirm[0]?.(2)
  leader.confirm[0]?.(3)
  leader.apply(3, 3, null)
  expect(leader.answers).toHaveLength(1)
  expect(leader.clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})

test('a follower answers by itself when the leader has told it the index', () => {
  const follower = new Scripted()
  follower.becomes('Follower', 3, 1)
  follower.apply(1, 3, PUT)
  follower.read()
  follower.read('follower')
  follower.confirm[0]?.(1)
  expect(follower.answers).toEqual([
    { outcome: 'not done', reason: 'this server is not the leader', leaderId: 1 },
    { outcome: 'done', result: { kind: 'found', value: '1', version: 1 } },
  ])
  follower.becomes('Follower', 4, null)
  follower.read('follower')
  expect(follower.answers[2]).toMatchObject({ outcome: 'not done', leaderId: null })
})

test('what the leader of an earlier term would have said is not waited for', () => {
  const leader = new Scripted()
  leader.read()
  leader.read()
  leader.confirm[1]?.(1)
  leader.becomes('Follower', 4, 1)
  const notDone = {
    outcome: 'not done',
    reason: 'the leader is another',
    leaderId: null,
  }
  expect(leader.answers).toEqual([notDone])
  // Its word of before counts for nothing now; what it had said does.
  leader.confirm[0]?.(1)
  leader.apply(1, 4, PUT)
  expect(leader.answers.slice(1)).toMatchObject([{ outcome: 'done' }])
})

test('a read that nobody confirms is not done at the deadline', () => {
  const leader = new Scripted()
  leader.read()
  leader.clock.advance(5_000)
  const reason = 'no leader confirmed it in 5000 ms'
  expect(leader.answers).toEqual([{ outcome: 'not done', reason, leaderId: null }])
  expect(leader.service.gauge()).toMatchObject({ clients: 0, reads: 0 })
})

test('reads that wait are bounded, and a client that hangs up leaves none behind', () => {
  const leader = new Scripted({ reads: 1 })
  const hangUp = leader.read()
  leader.read()
  const reason = 'too many reads wait to be answered'
  expect(leader.answers).toEqual([{ outcome: 'not done', reason, leaderId: null }])
  hangUp()
  expect(leader.service.gauge()).toMatchObject({ clients: 0, reads: 0 })
  leader.confirm[0]?.(0)
  expect(leader.answers).toHaveLength(1)
})

test('a session’s time is what its leaders’ clocks counted, each from its election', () => {
  const leader = new Scripted()
  leader.clock.advance(100)
  leader.becomes('Leader', 4)
  leader.clock.advance(2_500)
  leader.ask(PUT)
  expect(JSON.parse(leader.submitted[0] as string)).toEqual({ ...PUT, elapsed: 2_500 })
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

// Not as in part4: a read is not among it.
test('a leader that is deposed does not know what becomes of what it took', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.ask(PUT)
  leader.becomes('Follower', 4)
  const reason = 'this server is not the leader any more'
  expect(leader.answers).toEqual([
    { outcome: 'unknown', reason },
    { outcome: 'unknown', reason },
  ])
  // It lives on elsewhere (figure 8), and nobody is told twice.
  leader.apply(1, 3, PUT)
  expect(leader.answers).toHaveLength(2)
  expect(leader.service.readStale(GET).result).toMatchObject({ value: '1' })
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

// Not as in part4: a stale read says what was applied.
test('the entry of another term at its index is not the client’s', () => {
  const leader = new Scripted()
  leader.ask(PUT)
  leader.apply(1, 4, { op: 'put', key: 'x', value: 'of another' })
  const reason = 'another entry was applied at its index'
  expect(leader.answers).toEqual([{ outcome: 'not done', reason, leaderId: null }])
  expect(leader.service.readStale(GET).result).toMatchObject({ value: 'of another' })
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

// Not as in part4: there is more to leave behind.
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
  expect(leader.service.gauge()).toMatchObject({ clients: 0, entries: 0, keys: 1 })
  // Nor does it disturb who comes after it.
  hangUp()
  leader.ask(PUT)
  expect(leader.service.gauge().clients).toBe(1)
  leader.apply(2, 3, PUT)
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

// Not as in part4: an entry says when it was taken.
test('what is not applied is bounded in length', () => {
  const { length } = toCommand({ ...PUT, elapsed: 0 })
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

// Not as in part4: reads are asked for in another way.
test('an operation that no server can carry out is not taken', () => {
  const leader = new Scripted()
  const put: Request = { op: 'put', key: '', value: '' }
  expect(() => leader.ask(put)).toThrow('a key must not be empty')
  const get: Read = { op: 'get', key: '' }
  expect(() => leader.read('linearizable', get)).toThrow('a key must not be empty')
  expect(() => leader.service.readStale({ op: 'get', key: '' })).toThrow('empty')
  expect(leader.submitted).toEqual([])
})

// Not as in part4: it says what was applied.
test('a stale read needs no leader, and shows what this server has applied', () => {
  const follower = new Scripted()
  follower.becomes('Follower', 4)
  expect(follower.service.readStale(GET)).toEqual({
    result: { kind: 'absent' },
    lastApplied: 0,
  })
  follower.apply(1, 3, PUT)
  expect(follower.service.readStale(GET)).toMatchObject({
    result: { value: '1' },
    lastApplied: 1,
  })
  expect(follower.service.readStale({ op: 'list', prefix: '' }).result).toEqual({
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

test('a read that waits for what a snapshot then stands for is answered from that', () => {
  const leader = new Scripted()
  leader.apply(1, 3, PUT)
  leader.apply(2, 3, { op: 'put', key: 'x', value: '2' })
  const follower = new Scripted()
  follower.becomes('Follower', 3, 1)
  for (const index of [1, 2, 3]) {
    follower.read('follower')
    follower.confirm[index - 1]?.(index)
  }
  const state = follower.service.restore()
  for (const piece of piecesOf(leader)) state.add(piece)
  expect(follower.answers).toEqual([])
  state.end(2)
  const found = { outcome: 'done', result: { kind: 'found', value: '2', version: 2 } }
  expect(follower.answers).toEqual([found, found])
  expect(follower.service.readStale(GET).lastApplied).toBe(2)
  follower.apply(3, 3, null)
  expect(follower.answers).toEqual([found, found, found])
  expect(follower.service.gauge()).toMatchObject({ clients: 0, reads: 0 })
})

test('what is put together of a snapshot is not seen before it is complete', () => {
  const leader = new Scripted()
  leader.apply(1, 3, PUT)
  leader.apply(2, 3, { op: 'put', key: 'x', value: '2' })
  const follower = new Scripted()
  follower.apply(1, 3, PUT)
  const state = follower.service.restore()
  for (const piece of piecesOf(leader)) state.add(piece)
  const before = { result: { value: '1', version: 1 }, lastApplied: 1 }
  expect(follower.service.readStale(GET)).toMatchObject(before)
  state.end(2)
  const after = { result: { value: '2', version: 2 }, lastApplied: 2 }
  expect(follower.service.readStale(GET)).toMatchObject(after)
  expect(follower.service.digest()).toBe(leader.service.digest())
})

test('a server that restarts from a snapshot has what it had', async () => {
  const single = new Single().elect()
  single.service.request(PUT, () => {})
  single.clock.advance(10)
  const taken = single.takeSnapshot()
  single.clock.advance(10)
  expect(await taken).toBe(2)
  const { storage } = single
  const restarted = new Single({}, storage)
  // Before anything is learned from others.
  const found = { result: { value: '1' }, lastApplied: 2 }
  expect(restarted.service.readStale(GET)).toMatchObject(found)
  expect(restarted.consensus.report()).toMatchObject({ commitIndex: 2, lastApplied: 2 })
})

function piecesOf({ service }: Scripted): string[] {
  const pieces: string[] = []
  const snapshot = service.snapshot()
  for (let next = snapshot.next(); !next.done; next = snapshot.next()) {
    pieces.push(next.value)
  }
  return pieces
}
