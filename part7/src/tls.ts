/**
 * Who is who, and that nobody reads along: TLS, with certificates that a CA has signed.
 * That of server 3 has the DNS name `raft-server-3`, beside the names by which clients
 * reach it. Clients have a certificate, too, or a token.
 *
 * All of it stands in files, which are read at the start, and anew when they are changed.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import {
  checkServerIdentity,
  createSecureContext,
  createServer,
  type PeerCertificate,
  type SecureContext,
  type Server,
  TLSSocket,
  type TlsOptions,
} from 'node:tls'
import type { Logger } from 'pino'
import { UsageError } from './errors.ts'
import { Warnings } from './warnings.ts'

/** As the command line names them. */
export interface TlsFiles {
  /** The own certificate, and behind it those between it and the CA's. */
  readonly tlsCert?: string
  readonly tlsKey?: string
  /** Whose signature is trusted: one certificate or more. */
  readonly tlsCa?: string
  readonly tokenFile?: string
}

/** What stands in them. */
export interface Secrets {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
  /** A server takes each of them, and a client shows the first. */
  readonly tokens: readonly string[]
}

/** Null when there is to be no TLS. @throws UsageError when a file is not what it should be. */
export function readSecrets(files: TlsFiles): Secrets | null {
  const { tlsCert, tlsKey, tlsCa, tokenFile } = files
  if (tlsCa === undefined) {
    if ((tlsCert ?? tlsKey ?? tokenFile) === undefined) return null
    throw new UsageError('--tls-cert, --tls-key and --token-file take a --tls-ca, too')
  }
  const authorities = certificatesIn(tlsCa)
  const shared = {
    ca: authorities.join(''),
    tokens: tokenFile === undefined ? [] : tokensIn(tokenFile),
  }
  if (tlsCert === undefined && tlsKey === undefined) return shared
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError('--tls-cert takes a --tls-key, and --tls-key a --tls-cert')
  }
  const [own, ...between] = certificatesIn(tlsCert) as [X509Certificate]
  if (!own.checkPrivateKey(keyIn(tlsKey))) {
    throw new UsageError(`the key in ${tlsKey} is not that of ${tlsCert}`)
  }
  mustBeInForce(own, tlsCert)
  const signers = [...between, ...authorities]
  if (!signers.some((one) => own.checkIssued(one) && own.verify(one.publicKey))) {
    throw new UsageError(`${tlsCert} is not signed by a CA in ${tlsCa}`)
  }
  return { ...shared, cert: [own, ...between].join(''), key: textOf(tlsKey) }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs

function certificatesIn(file: string): X509Certificate[] {
  const blocks = textOf(file).match(CERTIFICATE) ?? []
  try {
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block))
  } catch {}
  throw new UsageError(`${file} holds no certificate in PEM`)
}

function keyIn(file: string): KeyObject {
  const text = textOf(file)
  try {
    return createPrivateKey(text)
  } catch {
    throw new UsageError(`${file} holds no private key in PEM, or one with a password`)
  }
}

function mustBeInForce({ validFrom, validTo }: X509Certificate, file: string): void {
  const now = Date.now()
  if (Date.parse(validTo) < now) {
    throw new UsageError(`${file} has expired: it was valid until ${validTo}`)
  }
  if (Date.parse(validFrom) > now) {
    throw new UsageError(`${file} is not valid yet: it will be from ${validFrom} on`)
  }
}

/** As RFC 6750 has them. Shorter ones can be guessed. */
const TOKEN = /^[\w.~+/-]{16,512}=*$/

/** One a line: while clients are given a new one, the old one stays. */
function tokensIn(file: string): string[] {
  const tokens = textOf(file)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (tokens.length > 0 && tokens.every((token) => TOKEN.test(token))) return tokens
  throw new UsageError(
    `${file} holds tokens, one a line, of 16 letters and digits or more`,
  )
}

interface Options {
  readonly id: number
  readonly files: TlsFiles
  /** Told who is turned away. */
  readonly logger: Logger
}

/** How long a connection may take until it is known who is there, in ms. */
const HANDSHAKE_MS = 5_000

/** What a server has of this, and how it listens for its peers. */
export class Tls {
  /** Those in force. */
  secrets: Required<Secrets>
  private readonly given: Options
  private readonly servers: Server[] = []
  private readonly sockets = new Set<Socket>()
  private readonly warnings: Warnings

