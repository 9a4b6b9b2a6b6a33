/**
 * The page of a cluster, and what the page asks for. Any page in the same browser can send
 * requests to this machine, too, and could kill servers: so the address has a word in it that
 * nobody can guess, and who asks must be this page, by a name that leads nowhere else.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import Handlebars from 'handlebars'
import { Hono, type MiddlewareHandler } from 'hono'
import { streamSSE } from 'hono/streaming'
import { z } from 'zod'
import { isSystemError, UsageError } from '../cli/exit.ts'
import type { Cluster } from '../processes/cluster.ts'
import { LOOPBACK } from '../processes/members.ts'
import { loadAssets, type PageKind } from '../viz/write/assets.ts'
import { digestsOf } from '../viz/write/page.ts'
import type { Watch } from './watch.ts'

const PAGE: PageKind = {
  name: 'cluster',
  folder: join(import.meta.dirname, 'page'),
  entries: ['main.ts', 'style.css'],
}

/** How often the page is told how it is, in ms. */
const TELL_MS = 250
/** Enough for a value; no page sends more. In bytes. */
const MOST_BODY_BYTES = 1024 * 1024
/** Of a key and of a value, in characters: the part itself says what is too long. */
const MOST_CHARACTERS = 512 * 1024

const server = z.number().int().min(0)
const act = z.discriminatedUnion('act', [
  z.object({ act: z.enum(['kill', 'restart', 'stop', 'continue']), server }),
  z.object({ act: z.enum(['block', 'unblock']), server }),
  z.object({ act: z.literal('add') }),
  z.object({ act: z.enum(['remove', 'lead']), server }),
  z.object({ act: z.enum(['cut', 'mend', 'slow', 'fast']), from: server, to: server }),
  z.object({ act: z.literal('heal') }),
  z.object({ act: z.literal('chaos'), on: z.boolean() }),
])
type Act = z.infer<typeof act>

const question = z.object({
  op: z.enum(['get', 'put', 'append', 'delete']),
  key: z.string().max(MOST_CHARACTERS),
  value: z.string().max(MOST_CHARACTERS).optional(),
  server: server.nullable(),
})

/** Of a slow link, for each message, in ms. */
const SLOW_MS = 200

export class Web {
  private readonly watch: Watch
  private readonly savedIn: string
  private readonly token = randomBytes(24).toString('base64url')
  private readonly server: Server

  /** @param savedIn the folder in which the watch saves. */
  static async start(watch: Watch, savedIn: string): Promise<Web> {
    const web = new Web(watch, savedIn)
    web.server.listen(0, LOOPBACK)
    await once(web.server, 'listening')
    return web
  }

  private constructor(watch: Watch, savedIn: string) {
    this.watch = watch
    this.savedIn = savedIn
    this.server = createServer(getRequestListener(this.app().fetch))
  }

