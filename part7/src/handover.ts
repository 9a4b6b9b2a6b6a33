/** How a leader hands its leadership over of its own accord (thesis, 3.10). */
import type { OnOutcome } from './changes.ts'
import type { Peer } from './raft.ts'

/** TimeoutNow RPC, sent to a server that is to stand for election without waiting. */
export interface TimeoutNowArgs {
  readonly term: number
}

export interface TimeoutNowReply {
  /** The target's term: a higher one when it has begun its election. */
  readonly term: number
}

export class Handover {
  readonly target: Peer
  /** Until when, for the clock. */
  readonly timer: unknown
  private readonly onOutcome: OnOutcome
  private isAsked = false

  constructor(target: Peer, timer: unknown, onOutcome: OnOutcome) {
    this.target = target
    this.timer = timer
    this.onOutcome = onOutcome
  }

  /** Again with every heartbeat: it may be lost. What it leads to tells itself. */
  askForElection(term: number): void {
    this.isAsked = true
    this.target.timeoutNow({ term }, () => {})
  }

  /** @param leaderId who leads now; null when it is not known in time. */
  end(leaderId: number | null): void {
    const { id } = this.target
    const isDone = leaderId === id
    const outcome = isDone ? 'done' : this.isAsked ? 'unknown' : 'not done'
    const reason = isDone ? '' : `server ${id} has not taken the lead in time`
    this.onOutcome({ outcome, reason })
  }
}
