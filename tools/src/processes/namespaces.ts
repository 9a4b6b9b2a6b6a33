/**
 * Namespaces: a machine of its own for each server, as far as its network, its disk and its
 * clock go. Linux alone has that, and only for root.
 *
 * The command runs in namespaces of its own to begin with (see `OwnNamespaces`): a network
 * with nobody in it, mounts that nobody else sees. Each server gets a network namespace in
 * there, and a cable to a bridge. So nothing here reaches the machine's real network, and all
 * of it goes when the command does, whatever ends it.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../cli/exit.ts'
import type { Link } from './network.ts'

/**
 * Servers are at 10.77.0.ID+1, clients at .254. The relay of a server listens at
 * 10.77.ID+1.254, and goes on from 10.77.FROM+1.TO+1.
 */
const NETWORK = '10.77'
const CLIENTS = `${NETWORK}.0.254`
const BITS = 16
/** As devices know the bridge. */
const BRIDGE = '02:00:00:00:00:01'

/** Where `ip netns` keeps names; a mount of its own covers what the machine has there. */
const RUN = '/run'
const SHARED = '/dev/shm'
/** A disk is so large until it is full. It takes memory only as it is written. */
const DISK_SIZE = '2g'
/** What is left to write when a disk is about to be full, in bytes. */
const LAST_BYTES = 16_384

/** What cuts and loses packets where they arrive: they were sent, and nobody is told. */
const FILTER = `
table ip chaos {
  set cut { type ipv4_addr; }
  chain loss { }
  chain input {
    type filter hook input priority 0;
    ip saddr @cut drop
    ip saddr ${CLIENTS} accept
    jump loss
  }
}
`

/** Cuts what comes to the relays. */
const RELAYS_FILTER = `
table ip chaos {
  set cut { type ipv4_addr . ipv4_addr; }
  chain input {
    type filter hook input priority 0;
    ip saddr . ip daddr @cut drop
  }
}
`

const FAKETIME_FOLDERS = '/usr/lib'

export class Namespaces {
  /** Whether the kernel can delay, repeat and reorder packets. */
  readonly hasNetem: boolean
  private readonly ids: number[] = []
  private readonly clockLibrary: string | null
  private readonly full = new Set<number>()

