import { end, kindOf } from '../lab/faults/index.ts'
import { InvariantViolation, type Rpc, type World } from '../lab/index.ts'
import { CatchUp } from './catch-up.ts'
import type { Fault } from './schedule.ts'

/** How often to look whether the cluster has recovered, in ms. */
const LOOK_MS = 50
/**
 * How long a cluster may take to recover: dozens of elections, and for each entry of the
 * longest log the heartbeats in which part 2 finds out where a follower's log goes wrong.
 */
const RECOVERY_MS = 10_000
const RECOVERY_MS_PER_ENTRY = 200
/** How long all changes of the cluster may take that were asked for. */
const CHANGES_MS = 60_000
/** Within this every follower hears from its leader, also by the slowest clock. */
const HEARD_MS = 150
const STABILITY_ATTEMPTS = 10
/** Above every election timeout: a leader that holds out so long will stay. */
const STABLE_MS = 400

interface Leadership {
  readonly leader: number
  readonly term: number
}

/** The end of a run: the faults stop, and the cluster has to go on. */
export class Recovery {
  hasBegun = false
  private readonly world: World
  private readonly inForce: ReadonlyMap<Fault, () => void>
  private commands = 0
  /** While a leader brings the others up to date, and nothing is lost. */
  private catchUp: CatchUp | null = null

  /** `inForce` ends the faults that have not ended, in the order in which they began. */
  constructor(world: World, inForce: ReadonlyMap<Fault, () => void>) {
    this.world = world
    this.inForce = inForce
  }

  noteSent(rpc: Rpc): void {
    this.catchUp?.noteSent(rpc)
  }

  /**
   * The faults stop. First all but those that have no end: a minority that stays crashed or
   * cut off, and clocks that go wrong, must not keep the others from going on. Then all.
   *
   * @throws InvariantViolation when the cluster does not recover.
   */
  async run(commandsSoFar: number): Promise<void> {
    this.hasBegun = true
    this.commands = commandsSoFar
    this.world.crashes.disarm()
    for (const [fault, undo] of this.inForce) if (!stays(fault)) undo()
    this.bringBackAMajority()
    const { ids, operator } = this.world
    const isWhole = this.members().length === ids.length
    // Where the cluster changes, those who are out may be all that a majority lacks.
    const mayGoOn = !operator.hasBegun && (!isWhole || this.inForce.size > 0)
    if (mayGoOn) await this.awaitProgress()
    for (const undo of this.inForce.values()) undo()
    for (const id of ids) this.bringBack(id)
    await operator.end(CHANGES_MS)
    await this.awaitStability()
  }

  /**
   * A leader that everyone has heard of in peace must stay. Before that, a timer from the
   * time of the faults may still fire, and depose it rightly.
   */
  private async awaitStability(): Promise<void> {
    for (let attempt = 0; attempt < STABILITY_ATTEMPTS; attempt += 1) {
      const leadership = await this.awaitProgress()
      await this.world.sleep(HEARD_MS)
      if (!this.lasts(leadership)) continue
      await this.world.sleep(STABLE_MS)
      if (this.lasts(leadership)) return
      const { leader, term } = leadership
      const now = this.world.view(leader)
      throw new InvariantViolation(
        'Availability',
        `server ${leader} led term ${term}, with all servers and links in order, ` +
          `and within ${STABLE_MS} ms it is ${now.role} in term ${now.term}`,
      )
    }
    throw new InvariantViolation(
      'Availability',
      `all servers and links are in order, and ${STABILITY_ATTEMPTS} leaders in a row ` +
        `did not last for ${HEARD_MS} ms`,
    )
  }

  private lasts({ leader, term }: Leadership): boolean {
    const now = this.world.view(leader)
    return now.role === 'Leader' && now.term === term
  }

  private bringBackAMajority(): void {
    const { ids, lost, network } = this.world
    let mayStayOut = Math.floor((ids.length - 1) / 2)
    for (const id of ids) {
      const isOut = lost.has(id) || !network.isConnected(id)
      if (isOut && mayStayOut > 0) mayStayOut -= 1
      else this.bringBack(id)
    }
  }

