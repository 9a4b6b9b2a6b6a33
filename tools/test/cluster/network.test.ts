/** Links between servers that are processes: here the servers are sockets. */
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { urlToHttpOptions } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Network } from '../../src/processes/network.ts'

/** In real time, in ms: long enough for loopback. */
const A_WHILE = 100

/** Server 0 has connected to server 1. */
async function connected() {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const network = new Network()
  await network.add(0, { host: '127.0.0.1', port: 1 })
  await network.add(1, { host: '127.0.0.1', port })
  const accepted = once(listener, 'connection')
  const asked = request({
    ...urlToHttpOptions(new URL(network.environmentOf(0).grpc_proxy ?? '')),
    method: 'CONNECT',
    path: `127.0.0.1:${port}`,
  }).end()
  const [, near] = (await once(asked, 'connect')) as [unknown, Socket]
  const [far] = (await accepted) as [Socket]
  onTestFinished(() => {
    network.close()
    near.destroy()
    listener.close()
  })
  return { network, near: heard(near), far: heard(far) }
}

function heard(socket: Socket) {
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    text += bytes
  })
  return { socket, text: () => text }
}

async function arrives(end: { text: () => string }, text: string): Promise<void> {
  await expect.poll(end.text, { timeout: 5_000 }).toBe(text)
}

test('bytes pass both ways', async () => {
  const { near, far } = await connected()
  near.socket.write('ask')
  await arrives(far, 'ask')
  far.socket.write('answer')
  await arrives(near, 'answer')
})

test('a link that is cut one way keeps what is sent, until it is mended', async () => {
  const { network, near, far } = await connected()
  network.setCut({ from: 0, to: 1 }, true)
  near.socket.write('ask')
  far.socket.write('news')
  await arrives(near, 'news')
  await sleep(A_WHILE)
  expect(far.text()).toBe('')
  network.setCut({ from: 0, to: 1 }, false)
  await arrives(far, 'ask')
})

test('answers take the link back', async () => {
  const { network, near, far } = await connected()
  network.setCut({ from: 1, to: 0 }, true)
  near.socket.write('ask')
  await arrives(far, 'ask')
  far.socket.write('answer')
  await sleep(A_WHILE)
  expect(near.text()).toBe('')
})

test('a slow link takes its time, and keeps the order', async () => {
  const { network, near, far } = await connected()
  network.setDelay({ from: 0, to: 1 }, A_WHILE)
  const startedAt = performance.now()
  near.socket.write('a')
  await sleep(10)
  near.socket.write('b')
  await arrives(far, 'ab')
  // A timer can be a millisecond early.
  expect(performance.now() - startedAt).toBeGreaterThan(A_WHILE - 2)
})
