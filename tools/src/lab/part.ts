import type { Logger } from 'pino'
import type { Rpc } from '../testlog/event.ts'
import type { Clock } from './clock.ts'
import type { Transport } from './costs.ts'
import type { ClientHistory } from './history.ts'
import type { Random } from './random.ts'
import type { Rule } from './rules/rule.ts'
import type { AppliedEntry, View } from './view.ts'

/**
 * What a part says of itself in its test/lab.ts: all that the tests, the explorer, the
 * gallery, the playground and the benchmarks know of it.
 */
export interface Part<S extends Server = Server> {
  /**
   * The names of its RPCs, and of the methods that stand for them: of a Peer, to send one,
   * and of a server, to take one.
   */
  readonly rpcs: Readonly<Record<string, string>>
  /** How its servers talk, which matters on slow links. */
  readonly transport: Transport
  /** Makes a server, which `start` brings to life. */
  readonly build: (surroundings: Surroundings) => S
  view(server: S): View
  /** Where the part takes commands. @returns the entry's index, or null. */
  submit?(server: S, command: string): number | null
  /** Where the part has snapshots: begins one there, if there is anything new. */
  takeSnapshot?(server: S): void
  /** Where the part serves clients. */
  readonly clients?: ClientsOfPart
  /** Where the part can answer reads in a lease: how much clocks may run wrong then. */
  readonly leases?: { readonly maxDrift: number }
  /** Where the part's clusters change. */
  readonly members?: MembersOfPart<S>
  /** Where the part promises something about crashes. */
  readonly storage?: StorageOfPart
  /** Rules that this part has beside those of the laboratory. */
  readonly rules?: readonly Rule[]
}

/** What a server of any part can do. */
export interface Server {
  start(): void
  stop(): void
  trace(event: string, message: string, fields?: object): void
}

/** What the world gives to a server: the constructor's options that it has to say. */
export interface Surroundings {
  readonly id: number
  /** As the part types them: made from its `rpcs`. All servers that there are at first. */
  readonly peers: readonly never[]
  /** The ids of those that are in the cluster at first: nobody, for one that joins it. */
  readonly members: readonly number[]
  /** Any other server, when the cluster changes. */
  readonly peerTo: (id: number) => never
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly timing?: Timing
  /** Reads are answered in a lease. */
  readonly lease?: boolean
  /** Where committed entries go. */
  readonly apply: (entry: AppliedEntry) => void
  /** A client was told that this entry is not and never will be carried out. */
  readonly denied: (index: number, term: number) => void
  /** As the part types it: what `storage` gives, behind what the world does to disks. */
  readonly storage: never
}

/** What a person may ask of a cluster, by the ids of servers. */
export type ChangeOfMembers = { readonly add: number } | { readonly remove: number }

interface MembersOfPart<S> {
  /**
   * Asks a server for a change.
   *
   * @param onAnswer is told whether there is no need to ask again: it is done, or refused for
   * good. At once, later, or never.
   */
  change(
    server: S,
    change: ChangeOfMembers,
    onAnswer: (isSettled: boolean) => void,
  ): void
  /** Asks a leader to let another server lead. */
  handOver(server: S, to: number): void
}

interface ClientsOfPart {
  /** The names of what they can ask for, and the methods of a server that take it. */
  readonly rpcs: Readonly<Record<string, string>>
  /** Those that may arrive twice; of others, a connection sees to it that they do not. */
  readonly mayRepeat?: readonly string[]
  /** Something that a client may ask for, as plain data; what it writes is `value`. */
  draw(random: Random, key: string, value: string): object
  /** The same for reads of other kinds: of many keys, or of what one server has. */
  drawRead?(random: Random, key: string, servers: number): object
  /** What a person can ask for, by name: made of a key and, where there are two, a value. */
  readonly asks?: Readonly<Record<string, (key: string, value: string) => object>>
  /** A client there. What it returns ends with what it asked for, whatever came of it. */
  join(place: Place): (operation: object) => Promise<void>
}

/** What the world gives to a client: a node that is no server. Its code may await. */
export interface Place {
  readonly id: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The ids of all servers. */
  readonly servers: readonly number[]
  /** Of all clients; its times are the world's. */
  readonly history: ClientHistory
  now(): number
  /** Counts a server's lives: after a crash it begins another. */
  lifeOf(server: number): number
  /** Sends a request; `onReply` is called later: once, more often, or never. */
  send(
    to: number,
    method: string,
    args: Rpc['args'],
    onReply: (reply: unknown) => void,
  ): void
  /** Over real sockets: what the network does to a message to a server, or from it. */
  carry(way: 'there' | 'back', server: number, arrive: () => void): void
  /** Lets time pass until a promise is settled, where nobody lets it pass otherwise. */
  until<T>(promise: Promise<T>): Promise<T>
}

interface StorageOfPart {
  /** A disk of the simulated world. */
  newDisk(): Disk
  /** The same as a file, for stories of files. */
  readonly openFile: (path: string) => FileStorage
  /** Where the part has snapshots: as a log and its snapshots, in one folder. */
  readonly openFolder?: (path: string) => SnapshotStorage
  /** Those of its methods that wait until everything is on the disk. */
  readonly syncs: readonly string[]
}

/** In ms; a part has values of its own for what is left out. */
export interface Timing {
  readonly electionTimeout?: readonly [min: number, max: number]
  readonly heartbeatInterval?: number
}

/** A disk keeps what was synced over a crash, and perhaps some of what was not. */
export interface Disk {
  crash(random: Random): void
}

interface SavedState {
  readonly currentTerm: number
  readonly votedFor: number | null
  readonly log: readonly SavedEntry[]
}

/** An entry, or where a snapshot ends. */
export interface Position {
  readonly index: number
  readonly term: number
}

interface SavedEntry {
  readonly term: number
  /** Null where there is nothing to do. */
  readonly command: string | null
}

/** What a story of a file does to it. */
export interface FileStorage {
  load(): SavedState
  saveTermAndVote(currentTerm: number, votedFor: number | null): void
  saveEntries(firstIndex: number, entries: readonly SavedEntry[]): void
  sync(): void
  close(): void
}

/** What a story of a log and its snapshots does to them. */
export interface SnapshotStorage extends FileStorage {
  load(): SavedState & { readonly base: Position }
  /** The log goes on with `entries` after `base`. */
  startLog(base: Position, entries: readonly SavedEntry[]): void
  beginSnapshot(last: Position): { write(piece: string): void; end(): void }
  openSnapshot(): StoredSnapshot | null
}

interface StoredSnapshot {
  readonly last: Position
  readonly length: number
  read(offset: number): { readonly data: string; readonly end: number }
  close(): void
}
