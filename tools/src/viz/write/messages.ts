import type { Rpc, RunEvent } from '../shared/event.ts'

/** No message: the rows that are no send, receive or drop. */
const NONE = 0

/** The messages of a run: which rows speak of the same RPC, and which RPCs are routine. */
export class Messages {
  readonly methods: string[] = ['']
  /** By the number of an RPC: whether it is a heartbeat that changes nothing. */
  readonly isRoutine: boolean[] = [false]
  /** By the same number: whether the request's sending was seen. */
  private readonly isSent: boolean[] = [false]
  private readonly numbers = new Map<string, number>()
  private readonly methodNumbers = new Map<string, number>()
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
    this.isRoutine.push(rpc.kind === 'request' && this.isHeartbeat(rpc))
    return number
  }

  /** A small number for a method's name; the names past what fits share the last one. */
  methodOf(rpc: Rpc | undefined): number {
    if (!rpc) return NONE
    const known = this.methodNumbers.get(rpc.method)
    if (known !== undefined) return known
    const isRoom = this.methods.length < MOST_METHODS
    const number = isRoom ? this.methods.length : MOST_METHODS
    this.methods[number] = isRoom ? rpc.method : 'other'
    this.methodNumbers.set(rpc.method, number)
    return number
  }

  /** An AppendEntries with nothing to tell: no entry, and no commit index that is new. */
  private isHeartbeat({ method, from, to, args }: Rpc): boolean {
    if (method !== 'AppendEntries') return false
    if (Array.isArray(args.entries) && args.entries.length > 0) return false
    if (typeof args.leaderCommit !== 'number') return true
    const link = `${from} ${to}`
    const isNews = args.leaderCommit > (this.commitsSent.get(link) ?? 0)
    if (isNews) this.commitsSent.set(link, args.leaderCommit)
    return !isNews
  }
}

const MOST_METHODS = 30

function isRefusal({ kind, args }: Rpc): boolean {
  return kind === 'reply' && args.success === false
}
