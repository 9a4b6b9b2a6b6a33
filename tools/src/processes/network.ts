/**
 * The network between servers that are processes: each speaks to the others through a relay
 * of its own, which passes on what it is given, or does not. So a link can be cut one way, or
 * be slow, without the servers' help, and without root.
 *
 * It is a proxy: gRPC takes one from its environment, connects to it, and names the server
 * it wants to reach (HTTP's CONNECT). So a relay knows who speaks to whom, and servers know
 * each other by their true addresses, whoever told them.
 *
 * A link that is cut loses no byte: it keeps them until it is mended, as TCP does when
 * packets are lost and sent again. Where servers have namespaces, it is packets that are lost.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type End, LOOPBACK } from './members.ts'

/** From one server to another. */
export interface Link {
  readonly from: number
  readonly to: number
}

/** What the relays do not do themselves, where the system does it. */
export interface Underlay {
  /** Where the relay of a server listens. */
  proxyHost(id: number): string
  /** From where it goes on. */
  relayHost(link: Link): string
  setCut(link: Link, isCut: boolean): void
}

/** How messages fare on a link: a delay in ms, if any. */
type State = { readonly isCut: boolean; readonly delayMs: number }

const OPEN: State = { isCut: false, delayMs: 0 }

/** A relay keeps no more than this of what waits; then who sends has to. In bytes. */
const MOST_KEPT = 4 * 1024 * 1024

export class Network {
  private readonly states = new Map<string, State>()
  /** By id: where a server's Raft listens, and the relay through which it speaks. */
  private readonly ends = new Map<number, End>()
  private readonly relays = new Map<number, Relay>()
  private readonly underlay: Underlay | null

  constructor(underlay: Underlay | null = null) {
    this.underlay = underlay
  }

  /** Lays the links of a server, whose Raft listens there. */
  async add(id: number, end: End): Promise<void> {
    const relay = new Relay(this.underlay?.proxyHost(id) ?? LOOPBACK, (address) =>
      this.way(id, address),
    )
    await relay.listen()
    this.ends.set(id, end)
    this.relays.set(id, relay)
  }

  /** What lets a server's gRPC go through its relay. @throws Error if there is none. */
  environmentOf(id: number): Readonly<Record<string, string>> {
    const relay = this.relays.get(id)
    if (!relay) throw new Error(`server ${id} has no links`)
    // Whoever works behind a proxy may have said that this machine is reached without.
    return { grpc_proxy: `http://${textOf(relay.end)}`, no_grpc_proxy: '', no_proxy: '' }
  }

  isCut(link: Link): boolean {
    return this.stateOf(link).isCut
  }

  delayOf(link: Link): number {
    return this.stateOf(link).delayMs
  }

  setCut(link: Link, isCut: boolean): void {
    if (isCut !== this.isCut(link)) this.underlay?.setCut(link, isCut)
    this.change(link, { ...this.stateOf(link), isCut })
  }

  /** @param delayMs 0 for none. */
  setDelay(link: Link, delayMs: number): void {
    this.change(link, { ...this.stateOf(link), delayMs })
  }

  close(): void {
    for (const relay of this.relays.values()) relay.close()
  }

  /** Null when no server is at this address. */
  private way(from: number, address: string): Way | null {
    const found = [...this.ends].find(([, end]) => textOf(end) === address)
    if (!found) return null
    const [to, end] = found
    const link = { from, to }
    // A connection has answers, too: they go the other way.
    const back = { from: to, to: from }
    return {
      end,
      host: this.underlay?.relayHost(link) ?? LOOPBACK,
      there: () => this.inRelay(link),
      back: () => this.inRelay(back),
    }
  }

  /** How a relay treats what it is given: what is cut below it does not get that far. */
  private inRelay(link: Link): State {
    const state = this.stateOf(link)
    return this.underlay ? { ...state, isCut: false } : state
  }

  private stateOf(link: Link): State {
    return this.states.get(nameOf(link)) ?? OPEN
  }

  private change(link: Link, state: State): void {
    this.states.set(nameOf(link), state)
    for (const relay of this.relays.values()) relay.onChange()
  }
}

function nameOf({ from, to }: Link): string {
  return `${from} ${to}`
}

/** As CONNECT names it. */
function textOf({ host, port }: End): string {
  return `${host}:${port}`
}

/** To a server, and how what goes there and comes back fares. */
interface Way {
  readonly end: End
  /** From where the relay connects. */
  readonly host: string
  readonly there: () => State
  readonly back: () => State
}

/** Listens for one server's connections, and makes another for each, to whom it asks for. */
class Relay {
  private readonly host: string
  private readonly wayTo: (address: string) => Way | null
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly pipes = new Set<Pipe>()

  constructor(host: string, wayTo: (address: string) => Way | null) {
    this.host = host
    this.wayTo = wayTo
    this.server = createServer()
    this.server.on('connect', ({ url = '' }: IncomingMessage, near: Socket) => {
      const way = this.wayTo(url)
      if (way) this.accept(near, way)
      else near.destroy()
    })
  }

  get end(): End {
    return { host: this.host, port: (this.server.address() as AddressInfo).port }
  }

  async listen(): Promise<void> {
    this.server.listen(0, this.host)
    await once(this.server, 'listening')
  }

  onChange(): void {
    for (const pipe of this.pipes) pipe.flush()
  }

  close(): void {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  private accept(near: Socket, { end, host, there, back }: Way): void {
    const far = connect({ ...end, localAddress: host })
    far.once('connect', () => near.write(CONNECTED))
    const pipes = [new Pipe(near, far, there), new Pipe(far, near, back)]
    for (const pipe of pipes) this.pipes.add(pipe)
    const hangUp = () => {
      near.destroy()
      far.destroy()
      for (const pipe of pipes) this.pipes.delete(pipe)
    }
    for (const socket of [near, far]) {
      socket.setNoDelay()
      this.sockets.add(socket)
      // A server that was killed, or that is not there: who connected is told.
      socket.on('error', hangUp)
      socket.on('close', () => {
        this.sockets.delete(socket)
        hangUp()
      })
    }
  }
}

const CONNECTED = 'HTTP/1.1 200 Connection established\r\n\r\n'

/** One direction of a connection. */
class Pipe {
  private readonly from: Socket
  private readonly to: Socket
  private readonly state: () => State
  private kept: { readonly bytes: Buffer; readonly dueAt: number }[] = []
  private keptBytes = 0
  private timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, state: () => State) {
    this.from = from
    this.to = to
    this.state = state
    from.on('data', (bytes) => this.take(bytes))
    to.on('drain', () => this.flush())
  }

  private take(bytes: Buffer): void {
    const dueAt = performance.now() + this.state().delayMs
    this.kept.push({ bytes, dueAt })
    this.keptBytes += bytes.length
    if (this.keptBytes > MOST_KEPT) this.from.pause()
    this.flush()
  }

  /** Passes on what is due. */
  flush(): void {
    clearTimeout(this.timer)
    if (this.state().isCut || this.to.destroyed) return
    const now = performance.now()
    for (let next = this.kept[0]; next; next = this.kept[0]) {
      if (next.dueAt > now) {
        this.timer = setTimeout(() => this.flush(), next.dueAt - now)
        break
      }
      this.kept.shift()
      this.keptBytes -= next.bytes.length
      if (!this.to.write(next.bytes)) break
    }
    if (this.keptBytes <= MOST_KEPT) this.from.resume()
  }
}
