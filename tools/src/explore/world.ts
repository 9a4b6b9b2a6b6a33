import type { Logger } from 'pino'
import {
  type Clock,
  Cluster,
  InvariantViolation,
  type NetworkFaults,
  PowerFailure,
  type Random,
  RELIABLE,
  type Surroundings,
  silentLogger,
} from '../lab/index.ts'
import { betweenWrites } from '../lab/storage.ts'
import { CatchUp } from './catch-up.ts'
import { runFileStory } from './file.ts'
import type { Disk, Part, ServerOfPart } from './part.ts'
import {
  type CrashMoment,
  type Fault,
  type Schedule,
  SLOW_KINDS,
  type SlowKind,
} from './schedule.ts'

export interface Violation {
  /** The rule that was broken, in the paper's words. */
  readonly invariant: string
  readonly message: string
  readonly atMs: number
}

export interface Outcome {
  readonly violation: Violation | null
  readonly simulatedMs: number
  /** What happened on the servers; the invariants were checked after each. */
  readonly events: number
}

/** Runs a schedule, the same each time. */
export function runSchedule(
  part: Part,
  schedule: Schedule,
  logger: (clock: Clock) => Logger = () => silentLogger,
): Outcome {
  const world = new World(part, schedule, logger)
  const violation = world.run() ?? fileViolation(part, schedule)
  return { violation, simulatedMs: world.cluster.clock.now(), events: world.events }
}

/** What becomes of a file has no time of its own. */
function fileViolation(part: Part, { file, durationMs }: Schedule): Violation | null {
  if (!file || !part.FileStorage) return null
  try {
    runFileStory(part.FileStorage, file)
    return null
  } catch (error) {
    const { invariant, message } = asViolation(error)
    return { invariant, message, atMs: durationMs }
  }
}

/** A crash that waits for its moment. */
interface ArmedCrash {
  readonly moment: CrashMoment
  readonly downMs: number | undefined
  /** What the server looked like when its time came. */
  readonly term: number
  readonly vote: number | null
  readonly lastEntry: unknown
  writesLeft: number
}

/** How often to look whether the cluster has recovered, in ms. */
const LOOK_MS = 50
/**
 * How long a cluster may take to recover: dozens of elections, and for each entry of the
 * longest log the heartbeats in which part 2 finds out where a follower's log goes wrong.
 */
const RECOVERY_MS = 10_000
const RECOVERY_MS_PER_ENTRY = 200
/** Within this every follower hears from its leader, also by the slowest clock. */
const HEARD_MS = 150
const STABILITY_ATTEMPTS = 10
/** Above every election timeout: a leader that holds out so long will stay. */
const STABLE_MS = 400
/** Servers that do more than this are talking without end. */
const MAX_EVENTS = 20_000
const MAX_EVENTS_PER_MS = 20

/** The latency of a message that is not delayed, in ms: what the lab's network has. */
const MIN_DELAY_MS = 1

/** A cluster that goes through a schedule. */
class World {
  readonly cluster: Cluster<ServerOfPart>
  events = 0

  private readonly part: Part
  private readonly schedule: Schedule
  private readonly disks = new Map<number, Disk>()
  private readonly armed = new Map<number, ArmedCrash>()
  /** The servers that crashed, and are not to come back before the end. */
  private readonly lost = new Set<number>()
  /** What ends the faults that are in force, in the order in which they began. */
  private readonly undo = new Map<Fault, () => void>()
  /** The last command that each server applied. */
  private readonly applied = new Map<number, unknown>()
  private isRecovering = false
  private commands = 0
  /** While a leader brings the others up to date, and nothing is lost. */
  private catchUp: CatchUp | null = null

  constructor(part: Part, schedule: Schedule, logger: (clock: Clock) => Logger) {
    this.part = part
    this.schedule = schedule
    this.cluster = new Cluster({
      size: schedule.servers,
      seed: schedule.seed,
      network: 'simulated',
      transport: part.MessageStream ? 'stream' : 'calls',
      logger,
      luck: (random) => this.luck(random),
      onApply: (id, { command }) => this.applied.set(id, command),
      onCrash: (id) => this.crashed(id),
      onEvent: (id) => this.afterEvent(id),
      onSend: (rpc) => this.catchUp?.noteSent(rpc),
    })
  }

  run(): Violation | null {
    try {
      for (const id of this.cluster.ids) this.boot(id)
      for (const id of this.cluster.ids) this.cluster.start(id)
      for (const { atMs, act } of this.agenda()) {
        this.cluster.advance(atMs - this.cluster.clock.now())
        act()
      }
      this.recover()
      this.cluster.audit()
      return null
    } catch (error) {
      const { invariant, message } = asViolation(error)
      const atMs = this.cluster.clock.now()
      if (!this.cluster.violation) this.cluster.note('check', message, { invariant })
      return { invariant, message, atMs }
    }
  }

