/** What a person asked for cannot be done; the message says why, and what can be. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
