/**
 * Harness: a cluster under test, and what can be done to it. In virtual time over the
 * simulated network by default, or in real time over gRPC, with the same verbs.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  endWithTest,
  moreReelections,
  type NetworkKind,
  scenarioFor,
  settings,
  TestRun,
} from 'tools/harness'
import {
  betweenWrites,
  Cluster,
  type DiskSpeed,
  type MachineSpeed,
  type Random,
  RELIABLE,
  type Rpc,
  type Surroundings,
  UNRELIABLE,
  UNRELIABLE_RPC,
} from 'tools/lab'
import {
  type AppliedEntry,
  type Command,
  ConsensusModule,
  type Report,
  type Timing,
} from '../src/raft.ts'
import { Server } from '../src/server.ts'
import { FileStorage, MemoryStorage, type Storage } from '../src/storage.ts'

export interface HarnessOptions {
  readonly seed?: number
  readonly network?: NetworkKind
  readonly timing?: Partial<Timing>
  /** Called before and after every write to a storage; may throw a PowerFailure. */
  readonly onWrite?: (id: number) => void
  /** Opens a server's storage, instead of a disk or a file of the harness's own. */
  readonly openStorage?: (id: number) => Storage
  /** Bends the chance by which a server draws its election timeouts. */
  readonly luck?: (random: Random) => Random
}

/** How long to look for a leader: 16 × 100 ms, five elections or more. */
const LEADER_ATTEMPTS = 16
const LEADER_ATTEMPT_MS = 100

export class Harness {
  readonly run: TestRun
  private readonly cluster: Cluster<ConsensusModule>
  private readonly options: HarnessOptions
  /** Over gRPC: the server of each id, and the address that it keeps. */
  private readonly servers = new Map<number, Server>()
  private readonly addresses = new Map<number, string>()
  /** The disks: simulated ones, or over gRPC files in a folder of their own. */
  private readonly disks = new Map<number, MemoryStorage>()
  private readonly files = new Map<number, FileStorage>()
  private readonly folder: string | null
  /** By id: what the server handed to its state machine in this life. */
  private readonly applied = new Map<number, AppliedEntry[]>()
  private isShutDown = false

  /** A cluster of `size` servers, all started and connected to each other. */
  static async create(size: number, options: HarnessOptions = {}): Promise<Harness> {
    const h = new Harness(size, options)
    for (const id of h.ids) await h.boot(id)
    for (const id of h.ids) h.connectToPeers(id)
    for (const id of h.ids) h.cluster.start(id)
    endWithTest(h)
    return h
  }

  private constructor(size: number, options: HarnessOptions) {
    const run = new TestRun({ size, ...options })
    const asked = settings.forceMoreReelections ? moreReelections : null
    const luck = options.luck ?? asked
    this.run = run
    this.options = options
    this.folder = run.network === 'grpc' ? mkdtempSync(join(tmpdir(), 'raft-')) : null
    this.cluster = new Cluster({
      size,
      seed: run.seed,
      network: run.network,
      transport: 'stream',
      logger: (clock) => run.start(clock),
      onApply: (id, entry) => this.appliedBy(id).push(entry as AppliedEntry),
      onCrash: (id) => this.disks.get(id)?.crash(this.cluster.random),
      ...(luck && { luck }),
    })
    if (settings.unreliableRpc) this.cluster.network.faults = UNRELIABLE_RPC
  }

  get ids(): readonly number[] {
    return this.cluster.ids
  }

  /** The server itself, for tests that look inside or hand it a message. */
  consensus(id: number): ConsensusModule {
    return this.cluster.server(id)
  }

  report(id: number): Report {
    return this.consensus(id).report()
  }

  /**
   * The one leader of the connected servers. Waits for an election to end.
   *
   * @throws when there is none after a while, or two in one term.
   */
  async checkSingleLeader(): Promise<{ id: number; term: number }> {
    for (let attempt = 0; attempt < LEADER_ATTEMPTS; attempt += 1) {
      await this.sleepMs(LEADER_ATTEMPT_MS)
      const leaders = this.leaders().filter(({ id }) => this.reachesMajority(id))
      const terms = new Set(leaders.map(({ term }) => term))
      if (terms.size < leaders.length) {
        throw new Error(`more than one leader in a term: ${JSON.stringify(leaders)}`)
      }
      // Two leaders of different terms are none: the older will hear and step down.
      const [leader] = leaders
      if (leader && leaders.length === 1) return leader
    }
    const waitedMs = LEADER_ATTEMPTS * LEADER_ATTEMPT_MS
    throw new Error(`no single leader after ${waitedMs} ms: ${this.describe()}`)
  }

