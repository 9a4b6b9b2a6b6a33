import { InvariantViolation, type Part, type World } from '../lab/index.ts'
import { logBetween, pick, type Random } from '../lab/random.ts'
import type { ClientPlan, Schedule } from './schedule.ts'

/** How often a schedule has clients, where the part serves any. */
const CHANCE = 0.6
const MOST_CLIENTS = 5
const MOST_KEYS = 3
const MOST_OPERATIONS = 60
const GAP_MS = [1, 500] as const
/** How often some of them have other reads, and before how many of their operations. */
const OTHER_READS_CHANCE = 0.5
const OTHER_READS = [0.1, 0.8] as const

/**
 * How long a server may leave a client without an answer, in ms. Services have deadlines of
 * some seconds; and a clock that was slow has told late that they have passed.
 */
const ANSWERED_MS = 10_000
/** How often to look whether all have their answers, in ms. */
const LOOK_MS = 100

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
    // Most start with the cluster; the others join later.
    const startsAtMs = pick(random, [0, 0, Math.round(random() * schedule.durationMs)])
    const length = 1 + Math.floor(random() * MOST_OPERATIONS)
    const operations = Array.from({ length }, (_, i) =>
      draw(random, `key ${Math.floor(random() * keys)}`, `${client}.${i} `),
    )
    return { startsAtMs, gapMs, operations }
  })
  return { ...schedule, clients }
}

/** Puts reads of other kinds between what the clients of some schedules do. */
export function withOtherReads(
  schedule: Schedule,
  random: Random,
  draw: NonNullable<NonNullable<Part['clients']>['drawRead']>,
): Schedule {
  const { clients, servers } = schedule
  if (!clients || random() >= OTHER_READS_CHANCE) return schedule
  const share = logBetween(random, ...OTHER_READS)
  const withReads = (operations: readonly object[]) =>
    operations.flatMap((operation) => {
      if (random() >= share) return [operation]
      return [
        draw(random, `key ${Math.floor(random() * MOST_KEYS)}`, servers),
        operation,
      ]
    })
  return {
    ...schedule,
    clients: clients.map((client) => ({
      ...client,
      operations: withReads(client.operations),
    })),
  }
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

  /**
   * Lets each end what it has begun, once all is in order again.
   *
   * @throws InvariantViolation when a server does not answer.
   */
  async end(): Promise<void> {
    if (this.work.length === 0) return
    await this.world.until(Promise.all(this.work))
    await this.mustBeAnswered()
    await this.mustBeServed()
  }

  /** Nobody waits at a server for ever, though who asked may not wait any more. */
  private async mustBeAnswered(): Promise<void> {
    const { world } = this
    const waitingAt = (id: number) => world.view(id).waiting ?? 0
    const endsAt = world.clock.now() + ANSWERED_MS
    for (;;) {
      const id = world.ids.find((id) => waitingAt(id) > 0)
      if (id === undefined) return
      if (world.clock.now() >= endsAt) {
        throw new InvariantViolation(
          'Every Request Is Answered',
          `all is in order for ${ANSWERED_MS / 1000} s, ` +
            `and ${waitingAt(id)} of server ${id}’s clients still wait`,
        )
      }
      await world.sleep(LOOK_MS)
    }
  }

  /** A client that comes now is told what came of it. */
  private async mustBeServed(): Promise<void> {
    const { world } = this
    const { clients } = world.part
    if (!clients) return
    const place = world.join()
    const operation = clients.draw(place.random, 'last', 'last')
    await world.until(clients.join(place)(operation))
    if (world.history.clients.rows.at(-1)?.type === 'ok') return
    throw new InvariantViolation(
      'Availability',
      'all servers and links are in order, and a client is not served: ' +
        JSON.stringify(operation),
    )
  }
}
