import type { Clock } from './clock.ts'
import type { Machine } from './machine.ts'
import type { ChangeOfMembers, Part, Server } from './part.ts'
import { InvariantViolation } from './rules/rule.ts'

/** The world that the cluster is in. */
interface Cluster {
  readonly clock: Clock
  readonly part: Part
  leader(): number | null
  machine(id: number): Machine
  server(id: number): Server
  sleep(ms: number): Promise<void>
}

/** How often a change that is not settled is asked for again, in ms. */
const AGAIN_MS = 50
/** A server that has not answered for so long may have died meanwhile, in ms. */
const PATIENCE_MS = 100

/**
 * Who changes the cluster, as a person would who has little patience: asks whoever seems to
 * lead, for one change after the other, and for each again until it is done, or refused for
 * good.
 */
export class Operator {
  /** Whether anything was ever asked for. */
  hasBegun = false

  private readonly world: Cluster
  private readonly wishes: ChangeOfMembers[] = []
  private isBusy = false

  constructor(world: Cluster) {
    this.world = world
  }

  ask(wish: ChangeOfMembers): void {
    this.hasBegun = true
    this.wishes.push(wish)
    if (this.isBusy) return
    this.isBusy = true
    this.goOn()
  }

  /** Asks once: when nothing comes of it, the leader stays, and that is well, too. */
  handOver(to: number): void {
    this.atLeader((server) => this.world.part.members?.handOver(server, to))
  }

  /** @throws InvariantViolation when a change is neither done nor refused. */
  async end(limitMs: number): Promise<void> {
    const endsAt = this.world.clock.now() + limitMs
    while (this.isBusy) {
      if (this.world.clock.now() >= endsAt) {
        throw new InvariantViolation(
          'Availability',
          `all servers and links are in order for ${limitMs / 1000} s, and this change ` +
            `is neither done nor refused: ${JSON.stringify(this.wishes[0])}`,
        )
      }
      await this.world.sleep(AGAIN_MS)
    }
  }

  private goOn(): void {
    const [wish] = this.wishes
    if (!wish) {
      this.isBusy = false
      return
    }
    const { clock, part } = this.world
    let isOver = false
    const again = (isSettled: boolean) => {
      if (isOver) return
      isOver = true
      clock.clearTimeout(timer)
      this.wishes.shift()
      // Or another one has its turn, perhaps at another leader.
      if (!isSettled) this.wishes.push(wish)
      clock.setTimeout(() => this.goOn(), AGAIN_MS)
    }
    const timer = clock.setTimeout(() => again(false), PATIENCE_MS)
    this.atLeader((server) => part.members?.change(server, wish, again))
  }

  private atLeader(work: (server: Server) => void): void {
    const id = this.world.leader()
    if (id === null || !this.world.machine(id).isUp) return
    this.world.machine(id).run(() => work(this.world.server(id)))
  }
}
