/** The parts that can be played with: their code as it is, put into the simulated world. */
import type { ServerUnderTest, Surroundings } from 'tools/lab/cluster'
import { ConsensusModule as Part1 } from '../../../part1/src/raft.ts'
import { ConsensusModule as Part2 } from '../../../part2/src/raft.ts'
import { ConsensusModule as Part3 } from '../../../part3/src/raft.ts'
import { MemoryStorage } from '../../../part3/src/storage.ts'

export const PARTS = [1, 2, 3] as const
export type PartNumber = (typeof PARTS)[number]

/** A server of any part; part 1 takes no commands. */
export interface PlayedServer extends ServerUnderTest {
  submit?(command: string): number | null
}

/** What a crash leaves of a server. */
export type Disk = MemoryStorage

export const hasLog = (part: PartNumber): boolean => part >= 2
export const hasDisk = (part: PartNumber): boolean => part >= 3

/**
 * In ms of simulated time. Twice the times of the tests, and messages that take ten times
 * as long: so that they can be seen flying. What the paper asks for still holds: messages
 * are much faster than election timeouts.
 */
export const TIMING = { electionTimeout: [300, 600], heartbeatInterval: 100 } as const
export const LATENCY_MS = [15, 35] as const

/** A server of the part, with the disk that it keeps over its lives if the part has one. */
export function buildServer(
  part: PartNumber,
  surroundings: Surroundings,
  disk: Disk,
): PlayedServer {
  const options = { ...surroundings, timing: TIMING }
  if (part === 1) return new Part1(options)
  if (part === 2) return new Part2(options)
  return new Part3({ ...options, storage: disk })
}

export function newDisk(): Disk {
  return new MemoryStorage()
}