  private agenda(): { atMs: number; act: () => void }[] {
    const { faults, commandsAtMs, durationMs } = this.schedule
    const agenda = [
      ...faults.map((fault) => ({ atMs: fault.atMs, act: () => this.begin(fault) })),
      ...commandsAtMs.map((atMs) => ({ atMs, act: () => this.offerCommand() })),
      { atMs: durationMs, act: () => {} },
    ]
    return agenda.sort((a, b) => a.atMs - b.atMs)
  }

  private boot(id: number): void {
    this.cluster.boot(id, (surroundings) => this.build(surroundings))
  }

  private build(surroundings: Surroundings): ServerOfPart {
    const { id } = surroundings
    return new this.part.ConsensusModule({ ...surroundings, storage: this.storage(id) })
  }

  private storage(id: number): unknown {
    const { MemoryStorage } = this.part
    if (!MemoryStorage) return undefined
    const disk = this.disks.get(id) ?? new MemoryStorage()
    this.disks.set(id, disk)
    return this.cluster.onDiskOf(
      id,
      betweenWrites(disk, () => this.atWrite(id)),
    )
  }

  private luck(random: Random): Random {
    const { timeouts } = this.schedule
    if (timeouts === 0) return random
    return () => {
      const value = random()
      return this.isRecovering ? value : Math.floor(value * timeouts) / timeouts
    }
  }

  /** A client that does not know who leads: it asks everyone, each for something else. */
  private offerCommand(): void {
    this.commands += 1
    const { commandLength = 0 } = this.schedule
    for (const id of this.cluster.ids) {
      this.offer(id, `${this.commands}.${id}`.padEnd(commandLength, '.'))
    }
  }

  private offer(id: number, command: string): void {
    const machine = this.cluster.machine(id)
    if (machine.isUp) machine.run(() => void this.cluster.server(id).submit?.(command))
  }

  private begin(fault: Fault): void {
    const leader = fault.fromLeader ? this.leader() : 0
    const at = (id: number) => (id + leader) % this.schedule.servers
    const undo = this.cause(fault, at)
    if (!undo) return
    const end = () => {
      if (this.undo.delete(fault)) undo()
    }
    this.undo.set(fault, end)
    if (fault.forMs !== undefined) this.cluster.clock.setTimeout(end, fault.forMs)
  }

  /** Causes a fault. @returns what undoes it, or null when it could not be caused. */
  private cause(fault: Fault, at: (id: number) => number): (() => void) | null {
    const { cluster } = this
    switch (fault.kind) {
      case 'crash': {
        const id = at(fault.server)
        if (cluster.machine(id).crashed) return null
        this.arm(id, fault.moment, fault.forMs)
        return null
      }
      case 'pause': {
        const id = at(fault.server)
        const machine = cluster.machine(id)
        if (!machine.isUp) return null
        cluster.pause(id)
        return () => {
          if (!machine.crashed) cluster.resume(id)
        }
      }
      case 'disconnect': {
        const id = at(fault.server)
        if (!cluster.network.isConnected(id)) return null
        cluster.disconnect(id)
        return () => {
          if (!cluster.network.isConnected(id)) cluster.reconnect(id)
        }
      }
      case 'cut': {
        const [from, to] = [at(fault.from), at(fault.to)]
        cluster.cut(from, to)
        return () => cluster.mend(from, to)
      }
      case 'partition':
        cluster.partition(fault.groups.map((group) => group.map(at)))
        return () => cluster.heal()
      case 'clock': {
        const id = at(fault.server)
        const machine = cluster.machine(id)
        if (machine.crashed) return null
        cluster.setClockRate(id, fault.rate)
        return () => {
          if (!machine.crashed) cluster.setClockRate(id, 1)
        }
      }
      case 'slow-link':
      case 'slow-machine':
      case 'slow-disk':
        return this.slow(fault, at)
      default:
        return this.disturb(fault)
    }
  }

  /** Makes bytes and work take time somewhere. */
  private slow(
    fault: Extract<Fault, { kind: SlowKind }>,
    at: (id: number) => number,
  ): () => void {
    const { cluster } = this
    if (fault.kind === 'slow-link') {
      const [from, to] = [at(fault.from), at(fault.to)]
      cluster.slowLink(from, to, fault.bytesPerSecond)
      return () => cluster.fastLink(from, to)
    }
    const id = at(fault.server)
    const { bytesPerSecond } = fault
    if (fault.kind === 'slow-machine') {
      const { entriesPerSecond } = fault
      cluster.slowMachine(id, { bytesPerSecond, entriesPerSecond })
      return () => cluster.fastMachine(id)
    }
    const { syncMs } = fault
    cluster.slowDisk(id, { bytesPerSecond, syncMs })
    return () => cluster.fastDisk(id)
  }

