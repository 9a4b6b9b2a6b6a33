/** Faults that are drawn beside those of a seed's temper, by chances of their own. */
import { Dice } from '../lab/faults/dice.ts'
import { FAULTS, type FaultName } from '../lab/faults/index.ts'
import { between, logBetween, pick, type Random } from '../lab/random.ts'
import type { DrawOptions } from './schedule.ts'
import { type Fault, type Schedule, SLOW_KINDS } from './schedule.ts'

/** How often, where there are other faults to draw. */
const CHANCE = 0.2
const MOST = 3
/** How often one is aimed at the leader; how often it stays when the others stop. */
const AIM = 0.7
const STAYS = 0.7

/** How often nothing else happens, so that the slow links of a leader stay its own. */
const CALM_CHANCE = 0.5
/** How often all commands come together, at one time in the second half. */
const BURST_CHANCE = 0.5

/** Commands of so many characters, the shorter ones more often. */
const COMMAND_LENGTH = [100, 50_000] as const
/** What part 1 has instead: the characters of a message. */
const MESSAGE_LENGTH = 100
/** For how long, in ms, a server is away that crashed with its snapshot. */
const DOWN_MS = [20, 1_000] as const

/** Adds to some of the schedules what makes bytes and work take time. */
export function withSlowness(
  schedule: Schedule,
  random: Random,
  options: DrawOptions,
): Schedule {
  const possible = SLOW_KINDS.filter((kind) => options.kinds.includes(kind))
  const kinds = possible.filter((kind) => kind !== 'slow-link' || schedule.servers > 1)
  if (random() >= chanceOf(possible, options) || kinds.length === 0) return schedule
  const commandLength = Math.round(logBetween(random, ...COMMAND_LENGTH))
  const length = options.hasCommands ? commandLength : MESSAGE_LENGTH
  const bytes = length * Math.max(schedule.commandsAtMs.length, 1)
  const dice = new Dice(random, schedule.servers, bytes)
  // Most of them stay when the other faults stop, where the part bears that.
  const slow = sprinkled(kinds, dice, options, options.bearsSlowness)
  const others = random() < CALM_CHANCE ? [] : schedule.faults
  const faults = inOrder([...others, ...slow])
  if (!options.hasCommands) return { ...schedule, faults }
  const burstAtMs = Math.round(schedule.durationMs * between(random, 0.5, 1))
  const isBurst = random() < BURST_CHANCE
  const commandsAtMs = schedule.commandsAtMs.map((atMs) => (isBurst ? burstAtMs : atMs))
  return { ...schedule, faults, commandsAtMs, commandLength }
}

/** Adds a kind of fault to some of the schedules. */
export function withSome(
  kind: FaultName,
  schedule: Schedule,
  random: Random,
  options: DrawOptions,
): Schedule {
  if (!options.kinds.includes(kind)) return schedule
  const { chance } = FAULTS[kind]
  if (random() >= chanceOf([kind], options, chance)) return schedule
  const dice = new Dice(random, schedule.servers)
  const some = sprinkled([kind], dice, options, false)
  return { ...schedule, faults: inOrder([...schedule.faults, ...some]) }
}

/** Adds crashes just when a snapshot is durable, which hardly ever comes by itself. */
export function withCrashesAtSnapshots(
  schedule: Schedule,
  random: Random,
  { kinds, durationMs }: DrawOptions,
): Schedule {
  if (!kinds.includes('crash') || random() >= CHANCE) return schedule
  const count = 1 + Math.floor(random() * MOST)
  const crashes = Array.from({ length: count }, (): Fault => {
    return {
      kind: 'crash',
      atMs: Math.round(durationMs * between(random, 0, 0.9)),
      forMs: Math.round(logBetween(random, ...DOWN_MS)),
      server: Math.floor(random() * schedule.servers),
      moment: { on: 'snapshot' },
    }
  })
  return { ...schedule, faults: inOrder([...schedule.faults, ...crashes]) }
}

function chanceOf(
  kinds: readonly FaultName[],
  options: DrawOptions,
  chance = CHANCE,
): number {
  return kinds.length === options.kinds.length ? 1 : chance
}

function sprinkled(
  kinds: readonly FaultName[],
  dice: Dice,
  { durationMs }: DrawOptions,
  mayStay: boolean,
): Fault[] {
  const { random } = dice
  const count = 1 + Math.floor(random() * MOST)
  return Array.from({ length: count }, () => {
    const kind = pick(random, kinds)
    const atMs = Math.round(durationMs * between(random, 0.1, 0.5))
    const stays = random() < STAYS && mayStay
    const forMs = stays ? undefined : Math.round(logBetween(random, 100, durationMs))
    const fromLeader = random() < AIM
    return {
      atMs,
      ...(forMs !== undefined && { forMs }),
      ...(fromLeader && { fromLeader }),
      kind,
      ...FAULTS[kind].draw(dice),
    } as Fault
  })
}

function inOrder(faults: Fault[]): Fault[] {
  return faults.sort((a, b) => a.atMs - b.atMs)
}
