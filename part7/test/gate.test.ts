/** More requests at once than a server can begin with. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { gate } from '../src/gate.ts'

const PER_TURN = 128
const MOST_WAITING = 10_000

/** Has requests arrive, and knows which were begun and which were answered by the gate. */
class Door {
  readonly begun: string[] = []
  readonly refused: string[] = []
  private readonly listener = gate(
    (request) => void this.begun.push(String(request.url)),
  )

  knock(url: string, socket = { destroyed: false }): void {
    const response = {
      writeHead: (status: number) => {
        expect(status).toBe(503)
        return response
      },
      end: () => this.refused.push(url),
    }
    this.listener(
      { url, socket } as IncomingMessage,
      response as unknown as ServerResponse,
    )
  }
}

test('a turn begins with some, and those that came first are the next', async () => {
  const door = new Door()
  const urls = Array.from({ length: 3 * PER_TURN }, (_, i) => `/kv/${i}`)
  for (const url of urls) door.knock(url)
  expect(door.begun.length).toBe(PER_TURN)
  await turn()
  expect(door.begun.length).toBe(2 * PER_TURN)
  door.knock('/kv/last')
  await turn()
  await turn()
  expect(door.begun).toEqual([...urls, '/kv/last'])
  expect(door.refused).toEqual([])
})

test('what there is no room for is refused, and only that', async () => {
  const door = new Door()
  const most = PER_TURN + MOST_WAITING
  for (let i = 0; i < most + 5; i += 1) door.knock(`/kv/${i}`)
  expect(door.refused).toEqual([0, 1, 2, 3, 4].map((i) => `/kv/${most + i}`))
  while (door.begun.length < most) await turn()
  door.knock('/kv/x')
  await turn()
  expect(door.begun.at(-1)).toBe('/kv/x')
  expect(door.begun.length).toBe(most + 1)
})

test('who asks after the server itself does not wait', () => {
  const door = new Door()
  for (let i = 0; i < PER_TURN + MOST_WAITING; i += 1) door.knock('/sessions')
  door.knock('/metrics')
  expect(door.begun.at(-1)).toBe('/metrics')
  expect(door.refused).toEqual([])
})

test('who has gone is not begun with, and holds nobody up', async () => {
  const door = new Door()
  const socket = { destroyed: false }
  for (let i = 0; i < PER_TURN; i += 1) door.knock('/kv/x')
  for (let i = 0; i < 2 * PER_TURN; i += 1) door.knock('/kv/gone', socket)
  door.knock('/kv/last')
  socket.destroyed = true
  for (let i = 0; i < 3; i += 1) await turn()
  expect(door.begun.length).toBe(PER_TURN + 1)
  expect(door.begun.at(-1)).toBe('/kv/last')
})