  get address(): string {
    return `http://${LOOPBACK}:${this.port}/${this.token}/`
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  private get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  private app(): Hono {
    const { watch } = this
    const app = new Hono()
    app.use(this.guard())
    app.onError((error, c) => {
      if (!(error instanceof UsageError) && !isSystemError(error)) throw error
      return c.json({ error: error.message }, 409)
    })
    app.get('/:token/', () => this.page())
    app.get('/:token/seen', (c) =>
      streamSSE(c, async (stream) => {
        while (!stream.aborted) {
          await stream.writeSSE({ data: JSON.stringify(watch.seen) })
          await stream.sleep(TELL_MS)
        }
      }),
    )
    app.get('/:token/timeline', () => timelineOf(watch))
    app.post('/:token/act', async (c) => {
      const asked = act.safeParse(await bodyOf(c.req.raw))
      if (!asked.success) return c.json({ error: 'there is no such action' }, 400)
      const problem = await carryOut(watch, asked.data)
      return problem === null ? c.json({}) : c.json({ error: problem }, 409)
    })
    app.post('/:token/ask', async (c) => {
      const asked = question.safeParse(await bodyOf(c.req.raw))
      if (!asked.success) return c.json({ error: 'that cannot be asked' }, 400)
      const { server: startsAt, op, key, value } = asked.data
      const isRead = op === 'get' || op === 'delete'
      const operation = { op, key, ...(!isRead && { value: value ?? '' }) }
      return c.json(await watch.ask(operation, startsAt))
    })
    app.post('/:token/save', async (c) => c.json(await watch.save()))
    app.get('/:token/:folder{saved-[0-9]+}/:file{[A-Za-z0-9._-]+}', async (c) => {
      const { folder, file } = c.req.param()
      return savedFile(join(this.savedIn, folder, file))
    })
    return app
  }

  /** Only this page may ask, and only who was told its address. */
  private guard(): MiddlewareHandler {
    return async (c, next) => {
      const hosts = [`${LOOPBACK}:${this.port}`, `localhost:${this.port}`]
      const host = c.req.header('host') ?? ''
      const origin = c.req.header('origin')
      const isOurs = origin === undefined || origin === `http://${host}`
      if (!hosts.includes(host) || !isOurs) return c.text('This is not for you.', 403)
      const [, token = ''] = c.req.path.split('/')
      if (!isSame(token, this.token)) return c.text('There is nothing here.', 404)
      await next()
      c.header('Referrer-Policy', 'no-referrer')
      c.header('X-Content-Type-Options', 'nosniff')
      c.header('Cache-Control', 'no-store')
      c.header('Cross-Origin-Resource-Policy', 'same-origin')
    }
  }

  private async page(): Promise<Response> {
    const assets = await loadAssets(PAGE)
    const { script, style } = digestsOf(assets)
    const policy = [
      "default-src 'none'",
      `script-src ${script}`,
      `style-src ${style}`,
      "connect-src 'self'",
      'img-src data:',
      'font-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; ')
    const file = join(import.meta.dirname, 'page.hbs')
    const template = Handlebars.compile(readFileSync(file, 'utf8'))
    return new Response(template({ ...assets, part: this.watch.seen.part }), {
      headers: {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': policy,
      },
    })
  }
}

/** In a time that does not tell how much of it was right. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** Null when it is too long, or no JSON. */
async function bodyOf(request: Request): Promise<unknown> {
  if (Number(request.headers.get('content-length') ?? 0) > MOST_BODY_BYTES) return null
  return request.json().catch(() => null)
}

/** The data's length in 4 bytes, the data, and the lines of the log. */
function timelineOf({ window }: Watch): Response {
  const { data, lines } = window.data()
  const length = Buffer.alloc(4)
  length.writeUInt32LE(data.length)
  return new Response(Buffer.concat([length, data, lines]), {
    headers: { 'Content-Type': 'application/octet-stream' },
  })
}

/** @returns why it was not done, or null. */
async function carryOut(watch: Watch, asked: Act): Promise<string | null> {
  const { cluster } = watch
  if (asked.act === 'chaos') {
    watch.setChaos(asked.on)
    return null
  }
  if (asked.act === 'heal') {
    await cluster.heal()
    return null
  }
  const isChange = asked.act === 'add' || asked.act === 'remove' || asked.act === 'lead'
  if (isChange && !watch.hasMembers)
    return `the cluster of ${cluster.part} stays as it is`
  if (asked.act === 'add') return watch.add()
  const places = 'server' in asked ? [asked.server] : [asked.from, asked.to]
  if (!places.every((id) => cluster.ids.includes(id))) return 'there is no such server'
  if ('server' in asked) return actOnServer(cluster, asked)
  const { from, to } = asked
  if (from === to) return 'a server has no link to itself'
  if (asked.act === 'cut') cluster.cut({ from, to })
  if (asked.act === 'mend') cluster.mend({ from, to })
  if (asked.act === 'slow') cluster.delay({ from, to }, SLOW_MS)
  if (asked.act === 'fast') cluster.delay({ from, to }, 0)
  return null
}

async function actOnServer(
  cluster: Cluster,
  { act, server }: Extract<Act, { server: number }>,
): Promise<string | null> {
  const silent = `server ${server} does not answer`
  switch (act) {
    case 'kill':
      await cluster.kill(server)
      return null
    case 'restart':
      cluster.launch(server)
      return null
    case 'stop':
      cluster.standStill(server)
      return null
    case 'continue':
      cluster.goOn(server)
      return null
    case 'block':
      return (await cluster.block(server)) ? null : silent
    case 'unblock':
      return (await cluster.unblock(server)) ? null : silent
    case 'remove':
      return cluster.remove(server)
    case 'lead':
      return cluster.handOver(server)
  }
}

async function savedFile(file: string): Promise<Response> {
  try {
    const type = file.endsWith('.html') ? 'text/html' : 'text/plain'
    const headers = { 'Content-Type': `${type}; charset=utf-8` }
    return new Response(await readFile(file), { headers })
  } catch {
    return new Response('There is no such file.', { status: 404 })
  }
}
