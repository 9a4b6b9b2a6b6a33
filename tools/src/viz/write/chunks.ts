import { promisify } from 'node:util'
import { constants, deflateRaw } from 'node:zlib'

const deflate = promisify(deflateRaw)

/** Logs repeat themselves: the fastest level makes them ten times smaller. */
const LEVEL = 1
/** Larger chunks are smaller in all, smaller ones are sooner unpacked for one row. */
const CHUNK_BYTES = 512 * 1024
const FIRST_BYTES = 1024
/** More chunks than this wait for a thread: then the reading waits, too. */
const MOST_PENDING = 8

/** Packs buffers on other threads, a few at a time. */
export class Packer {
  private readonly pending = new Set<Promise<Buffer>>()

  pack(bytes: Buffer): Promise<Buffer> {
    const packed = deflate(bytes, {
      level: LEVEL,
      strategy: constants.Z_DEFAULT_STRATEGY,
    })
    this.pending.add(packed)
    const done = () => this.pending.delete(packed)
    packed.then(done, done)
    return packed
  }

  /** Resolves when there is room for more. */
  async ready(): Promise<void> {
    while (this.pending.size >= MOST_PENDING) await Promise.race(this.pending)
  }
}

/** Whatever packs buffers. */
export type Packs = Pick<Packer, 'pack'>

/** The raw lines of a run, in packed chunks. */
export class RawChunks {
  readonly rows: number[] = []
  readonly packed: Promise<Buffer>[] = []
  private bytes = Buffer.alloc(0)
  private used = 0
  private lines = 0
  private readonly packer: Packs

  constructor(packer: Packs) {
    this.packer = packer
  }

  /** Copies the line: it is a view into a buffer that others write to. */
  add(line: Buffer): void {
    if (this.used + line.length > this.bytes.length) this.makeRoom(line.length)
    line.copy(this.bytes, this.used)
    this.used += line.length
    this.lines += 1
  }

  flush(): void {
    if (this.lines === 0) return
    this.rows.push(this.lines)
    this.packed.push(this.packer.pack(this.bytes.subarray(0, this.used)))
    this.bytes = Buffer.alloc(0)
    this.used = 0
    this.lines = 0
  }

  /** Doubles the room, so that a short run takes little; a full chunk goes to be packed. */
  private makeRoom(length: number): void {
    if (this.used + length > CHUNK_BYTES) this.flush()
    const wanted = Math.max(this.used + length, 2 * this.bytes.length, FIRST_BYTES)
    const grown = Buffer.allocUnsafeSlow(wanted)
    this.bytes.copy(grown, 0, 0, this.used)
    this.bytes = grown
  }
}
