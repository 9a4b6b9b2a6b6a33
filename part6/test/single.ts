/** A service on a cluster of one server, in virtual time: it leads after an election. */
import { silentLogger, VirtualClock } from 'tools/lab'
import { ConsensusModule } from '../src/raft.ts'
import { KeyValueService, type KeyValueServiceOptions } from '../src/service.ts'
import type { StateMachine } from '../src/snapshots.ts'
import { MemoryStorage } from '../src/storage.ts'

class CountingStorage extends MemoryStorage {
  syncs = 0

  override sync(): void {
    this.syncs += 1
    super.sync()
  }
}

/** For a ConsensusModule whose entries change nothing. */
export const stateless: StateMachine = {
  snapshot: () => [].values(),
  restore: () => ({ add() {}, end() {} }),
}

/** No election takes longer, in ms. */
const ELECTED_MS = 400

export class Single {
  readonly clock = new VirtualClock()
  readonly storage: CountingStorage
  readonly consensus: ConsensusModule
  readonly service: KeyValueService

  constructor(
    options: Partial<KeyValueServiceOptions> = {},
    storage = new CountingStorage(),
  ) {
    this.storage = storage
    this.service = new KeyValueService({
      clock: this.clock,
      consensus: () => this.consensus,
      ...options,
    })
    this.consensus = new ConsensusModule({
      id: 0,
      peers: [],
      clock: this.clock,
      random: () => 0.5,
      logger: silentLogger,
      storage: this.storage,
      apply: (entry) => this.service.apply(entry),
      stateMachine: this.service,
      onChange: (report) => this.service.onChange(report),
    })
  }

  /** Leads from now on. */
  elect(): this {
    this.consensus.start()
    this.clock.advance(ELECTED_MS)
    return this
  }

  /** @returns the last entry that the snapshot then stands for; null when it stops before. */
  takeSnapshot(): Promise<number | null> {
    this.consensus.takeSnapshot()
    return new Promise((resolve) => this.consensus.snapshots.whenTaken(resolve))
  }
}
