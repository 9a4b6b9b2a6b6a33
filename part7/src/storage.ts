/**
 * Storage: what a server remembers over a crash (the persistent state of Figure 2).
 *
 * Two implementations: MemoryStorage for the simulated world, where a crash takes what
 * was not synced, and FileStorage, which appends to a file that a person can read.
 * Neither ever rewrites what it has: the cost of a write is that of the new entries,
 * however long the log is. When a snapshot is begun, the log goes on in another file, and
 * the one before is removed when the snapshot is durable (section 7).
 */
import * as fs from 'node:fs'
import { basename, dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { tryLock, unlock } from 'fs-native-extensions'
import type { Configuration } from './configuration.ts'
import type { Command, LogEntry, Position } from './raft.ts'
import {
  SnapshotFileReader,
  SnapshotFileWriter,
  syncFolderOf,
  writeAll,
} from './snapshot-file.ts'
import type { SnapshotPosition } from './snapshots.ts'

export interface PersistentState {
  readonly currentTerm: number
  readonly votedFor: number | null
  /** The entry that the log follows on; a snapshot stands for it and all before. */
  readonly base: Position
  readonly log: LogEntry[]
  /** What a person should know of; null when all is as it should be. */
  readonly remark: string | null
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
  /**
   * The log goes on with `entries` after `base`; durable when it returns. What it had up
   * to there can be forgotten as soon as a snapshot stands for it.
   */
  startLog(base: Position, entries: readonly LogEntry[]): void
  /** Begins a snapshot of all up to an entry. Before its end, a crash leaves none of it. */
  beginSnapshot(last: SnapshotPosition): SnapshotWriter
  /** The latest that has an end, to be read from now on; null when there is none. */
  openSnapshot(): SnapshotReader | null
}

export interface SnapshotWriter {
  /** Of what was written, in the units of the storage: bytes, or characters. */
  readonly length: number
  write(piece: string): void
  /** From now on it is the server's snapshot: durable when it returns. */
  end(): void
  /** It is not wanted any more. */
  discard(): void
}

export interface SnapshotPiece {
  readonly data: string
  /** Where the next one begins; the snapshot's length after the last. */
  readonly end: number
}

export interface SnapshotReader {
  /** It stands for the entries up to this one. */
  readonly last: SnapshotPosition
  readonly length: number
  /** @param offset 0, or where an earlier piece ended, as a writer's length says. */
  read(offset: number): SnapshotPiece
  close(): void
}

interface EntryRecord {
  readonly index: number
  readonly term: number
  readonly command: Command | null
  readonly configuration?: Configuration
}

/** One thing to remember. The records of a life, in order, make up its state. */
type StorageRecord =
  | { readonly term: number; readonly votedFor: number | null }
  | EntryRecord
  /** The file goes on after this entry, whatever was said of later ones before. */
  | { readonly after: number; readonly term: number }

const START: Position = { index: 0, term: 0 }

/** The state that a list of records makes up. */
class Recovery {
  currentTerm = 0
  votedFor: number | null = null
  base: Position
  log: LogEntry[] = []
  remark: string | null = null

  constructor(base = START) {
    this.base = base
  }

  get lastIndex(): number {
    return this.base.index + this.log.length
  }

  /** Whether the record can follow on those before it. */
  accepts(record: StorageRecord): boolean {
    if ('after' in record) return this.holds({ index: record.after, term: record.term })
    if ('index' in record)
      return record.index > this.base.index && record.index <= this.lastIndex + 1
    return record.term >= this.currentTerm
  }

  /** An entry takes the place of all that stood at its index and after it. */
  add(record: StorageRecord): void {
    if ('after' in record) {
      this.log.length = record.after - this.base.index
    } else if ('index' in record) {
      this.log.length = record.index - 1 - this.base.index
      const { index: _, ...entry } = record
      this.log.push(entry)
    } else {
      this.currentTerm = record.term
      this.votedFor = record.votedFor
    }
  }

  /**
   * A snapshot stands for all up to its last entry; what follows on that is kept.
   *
   * @returns whether the records go as far as that entry: others can follow on them.
   */
  cut(last: Position): boolean {
    if (last.index <= this.base.index) return true
    const isHeld = this.holds(last)
    this.log = isHeld ? this.log.slice(last.index - this.base.index) : []
    this.base = last
    return isHeld
  }

  private holds({ index, term }: Position): boolean {
    const { base } = this
    if (index === base.index) return term === base.term
    return this.log[index - 1 - base.index]?.term === term
  }
}

function recordOf(index: number, entry: LogEntry): EntryRecord {
  const { term, command, configuration } = entry
  const record = { index, term, command }
  return configuration ? { ...record, configuration } : record
}

/** A disk of the simulated world. */
export class MemoryStorage implements Storage {
  private readonly durable = new Recovery()
  private unsynced: StorageRecord[] = []
  private snapshot: MemorySnapshot | null = null

  load(): PersistentState {
    const { currentTerm, votedFor, base, log } = this.durable
    return { currentTerm, votedFor, base, log: [...log], remark: null }
  }

  saveTermAndVote(currentTerm: number, votedFor: number | null): void {
    this.unsynced.push({ term: currentTerm, votedFor })
    this.sync()
  }

  saveEntries(firstIndex: number, entries: readonly LogEntry[]): void {
    entries.forEach((entry, i) => {
      this.unsynced.push(recordOf(firstIndex + i, entry))
    })
  }

  sync(): void {
    for (const record of this.unsynced) this.keep(record)
    this.unsynced = []
  }

  startLog(base: Position, entries: readonly LogEntry[]): void {
    this.unsynced.push({ after: base.index, term: base.term })
    this.saveEntries(base.index + 1, entries)
    this.sync()
  }

  beginSnapshot(last: SnapshotPosition): SnapshotWriter {
    return new MemorySnapshot(last, (snapshot) => {
      this.snapshot = snapshot
      this.durable.cut(last)
    })
  }

  openSnapshot(): SnapshotReader | null {
    return this.snapshot
  }

  /** Power is lost: of what was not synced, some from the front may be written. */
  crash(random: () => number): void {
    const written = Math.floor(random() * (this.unsynced.length + 1))
    for (const record of this.unsynced.slice(0, written)) this.keep(record)
    this.unsynced = []
  }

  /** As a file is read: one in which a record does not follow on those before is damaged. */
  private keep(record: StorageRecord): void {
    if (!this.durable.accepts(record)) {
      throw new StorageError(
        `${JSON.stringify(record)} does not follow on what is there`,
      )
    }
    this.durable.add(record)
  }
}

/** Of the simulated world; its lengths are in characters. */
class MemorySnapshot implements SnapshotWriter, SnapshotReader {
  readonly last: SnapshotPosition
  length = 0
  private readonly onEnd: (snapshot: MemorySnapshot) => void
  /** By where they begin. */
  private readonly pieces = new Map<number, string>()

  constructor(last: SnapshotPosition, onEnd: (snapshot: MemorySnapshot) => void) {
    this.last = last
    this.onEnd = onEnd
  }

  write(piece: string): void {
    this.pieces.set(this.length, piece)
    this.length += piece.length
  }

  end(): void {
    this.onEnd(this)
  }

  discard(): void {
    this.pieces.clear()
  }

  read(offset: number): SnapshotPiece {
    const data = this.pieces.get(offset) ?? ''
    return { data, end: offset + data.length }
  }

  close(): void {}
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
 * The log goes on in FILE.1, FILE.2, … as snapshots are begun. Each of these says first
 * which entry it follows on, and the last of them that follows on an entry of the snapshot
 * is the first that is needed. A snapshot is FILE.snapshot-INDEX, by its last entry.
 *
 * One process at a time has these files. It holds a lock on FILE.pid, where its id stands,
 * and one on the log: for who has removed FILE.pid, and for a process of part 5.
 */
export class FileStorage implements Storage {
  private readonly file: string
  private readonly lock: number
  /** Of the file that the log goes on in: its number, and the open file. */
  private number: number
  private fd: number
  private unsynced = ''
  /** Where the next record begins, and how much is on the disk; in bytes. */
  private end = 0
  private synced = 0
  /** What a file begins with. */
  private termAndVote: StorageRecord = { term: 0, votedFor: null }
  private snapshot: Position = START
  private snapshotsBegun = 0
  private failure: StorageError | null = null

  /** Opens the file, or makes it. @throws StorageError when neither can be done. */
  constructor(file: string) {
    this.file = file
    this.lock = orStorageError(`cannot open ${file}`, () => lock(file))
    try {
      const numbers = this.logNumbers()
      // Its term and vote are gone with it.
      if (numbers.length === 0 && this.snapshotIndexes().length > 0) {
        throw new StorageError(`${file} is not there, and a snapshot is. ${UNFIT}`)
      }
      this.number = numbers.at(-1) ?? 0
      const path = this.logFile(this.number)
      this.fd = orStorageError(`cannot open ${path}`, () => openLog(path))
    } catch (error) {
      release(this.lock)
      throw error
    }
  }

  /** Drops what a crash left of a write that was not finished, and nothing else. */
  load(): PersistentState {
    return orStorageError(`cannot read ${this.file}`, () => {
      const snapshot = this.findSnapshot()
      const numbers = this.numbersAfter(snapshot.last, snapshot.remark)
      const state = new Recovery(this.baseOf(numbers[0] as number))
      for (const number of numbers) this.replay(number, state)
      const isHeld = state.cut(snapshot.last)
      state.remark = snapshot.remark
      const { currentTerm: term, votedFor } = state
      this.termAndVote = { term, votedFor }
      this.snapshot = snapshot.last
      this.removeOld()
      this.removeUnfinished()
      // A crash came when a leader's snapshot was here, and the log after it not begun.
      if (!isHeld) this.startLog(state.base, [])
      return state
    })
  }

  saveTermAndVote(currentTerm: number, votedFor: number | null): void {
    this.termAndVote = { term: currentTerm, votedFor }
    this.append(this.termAndVote)
    this.sync()
  }

  saveEntries(firstIndex: number, entries: readonly LogEntry[]): void {
    entries.forEach((entry, i) => {
      this.append(recordOf(firstIndex + i, entry))
    })
  }

  sync(): void {
    this.orFail(() => {
      writeAll(this.fd, Buffer.from(this.unsynced))
      fs.fdatasyncSync(this.fd)
    })
    this.unsynced = ''
    this.synced = this.end
  }

  /** The file gets its name when all of it is on the disk. */
  startLog(base: Position, entries: readonly LogEntry[]): void {
    this.sync()
    this.orFail(() => {
      const fd = openLog(`${this.logFile(this.number + 1)}.new`)
      fs.closeSync(this.fd)
      this.fd = fd
      this.number += 1
    })
    this.end = 0
    this.synced = 0
    this.append({ after: base.index, term: base.term })
    this.append(this.termAndVote)
    this.saveEntries(base.index + 1, entries)
    this.sync()
    this.orFail(() => {
      fs.renameSync(`${this.logFile(this.number)}.new`, this.logFile(this.number))
      syncFolderOf(this.file)
      this.removeOld()
    })
  }

  beginSnapshot(last: SnapshotPosition): SnapshotWriter {
    const file = this.snapshotFile(last.index)
    this.snapshotsBegun += 1
    const temporary = `${file}.new${this.snapshotsBegun}`
    const writer = this.orFail(() => {
      return new SnapshotFileWriter(file, temporary, last, () => {
        this.snapshot = last
        this.removeOld()
      })
    })
    return {
      get length() {
        return writer.length
      },
      write: (piece) => this.orFail(() => writer.write(piece)),
      end: () => this.orFail(() => writer.end()),
      discard: () => this.orFail(() => writer.discard()),
    }
  }

  openSnapshot(): SnapshotReader | null {
    if (this.snapshot.index === 0) return null
    const file = this.snapshotFile(this.snapshot.index)
    return orStorageError(`cannot read ${file}`, () => new SnapshotFileReader(file))
  }

  /** The latest snapshot as it is on the disk: a descriptor, also when a later one is there. */
  openSnapshotFile(): number {
    const file = this.snapshotFile(this.snapshot.index)
    return orStorageError(`cannot read ${file}`, () => fs.openSync(file, 'r'))
  }

  /** Another process may have the file from now on. */
  close(): void {
    unlock(this.fd)
    fs.closeSync(this.fd)
    release(this.lock)
  }

  private append(record: StorageRecord): void {
    const line = format(record, this.end, this.synced)
    this.unsynced += line
    this.end += Buffer.byteLength(line)
  }

  /**
   * After a failure it is not known what reached the disk, and the operating system may
   * say "done" to a second try without having done it. So there is none.
   */
  private orFail<T>(work: () => T): T {
    if (this.failure) throw this.failure
    try {
      return work()
    } catch (error) {
      this.failure = new StorageError(`cannot write ${this.file}: ${reasonOf(error)}`)
      throw this.failure
    }
  }

  /** Adds the records of a file; only the last one can have a tail that was cut off. */
  private replay(number: number, state: Recovery): void {
    const isLast = number === this.number
    const fd = isLast ? this.fd : fs.openSync(this.logFile(number), 'r')
    const records = new RecordReader(fd)
    let offset = 0
    while (offset < records.size) {
      const found = records.at(offset)
      if (!found) {
        if (!isLast || !records.isTornAt(offset)) {
          throw this.damage(number, offset, 'a record that matches its checksum')
        }
        // What was being written when power failed was never acknowledged. Anything else
        // may have been: to go on without it would be to forget.
        fs.ftruncateSync(fd, offset)
        break
      }
      if (!state.accepts(found.record)) {
        const next = `entry ${state.lastIndex + 1} or one before it`
        throw this.damage(
          number,
          offset,
          `${next}, or a term from ${state.currentTerm} on`,
        )
      }
      state.add(found.record)
      offset = found.end
    }
    if (!isLast) {
      fs.closeSync(fd)
      return
    }
    // A process that was killed may have written what it had no time to sync.
    fs.fdatasyncSync(fd)
    this.end = offset
    this.synced = offset
  }

  /** The latest that is whole; a remark when there is a later one that is not. */
  private findSnapshot(): { readonly last: Position; readonly remark: string | null } {
    let remark: string | null = null
    for (const index of this.snapshotIndexes().reverse()) {
      const file = this.snapshotFile(index)
      try {
        return { last: checked(file, index), remark }
      } catch (error) {
        remark ??= `${file} cannot be used: ${reasonOf(error)}`
      }
    }
    // Then the log must have everything.
    if (remark !== null && this.baseOf(this.logNumbers()[0] ?? 0).index > 0) {
      throw new StorageError(`${remark}. ${UNFIT}`)
    }
    return { last: START, remark }
  }

  /** The files that are needed after a snapshot. */
  private numbersAfter(last: Position, remark: string | null = null): number[] {
    const numbers = this.logNumbers()
    const first = numbers.findLastIndex((each) => this.baseOf(each).index <= last.index)
    if (first !== -1) return numbers.slice(first)
    const file = this.logFile(numbers[0] as number)
    const problem = `${file} follows on a snapshot that is not there, or is an older one`
    throw new StorageError(`${remark === null ? '' : `${remark}. `}${problem}. ${UNFIT}`)
  }

  /** Which entry the file follows on. */
  private baseOf(number: number): Position {
    if (number === 0) return START
    const fd = fs.openSync(this.logFile(number), 'r')
    try {
      const first = new RecordReader(fd).at(0)?.record
      if (first && 'after' in first) return { index: first.after, term: first.term }
    } finally {
      fs.closeSync(fd)
    }
    throw this.damage(number, 0, 'which entry it follows on')
  }

  /** What a durable snapshot stands for is not needed. */
  private removeOld(): void {
    const [needed = this.number] = this.numbersAfter(this.snapshot)
    for (const number of this.logNumbers()) {
      if (number < needed) fs.rmSync(this.logFile(number))
    }
    for (const index of this.snapshotIndexes()) {
      if (index < this.snapshot.index) fs.rmSync(this.snapshotFile(index))
    }
  }

  private removeUnfinished(): void {
    const unfinished = this.restsOfNames().filter((rest) => /^\..*\.new\d*$/.test(rest))
    for (const rest of unfinished) fs.rmSync(this.file + rest)
  }

  private logNumbers(): number[] {
    return this.numbersIn(/^(?:\.(\d+))?$/)
  }

  private snapshotIndexes(): number[] {
    return this.numbersIn(/^\.snapshot-(\d+)$/)
  }

  /** Of the files whose names go on so behind that of this one: the numbers, in order. */
  private numbersIn(rest: RegExp): number[] {
    const matches = this.restsOfNames().map((each) => rest.exec(each))
    const numbers = matches.flatMap((match) => (match ? Number(match[1] ?? 0) : []))
    return numbers.sort((a, b) => a - b)
  }

  private restsOfNames(): string[] {
    const name = basename(this.file)
    const names = fs.readdirSync(dirname(this.file))
    return names.flatMap((each) =>
      each.startsWith(name) ? each.slice(name.length) : [],
    )
  }

  private logFile(number: number): string {
    return number === 0 ? this.file : `${this.file}.${number}`
  }

  private snapshotFile(index: number): string {
    return `${this.file}.snapshot-${index}`
  }

  private damage(number: number, offset: number, expected: string): StorageError {
    const file = this.logFile(number)
    return new StorageError(
      `${file} is damaged at byte ${offset}: expected ${expected}. ${UNFIT}`,
    )
  }
}

/** What a snapshot stands for, if all of its file is as it was written, and in its place. */
function checked(file: string, index: number): Position {
  const reader = new SnapshotFileReader(file)
  try {
    reader.check()
    const { last } = reader
    if (last.index !== index) throw new Error(`it is of entry ${last.index}`)
    return last
  } finally {
    reader.close()
  }
}

const UNFIT =
  'Nothing in it was changed. Without it, or with an older one, this server must not ' +
  'start: it could break promises that it made'

function openLog(file: string): number {
  const fd = fs.openSync(file, 'a+', 0o600)
  try {
    if (!fs.fstatSync(fd).isFile()) throw new StorageError(`${file} is not a file`)
    if (!tryLock(fd)) throw inUse(file, 'another process')
    syncFolderOf(file)
    return fd
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** Keeps other processes out, until this one ends, however it does. */
function lock(file: string): number {
  const fd = fs.openSync(`${file}.pid`, 'a+', 0o600)
  try {
    if (!tryLock(fd)) throw inUse(file, holderOf(file))
    fs.ftruncateSync(fd)
    fs.writeSync(fd, `${process.pid}\n`)
    return fd
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

function release(lock: number): void {
  fs.ftruncateSync(lock)
  // A process that is being started right now still has what this one had open.
  unlock(lock)
  fs.closeSync(lock)
}

function holderOf(file: string): string {
  const text = fs.readFileSync(`${file}.pid`, 'utf8')
  return /^\d+\n$/.test(text) ? `process ${text.trim()}` : 'another process'
}

function inUse(file: string, who: string): StorageError {
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
