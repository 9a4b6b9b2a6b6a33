/**
 * The file of a snapshot: a line that says of what, the state machine's text, and a line
 * by which it is known that all of it is there. So a person can read it.
 *
 *     {"format":1,"lastIncludedIndex":3,"lastIncludedTerm":1}
 *     {"time":{"now":12,"term":1,"termBeganAt":0}}
 *     {"pair":{"key":"x","value":"1","version":3}}
 *     {"bytes":88,"crc32":"128f0f9a"}
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Position } from './raft.ts'
import type { SnapshotPiece, SnapshotReader, SnapshotWriter } from './storage.ts'

/** Of those that this program writes, and the only one that it can read. */
const FORMAT = 1
/** So much is read at a time, in bytes, and the rest of the last line. */
const PIECE_BYTES = 64 * 1024
/** The first line is shorter, and so is the last. */
const LINE_BYTES = 200

/** Writes to a file of another name, which takes its own when it is whole. */
export class SnapshotFileWriter implements SnapshotWriter {
  length = 0
  private readonly file: string
  private readonly temporary: string
  private readonly fd: number
  private readonly onEnd: () => void
  private checksum = 0

  constructor(file: string, temporary: string, last: Position, onEnd: () => void) {
    this.file = file
    this.temporary = temporary
    this.onEnd = onEnd
    this.fd = fs.openSync(temporary, 'w', 0o600)
    const { index: lastIncludedIndex, term: lastIncludedTerm } = last
    this.append(lineOf({ format: FORMAT, lastIncludedIndex, lastIncludedTerm }))
  }

  /** A part at a time is synced: a disk that has much to do lets everything else wait. */
  write(piece: string): void {
    this.length += this.append(piece)
    fs.fdatasyncSync(this.fd)
  }

  end(): void {
    this.append(lastLineOf(this.length, this.checksum))
    fs.fdatasyncSync(this.fd)
    fs.closeSync(this.fd)
    fs.renameSync(this.temporary, this.file)
    syncFolderOf(this.file)
    this.onEnd()
  }

  discard(): void {
    fs.closeSync(this.fd)
    fs.rmSync(this.temporary)
  }

  private append(text: string): number {
    const bytes = Buffer.from(text)
    this.checksum = crc32(bytes, this.checksum)
    writeAll(this.fd, bytes)
    return bytes.length
  }
}

/** It can be read to its end when the file has been removed meanwhile. */
export class SnapshotFileReader implements SnapshotReader {
  readonly last: Position
  readonly length: number
  private readonly fd: number
  /** Where the state machine's text begins. */
  private readonly start: number
  private readonly footer: string

  /** @throws Error that says what is wrong with its beginning or its end. */
  constructor(file: string) {
    this.fd = fs.openSync(file, 'r')
    try {
      const header = this.firstLine()
      const { format, lastIncludedIndex, lastIncludedTerm } = parsed(header)
      if (typeof format !== 'number') throw new Error('it says no format')
      if (format !== FORMAT) {
        throw new Error(`it has format ${format}, and this program reads ${FORMAT}`)
      }
      this.last = { index: Number(lastIncludedIndex), term: Number(lastIncludedTerm) }
      this.start = Buffer.byteLength(header)
      this.footer = this.lastLine()
      this.length = Number(parsed(this.footer).bytes)
      const size = this.start + this.length + Buffer.byteLength(this.footer)
      if (size !== fs.fstatSync(this.fd).size)
        throw new Error('it is damaged: its length is another')
    } catch (error) {
      fs.closeSync(this.fd)
      throw error
    }
  }

  /** Reads all of it. @throws Error when it is not as it was written. */
  check(): void {
    const end = this.start + this.length
    let checksum = 0
    for (let at = 0; at < end; at += PIECE_BYTES) {
      checksum = crc32(this.bytesAt(at, Math.min(PIECE_BYTES, end - at)), checksum)
    }
    // As text: a digit can be another, and say the same.
    if (this.footer !== lastLineOf(this.length, checksum))
      throw new Error('it is damaged: its checksum is another')
  }

  read(offset: number): SnapshotPiece {
    let bytes = PIECE_BYTES
    for (;;) {
      const piece = this.bytesAt(
        this.start + offset,
        Math.min(bytes, this.length - offset),
      )
      const end = piece.lastIndexOf('\n') + 1
      if (end > 0) {
        return { data: piece.toString('utf8', 0, end), end: offset + end }
      }
      bytes *= 2
    }
  }

  close(): void {
    fs.closeSync(this.fd)
  }

  private firstLine(): string {
    const text = this.bytesAt(0, Math.min(LINE_BYTES, this.size())).toString('latin1')
    return text.slice(0, text.indexOf('\n') + 1)
  }

  private lastLine(): string {
    const length = Math.min(LINE_BYTES, this.size())
    const text = this.bytesAt(this.size() - length, length).toString('latin1')
    return text.slice(text.lastIndexOf('\n', length - 2) + 1)
  }

  private size(): number {
    return fs.fstatSync(this.fd).size
  }

  private bytesAt(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; ) {
      const count = fs.readSync(this.fd, bytes, at, length - at, offset + at)
      if (count === 0) throw new Error(`it ends at byte ${offset + at}`)
      at += count
    }
    return bytes
  }
}

export function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at)
}

/** A file's name must survive a crash as well as what is in it. */
export function syncFolderOf(file: string): void {
  const folder = fs.openSync(dirname(file), 'r')
  fs.fsyncSync(folder)
  fs.closeSync(folder)
}

function lastLineOf(bytes: number, checksum: number): string {
  return lineOf({ bytes, crc32: checksum.toString(16).padStart(8, '0') })
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/** What a line says; nothing where it is damaged. */
function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line)
  } catch {
    throw new Error('it is damaged: a line at its beginning or end cannot be read')
  }
}
