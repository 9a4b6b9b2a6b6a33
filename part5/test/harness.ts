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
  begin,
  cause,
  type DiskSpeed,
  end,
  type Fault,
  type HistoryRow,
  type MachineSpeed,
  mustBeLinearizable,
  type Random,
  type Rpc,
  type Surroundings,
  UNRELIABLE_RPC,
  World,
} from 'tools/lab'
import { freeAddress } from 'tools/processes/ports'
import type { ClientOptions, KeyValueClient } from '../src/client.ts'
import {
  type AppliedEntry,
  type Command,
  ConsensusModule,
  type ConsensusModuleOptions,
  type Report,
  type Timing,
} from '../src/raft.ts'
import { Server } from '../src/server.ts'
import { FileStorage, type Storage } from '../src/storage.ts'
import { RecordedClient } from './client.ts'
import { KeyValueNode, part, type Settings } from './lab.ts'
import { CarriedTransport, HttpFront } from './sockets.ts'

export interface HarnessOptions {
  readonly seed?: number
  readonly network?: NetworkKind
  readonly timing?: Partial<Timing>
  /** Called before and after every write to a storage; may throw a PowerFailure. */
  readonly onWrite?: (id: number) => void
  /** Opens a server's storage, instead of a disk or a file of the harness's own. */
  readonly openStorage?: (id: number) => Storage
  /** What all servers have alike. */
  readonly settings?: Settings
  /** Rules that are not checked, by their names. */
  readonly except?: readonly string[]
  /** Bends the chance by which a server draws its election timeouts. */
  readonly luck?: (random: Random) => Random
}

/** How long to look for a leader: 16 × 100 ms, five elections or more. */
const LEADER_ATTEMPTS = 16
const LEADER_ATTEMPT_MS = 100

export class Harness {
  readonly run: TestRun
  private readonly world: World<KeyValueNode>
  /** Over gRPC: the server of each id, and the address that it keeps. */
  private readonly servers = new Map<number, Server>()
  private readonly addresses = new Map<number, string>()
  /** The same for HTTP, where clients ask. */
  private readonly fronts = new Map<number, HttpFront>()
  private readonly httpAddresses = new Map<number, string>()
  private readonly transports: CarriedTransport[] = []
  /** Over gRPC: files in a folder of their own. */
  private readonly files = new Map<number, FileStorage>()
  private readonly folder: string | null
  private isShutDown = false

  /** A cluster of `size` servers, all started and connected to each other. */
  static async create(size: number, options: HarnessOptions = {}): Promise<Harness> {
    const h = new Harness(size, options)
    for (const id of h.ids) {
      h.world.boot(id)
      await h.listen(id)
    }
    for (const id of h.ids) h.connectToPeers(id)
    for (const id of h.ids) h.world.run(id)
    endWithTest(h)
    return h
  }

  private constructor(size: number, options: HarnessOptions) {
    const run = new TestRun({ size, ...options })
    const asked = settings.forceMoreReelections ? moreReelections : undefined
    const isReal = run.network === 'grpc'
    const openFile = isReal ? (id: number) => this.openFile(id) : undefined
    this.run = run
    this.folder = isReal ? mkdtempSync(join(tmpdir(), 'raft-')) : null
    this.world = new World({
      part,
      size,
      seed: run.seed,
      network: run.network,
      logger: (clock) => run.start(clock),
      timing: options.timing,
      luck: options.luck ?? asked,
      openStorage: options.openStorage ?? openFile,
      onWrite: options.onWrite,
      build: (surroundings) => this.build(surroundings, options.settings),
      except: options.except,
    })
    if (settings.unreliableRpc) this.world.network.faults = UNRELIABLE_RPC
  }

  get ids(): readonly number[] {
    return this.world.ids
  }

  /** The server itself, for tests that look inside or hand it a message. */
  consensus(id: number): ConsensusModule {
    return this.world.server(id).consensus
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
    return this.world.submit(id, toCommand(command))
  }

