/**
 * MessageStream: one end of a stream between two servers, which carries whole messages,
 * in the order in which they were sent.
 *
 * A long message goes in pieces, and only so many of them are on their way as the link
 * takes in some 50 ms. So a short message that cannot wait, a sign of life above all,
 * gets through between two pieces, however slow the link is. TCP alone would keep it
 * waiting behind megabytes in its buffers.
 */
import type { Clock } from './raft.ts'

/** A piece of a message, as raft.proto has it. */
export interface Piece {
  readonly id: string
  readonly method: string
  readonly bytes: Uint8Array
  readonly isLast: boolean
  readonly received: number
  readonly refusal: string
}

/** What a message is on the stream. */
export interface Parcel {
  readonly id: string
  readonly method: string
  readonly bytes: Uint8Array
  readonly refusal?: string
}

/** What gRPC gives both ends. */
interface Duplex {
  write(piece: Piece): boolean
  on(event: 'data', listener: (piece: Piece) => void): unknown
}

/**
 * How many bytes may be unacknowledged: at the start, and least, and at most. HTTP/2 lets
 * no more through before it hears from the other end. What goes beyond waits inside it,
 * and all that is sent ahead would wait behind that.
 */
const MIN_WINDOW = 32 * 1024
const MAX_WINDOW = 64 * 1024
/** The window grows while an acknowledgement takes less than this, in ms, … */
const GROW_BELOW_MS = 25
/** … and shrinks when it takes more. */
const SHRINK_ABOVE_MS = 50
/** As many pieces a window has; each is acknowledged. */
const PIECES_IN_WINDOW = 2
/** What can be acknowledged with a message of one's own waits for that. In bytes. */
const ACKNOWLEDGE_FROM = MIN_WINDOW / PIECES_IN_WINDOW

export class MessageStream {
  private readonly duplex: Duplex
  private readonly clock: Clock
  private readonly onParcel: (parcel: Parcel) => void

  /** What has not left yet, or not whole: `offset` bytes of the first have. */
  private queue: Parcel[] = []
  private offset = 0
  private window = MIN_WINDOW
  /** Bytes sent and acknowledged since the stream began. */
  private sent = 0
  private acknowledged = 0
  /** Where each piece on its way ends, in bytes since the stream began, and its time. */
  private onTheirWay: { readonly end: number; readonly sentAtMs: number }[] = []

  /** By id: what has arrived of messages that have not arrived whole. */
  private readonly partial = new Map<string, Uint8Array[]>()
  private received = 0
  private receivedSaid = 0

  constructor(duplex: Duplex, clock: Clock, onParcel: (parcel: Parcel) => void) {
    this.duplex = duplex
    this.clock = clock
    this.onParcel = onParcel
    duplex.on('data', (piece) => this.receive(piece))
  }

  /** The message that all others wait for, if one does not get through at once. */
  get first(): Parcel | null {
    return this.queue[0] ?? null
  }

  /** Sends a message behind those that wait. */
  send(parcel: Parcel): void {
    this.queue.push(parcel)
    this.sendPieces()
  }

  /** Sends a short message ahead of those that wait; not at all where nothing moves. */
  sendAhead({ id, method, bytes, refusal = '' }: Parcel): void {
    if (this.sent - this.acknowledged > 2 * MAX_WINDOW) return
    this.write({ id, method, bytes, isLast: true, received: this.received, refusal })
  }

  private sendPieces(): void {
    for (;;) {
      const [parcel] = this.queue
      if (!parcel || this.sent - this.acknowledged >= this.window) return
      const { id, method, refusal = '' } = parcel
      const end = this.offset + Math.ceil(this.window / PIECES_IN_WINDOW)
      const isLast = end >= parcel.bytes.length
      const bytes = parcel.bytes.subarray(this.offset, end)
      this.offset = isLast ? 0 : end
      if (isLast) this.queue.shift()
      this.write({ id, method, bytes, isLast, received: this.received, refusal })
    }
  }

  private write(piece: Piece): void {
    this.sent += piece.bytes.length
    this.receivedSaid = piece.received
    if (piece.bytes.length > 0) {
      this.onTheirWay.push({ end: this.sent, sentAtMs: this.clock.now() })
    }
    this.duplex.write(piece)
  }

  private receive({ id, method, bytes, isLast, received, refusal }: Piece): void {
    this.noteAcknowledged(received)
    if (id === '') return
    this.received += bytes.length
    const earlier = this.partial.get(id)
    if (isLast) {
      this.partial.delete(id)
      const whole = earlier ? Buffer.concat([...earlier, bytes]) : bytes
      this.onParcel({ id, method, bytes: whole, refusal })
    } else if (earlier) {
      earlier.push(bytes)
    } else {
      this.partial.set(id, [bytes])
    }
    this.acknowledge()
  }

  /** A message of one's own has said it meanwhile, or the sender can wait for it. */
  private acknowledge(): void {
    if (this.received - this.receivedSaid < ACKNOWLEDGE_FROM) return
    const nothing = { id: '', method: '', bytes: new Uint8Array(), isLast: true }
    this.write({ ...nothing, received: this.received, refusal: '' })
  }

  /** The time that a piece took tells how many more the link can take. */
  private noteAcknowledged(received: number): void {
    while (this.onTheirWay[0] && this.onTheirWay[0].end <= received) {
      const { end, sentAtMs } = this.onTheirWay[0]
      const size = end - this.acknowledged
      const tookMs = this.clock.now() - sentAtMs
      if (tookMs < GROW_BELOW_MS) this.window += size
      if (tookMs > SHRINK_ABOVE_MS) this.window -= size / 2
      this.window = Math.min(Math.max(this.window, MIN_WINDOW), MAX_WINDOW)
      this.acknowledged = end
      this.onTheirWay.shift()
    }
    this.sendPieces()
  }
}
