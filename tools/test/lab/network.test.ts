import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/lab/clock.ts'
import {
  Network,
  type NetworkFaults,
  RELIABLE,
  UNRELIABLE,
  UNRELIABLE_RPC,
} from '../../src/lab/network.ts'
import { randomStreams } from '../../src/lab/random.ts'
import type { Rpc } from '../../src/testlog/event.ts'

const MESSAGES = 1_000

/** A network, and a record of what arrives and what is lost. */
function newNetwork({ seed = 1, faults = RELIABLE, simulated = true } = {}) {
  const clock = new VirtualClock()
  const arrived: { args: Rpc['args']; from: number; to: number; at: number }[] = []
  const dropped: string[] = []
  const network = new Network({
    clock,
    random: randomStreams(seed)(),
    simulated,
    onDrop: (_rpc, reason) => dropped.push(reason),
  })
  network.faults = faults
  let sent = 0
  const send = (from: number, to: number, kind: Rpc['kind'] = 'request') => {
    sent += 1
    const rpc = { id: `${sent}`, method: 'Test', kind, from, to, args: { number: sent } }
    network.carry(rpc, (args) => arrived.push({ args, from, to, at: clock.now() }))
  }
  const sendMany = (faults: NetworkFaults) => {
    network.faults = faults
    for (let i = 0; i < MESSAGES; i += 1) send(0, 1)
    clock.advance(10_000)
  }
  const links = () => {
    arrived.length = 0
    for (const [from, to] of [0, 1, 2].flatMap((a) => [0, 1, 2].map((b) => [a, b]))) {
      if (from !== to) send(from as number, to as number)
    }
    clock.advance(10)
    return arrived.map(({ from, to }) => `${from}>${to}`).sort()
  }
  return { network, clock, arrived, dropped, send, sendMany, links }
}

const ALL_LINKS = ['0>1', '0>2', '1>0', '1>2', '2>0', '2>1']
const numbers = (arrived: { args: Rpc['args'] }[]) =>
  arrived.map(({ args }) => args.number as number)

test('a reliable network delivers every message once, after 1 to 5 ms', () => {
  const { arrived, dropped, sendMany } = newNetwork()
  sendMany(RELIABLE)
  expect(new Set(numbers(arrived)).size).toBe(MESSAGES)
  expect(arrived).toHaveLength(MESSAGES)
  expect(dropped).toEqual([])
  const delays = arrived.map(({ at }) => at)
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(1)
  expect(Math.min(...delays)).toBeLessThan(1.1)
  expect(Math.max(...delays)).toBeLessThanOrEqual(5)
  expect(Math.max(...delays)).toBeGreaterThan(4.9)
})

test('messages overtake each other', () => {
  const { arrived, sendMany } = newNetwork()
  sendMany(RELIABLE)
  expect(numbers(arrived)).not.toEqual(numbers(arrived).toSorted((a, b) => a - b))
})

test('an unreliable network loses, doubles and delays one message in ten', () => {
  const { arrived, dropped, sendMany } = newNetwork()
  sendMany(UNRELIABLE)
  const lost = dropped.filter((reason) => reason === 'lost').length
  expect(lost / MESSAGES).toBeCloseTo(0.1, 1)
  expect(new Set(numbers(arrived)).size).toBe(MESSAGES - lost)
  expect((arrived.length - (MESSAGES - lost)) / MESSAGES).toBeCloseTo(0.1, 1)
  const late = arrived.filter(({ at }) => at > 5)
  expect(late.length / MESSAGES).toBeCloseTo(0.1, 1)
  expect(Math.max(...late.map(({ at }) => at))).toBeGreaterThan(300)
})

test('RAFT_UNRELIABLE_RPC loses one call in ten and delays one in ten by 75 ms', () => {
  const { arrived, sendMany } = newNetwork()
  sendMany(UNRELIABLE_RPC)
  // A call is a request and a reply.
  expect((arrived.length / MESSAGES) ** 2).toBeCloseTo(0.9, 1)
  const late = arrived.filter(({ at }) => at > 5)
  expect(1 - (1 - late.length / MESSAGES) ** 2).toBeCloseTo(0.1, 1)
  expect(new Set(late.map(({ at }) => at))).toEqual(new Set([75]))
})

