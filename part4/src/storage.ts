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
import { tryLock, unlock } from 'fs-native-extensions'
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
 * An append-only file, one record a line. Before each stand a checksum (CRC-32, in hex),
 * its length, and how much of the file was on the disk when it was written, in bytes:
 *
 *     128f0f9a 23 0 {"term":1,"votedFor":0}
 *     f256c371 36 38 {"index":1,"term":1,"command":"x=1"}
 *
 * So it can tell what a crash may leave from what it may not. A write that was cut off
 * leaves the front of a record, or whole sectors of zeros: nobody was told of it, and it
 * is dropped. Anything else is damage, and so are zeros before a byte that a later record
 * says was on the disk. One case looks the same: when the end of the file is cut off, or
 * becomes zeros, after it was acknowledged. Nothing in the file can tell that.
 *
 * One process at a time has the file. Beside it stands the process's id, in FILE.pid.
 */
export class FileStorage implements Storage {
  private readonly file: string
  private readonly fd: number
  private unsynced = ''
  /** Where the next record begins, and how much is on the disk; in bytes. */
  private end = 0
  private synced = 0
  private failure: StorageError | null = null

  /** Opens the file, or makes it. @throws StorageError when neither can be done. */
  constructor(file: string) {
    this.file = file
    this.fd = orStorageError(`cannot open ${file}`, () => open(file))
  }

  /** Drops what a crash left of a write that was not finished, and nothing else. */
  load(): PersistentState {
    return orStorageError(`cannot read ${this.file}`, () => {
      const records = new RecordReader(this.fd)
      const state = new Recovery()
      let offset = 0
      while (offset < records.size) {
        const found = records.at(offset)
        if (!found) {
          this.dropTail(records, offset)
          break
        }
        if (!state.accepts(found.record)) {
          const next = `entry ${state.log.length + 1} or one before it`
          throw this.damage(offset, `${next}, or a term from ${state.currentTerm} on`)
        }
        state.add(found.record)
        offset = found.end
      }
      // A process that was killed may have written what it had no time to sync.
      fs.fdatasyncSync(this.fd)
      this.end = offset
      this.synced = offset
      return state
    })
  }

  saveTermAndVote(currentTerm: number, votedFor: number | null): void {
    this.append({ term: currentTerm, votedFor })
    this.sync()
  }

