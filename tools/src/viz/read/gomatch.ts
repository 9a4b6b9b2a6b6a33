import type { Rpc } from '../shared/event.ts'
import type { ProseMessage } from './goprose.ts'
import { readGoFields } from './govalues.ts'

/** A call in the Go original's log, whose lines say no id: what is known of it so far. */
interface Call {
  readonly id: string
  readonly method: string
  readonly from: number
  readonly to: number
  readonly body: string
  hasArrived: boolean
  /** The answer, once it is sent. */
  answer: string | null
  isAnswerHeard: boolean
}

/** Older calls than these are not looked at: what is late by so many is not told apart. */
const CALLS_KEPT = 200

/**
 * Guesses which lines of the Go original belong to one call, from who speaks to whom and
 * from what is said.
 */
export class GoMatcher {
  private calls: Call[] = []
  private made = 0

  /** The RPC that a server's line is about; null when it could be anybody's. */
  match(server: number, message: ProseMessage): Rpc | null {
    const { method, kind, body } = message
    const call = this.find(server, message)
    if (!call) return null
    const isFromCaller = kind === 'request'
    return {
      id: call.id,
      method,
      kind,
      from: isFromCaller ? call.from : call.to,
      to: isFromCaller ? call.to : call.from,
      args: readGoFields(body ?? call.answer ?? ''),
    }
  }

  private find(server: number, message: ProseMessage): Call | null {
    const { kind, isSent } = message
    if (kind === 'request') {
      return isSent ? this.send(server, message) : this.arrive(server, message)
    }
    return isSent ? this.answer(server, message) : this.hear(server, message)
  }

  private send(from: number, { method, peer, body }: ProseMessage): Call | null {
    if (peer === null) return null
    this.made += 1
    const call: Call = {
      id: `guess-${this.made}`,
      method,
      from,
      to: peer,
      body: body ?? '',
      hasArrived: false,
      answer: null,
      isAnswerHeard: false,
    }
    this.calls.push(call)
    if (this.calls.length > 2 * CALLS_KEPT) this.calls = this.calls.slice(-CALLS_KEPT)
    return call
  }

  /** The newest call of these words: an older one that is still under way is likely lost. */
  private arrive(to: number, { method, peer, body }: ProseMessage): Call | null {
    const found = this.calls.findLast(
      (call) =>
        !call.hasArrived &&
        call.to === to &&
        call.method === method &&
        (peer === null || call.from === peer) &&
        call.body === body,
    )
    if (found) found.hasArrived = true
    return found ?? null
  }

  /** A server answers under its lock: what it answers is what it got last. */
  private answer(from: number, { method, body }: ProseMessage): Call | null {
    const found = this.calls.findLast(
      (call) =>
        call.hasArrived &&
        call.answer === null &&
        call.to === from &&
        call.method === method,
    )
    if (found) found.answer = body
    return found ?? null
  }

  private hear(to: number, { method, peer, body }: ProseMessage): Call | null {
    const found = this.calls.find(
      (call) =>
        !call.isAnswerHeard &&
        call.answer !== null &&
        call.from === to &&
        call.method === method &&
        (peer === null || call.to === peer) &&
        (body === null || call.answer === body),
    )
    if (found) found.isAnswerHeard = true
    return found ?? null
  }
}
