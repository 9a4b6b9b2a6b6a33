import { type DestinationStream, type Logger, pino } from 'pino'

/** A logger that says nothing; pino makes its methods empty, so that they cost nothing. */
export const silentLogger: Logger = pino({ enabled: false })

/**
 * Writes the lines of one test, with `time` from the clock that the test runs by: so a test
 * in virtual time writes the same bytes for the same seed.
 */
export function testLogger(
  destination: DestinationStream,
  test: string,
  clock: { now(): number },
): Logger {
  const options = {
    base: { test },
    timestamp: () => `,"time":${clock.now()}`,
  }
  return pino(options, destination)
}
