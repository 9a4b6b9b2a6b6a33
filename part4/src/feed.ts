/** The test log as it leaves over HTTP: `data: ` and a line of JSON for each event. */

type Reader = ReadableStreamDefaultController<Uint8Array>

/** Who reads the log too slowly is cut off, or this server would keep it all. In bytes. */
const MAX_BEHIND = 16 * 1024 * 1024

const encoder = new TextEncoder()

/** What a turn says is made into bytes once, at its end, however many read it. */
export class Feed {
  private readonly follow: (onLine: (line: string) => void) => () => void
  private readonly readers = new Set<Reader>()
  private stop = () => {}
  private said = ''

  /** @param follow has lines said, until what it returns is called; asked while somebody reads */
  constructor(follow: (onLine: (line: string) => void) => () => void) {
    this.follow = follow
  }

  /** How many read. */
  get size(): number {
    return this.readers.size
  }

  open(): ReadableStream<Uint8Array> {
    let reader: Reader
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          reader = controller
          this.add(reader)
        },
        cancel: () => this.remove(reader),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_BEHIND }),
    )
  }

  private add(reader: Reader): void {
    if (this.size === 0) this.stop = this.follow((line) => this.say(line))
    this.readers.add(reader)
    // The headers leave with the first bytes.
    reader.enqueue(encoder.encode(': the test log of this server\n\n'))
  }

  private remove(reader: Reader): void {
    if (this.readers.delete(reader) && this.size === 0) this.stop()
  }

  private say(line: string): void {
    if (this.said === '') setImmediate(() => this.pass())
    this.said += `data: ${line.trimEnd()}\n\n`
  }

  private pass(): void {
    const bytes = encoder.encode(this.said)
    this.said = ''
    for (const reader of this.readers) {
      reader.enqueue(bytes)
      if ((reader.desiredSize ?? 0) > 0) continue
      this.remove(reader)
      reader.error(new Error('too slow'))
    }
  }
}
