/** Who may ask a server for something, where it is known who asks: with TLS. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { isCertified } from './tls.ts'

/** What Node has of a request. */
interface Bindings {
  readonly incoming: { readonly socket: Socket }
}

const HOW = 'show a certificate of the CA, or a token: Authorization: Bearer TOKEN'

/** Whoever asks has a certificate or a token, and else may ask whether the server is ready. */
export function authenticate(
  tokens: () => readonly string[],
): MiddlewareHandler<{ Bindings: Bindings }> {
  return async (c, next) => {
    const [, token = ''] =
      /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    const isKnown =
      c.req.path === '/ready' ||
      isCertified(c.env.incoming.socket) ||
      tokens().some((one) => isSame(one, token))
    if (isKnown) return next()
    const error = `this server does not know who asks; ${HOW}`
    return c.json({ error }, 401, { 'WWW-Authenticate': 'Bearer' })
  }
}

/** In the same time, however much of it is right. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b))
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