  saveEntries(firstIndex: number, entries: readonly LogEntry[]): void {
    entries.forEach(({ term, command }, i) => {
      this.append({ index: firstIndex + i, term, command })
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
    this.synced = this.end
  }

  /** Another process may have the file from now on. */
  close(): void {
    fs.rmSync(pidFileOf(this.file), { force: true })
    // A process that is being started right now still has what this one had open.
    unlock(this.fd)
    fs.closeSync(this.fd)
  }

  private append(record: StorageRecord): void {
    const line = format(record, this.end, this.synced)
    this.unsynced += line
    this.end += Buffer.byteLength(line)
  }

  /**
   * What was being written when power failed was never acknowledged. Anything else may
   * have been: to go on without it would be to forget.
   */
  private dropTail(records: RecordReader, offset: number): void {
    if (!records.isTornAt(offset)) {
      throw this.damage(offset, 'a record that matches its checksum')
    }
    fs.ftruncateSync(this.fd, offset)
  }

  private damage(offset: number, expected: string): StorageError {
    return new StorageError(
      `${this.file} is damaged at byte ${offset}: expected ${expected}. Nothing in it ` +
        'was changed. Without it, or with an older one, this server must not start: ' +
        'it could break promises that it made',
    )
  }
}

/** Opens a file for this process alone. The lock ends with it, however that ends. */
function open(file: string): number {
  const fd = fs.openSync(file, 'a+', 0o600)
  try {
    if (!fs.fstatSync(fd).isFile()) throw new StorageError(`${file} is not a file`)
    if (!tryLock(fd)) throw inUse(file)
    fs.writeFileSync(pidFileOf(file), `${process.pid}\n`)
    // The file's name must survive a crash as well as what is in it.
    const directory = fs.openSync(dirname(file), 'r')
    fs.fsyncSync(directory)
    fs.closeSync(directory)
    return fd
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** The lock keeps others out; this file only tells them who has it. */
function pidFileOf(file: string): string {
  return `${file}.pid`
}

function inUse(file: string): StorageError {
  const text = fs.existsSync(pidFileOf(file))
    ? fs.readFileSync(pidFileOf(file), 'utf8')
    : ''
  const who = /^\d+\n$/.test(text) ? `process ${text.trim()}` : 'another process'
  return new StorageError(
    `${file} is in use by ${who}. Two servers with one memory would vote twice: ` +
      'stop that one first',
  )
}

/** What the front of a record says. Lengths and places in bytes. */
interface Front {
  readonly length: number
  /** Behind the record's newline. */
  readonly end: number
  /** How much of the file was on the disk when the record was written. */
  readonly synced: number
}

const CUT_OFF: Front = { length: 0, end: Number.POSITIVE_INFINITY, synced: 0 }

/** Reads the records of a file, a piece of it at a time. */
class RecordReader {
  readonly size: number
  private readonly fd: number
  private piece = Buffer.alloc(0)
  private pieceStart = 0

  constructor(fd: number) {
    this.fd = fd
    this.size = fs.fstatSync(fd).size
  }

  /** The record at `offset`, or null where there is none as it was written there. */
  at(offset: number): { readonly record: StorageRecord; readonly end: number } | null {
    const front = this.frontAt(offset)
    if (!front || front.end > this.size) return null
    this.fill(offset, front.end - offset)
    const start = offset - this.pieceStart
    const line = this.piece.toString('utf8', start, front.end - this.pieceStart)
    const isWhole = line.endsWith('\n')
    const text = line.slice(CHECKSUM_LENGTH + 1, -1)
    if (!isWhole || Number.parseInt(line, 16) !== checksum(text, offset)) return null
    return { record: JSON.parse(line.slice(front.length)), end: front.end }
  }

  /**
   * Whether a write that a crash cut off can have left what stands from `offset` on,
   * where no whole record is: records of one write, without some sectors or the end.
   */
  isTornAt(offset: number): boolean {
    let at = offset
    // Behind lost sectors a record begins, or there is only the rest of one.
    let lacksFront = false
    while (at < this.size) {
      const found = this.at(at)
      const front = this.frontAt(at)
      // No record, or one of a later write: by then what is missing was on the disk.
      if ((found || !lacksFront) && !(front && front.synced <= offset)) return false
      if (found) {
        at = found.end
        lacksFront = false
        continue
      }
      const end = this.find(/[\0\n]/, at)
      const hasNewline = this.byteAt(end) === NEWLINE
      if (!lacksFront && (hasNewline || (front && front.end <= end))) return false
      lacksFront = !hasNewline
      at = hasNewline ? end + 1 : this.find(/[^\0]/, end)
      if (!hasNewline && !this.areSectors(end, at, offset)) return false
    }
    return true
  }

  /** What the front of a record says, cut off or not; null where there is none. */
  private frontAt(offset: number): Front | null {
    this.fill(offset, FRONT_LENGTH)
    const start = offset - this.pieceStart
    const text = this.piece.toString('latin1', start, start + FRONT_LENGTH)
    const [front, length, synced] = FRONT.exec(text) ?? []
    if (front) {
      const end = offset + front.length + Number(length) + 1
      return { length: front.length, end, synced: Number(synced) }
    }
    return CUT_FRONT.test(text) ? CUT_OFF : null
  }

  /** Where the first byte stands, from `offset` on, that is such a one. */
  private find(pattern: RegExp, offset: number): number {
    for (let at = offset; at < this.size; at = this.pieceStart + this.piece.length) {
      this.fill(at, 1)
      const found = this.piece.toString('latin1', at - this.pieceStart).search(pattern)
      if (found !== -1) return at + found
    }
    return this.size
  }

  /** Whether a write that began before `synced`, or there, can lack just these bytes. */
  private areSectors(from: number, to: number, synced: number): boolean {
    const begins = from % SECTOR_BYTES === 0 || from === synced || from === this.size
    return begins && (to % SECTOR_BYTES === 0 || to === this.size)
  }

  private byteAt(offset: number): number | undefined {
    this.fill(offset, 1)
    return this.piece[offset - this.pieceStart]
  }

  /**
   * Has `length` bytes from `offset` on in the piece, as far as the file goes. Nobody goes
   * back: what stands before the piece is not asked for again.
   */
  private fill(offset: number, length: number): void {
    const end = Math.min(offset + length, this.size)
    if (end <= this.pieceStart + this.piece.length) return
    const bytes = Math.min(Math.max(length, PIECE_BYTES), this.size - offset)
    const piece = Buffer.allocUnsafe(bytes)
    for (let at = 0; at < bytes; ) {
      const count = fs.readSync(this.fd, piece, at, bytes - at, offset + at)
      if (count === 0) throw new Error(`it ends at byte ${offset + at}`)
      at += count
    }
    this.piece = piece
    this.pieceStart = offset
  }
}

const NEWLINE = 10
const CHECKSUM_LENGTH = 8
const FRONT = /^[0-9a-f]{8} (\d{1,9}) (\d{1,16}) /
const CUT_FRONT = /^(?:[0-9a-f]{0,8}|[0-9a-f]{8} (?:\d{0,9}|\d{1,9} \d{0,16}))(?:\0|$)/
const FRONT_LENGTH = 40
/** The least that a disk writes as a whole. */
const SECTOR_BYTES = 512
const PIECE_BYTES = 2 ** 20

function format(record: StorageRecord, offset: number, synced: number): string {
  const json = JSON.stringify(record)
  const text = `${Buffer.byteLength(json)} ${synced} ${json}`
  const digits = checksum(text, offset).toString(16).padStart(CHECKSUM_LENGTH, '0')
  return `${digits} ${text}\n`
}

/** Begins with the offset: a record counts only where it was written. */
function checksum(text: string, offset: number): number {
  return crc32(text, offset % 2 ** 32)
}

function orStorageError<T>(what: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StorageError(`${what}: ${reasonOf(error)}`)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
