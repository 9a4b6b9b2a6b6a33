/**
 * Storage: what a server remembers over a crash (the persistent state of Figure 2).
 *
 * Two implementations: MemoryStorage for the simulated world, where a crash takes what
 * was not synced, and FileStorage, which appends to a file that a person can read.
 * Neither ever rewrites what it has: the cost of a write is that of the new entries,
 * however long the log is. So the file grows for ever; part 6 cuts it, with snapshots.
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { LogEntry } from './raft.ts'

export interface PersistentState {
  readonly currentTerm: number
  readonly votedFor: number | null
  readonly log: LogEntry[]
}

export interface Storage {
  /** What is durable. Called once, before anything is saved. @throws StorageError */
  load(): PersistentState
  /** Durable when it returns, with all that was saved before. @throws StorageError */
  saveTermAndVote(currentTerm: number, votedFor: number | null): void
  /** The log goes on with `entries` at `firstIndex`; durable after the next sync. */
  saveEntries(firstIndex: number, entries: readonly LogEntry[]): void
  /** Makes durable what was saved. @throws StorageError when that cannot be promised. */
  sync(): void
}

/** One thing to remember. The records of a life, in order, make up its state. */
type StorageRecord =
  | { readonly term: number; readonly votedFor: number | null }
  | { readonly index: number; readonly term: number; readonly command: string }

/** The state that a list of records makes up. */
class Recovery {
  currentTerm = 0
  votedFor: number | null = null
  readonly log: LogEntry[] = []

  /** Whether the record can follow on those before it. */
  accepts(record: StorageRecord): boolean {
    if ('index' in record)
      return record.index >= 1 && record.index <= this.log.length + 1
    return record.term >= this.currentTerm
  }

  /** An entry takes the place of all that stood at its index and after it. */
  add(record: StorageRecord): void {
    if ('index' in record) {
      this.log.length = record.index - 1
      this.log.push({ command: record.command, term: record.term })
    } else {
      this.currentTerm = record.term
      this.votedFor = record.votedFor
    }
  }
}

/** A disk of the simulated world. */
export class MemoryStorage implements Storage {
  private readonly durable = new Recovery()
  private unsynced: StorageRecord[] = []

  load(): PersistentState {
    const { currentTerm, votedFor, log } = this.durable
    return { currentTerm, votedFor, log: [...log] }
  }

  saveTermAndVote(currentTerm: number, votedFor: number | null): void {
    this.unsynced.push({ term: currentTerm, votedFor })
    this.sync()
  }

  saveEntries(firstIndex: number, entries: readonly LogEntry[]): void {
    entries.forEach(({ term, command }, i) => {
      this.unsynced.push({ index: firstIndex + i, term, command })
    })
  }

  sync(): void {
    for (const record of this.unsynced) this.durable.add(record)
    this.unsynced = []
  }

  /** Power is lost: of what was not synced, some from the front may be written. */
  crash(random: () => number): void {
    const written = Math.floor(random() * (this.unsynced.length + 1))
    for (const record of this.unsynced.slice(0, written)) this.durable.add(record)
    this.unsynced = []
  }
}

/** The disk failed, or holds something else than was written. The server must not run. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
}

/**
 * An append-only file, one record a line: a checksum (CRC-32, in hex) and the record.
 *
 *     4ad9d7c1 {"term":1,"votedFor":0}
 *     8d2b0cf9 {"index":1,"term":1,"command":"x=1"}
 */
export class FileStorage implements Storage {
  private readonly file: string
  private readonly fd: number
  private unsynced = ''
  private failure: StorageError | null = null

  /** Opens the file, or makes it. @throws StorageError when neither can be done. */
  constructor(file: string) {
    this.file = file
    try {
      this.fd = fs.openSync(file, 'a+', 0o600)
      // The file's name must survive a crash as well as what is in it.
      const directory = fs.openSync(dirname(file), 'r')
      fs.fsyncSync(directory)
      fs.closeSync(directory)
    } catch (error) {
      throw new StorageError(`cannot open ${file}: ${reasonOf(error)}`)
    }
  }

  /** Drops a record that a kill left half written at the end, and nothing else. */
  load(): PersistentState {
    const bytes = fs.readFileSync(this.fd)
    const state = new Recovery()
    let offset = 0
    while (offset < bytes.length) {
      const newline = bytes.indexOf(NEWLINE, offset)
      if (newline === -1) {
        this.dropTail(offset)
        break
      }
      const record = parse(bytes.toString('utf8', offset, newline))
      if (!record) throw this.damage(offset, 'a record that matches its checksum')
      if (!state.accepts(record)) {
        const next = `entry ${state.log.length + 1} or one before it`
        throw this.damage(offset, `${next}, or a term from ${state.currentTerm} on`)
      }
      state.add(record)
      offset = newline + 1
    }
    return state
  }

  saveTermAndVote(currentTerm: number, votedFor: number | null): void {
    this.unsynced += format({ term: currentTerm, votedFor })
    this.sync()
  }

  saveEntries(firstIndex: number, entries: readonly LogEntry[]): void {
    entries.forEach(({ term, command }, i) => {
      this.unsynced += format({ index: firstIndex + i, term, command })
    })
  }

  /**
   * After a failure it is not known what reached the disk, and the operating system may
   * say "done" to a second try without having done it. So there is none.
   */
  sync(): void {
    if (this.failure) throw this.failure
    try {
      const bytes = Buffer.from(this.unsynced)
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.fd, bytes, at)
      fs.fdatasyncSync(this.fd)
    } catch (error) {
      this.failure = new StorageError(`cannot write ${this.file}: ${reasonOf(error)}`)
      throw this.failure
    }
    this.unsynced = ''
  }

  close(): void {
    fs.closeSync(this.fd)
  }

  /**
   * What has no end was being written when the server was killed, so it was never
   * acknowledged. What has one may have been: to go on without it would be to forget.
   */
  private dropTail(offset: number): void {
    fs.ftruncateSync(this.fd, offset)
    fs.fdatasyncSync(this.fd)
  }

  private damage(offset: number, expected: string): StorageError {
    return new StorageError(
      `${this.file} is damaged at byte ${offset}: expected ${expected}. ` +
        'Restore it as it was; without it the server could break promises that it made',
    )
  }
}

const NEWLINE = 10
/** Of the checksum and a space. */
const PREFIX_LENGTH = 9

function format(record: StorageRecord): string {
  const json = JSON.stringify(record)
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`
}

/** The record in a line, or null where there is none as it was written. */
function parse(line: string): StorageRecord | null {
  const json = line.slice(PREFIX_LENGTH)
  const checksum = Number(`0x${line.slice(0, PREFIX_LENGTH)}`)
  return checksum === crc32(json) ? JSON.parse(json) : null
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
