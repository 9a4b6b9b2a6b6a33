import type { TestLogLine } from '../testlog/event.ts'
import { familyOf, isHeartbeat } from '../testlog/rpc.ts'

export interface Output {
  line(line: TestLogLine): void
  /** So many heartbeats stand in place of their lines; so many of them were lost. */
  heartbeats(count: number, lost: number): void
}

/**
 * Holds back the heartbeats that changed nothing, from the request to the answer: they are
 * most of what servers say. The arrival of one that did change something is shown, before
 * what it changed.
 */
export class HeartbeatFold {
  private readonly output: Output
  /** The ids of heartbeats: an answer does not say what it answers. */
  private readonly ids = new Set<string>()
  private last: TestLogLine | null = null
  private count = 0
  private lost = 0

  constructor(output: Output) {
    this.output = output
  }

  add(line: TestLogLine): void {
    if (this.isRoutine(line)) {
      if (line.event === 'send' && line.rpc?.kind === 'request') this.count += 1
      if (line.event === 'drop') this.lost += 1
      this.last = line
      return
    }
    const cause = isEffect(line, this.last) ? this.last : null
    this.flush()
    if (cause) this.output.line(cause)
    this.output.line(line)
  }

  private flush(): void {
    if (this.count > 0) this.output.heartbeats(this.count, this.lost)
    this.count = 0
    this.lost = 0
    this.last = null
  }

  private isRoutine({ rpc }: TestLogLine): boolean {
    if (!rpc || familyOf(rpc.method) !== 'append') return false
    if (rpc.kind === 'reply') return this.ids.has(rpc.id) && rpc.args.success === true
    if (isHeartbeat(rpc)) this.ids.add(rpc.id)
    return this.ids.has(rpc.id)
  }
}

/** What a server says right after a message has arrived there comes of it. */
function isEffect(
  { server, event, rpc }: TestLogLine,
  before: TestLogLine | null,
): boolean {
  if (before?.event !== 'receive' || before.server !== server) return false
  if (rpc) return rpc.id === before.rpc?.id
  return event !== 'timer' && event !== 'submit'
}
