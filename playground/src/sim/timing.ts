/**
 * In ms of simulated time. Twice the times of the tests, and messages that take ten times
 * as long: so that they can be seen flying. What the paper asks for still holds: messages
 * are much faster than election timeouts.
 */
export const TIMING = { electionTimeout: [300, 600], heartbeatInterval: 100 } as const
export const LATENCY_MS = [15, 35] as const
