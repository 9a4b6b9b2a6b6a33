import { createWriteStream, rmSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { bytesOf } from '../cli/input.ts'

/** A test log on the disk: its latest lines, however long it becomes. */
export class LogFiles {
  private readonly folder: string
  private readonly linesPerFile: number
  private readonly mostFiles: number
  private readonly files: string[] = []
  private stream: WriteStream | null = null
  private lines = 0
  private begun = 0

  /** It keeps so many files; of more, the oldest goes. */
  constructor(folder: string, linesPerFile = 100_000, mostFiles = 10) {
    this.folder = folder
    this.linesPerFile = linesPerFile
    this.mostFiles = mostFiles
  }

  add(line: Buffer): void {
    if (this.stream === null || this.lines === this.linesPerFile) this.begin()
    this.lines += 1
    this.stream?.write(`${line}\n`)
  }

  /** All that is kept, in order, as one log. */
  async *bytes(): AsyncGenerator<Buffer, void> {
    await new Promise((resolve) => {
      if (this.stream) this.stream.write('', resolve)
      else resolve(null)
    })
    for (const file of [...this.files]) yield* bytesOf(file)
  }

  end(): void {
    this.stream?.end()
  }

  private begin(): void {
    this.stream?.end()
    this.begun += 1
    const file = join(this.folder, `log-${this.begun}.ndjson`)
    this.files.push(file)
    this.stream = createWriteStream(file)
    this.lines = 0
    const oldest = this.files.length > this.mostFiles ? this.files.shift() : undefined
    if (oldest !== undefined) rmSync(oldest, { force: true })
  }
}
