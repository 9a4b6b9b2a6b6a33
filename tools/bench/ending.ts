/** How a benchmark ends whose servers are processes. */
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { atEnd, keepTemporaryFilesIn } from '../src/cli/ending.ts'
import { exitCodeOf } from '../src/cli/exit.ts'
import { complain } from '../src/cli/print.ts'
import { BenchError } from './loads.ts'

/** Runs a benchmark's command line: 1 when something could not be measured. */
export function exitCodeOfBench(main: () => Promise<unknown>): Promise<number> {
  return exitCodeOf(async () => {
    try {
      await main()
      return 0
    } catch (error) {
      if (!(error instanceof BenchError)) throw error
      complain(`error: ${error.message}`)
      return 1
    }
  })
}

/**
 * Lets every process that is started from now on, by whomever, end with this one, and all
 * temporary files go: also when it is interrupted while a cluster starts.
 */
export function leaveNothingBehind(): void {
  keepTemporaryFilesIn('raft-bench-')
  const children = new Set<ChildProcess>()
  subscribe('child_process', (message) => {
    const { process: child } = message as { readonly process: ChildProcess }
    children.add(child)
    child.once('exit', () => children.delete(child))
  })
  atEnd(() => {
    for (const child of children) child.kill('SIGKILL')
  })
}