  /** @throws when a connected server says that it leads. */
  checkNoLeader(): void {
    const leaders = this.leaders().filter(({ id }) => this.hasLinksToMajority(id))
    if (leaders.length === 0) return
    throw new Error(`there should be no leader: ${JSON.stringify(leaders)}`)
  }

  /**
   * Gives a command to a server, without waiting for anything. What is no string is
   * submitted as JSON.
   *
   * @returns the entry's index, or null when the server is not the leader, or not there.
   */
  submitToServer(id: number, command: unknown): number | null {
    let index: number | null = null
    this.cluster.machine(id).run(() => {
      index = this.consensus(id).submit(toCommand(command))
    })
    return index
  }

  /** The commands that a server applied in this life, in order. */
  commandsOf(id: number): Command[] {
    return this.appliedBy(id).map(({ command }) => command)
  }

  /**
   * Looks for a command among those that the connected servers applied.
   *
   * @returns on how many of them it is, and at which index.
   * @throws when it is nowhere, or two servers applied different commands at an index.
   */
  checkCommitted(command: unknown): { count: number; index: number } {
    this.checkPrefixesAgree()
    const found = this.findApplied(command)
    const [first] = found
    if (first) return { count: found.length, index: first.index }
    throw new Error(`${toCommand(command)} was not committed: ${this.describe()}`)
  }

  /** @throws when the command is not on exactly `n` of the connected servers. */
  checkCommittedN(command: unknown, n: number): void {
    const { count } = this.checkCommitted(command)
    if (count === n) return
    throw new Error(
      `${toCommand(command)} was committed by ${count} servers, not by ${n}`,
    )
  }

  /** @throws when a connected server applied the command. */
  checkNotCommitted(command: unknown): void {
    this.checkPrefixesAgree()
    const [first] = this.findApplied(command)
    if (!first) return
    throw new Error(`${toCommand(command)} was committed at index ${first.index}`)
  }

  /** Loses power: what was not synced is gone, in whole or from some point on. */
  async crashPeer(id: number): Promise<void> {
    if (!this.isAlive(id)) return
    this.cluster.crash(id)
    await this.servers.get(id)?.stop()
    this.files.get(id)?.close()
  }

  /** Begins a new life with what was durable. */
  async restartPeer(id: number): Promise<void> {
    this.cluster.noteRestart(id)
    this.applied.delete(id)
    await this.boot(id)
    this.connectToPeers(id)
    this.cluster.start(id)
  }

  /** Whether the server runs: false after a crash, of the test's making or by `onWrite`. */
  isAlive(id: number): boolean {
    return !this.cluster.machine(id).crashed
  }

  disconnectPeer(id: number): void {
    this.cluster.disconnect(id)
  }

  reconnectPeer(id: number): void {
    this.cluster.reconnect(id)
  }

  /** Loses what server `id` asks of others, after the next `n` requests. */
  peerDropCallsAfterN(id: number, n: number): void {
    this.cluster.dropCallsAfter(id, n)
  }

  peerDontDropCalls(id: number): void {
    this.cluster.keepCalls(id)
  }

  /** Groups of servers that cannot reach each other. */
  partition(groups: readonly (readonly number[])[]): void {
    this.cluster.partition(groups)
  }

  /** Undoes partitions and cut links. */
  heal(): void {
    this.cluster.heal()
  }

  /** Cuts one direction of one link. */
  cutLink(from: number, to: number): void {
    this.cluster.cut(from, to)
  }

  mendLink(from: number, to: number): void {
    this.cluster.mend(from, to)
  }

  /** An unreliable network loses, repeats, reorders and long delays messages. */
  setReliable(reliable: boolean): void {
    this.cluster.setFaults(reliable ? RELIABLE : UNRELIABLE)
  }

  /** The server stands still, as in a long garbage collection, and then goes on. */
  pausePeer(id: number): void {
    this.cluster.pause(id)
  }

  resumePeer(id: number): void {
    this.cluster.resume(id)
  }

  /** Only so many bytes a second get through, in one direction of a link. */
  slowLink(from: number, to: number, bytesPerSecond: number): void {
    this.cluster.slowLink(from, to, bytesPerSecond)
  }

  fastLink(from: number, to: number): void {
    this.cluster.fastLink(from, to)
  }

  /** The server is busy while it reads and writes messages, takes and applies entries. */
  slowMachine(id: number, speed: MachineSpeed): void {
    this.cluster.slowMachine(id, speed)
  }

  fastMachine(id: number): void {
    this.cluster.fastMachine(id)
  }

  /** The server waits for its disk with every write and every sync. */
  slowDisk(id: number, speed: DiskSpeed): void {
    this.cluster.slowDisk(id, speed)
  }

  fastDisk(id: number): void {
    this.cluster.fastDisk(id)
  }

