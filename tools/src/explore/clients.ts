import type { Part, World } from '../lab/index.ts'
import { logBetween, pick, type Random } from '../lab/random.ts'
import type { ClientPlan, Schedule } from './schedule.ts'

/** How often a schedule has clients, where the part serves any. */
const CHANCE = 0.6
const MOST_CLIENTS = 5
const MOST_KEYS = 3
const MOST_OPERATIONS = 60
const GAP_MS = [1, 500] as const

/** Adds clients to some of the schedules. */
export function withClients(
  schedule: Schedule,
  random: Random,
  draw: NonNullable<Part['clients']>['draw'],
): Schedule {
  if (random() >= CHANCE) return schedule
  const count = 1 + Math.floor(random() * MOST_CLIENTS)
  const keys = 1 + Math.floor(random() * MOST_KEYS)
  const gapMs = Math.round(logBetween(random, ...GAP_MS))
  const clients = Array.from({ length: count }, (_, client): ClientPlan => {
    // Most begin with the cluster; the others find it as it is.
    const startsAtMs = pick(random, [0, 0, Math.round(random() * schedule.durationMs)])
    const length = 1 + Math.floor(random() * MOST_OPERATIONS)
    const operations = Array.from({ length }, (_, i) =>
      draw(random, `key ${Math.floor(random() * keys)}`, `${client}.${i} `),
    )
    return { startsAtMs, gapMs, operations }
  })
  return { ...schedule, clients }
}

/** The clients of a run. */
export class Clients {
  private readonly work: Promise<void>[] = []
  private readonly world: World
  private isOver = false

  constructor(world: World) {
    this.world = world
  }

  start({ gapMs, operations }: ClientPlan): void {
    const { clients } = this.world.part
    if (!clients) return
    const place = this.world.join()
    const ask = clients.join(place)
    const { clock } = place
    const rest = () => new Promise<void>((resolve) => clock.setTimeout(resolve, gapMs))
    const busy = async () => {
      for (const operation of operations) {
        if (this.isOver) return
        await ask(operation)
        await rest()
      }
    }
    this.work.push(busy())
  }

  /** No client begins anything more. */
  stop(): void {
    this.isOver = true
  }

  /** Lets each end what it has begun. */
  async end(): Promise<void> {
    if (this.work.length > 0) await this.world.until(Promise.all(this.work))
  }
}
