import { isHeartbeat } from '../../testlog/rpc.ts'
import type { Rpc, RunEvent } from '../shared/event.ts'
import { StringTable } from './columns.ts'

/** No message: the rows that are no send, receive or drop. */
const NONE = 0
/** More methods than a menu can hold. */
const MOST_METHODS = 30

/** The messages of a run: which rows speak of the same RPC, and which RPCs are routine. */
export class Messages {
  readonly methods = new StringTable([''], MOST_METHODS)
  /** By the number of an RPC: whether it is a heartbeat that changes nothing. */
  readonly isRoutine: boolean[] = [false]
  /** By the same number: whether the request's sending was seen. */
  private readonly isSent: boolean[] = [false]
  private readonly numbers = new Map<string, number>()
  /** The highest leaderCommit that each server has sent to each other. */
  private readonly commitsSent = new Map<string, number>()

  /** The number of the RPC that an event is about. */
  numberOf({ rpc, event }: RunEvent): number {
    if (!rpc) return NONE
    const known = this.numbers.get(rpc.id)
    const isRequestSent = event === 'send' && rpc.kind === 'request'
    // A server that restarts counts its calls anew: what it sends now is another RPC.
    if (known !== undefined && !(isRequestSent && this.isSent[known])) {
      if (isRequestSent) this.isSent[known] = true
      if (isRefusal(rpc)) this.isRoutine[known] = false
      return known
    }
    const number = this.isRoutine.length
    this.numbers.set(rpc.id, number)
    this.isSent.push(isRequestSent)
    this.isRoutine.push(isHeartbeat(rpc) && !this.hasNews(rpc))
    return number
  }

  methodOf(rpc: Rpc | undefined): number {
    return rpc ? this.methods.add(rpc.method) : NONE
  }

  /** Whether a heartbeat tells of a commit that was not told before. */
  private hasNews({ from, to, args }: Rpc): boolean {
    if (typeof args.leaderCommit !== 'number') return false
    const link = `${from} ${to}`
    const isNews = args.leaderCommit > (this.commitsSent.get(link) ?? 0)
    if (isNews) this.commitsSent.set(link, args.leaderCommit)
    return isNews
  }
}

function isRefusal({ kind, args }: Rpc): boolean {
  return kind === 'reply' && args.success === false
}
