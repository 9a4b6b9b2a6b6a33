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
  // Whoever reads the output may have seen enough: `| head` is no error.
  process.stdout.on('error', () => process.exit())
  try {
    return await main()
  } catch (error) {
    if (!(error instanceof UsageError) && !isSystemError(error)) throw error
    process.stderr.write(`${failure.prefix}: ${error.message}\n`)
    return failure.exitCode
  }
}

/** What the operating system refuses: a full disk, a folder that may not be written. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