  /** @throws UsageError */
  constructor(options: Options) {
    this.given = options
    this.warnings = new Warnings(options.logger)
    this.secrets = this.read()
  }

  /**
   * Takes what stands in the files now.
   *
   * @returns whether others are trusted than before.
   * @throws UsageError, and all stays as it was.
   */
  renew(): boolean {
    const before = this.secrets
    this.secrets = this.read()
    for (const server of this.servers) server.setSecureContext(this.secrets)
    return this.secrets.ca !== before.ca
  }

  private read(): Required<Secrets> {
    const { files, id } = this.given
    const { ca, cert, key, tokens } = readSecrets(files) ?? {}
    if (ca === undefined || cert === undefined || key === undefined || !tokens) {
      throw new UsageError('a server takes --tls-cert, --tls-key and --tls-ca together')
    }
    const own = new X509Certificate(cert)
    if (own.checkHost(nameOf(id)) === undefined) {
      const has = `it has the names ${own.subjectAltName ?? 'none'}`
      throw new UsageError(`${files.tlsCert} is not of ${nameOf(id)}: ${has}`)
    }
    const secrets = { ca, cert, key, tokens }
    try {
      createSecureContext(secrets)
    } catch (error) {
      const { tlsCert, tlsKey } = files
      const { message } = error as Error
      throw new UsageError(`${tlsCert} with ${tlsKey} is of no use: ${message}`)
    }
    return secrets
  }

  /** When its own certificate ends. */
  get validTo(): string {
    return new X509Certificate(this.secrets.cert).validTo
  }

  /** For calls to peers. */
  get context(): SecureContext {
    return createSecureContext(this.secrets)
  }

  /** For servers, which ask everybody for a certificate; `isCertified` says who has one. */
  get options(): TlsOptions {
    const { ca, cert, key } = this.secrets
    const asking = { requestCert: true, rejectUnauthorized: false }
    return { ca, cert, key, ...asking, handshakeTimeout: HANDSHAKE_MS }
  }

  /** A server that has new certificates when there are some. */
  keep<T extends Server>(server: T): T {
    this.servers.push(server)
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
    })
    return server
  }

  /** Listens for peers, and hands over who has a certificate of the CA. */
  async listen(address: string, take: (socket: TLSSocket) => void): Promise<string> {
    const port = address.slice(address.lastIndexOf(':') + 1)
    const host = address.slice(0, -port.length - 1).replace(/^\[|\]$/g, '')
    const server = this.keep(createServer({ ...this.options, ALPNProtocols: ['h2'] }))
    server.on('secureConnection', (socket) => {
      socket.on('error', () => {}) // Whoever reads from it sees that it has ended.
      if (isCertified(socket)) return take(socket)
      const { authorizationError } = socket
      const who = socket.remoteAddress ?? 'a connection'
      this.turnAway(who, `it has no certificate of the CA (${authorizationError})`)
      socket.destroy()
    })
    server.on('tlsClientError', ({ message }) => {
      this.turnAway('a connection', `no TLS came of it (${message})`)
    })
    server.listen(Number(port), host)
    try {
      await once(server, 'listening')
    } catch (error) {
      throw new Error(`cannot listen at ${address}: ${(error as Error).message}`)
    }
    return address.replace(/\d+$/, String((server.address() as AddressInfo).port))
  }

  /** Takes no more connections. */
  close(): void {
    for (const server of this.servers) server.close()
  }

  /** On all, also on whom no server knows yet, since no TLS has come of it. */
  hangUp(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  turnAway(who: string, why: string): void {
    this.warnings.say(`turns ${who} away: ${why}`)
  }
}

/** By which its certificate, and no other, calls a server. */
export function nameOf(id: number): string {
  return `raft-server-${id}`
}

/** What is wrong with a certificate that should be of that name. */
export function faultIn(name: string, certificate?: PeerCertificate): Error | undefined {
  if (certificate && !checkServerIdentity(name, certificate)) return
  const has = certificate?.subjectaltname ?? 'none'
  return new Error(`its certificate is not of ${name}, but has the names ${has}`)
}

/**
 * Whether somebody has shown a certificate of the CA. `authorized` alone is not enough:
 * Node says so as well of one who takes up, without a certificate, an earlier connection
 * that had none.
 */
export function isCertified(socket: Socket): boolean {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return false
  return socket.getPeerX509Certificate() !== undefined
}
