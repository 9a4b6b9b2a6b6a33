/**
 * The network between servers that are processes: from each to each other goes a relay,
 * which passes on what it is given, or does not. So a link can be cut one way, or be slow,
 * without the servers' help, and without root.
 *
 * A link that is cut loses no byte: it keeps them until it is mended, as TCP does when
 * packets are lost and sent again.
 */
import { once } from 'node:events'
import {
  type AddressInfo,
  connect,
  createServer,
  type Server,
  type Socket,
} from 'node:net'
import { LOOPBACK } from './members.ts'

/** From one server to another. */
export interface Link {
  readonly from: number
  readonly to: number
}

/** How messages fare on a link: a delay in ms, if any. */
type State = { readonly isCut: boolean; readonly delayMs: number }

const OPEN: State = { isCut: false, delayMs: 0 }

/** A relay keeps no more than this of what waits; then who sends has to. In bytes. */
const MOST_KEPT = 4 * 1024 * 1024

export class Network {
  private readonly states = new Map<string, State>()
  private readonly relays = new Map<string, Relay>()

  /** Lays the links between servers, whose Raft listens at these ports, by id. */
  static async between(ports: ReadonlyMap<number, number>): Promise<Network> {
    const network = new Network()
    for (const from of ports.keys()) {
      for (const [to, port] of ports) {
        if (from !== to) await network.lay({ from, to }, port)
      }
    }
    return network
  }

  /** Where a server finds another. */
  portFor(link: Link): number {
    return this.relays.get(nameOf(link))?.port ?? 0
  }

  isCut(link: Link): boolean {
    return this.stateOf(link).isCut
  }

  delayOf(link: Link): number {
    return this.stateOf(link).delayMs
  }

  setCut(link: Link, isCut: boolean): void {
    this.change(link, { ...this.stateOf(link), isCut })
  }

  /** @param delayMs 0 for none. */
  setDelay(link: Link, delayMs: number): void {
    this.change(link, { ...this.stateOf(link), delayMs })
  }

  close(): void {
    for (const relay of this.relays.values()) relay.close()
  }

  private async lay(link: Link, port: number): Promise<void> {
    const back = { from: link.to, to: link.from }
    // A connection has answers, too: they go the other way.
    const relay = new Relay(port, {
      there: () => this.stateOf(link),
      back: () => this.stateOf(back),
    })
    await relay.listen()
    this.relays.set(nameOf(link), relay)
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

interface Ways {
  readonly there: () => State
  readonly back: () => State
}

/** Listens in a server's stead, and connects to it once for each who connects. */
class Relay {
  private readonly target: number
  private readonly ways: Ways
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly pipes = new Set<Pipe>()

  constructor(target: number, ways: Ways) {
    this.target = target
    this.ways = ways
    this.server = createServer((socket) => this.accept(socket))
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  async listen(): Promise<void> {
    this.server.listen(0, LOOPBACK)
    await once(this.server, 'listening')
  }

  onChange(): void {
    for (const pipe of this.pipes) pipe.flush()
  }

  close(): void {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  private accept(near: Socket): void {
    const far = connect(this.target, LOOPBACK)
    const pipes = [
      new Pipe(near, far, this.ways.there),
      new Pipe(far, near, this.ways.back),
    ]
    for (const pipe of pipes) this.pipes.add(pipe)
    const end = () => {
      near.destroy()
      far.destroy()
      for (const pipe of pipes) this.pipes.delete(pipe)
    }
    for (const socket of [near, far]) {
      socket.setNoDelay()
      this.sockets.add(socket)
      // A server that was killed, or that is not there: who connected is told.
      socket.on('error', end)
      socket.on('close', () => {
        this.sockets.delete(socket)
        end()
      })
    }
  }
}

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
