import { complain } from './print.ts'

/** What a person asked for cannot be done; the message says why, and what can be. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}

/** The command line could not be understood, or names what is not there. */
export const EXIT_USAGE = 2

/**
 * Runs a program; what cannot be done is told in a sentence, without a stack trace. What is
 * a mistake of ours keeps its stack.
 */
export async function exitCodeOf(
  main: () => Promise<number>,
  failure = { prefix: 'error', exitCode: EXIT_USAGE },
): Promise<number> {
  watchOutput(failure)
  try {
    return await main()
  } catch (error) {
    // Commander has said what it had to say, and its own exit code for bad usage is 1.
    if (isOfCommander(error)) return error.exitCode === 0 ? 0 : failure.exitCode
    if (!(error instanceof UsageError) && !isSystemError(error)) throw error
    complain(`${failure.prefix}: ${error.message}`)
    return failure.exitCode
  }
}

/**
 * A result that does not reach anyone must not pass for told. Whoever reads it may have seen
 * enough, as `| head` has: then the exit code is still what the work came to. What is lost
 * otherwise, on a full disk, is a failure whatever the work came to.
 */
function watchOutput({ prefix, exitCode }: { prefix: string; exitCode: number }): void {
  let isLost = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || isLost) return
    isLost = true
    complain(`${prefix}: what was found cannot be written: ${error.message}`)
    process.on('exit', () => {
      process.exitCode = exitCode
    })
  })
  // Nobody is left to be told.
  process.stderr.on('error', () => {})
}

/** By its code: to load all of Commander would take longer than most errors. */
function isOfCommander(error: unknown): error is Error & { exitCode: number } {
  return (
    error instanceof Error &&
    'exitCode' in error &&
    'code' in error &&
    String(error.code).startsWith('commander.')
  )
}

/** What the operating system refuses: a full disk, a folder that may not be written. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
