/**
 * Who may ask a server for something over HTTP. Any page that a browser shows can send a
 * POST to 127.0.0.1, and with a name that leads there (DNS rebinding) read the answer,
 * too. But the browser says which page asks, and for whom it takes the server.
 */
import type { MiddlewareHandler } from 'hono'

/** What requests may call a server, and which pages may ask it. */
export interface Allowed {
  /** Names, without a port; those of loopback are always allowed. */
  readonly hosts: readonly string[]
  /** Of pages, as scheme://host:port. */
  readonly origins: readonly string[]
}

/** Refuses what comes from elsewhere, and lets pages that may ask see the answer. */
export function guard(allowed: Allowed): MiddlewareHandler {
  return async (c, next) => {
    // Asked anew each time: servers come and go.
    const { hosts, origins } = allowed
    // By its name alone: behind a tunnel, it has another port.
    const host = (c.req.header('host') ?? new URL(c.req.url).host).replace(/:\d+$/, '')
    if (!isLoopback(host) && !hosts.includes(host)) {
      const names = [...new Set(['localhost', ...hosts])].join(', ')
      return c.json({ error: `this server is ${names}, and not ${host}` }, 403)
    }
    const origin = c.req.header('origin')
    if (origin === undefined) return next()
    const from = hostOf(origin)
    const isNear = from !== null && (isLoopback(from) || hosts.includes(from))
    if (!isNear && !origins.includes(origin)) {
      const how = 'start the server with --allow-origin to let it'
      return c.json(
        { error: `a page of ${origin} may not ask this server; ${how}` },
        403,
      )
    }
    const preflight = c.req.header('access-control-request-method') !== undefined
    if (preflight) {
      return c.body(null, 204, {
        ...visibleTo(origin),
        'Access-Control-Allow-Methods': 'GET, HEAD, PUT, POST, DELETE',
        'Access-Control-Allow-Headers': ASKING,
      })
    }
    await next()
    for (const [name, value] of Object.entries(visibleTo(origin))) c.header(name, value)
  }
}

/** What pages may say, and see, beside what they always may. */
const ASKING =
  'Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, ' +
  'Idempotency-Acknowledged'
const ANSWERING = 'ETag, Location, Retry-After, Age, Applied-Index, Leader-Heard-Ms-Ago'

function visibleTo(origin: string): Record<string, string> {
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': ANSWERING,
    Vary: 'Origin',
  }
}

/** The name in a URL, without its port; null where there is none. */
function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname : null
}

/** Whether only this machine is reached by that name. */
export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(host)
}
