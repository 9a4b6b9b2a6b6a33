/** What happens to a server, or to the machine that it runs on. */
import type { CrashMoment } from '../crash-moments.ts'
import { nameOf, type World } from '../world.ts'
import type { FaultKind } from './fault.ts'

interface AtServer {
  readonly server: number
}

type Crash = AtServer & {
  /** At once if it is left out. */
  readonly moment?: CrashMoment
  /** How long after the crash it comes back; without this it does not. */
  readonly forMs?: number
}

export const crash: FaultKind<Crash, 'crash' | 'restart'> = {
  drawn: 'temper',
  appliesTo: (part) => part.storage !== undefined,
  draw: (dice) => ({ server: dice.server(), moment: drawMoment(dice.random) }),
  canBegin: (world, { server }) => !world.machine(server).crashed,
  begin(world, { server, moment = { on: 'time' }, forMs }) {
    world.crashes.arm(server, world.view(server), moment, () => {
      if (forMs === undefined) return
      world.lost.delete(server)
      world.clock.setTimeout(() => {
        if (world.machine(server).crashed) bringBack(world, server)
      }, forMs)
    })
  },
  endsByItself: true,
  end: (world, { server }) => bringBack(world, server),
  canEnd: (world, { server }) => world.machine(server).crashed,
  sentence: ({ server, moment }, who) => `${who(server)} crashes${when(moment)}`,
  buttons: {
    begin: { word: 'crash', text: 'Crash' },
    end: { word: 'restart', text: 'Restart' },
    at: (server) => ({ server }),
  },
}

function bringBack(world: World, server: number): void {
  world.reboot(server)
  world.run(server)
}

function drawMoment(random: () => number): CrashMoment {
  const chance = random()
  if (chance < 0.2) return { on: 'time' }
  if (chance < 0.4) return { on: 'vote' }
  if (chance < 0.6) return { on: 'append' }
  return { on: 'write', count: 1 + Math.floor(random() * 6) }
}

function when(moment: CrashMoment = { on: 'time' }): string {
  switch (moment.on) {
    case 'time':
      return ''
    case 'vote':
      return ' after its next vote'
    case 'append':
      return ' after the next change to its log'
    case 'snapshot':
      return ' as soon as its next snapshot is durable'
    case 'write':
      return ` at write ${moment.count} to its storage`
  }
}

export const pause: FaultKind<AtServer, 'pause' | 'resume'> = {
  drawn: 'temper',
  draw: (dice) => ({ server: dice.server() }),
  canBegin: (world, { server }) => world.machine(server).isUp,
  begin(world, { server }) {
    world.machine(server).pause()
    world.fault({ kind: 'pause', peer: server }, `server ${server} stands still`)
  },
  endsWithCrash: true,
  end(world, { server }) {
    world.fault({ kind: 'resume', peer: server }, `server ${server} goes on`)
    world.machine(server).resume()
  },
  canEnd: (world, { server }) => world.machine(server).isPaused,
  sentence: ({ server }, who) => `${who(server)} stands still`,
  buttons: {
    begin: { word: 'pause', text: 'Pause server' },
    end: { word: 'resume', text: 'Resume server' },
    at: (server) => ({ server }),
  },
}

export const disconnect: FaultKind<AtServer, 'disconnect' | 'reconnect'> = {
  drawn: 'temper',
  mayStay: true,
  draw: (dice) => ({ server: dice.server() }),
  canBegin: (world, { server }) => world.network.isConnected(server),
  begin(world, { server }) {
    world.network.disconnect(server)
    world.fault(
      { kind: 'disconnect', peer: server },
      `${nameOf(server)} is disconnected`,
    )
  },
  end(world, { server }) {
    world.network.reconnect(server)
    const text = `${nameOf(server)} is connected again`
    world.fault({ kind: 'reconnect', peer: server }, text)
  },
  canEnd: (world, { server }) => !world.network.isConnected(server),
  sentence: ({ server }, who) => `${who(server)} is disconnected`,
  buttons: {
    begin: { word: 'disconnect', text: 'Disconnect' },
    end: { word: 'reconnect', text: 'Reconnect' },
    at: (server) => ({ server }),
  },
}

/** Clocks within what the paper's timing requirement leaves room for. */
const SLOWEST = 0.6
export const FASTEST = 1.9

/** The clock of a server runs at another rate than the world's: 2 is twice as fast. */
export const clock: FaultKind<AtServer & { readonly rate: number }> = {
  drawn: 'temper',
  mayStay: true,
  draw(dice) {
    const server = dice.server()
    const isSlow = dice.random() < 0.5
    return { server, rate: dice.between(isSlow ? SLOWEST : 1, isSlow ? 1 : FASTEST) }
  },
  canBegin: (world, { server }) => !world.machine(server).crashed,
  begin: setRate,
  endsWithCrash: true,
  end: (world, { server }) => setRate(world, { server, rate: 1 }),
  sentence: ({ server, rate }, who) => `the clock of ${who(server)} runs at ${rate}`,
}

function setRate(world: World, fault: AtServer & { readonly rate: number }): void {
  const { server, rate } = fault
  world.machine(server).setClockRate(rate)
  const text = `the clock of ${server} runs at ${rate}`
  world.fault({ kind: 'clock', peer: server, rate }, text)
}
