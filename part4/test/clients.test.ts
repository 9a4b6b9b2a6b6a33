/** A service and its clients: what they are answered, and what they see. */
import { expect } from 'vitest'
import { scenario } from './harness.ts'

scenario('a client puts, and gets what it put', 3, async (h) => {
  const client = h.client()
  await client.put('x', '1')
  expect(await client.get('x')).toMatchObject({ value: '1' })
})

scenario('many clients', 5, async (h) => {
  const clients = Array.from({ length: 5 }, () => h.client())
  const work = clients.map(async (client, i) => {
    for (let n = 0; n < 10; n += 1) {
      await client.append('x', `${i}.${n} `).catch(() => null)
      await client.get('x').catch(() => null)
    }
  })
  const all = Promise.all(work)
  await h.sleepMs(100)
  h.disconnectPeer(0)
  await h.sleepMs(500)
  h.reconnectPeer(0)
  await all
  h.checkLinearizable()
})
