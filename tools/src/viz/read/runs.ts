import type { RunEvent } from '../shared/event.ts'
import type { Failure, Header, Status } from '../shared/format.ts'

/** Takes what a log tells of one run. */
export interface RunTaker {
  readonly test: string
  readonly rows: number
  readonly isStarted: boolean
  add(event: RunEvent, line: Buffer): void
  setResult(status: Status, durationMs: number | null, failure: Failure | null): void
}

type Begin = (test: string, source: Header['source']) => RunTaker

/** The runs that a log tells of, by their tests. */
export class Runs {
  private readonly latest = new Map<string, RunTaker>()
  private readonly beginRun: Begin

  constructor(beginRun: Begin) {
    this.beginRun = beginRun
  }

  /** Begins another run of a test, which may have had some before. */
  begin(test: string, source: Header['source']): RunTaker {
    const run = this.beginRun(test, source)
    this.latest.set(test, run)
    return run
  }

  /** No line can be added any more to a test's run: what comes of it begins another. */
  forget(run: RunTaker): void {
    if (this.latest.get(run.test) === run) this.latest.delete(run.test)
  }

  /** The run of a test that began last. */
  latestOf(test: string): RunTaker | undefined {
    return this.latest.get(test)
  }
}