  /** Makes the network worse by one fault more. */
  private disturb(fault: Fault): () => void {
    this.cluster.setFaults(worse(this.cluster.network.faults, fault))
    return () => {
      let faults = RELIABLE
      for (const other of this.undo.keys()) faults = worse(faults, other)
      this.cluster.setFaults(faults)
    }
  }

  private arm(id: number, moment: CrashMoment, downMs: number | undefined): void {
    const { currentTerm: term, votedFor: vote, log } = this.cluster.server(id)
    const writesLeft = moment.on === 'write' ? moment.count : 0
    const lastEntry = log?.at(-1)
    this.armed.set(id, { moment, downMs, term, vote, lastEntry, writesLeft })
    if (moment.on === 'time') this.cluster.crash(id)
  }

  /** Before and after each write. @throws PowerFailure when a crash waited for this one. */
  private atWrite(id: number): void {
    const armed = this.armed.get(id)
    if (armed?.moment.on !== 'write') return
    armed.writesLeft -= 1
    if (armed.writesLeft < 0) throw new PowerFailure()
  }

  private afterEvent(id: number): void {
    this.events += 1
    const limit = MAX_EVENTS + MAX_EVENTS_PER_MS * this.cluster.clock.now()
    if (this.events > limit) {
      throw new InvariantViolation(
        'Bounded Work',
        `the servers handled ${this.events} messages and timers, and have not come to rest`,
      )
    }
    const armed = this.armed.get(id)
    if (armed && this.hasCome(id, armed)) this.cluster.crash(id)
  }

  private hasCome(id: number, armed: ArmedCrash): boolean {
    const { currentTerm, votedFor, log } = this.cluster.server(id)
    if (armed.moment.on === 'append') return log?.at(-1) !== armed.lastEntry
    if (armed.moment.on !== 'vote' || votedFor === null) return false
    return votedFor !== armed.vote || currentTerm !== armed.term
  }

  /** A machine lost power. It comes back by itself, unless the fault outlives the others. */
  private crashed(id: number): void {
    this.disks.get(id)?.crash(this.cluster.random)
    const armed = this.armed.get(id)
    this.armed.delete(id)
    if (armed?.downMs === undefined) this.lost.add(id)
    else this.cluster.clock.setTimeout(() => this.restart(id), armed.downMs)
  }

  private restart(id: number): void {
    if (!this.cluster.machine(id).crashed) return
    this.applied.delete(id)
    this.cluster.noteRestart(id)
    this.boot(id)
    this.cluster.start(id)
  }

  /**
   * The faults stop. First all but those that have no end: a minority that stays crashed or
   * cut off, and clocks that go wrong, must not keep the others from going on. Then all.
   */
  private recover(): void {
    this.isRecovering = true
    this.armed.clear()
    for (const [fault, end] of this.undo) if (!outlives(fault)) end()
    this.bringBackAMajority()
    const isWhole = this.members().length === this.schedule.servers
    if (!isWhole || this.undo.size > 0) this.awaitProgress()
    for (const end of this.undo.values()) end()
    for (const id of this.cluster.ids) this.bringBack(id)
    this.awaitStability()
  }

  /**
   * A leader that everyone has heard of in peace must stay. Before that, a timer from the
   * time of the faults may still fire, and depose it rightly.
   */
  private awaitStability(): void {
    for (let attempt = 0; attempt < STABILITY_ATTEMPTS; attempt += 1) {
      const { leader, term } = this.awaitProgress()
      this.cluster.advance(HEARD_MS)
      if (!this.leads(leader, term)) continue
      this.cluster.advance(STABLE_MS)
      if (this.leads(leader, term)) return
      const { role, currentTerm } = this.cluster.server(leader)
      throw new InvariantViolation(
        'Availability',
        `server ${leader} led term ${term}, with all servers and links in order, ` +
          `and within ${STABLE_MS} ms it is ${role} in term ${currentTerm}`,
      )
    }
    throw new InvariantViolation(
      'Availability',
      `all servers and links are in order, and ${STABILITY_ATTEMPTS} leaders in a row ` +
        `did not last for ${HEARD_MS} ms`,
    )
  }

  private leads(id: number, term: number): boolean {
    const { role, currentTerm } = this.cluster.server(id)
    return role === 'Leader' && currentTerm === term
  }

