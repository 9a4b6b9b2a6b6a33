import type { Packer } from '../write/chunks.ts'
import { Run } from '../write/run.ts'

/** The runs that a log tells of, in the order in which they began. */
export class Runs {
  readonly all: Run[] = []
  private readonly latest = new Map<string, Run>()
  private readonly packer: Packer

  constructor(packer: Packer) {
    this.packer = packer
  }

  /** Begins another run of a test, which may have had some before. */
  begin(test: string, source: Run['source']): Run {
    const run = new Run(test, source, this.packer)
    this.all.push(run)
    this.latest.set(test, run)
    return run
  }

  /** The run of a test that began last. */
  latestOf(test: string): Run | undefined {
    return this.latest.get(test)
  }
}
