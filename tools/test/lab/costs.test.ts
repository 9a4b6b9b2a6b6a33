import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/lab/clock.ts'
import { Costs, jsonLength, SlowLink } from '../../src/lab/costs.ts'
import { Machine } from '../../src/lab/machine.ts'
import type { Rpc } from '../../src/testlog/event.ts'

/** A link for 1000 bytes a second, and when each message left it or was given up. */
function newLink(transport: 'calls' | 'stream') {
  const clock = new VirtualClock()
  const link = new SlowLink(1000, clock, transport)
  const left: string[] = []
  const send = (
    name: string,
    bytes: number,
    entries: string[] = [],
    prevLogIndex = 0,
  ) => {
    const rpc: Rpc = {
      id: name,
      method: 'AppendEntries',
      kind: 'request',
      from: 0,
      to: 1,
      args: { prevLogIndex, entries },
    }
    const say = (what: string) => left.push(`${name} ${what} ${Math.round(clock.now())}`)
    link.carry({
      rpc,
      bytes,
      depart: () => say('at'),
      giveUp: (reason) => say(reason),
    })
  }
  return { clock, link, left, send }
}

test('on a stream entries wait in line, for as long as the bytes before them take', () => {
  const { clock, left, send } = newLink('stream')
  send('a', 300, ['entry'])
  send('b', 200, ['entry'])
  clock.advance(50)
  send('c', 100, ['entry'])
  clock.advance(1000)
  expect(left).toEqual(['a at 300', 'b at 500', 'c at 600'])
})

test('on a stream a heartbeat gets ahead of entries, unless it follows on them', () => {
  const { clock, link, left, send } = newLink('stream')
  send('entries', 300, ['entry'])
  clock.advance(105)
  expect(link.bytesWaiting).toBe(200)
  send('following', 5, [], 1)
  send('heartbeat', 5)
  clock.advance(1000)
  expect(left).toEqual(['heartbeat at 115', 'entries at 305', 'following at 310'])
  expect(link.bytesWaiting).toBe(0)
})

test('calls share the link: the short one is done first, the others take longer', () => {
  const { clock, left, send } = newLink('calls')
  send('a', 200, ['entry'])
  send('b', 200, ['entry'])
  send('heartbeat', 20)
  clock.advance(1000)
  expect(left).toEqual(['heartbeat at 60', 'a at 410', 'b at 420'])
})

test('a call that is not through in time is given up, and its bytes with it', () => {
  const { clock, left, send } = newLink('calls')
  send('long', 600, ['entry'])
  clock.advance(400)
  send('other', 50, ['entry'])
  clock.advance(1000)
  expect(left[0]).toBe('other at 500')
  expect(left[1]).toMatch(/^long not through in time 5\d\d$/)
  expect(left).toHaveLength(2)
})

test('what waits for a link leaves at once when the link is fast, or never if cleared', () => {
  const { clock, link, left, send } = newLink('stream')
  send('a', 300, ['entry'])
  send('b', 300, ['entry'])
  clock.advance(100)
  link.open()
  clock.advance(1000)
  expect(left).toEqual(['a at 100', 'b at 100'])
  send('c', 300, ['entry'])
  link.clear()
  clock.advance(1000)
  expect(left).toHaveLength(2)
})

function newMachine() {
  const world = new VirtualClock()
  const happened: string[] = []
  const machine = new Machine({
    clock: world,
    afterEvent: () => {},
    onPowerFailure: () => {},
  })
  const say = (name: string) => () => void happened.push(`${name} at ${world.now()}`)
  return { world, machine, happened, say }
}

test('while a machine works, what comes waits, and what it sends leaves at the end', () => {
  const { world, machine, happened, say } = newMachine()
  machine.clock.setTimeout(say('timer'), 10)
  machine.run(() => {
    machine.afterWork(say('sent before'))
    machine.work(20)
    machine.work(10)
    machine.afterWork(say('sent after'))
  })
  machine.run(() => {
    say('message')()
    machine.work(5)
  })
  world.advance(100)
  expect(happened).toEqual([
    'sent before at 0',
    'sent after at 30',
    'message at 30',
    'timer at 35',
  ])
})

test('a machine that crashes at work sends nothing of it', () => {
  const { world, machine, happened, say } = newMachine()
  machine.run(() => {
    machine.work(20)
    machine.afterWork(say('sent'))
  })
  world.advance(10)
  machine.crashed = true
  world.advance(100)
  expect(happened).toEqual([])
})

test('a machine that pauses at work goes on when both are over', () => {
  const { world, machine, happened, say } = newMachine()
  machine.run(() => machine.work(20))
  machine.pause()
  machine.run(say('message'))
  world.advance(10)
  machine.resume()
  expect(happened).toEqual([])
  world.advance(10)
  machine.run(() => machine.work(20))
  machine.pause()
  machine.run(say('another'))
  world.advance(30)
  expect(happened).toEqual(['message at 20'])
  machine.resume()
  expect(happened).toEqual(['message at 20', 'another at 50'])
})

test('nothing costs anything until a machine or a disk is slow', () => {
  const costs = new Costs()
  expect([costs.ofHandling(1e6, 1e6), costs.ofWriting(1e6), costs.ofSync()]).toEqual([
    0, 0, 0,
  ])
  costs.machine = { bytesPerSecond: 1000, entriesPerSecond: 100 }
  expect(costs.ofHandling(500, 10)).toBe(600)
  costs.machine = { entriesPerSecond: 100 }
  expect(costs.ofHandling(500, 10)).toBe(100)
})

test('a slow disk takes time for what is written, and for each sync', () => {
  const costs = new Costs()
  costs.disk = { bytesPerSecond: 1000, syncMs: 7 }
  const entries = ['x'.repeat(98)]
  expect(jsonLength(entries)).toBe(102)
  expect(costs.ofSaving([1, entries], false)).toBe(102)
  expect(costs.ofSaving([], true)).toBe(7)
  expect(costs.ofSaving([1, null], true)).toBe('[1,null]'.length + 7)
})
