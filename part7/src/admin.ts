/**
 * Admin: asks a cluster who is in it, and has that changed. Like KeyValueClient it finds
 * the leader, and repeats until it knows what became of it. That needs no session: a server
 * that is in the cluster is not added again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { NotDone, UnknownOutcome } from './client.ts'
import { hostOf, type Member } from './members.ts'
import type { View } from './membership.ts'
import { type HttpRequest, type HttpTransport, replyWithout } from './transport.ts'

export interface AdminOptions {
  /** Addresses of servers; asked for anew with every try. */
  readonly servers: () => readonly string[]
  readonly transport: HttpTransport
  /** When nobody waits any more. */
  readonly signal: AbortSignal
  /** Told when a server sends it on to the leader. */
  readonly onRedirect?: (from: string, to: string) => void
  /** Told why it asks again, each reason once in a row. */
  readonly onRetry?: (reason: string) => void
}

/** What a server made of it. */
type Reply =
  | { readonly outcome: 'done'; readonly view: View }
  | { readonly outcome: 'sent on'; readonly to: string }
  | {
      readonly outcome: 'not done' | 'refused' | 'unknown'
      readonly reason: string
    }

/** Between two tries, in ms; twice as long each time, up to the last. */
const FIRST_BACKOFF_MS = 50
const LAST_BACKOFF_MS = 1_000
const MAX_REDIRECTS = 5
/**
 * In ms: who has not said by then who is in the cluster may stand still, so another one is
 * asked. A change takes longer.
 */
const PATIENCE_MS = 1_000
const CHANGE_PATIENCE_MS = 30_000

export class Admin {
  private readonly options: AdminOptions
  /** Who leads, as far as it knows. */
  private leader: string | null = null
  private tries = 0

  constructor(options: AdminOptions) {
    this.options = options
  }

  /** Who is in the cluster, by the log of the first server that answers. */
  members(): Promise<View> {
    return this.attempt({ method: 'GET', path: '/members' })
  }

  add({ id, raft, http }: Member): Promise<View> {
    const addresses = `${raft}/${http.slice(hostOf(http).length + 1)}`
    const body = JSON.stringify({ id, addresses })
    return this.attempt({ method: 'POST', path: '/members', body })
  }

  remove(id: number): Promise<View> {
    return this.attempt({ method: 'DELETE', path: `/members/${id}` })
  }

  /** @param to null for whoever can at once; what is unknown is not asked for again then. */
  transfer(to: number | null): Promise<View> {
    const body = JSON.stringify(to === null ? {} : { to })
    const request = { method: 'POST', path: '/transfer', body } as const
    return this.attempt(request, to !== null)
  }

  /** @throws NotDone @throws UnknownOutcome */
  private async attempt(request: HttpRequest, mayRepeat = true): Promise<View> {
    const { signal, onRetry } = this.options
    let backoffMs = FIRST_BACKOFF_MS
    let isUnknown = false
    let said = ''
    for (;;) {
      const reply = await this.followed(request, mayRepeat)
      if (reply.outcome === 'done') return reply.view
      const reason =
        reply.outcome === 'sent on' ? 'no server says that it leads' : reply.reason
      isUnknown ||= reply.outcome === 'unknown'
      const isOver = reply.outcome === 'refused' || (isUnknown && !mayRepeat)
      if (isOver || signal.aborted) throw failure(reason, isUnknown)
      if (reason !== said) onRetry?.(reason)
      said = reason
      await sleep(backoffMs, null, { signal }).catch(() => {})
      if (signal.aborted) throw failure(reason, isUnknown)
      backoffMs = Math.min(2 * backoffMs, LAST_BACKOFF_MS)
    }
  }

  private async followed(request: HttpRequest, mayRepeat: boolean): Promise<Reply> {
    const { servers, onRedirect } = this.options
    const all = servers()
    // The leader as long as it answers; then one after the other.
    let server = this.leader ?? (all[this.tries % all.length] as string)
    for (let redirects = 0; ; redirects += 1) {
      const reply = await this.ask(server, request, this.patience(request, mayRepeat))
      if (reply.outcome !== 'sent on') {
        this.leader =
          reply.outcome === 'done' || reply.outcome === 'refused' ? server : null
        this.tries += 1
        return reply
      }
      if (redirects === MAX_REDIRECTS) return reply
      onRedirect?.(server, reply.to)
      server = reply.to
    }
  }

  /** What ends one try. */
  private patience({ method }: HttpRequest, mayRepeat: boolean): AbortSignal {
    const { signal } = this.options
    if (!mayRepeat) return signal
    const ms = method === 'GET' ? PATIENCE_MS : CHANGE_PATIENCE_MS
    return AbortSignal.any([signal, AbortSignal.timeout(ms)])
  }

  private async ask(
    server: string,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { transport } = this.options
    try {
      const { statusCode, headers, body } = await transport.request(
        server,
        request,
        signal,
      )
      const text = await body.text()
      if (statusCode === 200) {
        const view = viewIn(text)
        if (view) return { outcome: 'done', view }
        const problem = 'does not answer as a server of this part does'
        return { outcome: 'refused', reason: `${server} ${problem}` }
      }
      if (statusCode === 307) {
        return { outcome: 'sent on', to: new URL(String(headers.location)).host }
      }
      const reason = reasonIn(text) ?? `${server} answered ${statusCode}`
      if (statusCode === 503) return { outcome: 'not done', reason }
      return { outcome: statusCode < 500 ? 'refused' : 'unknown', reason }
    } catch (error) {
      return replyWithout(error as Error, server, signal)
    }
  }
}

function viewIn(text: string): View | null {
  try {
    const view = JSON.parse(text)
    return Array.isArray(view?.members) ? view : null
  } catch {
    return null
  }
}

function reasonIn(text: string): string | null {
  try {
    return JSON.parse(text).error ?? null
  } catch {
    return null
  }
}

function failure(reason: string, isUnknown: boolean): Error {
  return isUnknown ? new UnknownOutcome(reason) : new NotDone(reason)
}
