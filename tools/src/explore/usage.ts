/** What a person asked for cannot be done; the message says why, and what can be. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command line could not be understood, or names what is not there. */
export const EXIT_USAGE = 2

/** Runs a program; what cannot be done is told in a sentence, without a stack trace. */
export async function exitCodeOf(main: () => Promise<number>): Promise<number> {
  // Whoever reads the output may have seen enough: `| head` is no error.
  process.stdout.on('error', () => process.exit())
  try {
    return await main()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`error: ${error.message}\n`)
    return EXIT_USAGE
  }
}