  /** The commands that a server applied in this life, in order. */
  commandsOf(id: number): Command[] {
    return this.appliedBy(id).flatMap(({ command }) => command ?? [])
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

  /** Stops, in good order. */
  stopPeer(id: number): void {
    this.world.machine(id).run(() => this.world.server(id).stop())
  }

  /** Loses power: what was not synced is gone, in whole or from some point on. */
  async crashPeer(id: number): Promise<void> {
    if (!this.isAlive(id)) return
    begin(this.world, { kind: 'crash', server: id })
    await this.fronts.get(id)?.close()
    await this.servers.get(id)?.stop()
    this.files.get(id)?.close()
  }

  /** Begins a new life with what was durable. */
  async restartPeer(id: number): Promise<void> {
    this.world.reboot(id)
    await this.listen(id)
    this.connectToPeers(id)
    this.world.run(id)
  }

  /** Whether the server runs: false after a crash, of the test's making or by `onWrite`. */
  isAlive(id: number): boolean {
    return !this.world.machine(id).crashed
  }

  disconnectPeer(id: number): void {
    begin(this.world, { kind: 'disconnect', server: id })
  }

  reconnectPeer(id: number): void {
    end(this.world, { kind: 'disconnect', server: id })
  }

  /** Loses what server `id` asks of others, after the next `n` requests. */
  peerDropCallsAfterN(id: number, n: number): void {
    begin(this.world, { kind: 'drop-calls', server: id, after: n })
  }

  peerDontDropCalls(id: number): void {
    end(this.world, { kind: 'drop-calls', server: id })
  }

  /** Groups of servers that cannot reach each other. */
  partition(groups: readonly (readonly number[])[]): void {
    begin(this.world, { kind: 'partition', groups })
  }

  /** Undoes partitions and cut links. */
  heal(): void {
    end(this.world, { kind: 'partition' })
  }

  /** Cuts one direction of one link. */
  cutLink(from: number, to: number): void {
    begin(this.world, { kind: 'cut', from, to })
  }

  mendLink(from: number, to: number): void {
    end(this.world, { kind: 'cut', from, to })
  }

  /** An unreliable network loses, repeats, reorders and long delays messages. */
  setReliable(reliable: boolean): void {
    if (reliable) end(this.world, { kind: 'unreliable' })
    else begin(this.world, { kind: 'unreliable' })
  }

  /** The server stands still, as in a long garbage collection, and then goes on. */
  pausePeer(id: number): void {
    begin(this.world, { kind: 'pause', server: id })
  }

  resumePeer(id: number): void {
    end(this.world, { kind: 'pause', server: id })
  }

  /** Only so many bytes a second get through, in one direction of a link. */
  slowLink(from: number, to: number, bytesPerSecond: number): void {
    begin(this.world, { kind: 'slow-link', from, to, bytesPerSecond })
  }

  fastLink(from: number, to: number): void {
    end(this.world, { kind: 'slow-link', from, to })
  }

  /** The server is busy while it reads and writes messages, takes and applies entries. */
  slowMachine(id: number, speed: MachineSpeed): void {
    begin(this.world, { kind: 'slow-machine', server: id, speed })
  }

  fastMachine(id: number): void {
    end(this.world, { kind: 'slow-machine', server: id })
  }

  /** The server waits for its disk with every write and every sync. */
  slowDisk(id: number, speed: DiskSpeed): void {
    begin(this.world, { kind: 'slow-disk', server: id, speed })
  }

  fastDisk(id: number): void {
    end(this.world, { kind: 'slow-disk', server: id })
  }

  /** Any fault that the laboratory knows, by its kind. @returns what ends it. */
  cause(fault: Fault): () => void {
    return cause(this.world, fault) ?? (() => {})
  }

  /** A client of the cluster. It knows all servers, and what it does is in the history. */
  client(options: Partial<ClientOptions> = {}): RecordedClient {
    const place = this.world.join()
    if (this.run.network === 'simulated') return new RecordedClient(place, options)
    const addresses = [...this.httpAddresses.values()]
    const transport = new CarriedTransport(place, (server) => addresses.indexOf(server))
    this.transports.push(transport)
    const { servers = this.ids.map(String) } = options
    return new RecordedClient(place, {
      ...options,
      transport,
      servers: servers.map((id) => addresses[Number(id)] as string),
    })
  }

  /** No message gets from this client to a server, or back. */
  cutClient(client: KeyValueClient): void {
    begin(this.world, { kind: 'disconnect', server: (client as RecordedClient).id })
  }

  mendClient(client: KeyValueClient): void {
    end(this.world, { kind: 'disconnect', server: (client as RecordedClient).id })
  }

  /** What all clients did, in the order in which it happened. */
  history(): readonly HistoryRow[] {
    return this.world.history.clients.rows
  }

  /** @throws InvariantViolation when no order of the operations explains the answers. */
  checkLinearizable(): void {
    mustBeLinearizable(this.history())
  }

  /** In ms: by the clock of the world, virtual or real. */
  nowMs(): number {
    return this.world.clock.now()
  }

  /** By chance, from the seed: a number in [0, 1). */
  chance(): number {
    return this.world.random()
  }

  /** Requests sent so far by all servers. */
  rpcCount(): number {
    return this.world.network.requests
  }

  /** Bytes sent so far in requests and replies, counted as JSON. */
  rpcBytes(): number {
    return this.world.network.bytes
  }

  /** Lets time pass: virtual or real, as the network is. @throws InvariantViolation */
  async sleepMs(ms: number): Promise<void> {
    await this.world.sleep(ms)
  }

  /** Stops all servers. @throws InvariantViolation when one broke a rule unnoticed. */
  async shutdown(): Promise<void> {
    if (this.isShutDown) return
    this.isShutDown = true
    this.world.end()
    for (const id of this.ids) this.consensus(id).stop()
    for (const transport of this.transports) await transport.close()
    for (const front of this.fronts.values()) await front.close()
    for (const server of this.servers.values()) await server.stop()
    for (const id of this.files.keys()) if (this.isAlive(id)) this.files.get(id)?.close()
    if (this.folder) rmSync(this.folder, { recursive: true })
    this.world.audit()
    this.checkLinearizable()
  }

  private build(surroundings: Surroundings, settings?: Settings): KeyValueNode {
    const isReal = this.run.network === 'grpc'
    const newConsensus = (options: ConsensusModuleOptions) =>
      isReal ? this.onSockets(options) : new ConsensusModule(options)
    return new KeyValueNode(surroundings, newConsensus, settings)
  }

  /** Over gRPC: the server on real sockets, and the same address over all its lives. */
  private onSockets(surroundings: ConsensusModuleOptions): ConsensusModule {
    const server = new Server({
      ...surroundings,
      carry: (message, arrive) => {
        // What arrives was carried when it left.
        if (message.from === surroundings.id) this.world.carry(message as Rpc, arrive)
        else arrive()
      },
    })
    this.servers.set(surroundings.id, server)
    return server.consensus
  }

  private async listen(id: number): Promise<void> {
    const server = this.servers.get(id)
    if (!server) return
    const address = this.addresses.get(id) ?? (await freeAddress())
    this.addresses.set(id, await server.listen(address))
    const front = new HttpFront(this.world.server(id), this.httpAddresses)
    this.fronts.set(id, front)
    const httpAddress = this.httpAddresses.get(id) ?? (await freeAddress())
    this.httpAddresses.set(id, await front.listen(httpAddress))
  }

  private openFile(id: number): Storage {
    const file = new FileStorage(join(this.folder as string, `server-${id}.log`))
    this.files.set(id, file)
    return file
  }

  private connectToPeers(id: number): void {
    for (const [peerId, address] of this.addresses) {
      if (peerId !== id) this.servers.get(id)?.connect(peerId, address)
    }
  }

  private appliedBy(id: number): readonly AppliedEntry[] {
    return this.world.history.appliedBy(id) as readonly AppliedEntry[]
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
    const known: (Command | null)[] = []
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
    return this.world.machine(id).isUp && this.world.network.isConnected(id)
  }

  private reachesMajority(id: number): boolean {
    const { network } = this.world
    const inReach = this.ids.filter(
      (to) => to === id || (network.canReach(id, to) && network.canReach(to, id)),
    )
    return inReach.length > this.ids.length / 2
  }

  /** A leader whom a partition cut off from the majority leads nobody. */
  private hasLinksToMajority(id: number): boolean {
    const { network } = this.world
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
