/**
 * A folder on a disk that loses power. It follows what is done to its files: bytes are
 * certain once the file is synced, and names once the folder is. What a failure leaves of
 * all the rest is anybody's guess, and `survivors` makes all of them that differ much.
 */
import { type FileCalls, real, withFileCalls } from './file-calls.ts'

/** What a name stands for. */
interface File {
  bytes: Buffer
  synced: Buffer
}

/** Names that change together: a file made, renamed, or removed. */
type Renaming = ReadonlyMap<string, File | null>
type Write = (fd: number, bytes: string | Buffer, at?: number) => number

/** Of what was not synced: how much of it is on the disk, or all but a sector. */
const SHARES = [0, 0.5, 1, 'all but a sector'] as const
const SECTOR_BYTES = 512
/** Of more names that changed since the folder was synced, the later ones did not. */
const MOST_RENAMINGS = 7

export class DiskWithoutPower {
  private readonly folder: string
  /** So many operations are carried out yet. */
  private left = Number.POSITIVE_INFINITY
  /** Which operation was the first that was not carried out. */
  failedBefore: keyof FileCalls | null = null
  private readonly open = new Map<number, File | 'folder'>()
  private names = new Map<string, File>()
  private durableNames = new Map<string, File>()
  private renamings: Renaming[] = []

  constructor(folder: string) {
    this.folder = folder
  }

  /** Power fails before the operation after `count` more. */
  failAfter(count: number): void {
    this.left = count
  }

  /** Runs on this disk. @returns whether the power lasted. */
  run(work: () => void): boolean {
    try {
      withFileCalls(this.calls(), work)
      return true
    } catch (error) {
      if (!this.failedBefore) throw error
      return false
    } finally {
      for (const fd of this.open.keys()) real.closeSync(fd)
    }
  }

  /** Folders that the failure may leave: by name, what is in them. */
  *survivors(): Iterable<ReadonlyMap<string, Buffer>> {
    const count = 2 ** Math.min(this.renamings.length, MOST_RENAMINGS)
    for (let subset = 0; subset < count; subset += 1) {
      const names = new Map<string, File>(this.durableNames)
      this.renamings.forEach((renaming, i) => {
        if (subset & (1 << i)) rename(names, renaming)
      })
      const isCertain = [...names.values()].every(
        ({ bytes, synced }) => bytes === synced,
      )
      for (const share of isCertain ? [1 as const] : SHARES) {
        yield new Map([...names].map(([name, file]) => [name, leftOf(file, share)]))
      }
    }
  }

  private calls(): FileCalls {
    const openSync = (path: string, flags: string, mode?: number) => {
      const name = this.nameOf(path)
      const file = name === null ? undefined : this.names.get(name)
      if (name !== null && !file && flags !== 'r') this.operate('openSync')
      const fd = real.openSync(path, flags, mode)
      if (path === this.folder) this.open.set(fd, 'folder')
      if (name !== null) this.open.set(fd, file ?? this.make(name))
      return fd
    }
    const closeSync = (fd: number) => {
      this.open.delete(fd)
      real.closeSync(fd)
    }
    const writeSync: Write = (fd, bytes, at = 0) => {
      this.operate('writeSync')
      const file = this.open.get(fd) as File
      const written = Buffer.from(bytes as string).subarray(at)
      file.bytes = Buffer.concat([file.bytes, written])
      return real.writeSync(fd, written)
    }
    const ftruncateSync = (fd: number, length = 0) => {
      this.operate('ftruncateSync')
      const file = this.open.get(fd) as File
      file.bytes = file.bytes.subarray(0, length)
      real.ftruncateSync(fd, length)
    }
    const sync = (fd: number) => {
      const file = this.open.get(fd) as File | 'folder'
      this.operate('fsyncSync')
      if (file !== 'folder') file.synced = file.bytes
      else {
        this.durableNames = new Map(this.names)
        this.renamings = []
      }
    }
    const renameSync = (from: string, to: string) => {
      const [before, after] = [this.nameOf(from) as string, this.nameOf(to) as string]
      this.operate('renameSync')
      const file = this.names.get(before) as File
      this.rename(
        new Map([
          [before, null],
          [after, file],
        ]),
      )
      real.renameSync(from, to)
    }
    const rmSync = (path: string) => {
      const name = this.nameOf(path) as string
      this.operate('rmSync')
      this.rename(new Map([[name, null]]))
      real.rmSync(path)
    }
    const all = { openSync, closeSync, writeSync, ftruncateSync, renameSync, rmSync }
    return { ...all, fsyncSync: sync, fdatasyncSync: sync } as FileCalls
  }

  /** Once the power has failed, nothing more is done. */
  private operate(call: keyof FileCalls): void {
    if (this.left === 0) this.failedBefore ??= call
    if (this.failedBefore) throw new Error('the power has failed')
    this.left -= 1
  }

  private make(name: string): File {
    const file = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0) }
    this.rename(new Map([[name, file]]))
    return file
  }

  private rename(renaming: Renaming): void {
    this.renamings.push(renaming)
    rename(this.names, renaming)
  }

  private nameOf(path: string): string | null {
    return path.startsWith(`${this.folder}/`) ? path.slice(this.folder.length + 1) : null
  }
}

function rename(names: Map<string, File>, renaming: Renaming): void {
  for (const [name, file] of renaming) {
    if (file) names.set(name, file)
    else names.delete(name)
  }
}

function leftOf({ bytes, synced }: File, share: (typeof SHARES)[number]): Buffer {
  const grown = bytes.length - synced.length
  if (grown <= 0) return share === 0 ? synced : bytes
  if (share !== 'all but a sector') {
    return bytes.subarray(0, synced.length + Math.floor(grown * share))
  }
  // The sector that holds the first byte which is not certain.
  const left = Buffer.from(bytes)
  const start = Math.floor(synced.length / SECTOR_BYTES) * SECTOR_BYTES
  return left.fill(0, synced.length, Math.min(start + SECTOR_BYTES, left.length))
}