  private bringBackAMajority(): void {
    const { cluster } = this
    let mayStayOut = Math.floor((this.schedule.servers - 1) / 2)
    for (const id of cluster.ids) {
      const isOut = this.lost.has(id) || !cluster.network.isConnected(id)
      if (isOut && mayStayOut > 0) mayStayOut -= 1
      else this.bringBack(id)
    }
  }

  private bringBack(id: number): void {
    if (!this.cluster.network.isConnected(id)) this.cluster.reconnect(id)
    this.restart(id)
  }

  /** The servers that are up, and not cut off. */
  private members(): number[] {
    const { cluster } = this
    return cluster.ids.filter(
      (id) => cluster.machine(id).isUp && cluster.network.isConnected(id),
    )
  }

  /**
   * Waits until one server leads all others that take part, and until each of them has
   * applied a last command. @throws InvariantViolation when that takes too long.
   */
  private awaitProgress(): { leader: number; term: number } {
    const { cluster } = this
    const members = this.members()
    const logLengths = members.map((id) => cluster.server(id).log?.length ?? 0)
    const limitMs = RECOVERY_MS + RECOVERY_MS_PER_ENTRY * Math.max(...logLengths)
    let end = cluster.clock.now() + limitMs
    let asked = { leader: -1, term: -1, command: '' }
    while (cluster.clock.now() < end) {
      cluster.advance(LOOK_MS)
      const leader = this.soleLeader(members)
      if (leader === null) continue
      const term = cluster.server(leader).currentTerm
      if (asked.leader !== leader || asked.term !== term) {
        this.commands += 1
        asked = { leader, term, command: `last ${this.commands}` }
        if (this.part.MessageStream) {
          this.catchUp = new CatchUp(cluster, leader, members)
          end = Math.max(end, this.catchUp.endsAt + LOOK_MS)
        }
        this.offer(leader, asked.command)
      }
      this.catchUp?.check()
      if (members.every((id) => this.hasApplied(id, asked.command))) {
        this.catchUp = null
        return asked
      }
    }
    throw new InvariantViolation('Availability', this.whatIsMissing(members, limitMs))
  }

  /** Whoever leads all `members`, if anyone does. */
  private soleLeader(members: readonly number[]): number | null {
    const servers = members.map((id) => this.cluster.server(id))
    const leaders = members.filter((_, i) => servers[i]?.role === 'Leader')
    const [leader] = leaders
    if (leader === undefined || leaders.length > 1) return null
    const { currentTerm } = this.cluster.server(leader)
    const areFollowing = servers.every(
      (server) =>
        server.currentTerm === currentTerm &&
        (server.role === 'Leader' || server.role === 'Follower'),
    )
    return areFollowing ? leader : null
  }

  private hasApplied(id: number, command: string): boolean {
    return !this.cluster.server(id).submit || this.applied.get(id) === command
  }

  private whatIsMissing(members: readonly number[], limitMs: number): string {
    const states = members.map((id) => {
      const { role, currentTerm, commitIndex, log } = this.cluster.server(id)
      const progress = log ? `, committed ${commitIndex} of ${log.length} entries` : ''
      return `server ${id} is ${role} in term ${currentTerm}${progress}`
    })
    const leader = this.soleLeader(members)
    const missing =
      leader === null ? 'no leader that all follow' : 'not everyone has caught up'
    return (
      `a majority is up and connected, and after ${limitMs / 1000} s ${missing}: ` +
      states.join('; ')
    )
  }

  /** The leader of the highest term, or server 0 when nobody leads. */
  private leader(): number {
    let best = 0
    let bestTerm = -1
    for (const id of this.cluster.ids) {
      const { role, currentTerm } = this.cluster.server(id)
      if (role !== 'Leader' || currentTerm <= bestTerm) continue
      best = id
      bestTerm = currentTerm
    }
    return best
  }
}

const LASTING = ['disconnect', 'clock', ...SLOW_KINDS] as const

/** Whether a fault stays in force when the others stop. */
function outlives(fault: Fault): boolean {
  return fault.forMs === undefined && LASTING.some((kind) => kind === fault.kind)
}

function worse(faults: NetworkFaults, fault: Fault): NetworkFaults {
  switch (fault.kind) {
    case 'loss':
      return { ...faults, loss: fault.chance }
    case 'duplication':
      return { ...faults, duplication: fault.chance }
    case 'delay':
      return {
        ...faults,
        longDelay: fault.chance,
        longDelayMs: [MIN_DELAY_MS, fault.maxMs],
      }
    default:
      return faults
  }
}

function asViolation(error: unknown): InvariantViolation {
  if (error instanceof InvariantViolation) return error
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new InvariantViolation('No Exceptions', `a server threw ${text}`)
}
