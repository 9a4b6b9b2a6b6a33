const NEWLINE = 10
const CARRIAGE_RETURN = 13

/**
 * The lines of a stream of bytes, one by one, whatever their length and without their ends.
 * Only the line at hand is kept.
 */
export async function* linesOf(
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer[], void> {
  let rest: Buffer[] = []
  for await (const bytes of source) {
    const lines: Buffer[] = []
    let start = 0
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start)
      if (end === -1) break
      const tail = bytes.subarray(start, end)
      lines.push(withoutReturn(rest.length > 0 ? Buffer.concat([...rest, tail]) : tail))
      rest = []
      start = end + 1
    }
    if (start < bytes.length) rest.push(bytes.subarray(start))
    if (lines.length > 0) yield lines
  }
  if (rest.length > 0) yield [withoutReturn(Buffer.concat(rest))]
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}
