/** What reads in a lease must withstand, where they are asked for. */
import { between, pick, type Random } from '../lab/random.ts'
import type { ClientPlan, DrawOptions, Fault, Schedule } from './schedule.ts'

const MOST_TRIALS = 3
/** For so long, in ms, the leader is not heard. */
const UNHEARD_MS = [200, 1_000] as const
/** After so long, in ms, a server that does not hear it stands for election. */
const ELECTION_MS = [100, 350] as const
/** In ms: who restarts has hardly missed a heartbeat. */
const RESTART_MS = 20
/** Clients rest no longer, in ms, so that they ask while the leader changes. */
const LEASE_GAP_MS = 5

/** Reads are answered in a lease, and clocks are as wrong as it bears, and no more. */
export function withLeases(
  schedule: Schedule,
  random: Random,
  { leases, kinds }: DrawOptions,
): Schedule {
  if (!leases) return schedule
  const { servers, durationMs, clients, faults } = schedule
  const [slow, fast] = [1 - leases.maxDrift, 1 + leases.maxDrift]
  const borne = faults.map((fault): Fault => {
    if (fault.kind !== 'clock') return fault
    return { ...fault, rate: Math.min(Math.max(fault.rate, slow), fast) }
  })
  const count = Math.floor(random() * (MOST_TRIALS + 1))
  // What belongs to one begins before all faults stop.
  const lastMs = Math.max(0, durationMs - ELECTION_MS[1])
  const times = Array.from({ length: count }, () => Math.round(random() * lastMs))
  const trials = times.flatMap((atMs) => trial(random, atMs, servers, [slow, fast]))
  const all = [...borne, ...trials.filter(({ kind }) => kinds.includes(kind))]
  return {
    ...schedule,
    lease: true,
    faults: all.sort((a, b) => a.atMs - b.atMs),
    ...(clients && { clients: clients.map((client) => during(client, random, times)) }),
  }
}

/**
 * A server does not hear the leader; the others, who hear it no longer either, may vote for
 * it. They may have restarted just then, and the leader's clock be slow, and theirs be fast.
 */
function trial(
  random: Random,
  atMs: number,
  servers: number,
  [slow, fast]: readonly [number, number],
): Fault[] {
  const others = Array.from({ length: servers - 1 }, (_, i) => i + 1)
  const forMs = Math.round(between(random, ...UNHEARD_MS))
  const laterMs = Math.round(atMs + between(random, ...ELECTION_MS))
  const isAtOnce = random() < 0.5
  const timed = { atMs, forMs, fromLeader: true }
  const cuts = others.flatMap((other): Fault[] => {
    const at = { ...timed, atMs: isAtOnce || other === 1 ? atMs : laterMs }
    return [
      { kind: 'cut', ...at, from: 0, to: other },
      { kind: 'cut', ...at, from: other, to: 0 },
    ]
  })
  const clocks = [0, ...others].map((server): Fault => {
    return { kind: 'clock', ...timed, server, rate: server === 0 ? slow : fast }
  })
  const restarts = others.slice(1).map((server): Fault => {
    return { kind: 'crash', ...timed, atMs: laterMs, forMs: RESTART_MS, server }
  })
  const [hasClocks, hasRestarts] = [random() < 0.5, random() < 0.5]
  return [...cuts, ...(hasClocks ? clocks : []), ...(hasRestarts ? restarts : [])]
}

/** A client that is busy while the leader is not heard. */
function during(
  client: ClientPlan,
  random: Random,
  times: readonly number[],
): ClientPlan {
  const gapMs = Math.min(client.gapMs, LEASE_GAP_MS)
  if (times.length === 0) return { ...client, gapMs }
  const startsAtMs = Math.round(pick(random, times) + between(random, 0, ELECTION_MS[1]))
  return { ...client, gapMs, startsAtMs }
}
