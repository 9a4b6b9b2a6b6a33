/**
 * Configurations: who is in the cluster (section 6; thesis, chapter 4). A configuration is an
 * entry of the log. It is in force at a server as soon as it is in that server's log,
 * committed or not, and no more when it is overwritten there.
 *
 * Two that follow each other differ by one server. So every majority of one has a server in
 * common with every majority of the next, and there cannot be two leaders of one term.
 */
import type { LogEntry } from './raft.ts'
import type { SnapshotPosition } from './snapshots.ts'

/** A server of the cluster. */
export interface Member {
  readonly id: number
  /** Where it is reached. Opaque to Raft. */
  readonly address: string
}

export interface Configuration {
  /** The id of the cluster. Raft needs none; with it, none is taken for another. */
  readonly cluster?: string
  /** Those who vote, and who are counted. */
  readonly members: readonly Member[]
  /** The ids of those who were members. None is used twice: it may have voted. */
  readonly removed: readonly number[]
}

/** A configuration, and the entry that it is; 0 when it was there before all entries. */
export interface PlacedConfiguration {
  readonly index: number
  readonly configuration: Configuration
}

/** Before anything is known. */
export const NOBODY: PlacedConfiguration = {
  index: 0,
  configuration: { members: [], removed: [] },
}

/** Those in a server's log, and the one that the log begins with. */
export class Configurations {
  /** The oldest first; the last is in force. */
  private all: PlacedConfiguration[]

  /** @param members of the cluster, as long as the log does not say it. */
  constructor(members: readonly Member[]) {
    this.all = [{ index: 0, configuration: { members, removed: [] } }]
  }

  /** The id for a cluster that has none yet, if this server is its first leader. */
  suggestId(cluster: string): void {
    const { index, configuration } = this.latest
    if (index === 0) this.all = [{ index, configuration: { ...configuration, cluster } }]
  }

  get latest(): PlacedConfiguration {
    return this.all.at(-1) as PlacedConfiguration
  }

  /** The one before it, as far as the log has it. */
  get previous(): PlacedConfiguration {
    return this.all.at(-2) ?? this.latest
  }

  get members(): readonly Member[] {
    return this.latest.configuration.members
  }

  /** What an entry stood under. */
  at(index: number): PlacedConfiguration {
    const found = this.all.findLast((each) => each.index <= index)
    return found ?? (this.all[0] as PlacedConfiguration)
  }

  /** There is a log, after what a snapshot stands for, if there is one. */
  begin({ index, placed }: SnapshotPosition, log: readonly LogEntry[]): void {
    if (index > 0) this.all = [placed]
    this.replaceFrom(index + 1, log)
  }

  /**
   * The log goes on with these: what was in force beyond that is not any more (4.1).
   *
   * @returns whether another one is in force now.
   */
  replaceFrom(firstIndex: number, entries: readonly LogEntry[]): boolean {
    const { latest } = this
    while (this.all.length > 1 && this.latest.index >= firstIndex) this.all.pop()
    entries.forEach(({ configuration }, i) => {
      if (configuration) this.all.push({ index: firstIndex + i, configuration })
    })
    return this.latest !== latest
  }

  isMember(id: number): boolean {
    return this.members.some((member) => member.id === id)
  }

  /** The highest value that a majority has reached. */
  reachedByMajority(reached: (id: number) => number): number {
    const values = this.members.map(({ id }) => reached(id)).sort((a, b) => b - a)
    return values[Math.floor(values.length / 2)] ?? 0
  }

  /**
   * Whether a server may stand for election: while it does not know that its removal is
   * committed, it may have to (4.2.2). One that was never a member must not.
   */
  mayCampaign(id: number, commitIndex: number): boolean {
    const { index: committed } = this.at(commitIndex)
    const known = this.all.filter((each) => each.index >= committed)
    return known.some((each) => has(each.configuration, id))
  }

  /**
   * Whether a server is gone for good, as far as is committed. One that restores a backup
   * begins a new cluster, also where the one before had removed it.
   */
  isRemoved(id: number, commitIndex: number): boolean {
    const { removed } = this.at(commitIndex).configuration
    return removed.includes(id) && !this.isMember(id)
  }
}

function has({ members }: Configuration, id: number): boolean {
  return members.some((member) => member.id === id)
}
