/** What only servers in this process show: how one joins again, and what stays open. */
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { freePorts } from 'tools/processes/ports'
import { request } from 'undici'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Member, parseMember, toRaftMember } from '../src/members.ts'
import type { View } from '../src/membership.ts'
import { type KeyValueServer, startServer } from '../src/serve.ts'
import { FileStorage } from '../src/storage.ts'

/** Two members of which the first is a cluster. */
async function twoMembers(): Promise<{ folder: string; one: Member; two: Member }> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-joining-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const ports = await freePorts(4)
  const [one, two] = [0, 1].map((id) =>
    parseMember(`${id}=127.0.0.1:${ports[2 * id]}/${ports[2 * id + 1]}`),
  ) as [Member, Member]
  return { folder, one, two }
}

async function start(
  folder: string,
  own: Member,
  how: { readonly members: readonly Member[]; readonly join: readonly string[] },
): Promise<KeyValueServer> {
  const server = await startServer({
    ...{ id: own.id, own, ...how, folder: join(folder, `${own.id}`) },
    ...{ logger: pino({ level: 'silent' }), insecure: false, lease: false },
    ...{ timeoutMs: 20_000, allowOrigins: [], maxConnections: 100 },
  })
  onTestFinished(() => server.stop())
  return server
}

async function viewOf({ http }: Member): Promise<View> {
  return (await request(`http://${http}/members`)).body.json() as Promise<View>
}

/** The folder of a server whose log says that it was added; the cluster has undone that. */
function writeUndoneAddition(folder: string, cluster: string, one: Member, two: Member) {
  mkdirSync(join(folder, `${two.id}`))
  const own = (name: string) => join(folder, `${two.id}`, name)
  writeFileSync(own('id'), `${two.id}\n`)
  writeFileSync(own('cluster'), `${cluster}\n`)
  const configurationOf = (...members: Member[]) => ({
    ...{ term: 1, command: null },
    configuration: { cluster, members: members.map(toRaftMember), removed: [] },
  })
  const storage = new FileStorage(own('raft.log'))
  storage.load()
  storage.saveTermAndVote(1, null)
  storage.saveEntries(1, [configurationOf(one), configurationOf(one, two)])
  storage.sync()
  storage.close()
}

test('a server that only its own log takes for a member asks to be added', async () => {
  const { folder, one, two } = await twoMembers()
  await start(folder, one, { members: [one], join: [] })
  const { cluster } = await vi.waitFor(async () => {
    const view = await viewOf(one)
    expect(view).toMatchObject({ cluster: expect.any(String), committed: true })
    return view
  }, 20_000)
  writeUndoneAddition(folder, cluster as string, one, two)
  const server = await start(folder, two, { members: [], join: [one.http] })
  await server.join()
  const { members } = await viewOf(one)
  expect(members.map(({ id }) => id)).toEqual([0, 1])
})

test('who joins does not wait for a server that stands still', async () => {
  const { folder, one, two } = await twoMembers()
  await start(folder, one, { members: [one], join: [] })
  const silent = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void silent.close())
  await once(silent, 'listening')
  const still = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  const server = await start(folder, two, { members: [], join: [still, one.http] })
  await server.join()
  expect((await viewOf(one)).members.map(({ id }) => id)).toEqual([0, 1])
})

function openSnapshots(): number {
  const all = readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`)
  return all.filter((fd) => existsSync(fd) && readlinkSync(fd).includes('.snapshot-'))
    .length
}

const onLinux = test.skipIf(process.platform !== 'linux')

onLinux('HEAD /snapshot leaves no file open', async () => {
  const { folder, one } = await twoMembers()
  await start(folder, one, { members: [one], join: [] })
  await vi.waitFor(async () => expect((await viewOf(one)).leader).toBe(0), 20_000)
  // More than a stream reads ahead.
  for (let i = 0; i < 8; i += 1) {
    const put = { method: 'PUT', body: 'x'.repeat(200_000) } as const
    await (await request(`http://${one.http}/kv/${i}`, put)).body.dump()
  }
  for (let i = 0; i < 5; i += 1) {
    const head = await request(`http://${one.http}/snapshot`, { method: 'HEAD' })
    expect(head.statusCode).toBe(200)
    expect(head.headers['content-type']).toBe('application/x-ndjson')
    await head.body.dump()
  }
  expect(openSnapshots()).toBe(0)
})
