import { promisify } from 'node:util'
import { constants, deflateRaw } from 'node:zlib'

const deflate = promisify(deflateRaw)

/** Logs repeat themselves: the fastest level makes them ten times smaller. */
const LEVEL = 1
/** Larger chunks are smaller in all, smaller ones are sooner unpacked for one row. */
const CHUNK_BYTES = 512 * 1024
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

/** The raw lines of a run, in packed chunks. */
export class RawChunks {
  readonly rows: number[] = []
  readonly packed: Promise<Buffer>[] = []
  private lines: Buffer[] = []
  private bytes = 0
  private readonly packer: Packer

  constructor(packer: Packer) {
    this.packer = packer
  }

  add(line: Buffer): void {
    // A copy: the line is a view into a buffer that is many times its size.
    this.lines.push(Buffer.from(line))
    this.bytes += line.length
    if (this.bytes >= CHUNK_BYTES) this.flush()
  }

  flush(): void {
    if (this.lines.length === 0) return
    this.rows.push(this.lines.length)
    this.packed.push(this.packer.pack(Buffer.concat(this.lines)))
    this.lines = []
    this.bytes = 0
  }
}
