/** Who balances the load asks a server whether it should be asked: GET /ready. */
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { notReady } from '../src/serve.ts'
import { eventually, ProcessCluster } from './process-cluster.ts'

const LONG_MS = 240_000

test('ready is who leads, or hears a leader and is not far behind', () => {
  const follower = { isLeader: false, heardMsAgo: 40, behind: 3 }
  expect(notReady(follower)).toBeNull()
  expect(notReady({ isLeader: true, heardMsAgo: null, behind: 0 })).toBeNull()
  expect(notReady({ ...follower, heardMsAgo: null })).toBe('it hears no leader')
  expect(notReady({ ...follower, heardMsAgo: 5_000 })).toBe('it hears no leader')
  const late = 'it is 7000 entries behind its leader'
  expect(notReady({ ...follower, behind: 7_000 })).toBe(late)
})

test(
  'a follower that is cut off is not ready, and is again when it is back',
  async () => {
    // It stays a follower for long: a busy machine must not make it stand for election.
    const cluster = await ProcessCluster.start(3, ['--election-timeout', '2000-3000'])
    onTestFinished(() => cluster.remove())
    const leader = await cluster.leader()
    const follower = (leader + 1) % 3
    const at = (id: number, path: string) => `http://${cluster.address(id)}${path}`
    const isReady = async (id: number) => (await request(at(id, '/ready'))).statusCode
    const becomes = (id: number, status: number) =>
      eventually(`${status} of ${id}`, async () =>
        (await isReady(id)) === status ? true : null,
      )
    await becomes(leader, 200)
    await becomes(follower, 200)
    await request(at(follower, '/block'), { method: 'POST' })
    await becomes(follower, 503)
    const { body } = await request(at(follower, '/ready'))
    expect(await body.json()).toEqual({ error: 'it hears no leader' })
    await request(at(follower, '/unblock'), { method: 'POST' })
    await becomes(follower, 200)
  },
  LONG_MS,
)
