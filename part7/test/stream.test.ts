/** MessageStream: whole messages in pieces, over a link that is as slow as the test says. */
import { VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import { MessageStream, type Parcel, type Piece } from '../src/stream.ts'

/** In bytes: what may be on its way at first, and at most. */
const LEAST_WINDOW = 32 * 1024
const LARGEST_WINDOW = 64 * 1024
/** As between two processes of one machine. */
const LATENCY_MS = 0.1

/**
 * Two ends of a stream. Each direction takes `bytesPerMs`, one piece behind the other;
 * `sent` has the pieces as one end wrote them, `arrived` what the other got whole.
 */
function linked(bytesPerMs: number) {
  const clock = new VirtualClock()
  const sent: Piece[] = []
  const arrived: Parcel[] = []
  const here = end()
  const there = end()
  let longestWaitMs = 0

  function end() {
    const listeners: ((piece: Piece) => void)[] = []
    return {
      listeners,
      on: (_event: 'data', listener: (piece: Piece) => void) => listeners.push(listener),
      write: (_piece: Piece) => true,
    }
  }

  function connect(from: typeof here, to: typeof here) {
    let freeAtMs = 0
    from.write = (piece) => {
      if (from === here) sent.push(piece)
      freeAtMs = Math.max(freeAtMs, clock.now()) + piece.bytes.length / bytesPerMs
      const waitMs = freeAtMs - clock.now() + LATENCY_MS
      longestWaitMs = Math.max(longestWaitMs, waitMs)
      clock.setTimeout(() => {
        for (const listener of to.listeners) listener(piece)
      }, waitMs)
      return true
    }
  }

  connect(here, there)
  connect(there, here)
  const stream = new MessageStream(here, clock, () => {})
  new MessageStream(there, clock, (parcel) => arrived.push(parcel))
  return { clock, stream, sent, arrived, longestWaitMs: () => longestWaitMs }
}

function parcel(id: string, length: number): Parcel {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i += 1) bytes[i] = i * 31 + length
  return { id, method: 'AppendEntries', bytes }
}

test('messages of any length arrive whole, in the order in which they were sent', () => {
  const { clock, stream, arrived } = linked(10_000)
  const lengths = [0, 1, 16_383, 16_384, 16_385, 3_000_000, 8_192, 500_000]
  const parcels = lengths.map((length, i) => parcel(`${i}`, length))
  for (const each of parcels) stream.send(each)
  clock.advance(10_000)
  expect(arrived.map(({ id }) => id)).toEqual(parcels.map(({ id }) => id))
  for (const [i, { bytes }] of arrived.entries()) {
    expect(Buffer.compare(bytes, parcels[i]?.bytes ?? new Uint8Array())).toBe(0)
  }
})

test('what is sent ahead passes between the pieces of a long message', () => {
  const { clock, stream, arrived } = linked(500)
  stream.send(parcel('long', 1_000_000))
  stream.send(parcel('behind it', 10))
  clock.advance(500)
  stream.sendAhead(parcel('ahead', 10))
  clock.advance(100)
  expect(arrived.map(({ id }) => id)).toEqual(['ahead'])
  clock.advance(10_000)
  expect(arrived.map(({ id }) => id)).toEqual(['ahead', 'long', 'behind it'])
})

for (const megabytesPerSecond of [0.5, 2, 8, 40]) {
  test(`a link of ${megabytesPerSecond} MB/s is used, and nothing waits long on it`, () => {
    const { clock, stream, arrived, longestWaitMs } = linked(megabytesPerSecond * 1_000)
    stream.send(parcel('long', 6_000_000))
    const idealMs = 6_000 / megabytesPerSecond
    clock.advance(1.2 * idealMs + 20)
    expect(arrived).toHaveLength(1)
    // Below an election timeout, with a heartbeat’s interval to spare.
    expect(longestWaitMs()).toBeLessThan(100)
  })
}

test('of a link that has become slow no more is asked than it takes', () => {
  const { clock, stream, sent } = linked(Number.MIN_VALUE)
  stream.send(parcel('long', 6_000_000))
  const written = () => sent.reduce((sum, { bytes }) => sum + bytes.length, 0)
  expect(written()).toBe(LEAST_WINDOW)
  for (let i = 0; i < 10_000; i += 1) stream.sendAhead(parcel(`${i}`, 1_000))
  clock.advance(1_000)
  expect(written()).toBeLessThan(3 * LARGEST_WINDOW)
})
