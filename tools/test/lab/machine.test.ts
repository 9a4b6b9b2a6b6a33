import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/lab/clock.ts'
import { Machine, PowerFailure } from '../../src/lab/machine.ts'

/** A machine, and a record of what happened on it. */
function newMachine() {
  const world = new VirtualClock()
  const happened: string[] = []
  const machine: Machine = new Machine({
    clock: world,
    afterEvent: () => happened.push('looked at'),
    onPowerFailure: () => {
      machine.crashed = true
      happened.push('power failure')
    },
  })
  const happen = (name: string) => () => happened.push(name)
  return { world, machine, happened, happen }
}

test('whatever happens on a machine is looked at afterwards', () => {
  const { world, machine, happened, happen } = newMachine()
  machine.run(happen('message'))
  machine.clock.setTimeout(happen('timer'), 10)
  world.advance(10)
  expect(happened).toEqual(['message', 'looked at', 'timer', 'looked at'])
})

test('a machine that goes on handles what came meanwhile, in the order it came', () => {
  const { world, machine, happened, happen } = newMachine()
  machine.clock.setTimeout(happen('timer at 20'), 20)
  machine.clock.setTimeout(happen('timer at 10'), 10)
  machine.pause()
  expect(machine.isUp).toBe(false)
  world.advance(15)
  machine.run(happen('message at 15'))
  world.advance(15)
  expect(happened).toEqual([])

  machine.resume()
  expect(machine.isUp).toBe(true)
  expect(happened.filter((name) => name !== 'looked at')).toEqual([
    'timer at 10',
    'message at 15',
    'timer at 20',
  ])
})

test('a timer that came due during a pause can still be cleared, by what came before it', () => {
  const { world, machine, happened, happen } = newMachine()
  machine.pause()
  const timer = machine.clock.setTimeout(happen('timer'), 10)
  machine.run(() => machine.clock.clearTimeout(timer))
  world.advance(20)
  machine.resume()
  expect(happened).not.toContain('timer')
})

test('a machine that pauses again while it catches up keeps the rest for later', () => {
  const { machine, happened, happen } = newMachine()
  machine.pause()
  machine.run(() => machine.pause())
  machine.run(happen('second'))
  machine.run(happen('third'))
  machine.resume()
  expect(happened).not.toContain('second')
  machine.resume()
  expect(happened.filter((name) => name !== 'looked at')).toEqual(['second', 'third'])
})

test('nothing happens on a machine that crashed, not even what it held back', () => {
  const { world, machine, happened, happen } = newMachine()
  machine.clock.setTimeout(happen('timer'), 10)
  machine.pause()
  machine.run(happen('message'))
  machine.crashed = true
  machine.resume()
  machine.run(happen('message'))
  world.advance(20)
  expect(machine.isUp).toBe(false)
  expect(happened).toEqual([])
})

test('a clock that runs twice as fast fires its timers in half the time', () => {
  const { world, machine, happened, happen } = newMachine()
  machine.setClockRate(2)
  machine.clock.setTimeout(happen('timer'), 100)
  world.advance(49)
  expect(happened).toEqual([])
  world.advance(1)
  expect(happened).toContain('timer')
  expect(machine.clock.now()).toBe(100)
})

test('a power failure ends the machine at that instruction; other errors are no such thing', () => {
  const { machine, happened, happen } = newMachine()
  machine.run(() => {
    happened.push('before')
    throw new PowerFailure()
  })
  machine.run(happen('after'))
  expect(happened).toEqual(['before', 'power failure'])

  const other = newMachine().machine
  const bug = () => {
    throw new TypeError('a bug')
  }
  expect(() => other.run(bug)).toThrow('a bug')
  expect(other.crashed).toBe(false)
})
