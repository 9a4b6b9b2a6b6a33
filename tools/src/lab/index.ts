/** The laboratory: a world in which a cluster can be run, broken, and looked at. */

export type { Rpc } from '../testlog/event.ts'
export { silentLogger } from '../testlog/logger.ts'
export { type Clock, realClock, VirtualClock } from './clock.ts'
export { Cluster, type ServerUnderTest, type Surroundings } from './cluster.ts'
export { type DiskSpeed, jsonLength, type MachineSpeed } from './costs.ts'
export { type AppliedEntry, InvariantViolation } from './invariants.ts'
export { type Machine, PowerFailure } from './machine.ts'
export { type NetworkFaults, RELIABLE, UNRELIABLE, UNRELIABLE_RPC } from './network.ts'
export { between, type Random, randomStreams } from './random.ts'
export { betweenWrites } from './storage.ts'
