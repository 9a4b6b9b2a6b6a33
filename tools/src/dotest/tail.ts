import { closeSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'

const CHUNK_BYTES = 64 * 1024

/** Reads a file while it is being written, line by line. */
export class Tail {
  private readonly path: string
  private readonly onLine: (line: string) => void
  private readonly decoder = new StringDecoder('utf8')
  private readonly chunk = Buffer.alloc(CHUNK_BYTES)
  private file: number | null = null
  private rest = ''

  constructor(path: string, onLine: (line: string) => void) {
    this.path = path
    this.onLine = onLine
  }

  /** Hands over the lines that were completed since the last time. */
  read(): void {
    this.file ??= openOrNull(this.path)
    if (this.file === null) return
    for (;;) {
      const bytes = readSync(this.file, this.chunk)
      if (bytes === 0) return
      const lines = this.decoder.write(this.chunk.subarray(0, bytes)).split('\n')
      lines[0] = this.rest + lines[0]
      this.rest = lines.pop() ?? ''
      for (const line of lines) this.onLine(line)
    }
  }

  close(): void {
    if (this.file !== null) closeSync(this.file)
  }
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch {
    return null // Nothing was written yet.
  }
}
