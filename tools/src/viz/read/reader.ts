import type { RunEvent } from '../shared/event.ts'
import { GoReader } from './golog.ts'
import { linesOf } from './lines.ts'
import { parseTestLogLine } from './ndjson.ts'
import type { Runs } from './runs.ts'

interface ReadOptions {
  readonly runs: Runs
  /** Told of each piece that was read; the next is read when what was made of it is ready. */
  readonly onBytes: (bytes: number) => Promise<void>
}

/**
 * Reads a log, of this project or of the Go original, line by line into runs. A line that
 * nobody understands is counted, and the reading goes on.
 *
 * @returns how many lines are no events.
 */
export async function readLog(
  source: AsyncIterable<Buffer>,
  { runs, onBytes }: ReadOptions,
): Promise<number> {
  const goReader = new GoReader(runs)
  let skipped = 0
  let isFirst = true
  for await (const lines of linesOf(source)) {
    let bytes = 0
    for (const bytesOfLine of lines) {
      const line = isFirst ? withoutByteOrderMark(bytesOfLine) : bytesOfLine
      isFirst = false
      bytes += line.length + 1
      if (line.length === 0) continue
      const event = parseTestLogLine(line)
      if (event) addEvent(runs, event, line)
      else if (!goReader.take(line)) skipped += 1
    }
    await onBytes(bytes)
  }
  goReader.finish()
  return skipped
}

function addEvent(runs: Runs, event: RunEvent, line: Buffer): void {
  const latest = runs.latestOf(event.test)
  const isAnother = event.event === 'test-start' && latest?.isStarted
  const run = latest && !isAnother ? latest : runs.begin(event.test, 'raft')
  run.add(event, line)
}

function withoutByteOrderMark(line: Buffer): Buffer {
  const hasMark = line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf
  return hasMark ? line.subarray(3) : line
}
