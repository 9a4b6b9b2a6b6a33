/** What makes bytes and work take time. See costs.ts. */
import type { DiskSpeed, MachineSpeed } from '../costs.ts'
import { logBetween } from '../random.ts'
import type { World } from '../world.ts'
import type { Dice } from './dice.ts'
import type { FaultKind } from './fault.ts'

/** However slow, heartbeats and votes get through in time: the paper asks for that (5.6). */
const LEAST_BYTES_PER_SECOND = { link: 20_000, machine: 100_000, disk: 20_000 } as const

/** How long one link takes for all commands together, in ms. */
const LAG_MS = [2_000, 20_000] as const
/**
 * How long the machine of one server works for all of them, be they in one message: less
 * than an election timeout, or a leader is deposed again and again, and rightly (5.6).
 */
const MACHINE_MS = [10, 80] as const
/** How many entries it handles in a second: hundreds in that time, too. */
const ENTRIES_PER_SECOND = [10_000, 100_000] as const
/** How long the disk of one server works for all of them. */
const DISK_MS = [10, 400] as const
/** How long a sync takes. A vote waits for three; the fastest clock gives it 80 ms. */
const SYNC_MS = [1, 20] as const

/** How often it is the first server, which may be the leader. */
const FIRST_SHARE = 0.7

interface SlowLink {
  readonly from: number
  readonly to: number
  readonly bytesPerSecond: number
}

/** One direction of a link lets through only so much. */
export const slowLink: FaultKind<SlowLink> = {
  drawn: 'slowness',
  mayStay: true,
  draw(dice) {
    const from = dice.server(FIRST_SHARE)
    const to = dice.other(from)
    const bytesPerSecond = drawRate(dice, LAG_MS, LEAST_BYTES_PER_SECOND.link)
    return { from, to, bytesPerSecond }
  },
  begin(world, { from, to, bytesPerSecond }) {
    mustBeSlow(world, { bytesPerSecond })
    world.network.slow(from, to, bytesPerSecond)
    const text = `${bytesPerSecond} bytes a second get from ${from} to ${to}`
    world.fault({ kind: 'slow-link', from, to, bytesPerSecond }, text)
  },
  end(world, { from, to }) {
    world.network.fast(from, to)
    const text = `the link from ${from} to ${to} is as fast as before`
    world.fault({ kind: 'fast-link', from, to }, text)
  },
  sentence: ({ from, to, bytesPerSecond }, who) =>
    `${number(bytesPerSecond)} bytes a second get from ${who(from)} to ${who(to)}`,
}

interface SlowMachine {
  readonly server: number
  readonly speed: MachineSpeed
}

/** A server's work keeps its machine busy, also in its later lives. */
export const slowMachine: FaultKind<SlowMachine> = {
  drawn: 'slowness',
  mayStay: true,
  draw(dice) {
    const bytesPerSecond = drawRate(dice, MACHINE_MS, LEAST_BYTES_PER_SECOND.machine)
    const entriesPerSecond = Math.round(logBetween(dice.random, ...ENTRIES_PER_SECOND))
    const server = dice.server(FIRST_SHARE)
    return { server, speed: { bytesPerSecond, entriesPerSecond } }
  },
  begin(world, { server, speed }) {
    mustBeSlow(world, speed)
    world.costsOf(server).machine = speed
    const text = `the machine of ${server} is slow: ${listed(speed)}`
    world.fault({ kind: 'slow-machine', peer: server, ...speed }, text)
  },
  end(world, { server }) {
    world.costsOf(server).machine = null
    const text = `the machine of ${server} is as fast as before`
    world.fault({ kind: 'fast-machine', peer: server }, text)
  },
  sentence: ({ server, speed }, who) =>
    `${who(server)} handles ${number(speed.bytesPerSecond)} bytes ` +
    `and ${number(speed.entriesPerSecond)} entries a second`,
}

interface SlowDisk {
  readonly server: number
  readonly speed: DiskSpeed
}

/** What a server writes keeps it waiting, also in its later lives. */
export const slowDisk: FaultKind<SlowDisk> = {
  drawn: 'slowness',
  mayStay: true,
  appliesTo: (part) => part.storage !== undefined,
  draw(dice) {
    const bytesPerSecond = drawRate(dice, DISK_MS, LEAST_BYTES_PER_SECOND.disk)
    const syncMs = Math.round(logBetween(dice.random, ...SYNC_MS))
    return { server: dice.server(FIRST_SHARE), speed: { bytesPerSecond, syncMs } }
  },
  begin(world, { server, speed }) {
    mustBeSlow(world, speed)
    world.costsOf(server).disk = speed
    const text = `the disk of ${server} is slow: ${listed(speed)}`
    world.fault({ kind: 'slow-disk', peer: server, ...speed }, text)
  },
  end(world, { server }) {
    world.costsOf(server).disk = null
    const text = `the disk of ${server} is as fast as before`
    world.fault({ kind: 'fast-disk', peer: server }, text)
  },
  sentence: ({ server, speed }, who) =>
    `the disk of ${who(server)} writes ${number(speed.bytesPerSecond)} bytes ` +
    `a second and takes ${number(speed.syncMs)} ms for a sync`,
}

type Range = readonly [min: number, max: number]

/** In bytes a second, so that all commands together take between so many ms. */
function drawRate({ random, loadBytes }: Dice, takesMs: Range, least: number): number {
  const rate = (loadBytes * 1000) / logBetween(random, ...takesMs)
  return Math.round(Math.max(rate, least))
}

type Speed = MachineSpeed & DiskSpeed

function mustBeSlow(world: World, speed: Speed): void {
  world.mustBeSimulated()
  for (const [what, value] of Object.entries(speed)) {
    if (value > 0 && value < Number.POSITIVE_INFINITY) continue
    throw new RangeError(`${what} is ${value}; it can be any number above 0`)
  }
}

function listed({ bytesPerSecond, entriesPerSecond, syncMs }: Speed): string {
  const parts = [
    bytesPerSecond === undefined ? '' : `${bytesPerSecond} bytes a second`,
    entriesPerSecond === undefined ? '' : `${entriesPerSecond} entries a second`,
    syncMs === undefined ? '' : `${syncMs} ms for a sync`,
  ]
  return parts.filter(Boolean).join(', ')
}

function number(value = 0): string {
  return value.toLocaleString('en')
}
