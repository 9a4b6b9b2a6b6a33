/** What is wrong is told in a sentence, without a stack trace; the exit code says more. */

/** The command line says something that cannot be. */
export class UsageError extends Error {}

/** A server cannot have what it needs: an address, its folder. */
export class StartError extends Error {}