  private bringBack(server: number): void {
    const { network } = this.world
    if (!network.isConnected(server)) end(this.world, { kind: 'disconnect', server })
    if (this.world.machine(server).crashed) end(this.world, { kind: 'crash', server })
  }

  /** The servers of the cluster that are up, and not cut off. */
  private members(): number[] {
    const { ids, network } = this.world
    const leader = this.world.leader()
    const all = (leader !== null && this.world.view(leader).members) || ids
    return all.filter((id) => this.world.machine(id).isUp && network.isConnected(id))
  }

  /**
   * Waits until one server leads all others that take part, and until each of them has
   * applied a last command. @throws InvariantViolation when that takes too long.
   */
  private async awaitProgress(): Promise<Leadership> {
    const { world } = this
    const logLengths = world.ids.map((id) => world.view(id).lastIndex)
    const limitMs = RECOVERY_MS + RECOVERY_MS_PER_ENTRY * Math.max(...logLengths)
    let endsAt = world.clock.now() + limitMs
    let asked = { leader: -1, term: -1, command: '' }
    while (world.clock.now() < endsAt) {
      await world.sleep(LOOK_MS)
      const members = this.members()
      const leader = this.soleLeader(members)
      if (leader === null) continue
      const { term } = world.view(leader)
      if (asked.leader !== leader || asked.term !== term) {
        this.commands += 1
        asked = { leader, term, command: `last ${this.commands}` }
        if (world.part.transport === 'stream') {
          this.catchUp = new CatchUp(world, leader, members)
          endsAt = Math.max(endsAt, this.catchUp.endsAt + LOOK_MS)
        }
        world.submit(leader, asked.command)
      }
      this.catchUp?.check()
      if (members.every((id) => this.hasApplied(id, asked))) {
        this.catchUp = null
        return asked
      }
    }
    throw new InvariantViolation(
      'Availability',
      this.whatIsMissing(this.members(), limitMs),
    )
  }

  /** Whoever leads all `members`, if anyone does. */
  private soleLeader(members: readonly number[]): number | null {
    const views = members.map((id) => this.world.view(id))
    const leaders = members.filter((_, i) => views[i]?.role === 'Leader')
    const [leader] = leaders
    if (leader === undefined || leaders.length > 1) return null
    const { term } = this.world.view(leader)
    const areFollowing = views.every(
      (view) =>
        view.term === term && (view.role === 'Leader' || view.role === 'Follower'),
    )
    return areFollowing ? leader : null
  }

  /** A snapshot may have brought a server there, with the entry in it. */
  private hasApplied(
    id: number,
    asked: { readonly leader: number; readonly command: string; readonly term: number },
  ): boolean {
    const { part, history } = this.world
    if (!part.submit) return true
    // Clients that began something before the faults stopped may go on after it.
    const found = history
      .appliedBy(asked.leader)
      .findLast(({ command, term }) => command === asked.command || term < asked.term)
    const isCommitted = found?.command === asked.command
    return isCommitted && this.world.view(id).lastApplied >= found.index
  }

  private whatIsMissing(members: readonly number[], limitMs: number): string {
    const hasLog = this.world.part.submit !== undefined
    const states = members.map((id) => {
      const { role, term, commitIndex, lastIndex } = this.world.view(id)
      const progress = `, committed ${commitIndex} of ${lastIndex} entries`
      return `server ${id} is ${role} in term ${term}${hasLog ? progress : ''}`
    })
    const leader = this.soleLeader(members)
    const missing =
      leader === null ? 'no leader that all follow' : 'not everyone has caught up'
    return (
      `a majority is up and connected, and after ${limitMs / 1000} s ${missing}: ` +
      states.join('; ')
    )
  }
}

/** Whether a fault stays in force when the others stop. */
function stays(fault: Fault): boolean {
  return fault.forMs === undefined && kindOf(fault).mayStay === true
}
