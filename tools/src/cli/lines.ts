import { TextDecoder } from 'node:util'

const NEWLINE = 10
const CARRIAGE_RETURN = 13

/** Far above what any program writes; a longer line is skipped, without being kept. */
export const MOST_LINE_BYTES = 16 * 1024 * 1024

/** Stands for a line that is longer than any line can be. */
export const TOO_LONG = Buffer.from('too long')

/**
 * The lines of a stream of bytes, one by one and without their ends. Only the line at hand is
 * kept, and of one that is too long nothing.
 */
export async function* linesOf(
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer[], void> {
  const rest = new Rest()
  for await (const bytes of asUtf8(source)) {
    const lines: Buffer[] = []
    let start = 0
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start)
      if (end === -1) break
      lines.push(rest.endWith(bytes.subarray(start, end)))
      start = end + 1
    }
    rest.add(bytes.subarray(start))
    if (lines.length > 0) yield lines
  }
  if (!rest.isEmpty) yield [rest.endWith(Buffer.alloc(0))]
}

/** The beginning of a line whose end has not come yet. */
class Rest {
  private pieces: Buffer[] = []
  private length = 0

  get isEmpty(): boolean {
    return this.length === 0
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return
    this.length += piece.length
    this.pieces.push(piece)
    if (this.length > MOST_LINE_BYTES) this.pieces = []
  }

  /** The whole line; another begins. */
  endWith(tail: Buffer): Buffer {
    const { pieces, length } = this
    this.pieces = []
    this.length = 0
    if (length + tail.length > MOST_LINE_BYTES) return TOO_LONG
    return withoutReturn(length > 0 ? Buffer.concat([...pieces, tail]) : tail)
  }
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}

/** A shell of Windows writes UTF-16; what reads the lines knows UTF-8. */
async function* asUtf8(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let decoder: TextDecoder | null = null
  let isFirst = true
  for await (const bytes of source) {
    if (isFirst) decoder = decoderFor(bytes)
    isFirst = false
    yield decoder ? Buffer.from(decoder.decode(bytes, { stream: true })) : bytes
  }
}

/** By the mark at its beginning, or by the half of a letter that is always null. */
function decoderFor([first, second]: Buffer): TextDecoder | null {
  const isLittle = (first === 0xff && second === 0xfe) || (first && second === 0)
  if (isLittle) return new TextDecoder('utf-16le')
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second)
  return isBig ? new TextDecoder('utf-16be') : null
}