  /** Requests sent so far by all servers. */
  rpcCount(): number {
    return this.cluster.network.requests
  }

  /** Bytes sent so far in requests and replies, counted as JSON. */
  rpcBytes(): number {
    return this.cluster.network.bytes
  }

  /** Lets time pass: virtual or real, as the network is. @throws InvariantViolation */
  async sleepMs(ms: number): Promise<void> {
    await this.cluster.sleep(ms)
  }

  /** Stops all servers. @throws InvariantViolation when one broke a rule unnoticed. */
  async shutdown(): Promise<void> {
    if (this.isShutDown) return
    this.isShutDown = true
    for (const id of this.ids) this.consensus(id).stop()
    for (const server of this.servers.values()) await server.stop()
    for (const id of this.files.keys()) if (this.isAlive(id)) this.files.get(id)?.close()
    if (this.folder) rmSync(this.folder, { recursive: true })
    this.cluster.audit()
  }

  private async boot(id: number): Promise<void> {
    this.cluster.boot(id, (surroundings) => this.build(surroundings))
    const server = this.servers.get(id)
    if (server) this.addresses.set(id, await server.listen(this.addresses.get(id)))
  }

  private build(surroundings: Surroundings): ConsensusModule {
    const { timing } = this.options
    const storage = this.openStorage(surroundings.id)
    const options = { ...surroundings, storage, ...(timing && { timing }) }
    if (this.run.network === 'simulated') return new ConsensusModule(options)
    const server = new Server({
      ...options,
      carry: (message, arrive) => {
        // What arrives was carried when it left.
        if (message.from === surroundings.id) this.cluster.carry(message as Rpc, arrive)
        else arrive()
      },
    })
    this.servers.set(options.id, server)
    return server.consensus
  }

  private openStorage(id: number): Storage {
    if (this.options.openStorage) return this.options.openStorage(id)
    if (this.folder) {
      const file = new FileStorage(join(this.folder, `server-${id}.log`))
      this.files.set(id, file)
      return file
    }
    const disk = this.disks.get(id) ?? new MemoryStorage()
    this.disks.set(id, disk)
    const storage = betweenWrites(disk, () => this.options.onWrite?.(id))
    return this.cluster.onDiskOf(id, storage)
  }

  private connectToPeers(id: number): void {
    for (const [peerId, address] of this.addresses) {
      if (peerId !== id) this.servers.get(id)?.connect(peerId, address)
    }
  }

  private appliedBy(id: number): AppliedEntry[] {
    const applied = this.applied.get(id) ?? []
    this.applied.set(id, applied)
    return applied
  }

  private findApplied(command: unknown): AppliedEntry[] {
    const wanted = toCommand(command)
    return this.ids
      .filter((id) => this.isConnected(id))
      .flatMap(
        (id) => this.appliedBy(id).find((entry) => entry.command === wanted) ?? [],
      )
  }

  private checkPrefixesAgree(): void {
    const known: Command[] = []
    for (const id of this.ids.filter((id) => this.isConnected(id))) {
      for (const { index, command } of this.appliedBy(id)) {
        const other = known[index - 1]
        if (other !== undefined && other !== command) {
          throw new Error(`at ${index}, ${command} was applied as well as ${other}`)
        }
        known[index - 1] = command
      }
    }
  }

  private leaders(): { id: number; term: number }[] {
    return this.ids
      .filter((id) => this.isConnected(id) && this.report(id).isLeader)
      .map((id) => ({ id, term: this.report(id).term }))
  }

  private isConnected(id: number): boolean {
    return this.cluster.machine(id).isUp && this.cluster.network.isConnected(id)
  }

  private reachesMajority(id: number): boolean {
    const { network } = this.cluster
    const inReach = this.ids.filter(
      (to) => to === id || (network.canReach(id, to) && network.canReach(to, id)),
    )
    return inReach.length > this.ids.length / 2
  }

  /** A leader whom a partition cut off from the majority leads nobody. */
  private hasLinksToMajority(id: number): boolean {
    const { network } = this.cluster
    const linked = this.ids.filter(
      (to) => to === id || (network.hasLink(id, to) && network.hasLink(to, id)),
    )
    return linked.length > this.ids.length / 2
  }

  private describe(): string {
    return this.ids
      .map((id) => this.report(id))
      .map(({ id, role, term, commitIndex }) => {
        return `server ${id} is ${role} in term ${term} and committed up to ${commitIndex}`
      })
      .join(', ')
  }
}

/** A test that holds whatever the seed: it runs over as many seeds as are asked for. */
export const scenario = scenarioFor<Harness, HarnessOptions>(Harness.create)

function toCommand(command: unknown): Command {
  return typeof command === 'string' ? command : JSON.stringify(command)
}
