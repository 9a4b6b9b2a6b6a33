import { unpack } from './decode.ts'
import { positionNotAfter, type Timeline } from './timeline.ts'

/** Unpacked chunks that are kept: enough to go back and forth between a few places. */
const CHUNKS_KEPT = 12

/** A log that is no larger is kept unpacked for searches. */
const MOST_BYTES_KEPT = 64 * 1024 * 1024

/** Gives the packed chunk of a number, as base64. */
type Source = (chunk: number) => string

/** The lines of a log, as they were. */
export interface Lines {
  line(row: number): Promise<string>
  /** A 1 for each row whose line has this text; letters of ASCII in whatever case. */
  find(text: string): Promise<Uint8Array>
}

/** Unpacked a chunk at a time when they are asked for. */
export class RawLines implements Lines {
  private readonly timeline: Timeline
  private readonly source: Source
  /** The first row of each chunk. */
  private readonly firstRows: number[]
  private readonly searchable = new Map<number, string>()
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

  async find(text: string): Promise<Uint8Array> {
    const found = new Uint8Array(this.timeline.rows)
    const wanted = latin1.decode(new TextEncoder().encode(text)).toLowerCase()
    for (const chunk of this.firstRows.keys()) {
      const all = this.searchable.get(chunk) ?? (await this.toSearchable(chunk))
      this.findIn(all, this.firstRows[chunk] ?? 0, wanted, found)
    }
    return found
  }

  /**
   * Unpacks what a search will need, while nothing else is to be done: while its first
   * letters are typed. A log that is too large to be kept unpacked is unpacked when it is
   * searched.
   */
  async warmUp(pause: () => Promise<void>): Promise<void> {
    let bytes = 0
    for (const length of this.timeline.rawLength) bytes += length
    if (bytes > MOST_BYTES_KEPT) return
    for (const chunk of this.firstRows.keys()) {
      await pause()
      this.searchable.set(chunk, await this.toSearchable(chunk))
    }
  }

  /** Every byte as one character, so that a place in the text is a place in the line. */
  private async toSearchable(chunk: number): Promise<string> {
    return latin1.decode(await unpack(this.source(chunk))).toLowerCase()
  }

  private findIn(all: string, firstRow: number, text: string, found: Uint8Array): void {
    let row = firstRow
    let end = this.timeline.rawLength[row] ?? 0
    let at = all.indexOf(text)
    while (at !== -1) {
      while (end <= at) {
        row += 1
        end += this.timeline.rawLength[row] ?? 0
      }
      // What begins in one line and ends in the next is no hit.
      const isHit = at + text.length <= end
      if (isHit) found[row] = 1
      at = all.indexOf(text, isHit ? end : at + 1)
    }
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

/** Each byte is a character of its own; which one does not matter here. */
const latin1 = new TextDecoder('latin1')
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