  /** @throws UsageError where something of it is not to be had. */
  constructor(ids: readonly number[]) {
    run('mount', '-t', 'tmpfs', 'tmpfs', RUN)
    // Libfaketime has a semaphore there for each process, by its number. Numbers here begin
    // anew with each command: it would wait for one that was held by whoever was killed.
    run('mount', '-t', 'tmpfs', 'tmpfs', SHARED)
    run('ip', 'link', 'set', 'lo', 'up')
    // Of its own: else it has that of a cable, and another one when a cable comes later.
    // What is sent to the one before is then lost.
    run('ip', 'link', 'add', 'raft', 'address', BRIDGE, 'type', 'bridge')
    run('ip', 'addr', 'add', `${CLIENTS}/${BITS}`, 'dev', 'raft')
    run('ip', 'link', 'set', 'raft', 'up')
    run('nft', RELAYS_FILTER)
    for (const id of ids) this.add(id)
    const [first = 0] = ids
    const netem = ['qdisc', 'add', 'dev', 'eth0', 'root', 'netem', 'delay', '1ms']
    this.hasNetem = runIn(first, 'tc', ...netem).status === 0
    if (this.hasNetem) runIn(first, 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root')
    this.clockLibrary = findClockLibrary()
  }

  /** Makes one more. */
  add(id: number): void {
    const others = this.ids.flatMap((other) => [
      this.relayHost({ from: id, to: other }),
      this.relayHost({ from: other, to: id }),
    ])
    this.ids.push(id)
    const name = nameOf(id)
    const far = `peer name eth0 netns ${name}`
    // In few commands: meanwhile, nothing passes through the relays.
    inOneGo(
      [],
      [
        ...[this.proxyHost(id), ...others].map(
          (host) => `addr add ${host}/${BITS} dev raft`,
        ),
        `netns add ${name}`,
        `link add ${cableOf(id)} type veth ${far}`,
        `link set ${cableOf(id)} master raft up`,
      ],
    )
    inOneGo(
      ['-n', name],
      [
        'link set lo up',
        `addr add ${this.hostOf(id)}/${BITS} dev eth0`,
        'link set eth0 up',
      ],
    )
    orThrow(runIn(id, 'nft', FILTER), 'nft')
    mkdirSync(this.dataOf(id))
    run('mount', '-t', 'tmpfs', '-o', `size=${DISK_SIZE}`, 'tmpfs', this.dataOf(id))
    this.setClock(id, 0)
  }

  get hasClocks(): boolean {
    return this.clockLibrary !== null
  }

  hostOf(id: number): string {
    return `${NETWORK}.0.${id + 1}`
  }

  proxyHost(id: number): string {
    return `${NETWORK}.${id + 1}.254`
  }

  /** Each link has an address of its own, by which packets on it are told from others. */
  relayHost({ from, to }: Link): string {
    return `${NETWORK}.${from + 1}.${to + 1}`
  }

  /** A disk of its own. */
  dataOf(id: number): string {
    return join(RUN, `disk-${id}`)
  }

  /** Lets a command run on a server's machine. It is the process itself that begins so. */
  commandOn(id: number, words: readonly string[]): string[] {
    // Not through the environment of all: `ip` must not have the library, too, since what
    // it leaves of it stands in the way of the one that comes after it in this process.
    const clock = this.clockLibrary
      ? [
          'env',
          `LD_PRELOAD=${this.clockLibrary}`,
          `FAKETIME_TIMESTAMP_FILE=${clockOf(id)}`,
          // In s: so soon it notices that the clock was set.
          'FAKETIME_CACHE_DURATION=1',
          // What counts ms is not what tells the time: nobody can set that one back.
          'FAKETIME_DONT_FAKE_MONOTONIC=1',
        ]
      : []
    return ['ip', 'netns', 'exec', nameOf(id), ...clock, ...words]
  }

  /** Whether what `from` sends is lost before it arrives. */
  setCut({ from, to }: Link, isCut: boolean): void {
    const verb = isCut ? 'add' : 'delete'
    const heardFrom = [this.hostOf(from), this.relayHost({ from, to })]
    const cut = `${verb} element ip chaos cut`
    orThrow(runIn(to, 'nft', `${cut} { ${heardFrom.join(', ')} }`), 'nft')
    // Where `to` has connected, it is the answers that come from there.
    run(
      'nft',
      `${cut} { ${this.hostOf(from)} . ${this.relayHost({ from: to, to: from })} }`,
    )
  }

  setCable(id: number, isIn: boolean): void {
    run('ip', 'link', 'set', cableOf(id), isIn ? 'up' : 'down')
  }

  /** @param percent of the packets that peers send to it. */
  setLoss(id: number, percent: number): void {
    const rule = `add rule ip chaos loss numgen random mod 100 < ${percent} drop`
    runIn(id, 'nft', 'flush chain ip chaos loss')
    if (percent > 0) runIn(id, 'nft', rule)
  }

  /** @param kbits a second that it can send; null for as many as there are. */
  setRate(id: number, kbits: number | null): void {
    const shape = ['tbf', 'rate', `${kbits}kbit`, 'burst', '16kbit', 'latency', '400ms']
    this.shape(id, kbits === null ? null : shape)
  }

  /** What it sends is late, twice, or in another order. @param ms null for none of it. */
  setUnruly(id: number, ms: number | null): void {
    const delay = ['delay', `${ms}ms`, `${ms}ms`]
    const shape = ['netem', ...delay, 'duplicate', '5%', 'reorder', '25%']
    this.shape(id, ms === null ? null : shape)
  }

  setDiskFull(id: number, isFull: boolean): void {
    if (isFull === this.full.has(id)) return
    const disk = this.dataOf(id)
    const used = Number(run('du', '-s', '-B1', disk).split('\t')[0])
    const size = isFull ? `${used + LAST_BYTES}` : DISK_SIZE
    // As small as what is on it: so it is full at once, and takes no memory for that.
    run('mount', '-o', `remount,size=${size}`, disk)
    if (isFull) this.full.add(id)
    else this.full.delete(id)
  }

  /** @param seconds that the clock is ahead, or behind when it is below 0. */
  setClock(id: number, seconds: number): void {
    writeFileSync(clockOf(id), `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s`)
  }

  /** All is as it was to begin with, but for what is cut. */
  heal(ids: readonly number[]): void {
    for (const id of ids) {
      this.setCable(id, true)
      this.setLoss(id, 0)
      this.shape(id, null)
      this.setDiskFull(id, false)
      this.setClock(id, 0)
    }
  }

  /** What is on the disks goes with them: this copies it to where it can be looked at. */
  keepDisks(folderOf: (id: number) => string): void {
    for (const id of this.ids) {
      cpSync(this.dataOf(id), folderOf(id), { recursive: true })
    }
  }

  private shape(id: number, shape: readonly string[] | null): void {
    const root = ['dev', 'eth0', 'root']
    if (shape) orThrow(runIn(id, 'tc', 'qdisc', 'replace', ...root, ...shape), 'tc')
    else runIn(id, 'tc', 'qdisc', 'del', ...root)
  }
}

function nameOf(id: number): string {
  return `server-${id}`
}

/** The end of it at the bridge. */
function cableOf(id: number): string {
  return `cable-${id}`
}

function clockOf(id: number): string {
  return join(RUN, `clock-${id}`)
}

function findClockLibrary(): string | null {
  if (!existsSync(FAKETIME_FOLDERS)) return null
  const found = readdirSync(FAKETIME_FOLDERS)
    .map((name) => join(FAKETIME_FOLDERS, name, 'faketime/libfaketimeMT.so.1'))
    .find((file) => existsSync(file))
  return found ?? null
}

function runIn(id: number, ...words: readonly string[]) {
  return spawnSync('ip', ['netns', 'exec', nameOf(id), ...words], { encoding: 'utf8' })
}

function run(command: string, ...args: readonly string[]): string {
  return orThrow(spawnSync(command, args, { encoding: 'utf8' }), command)
}

/** Commands of `ip`, one after the other. */
function inOneGo(options: readonly string[], commands: readonly string[]): void {
  const words = [...options, '-batch', '-']
  orThrow(spawnSync('ip', words, { encoding: 'utf8', input: commands.join('\n') }), 'ip')
}

function orThrow(ran: ReturnType<typeof runIn>, command: string): string {
  if (ran.status === 0) return ran.stdout
  const why = ran.error?.message ?? ran.stderr.trim()
  throw new UsageError(`the servers’ network cannot be made: ${command}: ${why}`)
}
