import { parseWholeNumber, wholeNumbersFrom } from '../cli/numbers.ts'

/**
 * What a person can ask of a run of the tests, by environment variables; `dotest.sh` sets
 * them from its options.
 */
export interface Settings {
  /** RAFT_SEED: every scenario runs once, with this seed. */
  readonly seed: number | null
  /** RAFT_SEEDS: every scenario runs over this many seeds, from 1 on. */
  readonly seeds: number
  /** RAFT_NETWORK: in virtual time, or in real time over real sockets. */
  readonly network: 'simulated' | 'grpc'
  /** RAFT_LOG: the file to append the test log to; silent without one. */
  readonly logFile: string | null
  /** RAFT_UNRELIABLE_RPC: one call in ten is lost, one in ten is late by 75 ms. */
  readonly unreliableRpc: boolean
  /** RAFT_FORCE_MORE_REELECTION: one election timeout in three is the shortest. */
  readonly forceMoreReelections: boolean
}

const DEFAULT_SEEDS = 10

/** The annotations by which a test over many seeds says how many it has done. */
export const SEEDS_DONE = 'seeds done'

/** @throws when a variable is set to what it cannot be; says which, and what it can be. */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const network = env.RAFT_NETWORK || 'simulated'
  if (network !== 'simulated' && network !== 'grpc') {
    throw new Error(`RAFT_NETWORK is "${network}"; it can be "simulated" or "grpc"`)
  }
  return {
    seed: wholeNumber('RAFT_SEED', env.RAFT_SEED, 0),
    seeds: wholeNumber('RAFT_SEEDS', env.RAFT_SEEDS, 1) ?? DEFAULT_SEEDS,
    network,
    logFile: env.RAFT_LOG || null,
    unreliableRpc: Boolean(env.RAFT_UNRELIABLE_RPC),
    forceMoreReelections: Boolean(env.RAFT_FORCE_MORE_REELECTION),
  }
}

function wholeNumber(
  name: string,
  text: string | undefined,
  least: number,
): number | null {
  if (!text) return null
  const value = parseWholeNumber(text, least)
  if (value !== null) return value
  throw new Error(`${name} is "${text}"; it can be ${wholeNumbersFrom(least)}`)
}
