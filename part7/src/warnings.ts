/** What others make a server say: they come again at once, and anybody can. */
import type { Logger } from 'pino'

/** Each sentence is said once in so long, in ms, … */
const SILENCE_MS = 60_000
/** … and no more than so many of them. */
const MAX_SAID = 100

export class Warnings {
  private readonly logger: Logger
  private readonly said = new Set<string>()
  private silentUntil = 0

  constructor(logger: Logger) {
    this.logger = logger
  }

  say(sentence: string): void {
    const now = performance.now()
    if (now > this.silentUntil) {
      this.said.clear()
      this.silentUntil = now + SILENCE_MS
    }
    if (this.said.has(sentence) || this.said.size === MAX_SAID) return
    this.said.add(sentence)
    this.logger.warn(sentence)
  }
}
