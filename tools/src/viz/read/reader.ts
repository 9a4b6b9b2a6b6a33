import type { Packer } from '../write/chunks.ts'
import type { Run } from '../write/run.ts'
import type { RunEvent } from './event.ts'
import { GoReader } from './golog.ts'
import { linesOf } from './lines.ts'
import { parseTestLogLine } from './ndjson.ts'
import { Runs } from './runs.ts'

export interface ReadResult {
  readonly runs: readonly Run[]
  /** Lines that are no events, and that no run shows. */
  readonly skipped: number
}

/**
 * Reads a log, of this project or of the Go original, line by line into runs. A line that
 * nobody understands is counted, and the reading goes on.
 */
export async function readLog(
  source: AsyncIterable<Buffer>,
  packer: Packer,
  onBytes: (bytes: number) => void,
): Promise<ReadResult> {
  const runs = new Runs(packer)
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
    onBytes(bytes)
    await packer.ready()
  }
  goReader.finish()
  return { runs: runs.all, skipped }
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