test('over real sockets a message is not delayed, unless the faults say so', () => {
  const { arrived, send } = newNetwork({ simulated: false })
  send(0, 1)
  expect(arrived).toHaveLength(1)
})

test('a message is copied: what the sender changes later does not reach anybody', () => {
  const { network, clock } = newNetwork()
  const args = { term: 1, entries: [{ term: 1 }] }
  const copies: Rpc['args'][] = []
  network.faults = { ...RELIABLE, duplication: 1 }
  network.carry(
    { id: '1', method: 'Test', kind: 'request', from: 0, to: 1, args },
    (copy) => copies.push(copy),
  )
  args.term = 2
  ;(args.entries[0] as { term: number }).term = 2
  clock.advance(10)
  expect(copies).toEqual([
    { term: 1, entries: [{ term: 1 }] },
    { term: 1, entries: [{ term: 1 }] },
  ])
  // Two copies, and no part of them is the same object.
  expect(copies[0]).not.toBe(copies[1])
  expect(copies[0]?.entries).not.toBe(copies[1]?.entries)
})

test('a link that is cut carries nothing one way, and everything the other', () => {
  const { network, dropped, links } = newNetwork()
  network.cut(0, 1)
  expect(links()).toEqual(ALL_LINKS.filter((link) => link !== '0>1'))
  expect(dropped).toEqual(['no link'])
  network.mend(0, 1)
  expect(links()).toEqual(ALL_LINKS)
})

test('partitioned servers reach their own group alone, until it heals', () => {
  const { network, links } = newNetwork()
  network.partition([[0, 2], [1]])
  network.cut(2, 0)
  expect(links()).toEqual(['0>2'])
  network.heal()
  expect(links()).toEqual(ALL_LINKS)
})

test('a server that is disconnected neither sends nor receives, even after healing', () => {
  const { network, links } = newNetwork()
  network.disconnect(1)
  network.heal()
  expect(network.isConnected(1)).toBe(false)
  expect(links()).toEqual(['0>2', '2>0'])
  network.reconnect(1)
  expect(links()).toEqual(ALL_LINKS)
})

test('a link that is cut takes along what is on its way', () => {
  const { network, clock, arrived, dropped, send } = newNetwork()
  send(0, 1)
  send(1, 0)
  clock.advance(0.5)
  network.cut(0, 1)
  clock.advance(10)
  expect(arrived.map(({ from }) => from)).toEqual([1])
  expect(dropped).toEqual(['link cut on the way'])
})

test('a server’s requests are lost after as many as were asked for; replies are not', () => {
  const { network, clock, arrived, dropped, send } = newNetwork()
  network.dropCallsAfter(0, 2)
  for (let i = 0; i < 4; i += 1) send(0, 1)
  send(0, 1, 'reply')
  send(1, 0)
  clock.advance(10)
  expect(dropped).toEqual(['call dropped', 'call dropped'])
  expect(numbers(arrived).toSorted()).toEqual([1, 2, 5, 6])
  network.keepCalls(0)
  send(0, 1)
  clock.advance(10)
  expect(numbers(arrived)).toContain(7)
})

test('requests are counted, and the bytes of requests and replies', () => {
  const { network, send } = newNetwork()
  send(0, 1)
  send(1, 0, 'reply')
  expect(network.requests).toBe(1)
  expect(network.bytes).toBe('{"number":1}{"number":2}'.length)

  const args = { a: null, b: [], c: {}, d: [1, -2.5, true], e: [{ text: 'x' }, 'y'] }
  const before = network.bytes
  network.carry(
    { id: '3', method: 'Test', kind: 'reply', from: 0, to: 1, args },
    () => {},
  )
  expect(network.bytes - before).toBe(JSON.stringify(args).length)
})

test('the same seed delivers the same messages at the same times', () => {
  const record = (seed: number) => {
    const world = newNetwork({ seed })
    world.sendMany(UNRELIABLE)
    return world.arrived
  }
  expect(record(3)).toEqual(record(3))
  expect(record(3)).not.toEqual(record(4))
})
