import { unpack } from './decode.ts'
import { positionNotAfter, type Timeline } from './timeline.ts'

/** Unpacked chunks that are kept: enough to go back and forth between a few places. */
const CHUNKS_KEPT = 12

/** Gives the packed chunk of a number, as base64. */
type Source = (chunk: number) => string

/** The lines of the log as they were, unpacked a chunk at a time when they are asked for. */
export class RawLines {
  private readonly timeline: Timeline
  private readonly source: Source
  /** The first row of each chunk. */
  private readonly firstRows: number[]
  private readonly kept = new Map<number, Promise<Uint8Array>>()

  constructor(timeline: Timeline, source: Source) {
    this.timeline = timeline
    this.source = source
    let row = 0
    this.firstRows = timeline.header.chunkRows.map((rows) => {
      row += rows
      return row - rows
    })
  }

  /** The line of a row. */
  async line(row: number): Promise<string> {
    const chunk = positionNotAfter(this.firstRows, row)
    const bytes = await this.chunk(chunk)
    let start = 0
    for (let before = this.firstRows[chunk] ?? 0; before < row; before += 1) {
      start += this.timeline.rawLength[before] ?? 0
    }
    return utf8.decode(
      bytes.subarray(start, start + (this.timeline.rawLength[row] ?? 0)),
    )
  }

  /** A 1 for each row whose line has this text, in whatever case. */
  async find(text: string): Promise<Uint8Array> {
    const found = new Uint8Array(this.timeline.rows)
    const wanted = text.toLowerCase()
    for (const [chunk, rows] of this.timeline.header.chunkRows.entries()) {
      const bytes = await this.chunk(chunk)
      let start = 0
      const firstRow = this.firstRows[chunk] ?? 0
      for (let row = firstRow; row < firstRow + rows; row += 1) {
        const end = start + (this.timeline.rawLength[row] ?? 0)
        const line = utf8.decode(bytes.subarray(start, end)).toLowerCase()
        if (line.includes(wanted)) found[row] = 1
        start = end
      }
    }
    return found
  }

  private chunk(number: number): Promise<Uint8Array> {
    let bytes = this.kept.get(number)
    if (bytes) this.kept.delete(number)
    else bytes = unpack(this.source(number))
    this.kept.set(number, bytes)
    const [oldest] = this.kept.keys()
    if (this.kept.size > CHUNKS_KEPT && oldest !== undefined) this.kept.delete(oldest)
    return bytes
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
