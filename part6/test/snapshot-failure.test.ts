/** A snapshot that somebody asks for, and a disk that does not take it. */
import { rmSync } from 'node:fs'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { ProcessCluster } from './process-cluster.ts'

/** In ms: far above what it takes, also on a machine with other things to do. */
const TIMEOUT_MS = 120_000

test(
  'a server that cannot write the snapshot it is asked for says so and ends',
  async () => {
    const cluster = await ProcessCluster.start(1)
    onTestFinished(() => cluster.remove())
    const at = (path: string) => `http://${cluster.address(0)}${path}`
    const put = await request(at('/kv/x'), { method: 'PUT', body: '1' })
    expect(put.statusCode).toBe(200)
    rmSync(cluster.data(0), { recursive: true })

    const { statusCode, body } = await request(at('/snapshot'), { method: 'POST' })
    expect(statusCode).toBe(500)
    expect(await body.json()).toEqual({ error: expect.stringContaining('cannot write') })
    const { code, errors } = await cluster.program(0).ended
    expect(code).toBe(1)
    expect(errors).toMatch(/cannot write .*raft\.log: ENOENT/)
    expect(errors).not.toContain('    at ')
  },
  TIMEOUT_MS,
)
