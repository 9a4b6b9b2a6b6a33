import { linesOf, TOO_LONG } from '../../cli/lines.ts'
import type { RunEvent } from '../shared/event.ts'
import { GoReader } from './golog.ts'
import { parseTestLogLine, whyNoEvent } from './ndjson.ts'
import type { Runs } from './runs.ts'

interface ReadOptions {
  readonly runs: Runs
  /**
   * Told of each line that is no event, with the reason if it looks as if it were meant to be
   * one.
   */
  readonly onSkip: (reason: string | null, line: number) => void
  /** Told of each piece that was read; the next is read when what was made of it is ready. */
  readonly onBytes: (bytes: number) => Promise<void>
}

/**
 * Reads a log, of this project or of the Go original, line by line into runs. A line that
 * nobody understands is left out, and the reading goes on.
 */
export async function readLog(
  source: AsyncIterable<Buffer>,
  { runs, onSkip, onBytes }: ReadOptions,
): Promise<void> {
  const goReader = new GoReader(runs)
  let number = 0
  for await (const lines of linesOf(source)) {
    let bytes = 0
    for (const bytesOfLine of lines) {
      number += 1
      const line = number === 1 ? withoutByteOrderMark(bytesOfLine) : bytesOfLine
      bytes += line.length + 1
      if (line.length === 0) continue
      const event = parseTestLogLine(line)
      if (event) addEvent(runs, event, line)
      else if (line === TOO_LONG || !goReader.take(line))
        onSkip(whyNoEvent(line), number)
    }
    await onBytes(bytes)
  }
  goReader.finish()
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
