/**
 * Harness: a cluster under test, and what can be done to it. In virtual time over the
 * simulated network by default, or in real time over gRPC, with the same verbs.
 */

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
  end,
  type Fault,
  type MachineSpeed,
  type Random,
  type Rpc,
  type Surroundings,
  UNRELIABLE_RPC,
  World,
} from 'tools/lab'
import { freeAddress } from 'tools/processes/ports'
import type { ConsensusModule, Report, Timing } from '../src/raft.ts'
import { Server } from '../src/server.ts'
import { part } from './lab.ts'

export interface HarnessOptions {
  readonly seed?: number
  readonly network?: NetworkKind
  readonly timing?: Partial<Timing>
  /** Bends the chance by which a server draws its election timeouts. */
  readonly luck?: (random: Random) => Random
}

/** How long to look for a leader: 16 × 100 ms, five elections or more. */
const LEADER_ATTEMPTS = 16
const LEADER_ATTEMPT_MS = 100

export class Harness {
  readonly run: TestRun
  private readonly world: World<ConsensusModule>
  /** Over gRPC: the server of each id, and the address that it keeps. */
  private readonly servers = new Map<number, Server>()
  private readonly addresses = new Map<number, string>()
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
    this.run = run
    this.world = new World({
      part,
      size,
      seed: run.seed,
      network: run.network,
      logger: (clock) => run.start(clock),
      timing: options.timing,
      luck: options.luck ?? asked,
      build: isReal ? (surroundings) => this.serve(surroundings) : undefined,
    })
    if (settings.unreliableRpc) this.world.network.faults = UNRELIABLE_RPC
  }

  get ids(): readonly number[] {
    return this.world.ids
  }

  /** The server itself, for tests that look inside or hand it a message. */
  consensus(id: number): ConsensusModule {
    return this.world.server(id)
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

  /** Any fault that the laboratory knows, by its kind. @returns what ends it. */
  cause(fault: Fault): () => void {
    return cause(this.world, fault) ?? (() => {})
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
    for (const id of this.ids) this.consensus(id).stop()
    for (const server of this.servers.values()) await server.stop()
    this.world.audit()
  }

  /** Over gRPC: the server on real sockets, and the same address over all its lives. */
  private serve(surroundings: Surroundings): ConsensusModule {
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
  }

  private connectToPeers(id: number): void {
    for (const [peerId, address] of this.addresses) {
      if (peerId !== id) this.servers.get(id)?.connect(peerId, address)
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
      .map(({ id, role, term }) => `server ${id} is ${role} in term ${term}`)
      .join(', ')
  }
}

/** A test that holds whatever the seed: it runs over as many seeds as are asked for. */
export const scenario = scenarioFor<Harness, HarnessOptions>(Harness.create)
