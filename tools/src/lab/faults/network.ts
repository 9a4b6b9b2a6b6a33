/** What happens to links, and to the messages on them. */
import { type NetworkFaults, RELIABLE, UNRELIABLE } from '../network.ts'
import { logBetween } from '../random.ts'
import type { World } from '../world.ts'
import { type Dice, someOf } from './dice.ts'
import type { FaultKind } from './fault.ts'

interface Link {
  readonly from: number
  readonly to: number
}

/** One direction of a link. */
export const cut: FaultKind<Link> = {
  drawn: 'temper',
  draw: (dice) => ({ from: dice.server(), to: dice.server() }),
  begin(world, { from, to }) {
    world.network.cut(from, to)
    world.fault({ kind: 'cut', from, to }, `nothing gets from ${from} to ${to}`)
  },
  end(world, { from, to }) {
    world.network.mend(from, to)
    const text = `messages get from ${from} to ${to} again`
    world.fault({ kind: 'mend', from, to }, text)
  },
  sentence: ({ from, to }, who) => `nothing gets from ${who(from)} to ${who(to)}`,
}

interface Partition {
  readonly groups: readonly (readonly number[])[]
}

/** Groups that cannot reach each other. Its end mends cut links as well. */
export const partition: FaultKind<Partition> = {
  drawn: 'temper',
  draw: (dice) => ({ groups: drawGroups(dice) }),
  begin(world, { groups }) {
    world.network.partition(groups)
    const text = groups.map((group) => `{${group.join(', ')}}`).join(' | ')
    world.fault({ kind: 'partition', groups }, `the network falls apart: ${text}`)
  },
  end(world) {
    world.network.heal()
    world.fault({ kind: 'heal' }, 'the network is whole again')
  },
  sentence({ groups }, who) {
    const names = groups.map((group) => group.map(who).join(', '))
    return `the network falls apart: ${names.join(' | ')}`
  },
}

/** The first server, who may be the leader, with a minority more often than not. */
function drawGroups({ random, servers }: Dice): number[][] {
  const others = Array.from({ length: servers - 1 }, (_, i) => i + 1)
  const small = Math.floor((servers - 1) / 2)
  const most = random() < 0.7 ? small : servers - 1
  const company = someOf(random, others, Math.floor(random() * most))
  const rest = others.filter((id) => !company.includes(id))
  if (random() < 0.8) return [[0, ...company], rest]
  const third = someOf(random, rest, Math.ceil(rest.length / 2))
  return [[0, ...company], rest.filter((id) => !third.includes(id)), third]
}

interface Chance {
  readonly chance: number
}

/** A share of all messages, from none to half. */
function drawChance(dice: Dice): Chance {
  return { chance: dice.between(0.02, 0.5) }
}

function percent(chance: number): string {
  return `${Math.round(chance * 100)} %`
}

/** A fault that makes the network worse in one respect, beside others that do. */
function disturbance<F extends Chance>(
  draw: (dice: Dice) => F,
  worse: (fault: F) => Partial<NetworkFaults>,
  sentence: (fault: F) => string,
): FaultKind<F> {
  return {
    drawn: 'temper',
    draw,
    begin(world, fault) {
      world.disturbances.set(fault, worse(fault))
      disturb(world)
    },
    end(world, fault) {
      world.disturbances.delete(fault)
      disturb(world)
    },
    sentence,
  }
}

function disturb(world: World): void {
  let faults = RELIABLE
  for (const worse of world.disturbances.values()) faults = { ...faults, ...worse }
  world.setFaults(faults)
}

export const loss = disturbance(
  drawChance,
  ({ chance }) => ({ loss: chance }),
  ({ chance }) => `messages are lost, ${percent(chance)} of them`,
)

export const duplication = disturbance(
  drawChance,
  ({ chance }) => ({ duplication: chance }),
  ({ chance }) => `messages come twice, ${percent(chance)} of them`,
)

/** The latency of a message that is not delayed, in ms: what the lab's network has. */
const MIN_DELAY_MS = 1

export const delay = disturbance(
  (dice) => ({
    ...drawChance(dice),
    maxMs: Math.round(logBetween(dice.random, 10, 2000)),
  }),
  ({ chance, maxMs }) => ({ longDelay: chance, longDelayMs: [MIN_DELAY_MS, maxMs] }),
  ({ chance, maxMs }) => `messages take up to ${maxMs} ms, ${percent(chance)} of them`,
)

/** Loss, duplication and delay together, as tests want it. */
export const unreliable: FaultKind<object> = {
  drawn: 'never',
  draw: () => ({}),
  begin: (world) => world.setFaults(UNRELIABLE),
  end: (world) => world.setFaults(RELIABLE),
  sentence: () => 'the network is unreliable',
}

interface DroppedCalls {
  readonly server: number
  /** So many requests still get through. */
  readonly after: number
}

/** A server's requests are lost; its answers are not. */
export const dropCalls: FaultKind<DroppedCalls> = {
  drawn: 'never',
  draw: (dice) => ({ server: dice.server(), after: 0 }),
  begin(world, { server, after }) {
    world.network.dropCallsAfter(server, after)
    const text = `the requests of ${server} are lost after ${after} more`
    world.fault({ kind: 'drop-calls', peer: server, after }, text)
  },
  end(world, { server }) {
    world.network.keepCalls(server)
    const text = `the requests of ${server} are kept again`
    world.fault({ kind: 'keep-calls', peer: server }, text)
  },
  sentence: ({ server, after }, who) =>
    `the requests of ${who(server)} are lost after ${after} more`,
}
