/** Copies of all that a cluster holds, and clusters that begin with them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Configurations } from '../src/configuration.ts'
import { type Member, memberText } from '../src/members.ts'
import { eventually, type ProcessCluster, Program, run } from './process-cluster.ts'
import { startCluster } from './process-load.ts'

/** In ms: far above what it takes, also on a machine with other things to do. */
const TIMEOUT_MS = 240_000
const QUICK = ['--election-timeout', '500-1000', '--timeout', '20']

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'raft-part7-backup-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

function launch(...args: readonly string[]): Program {
  const program = new Program([...args, ...QUICK])
  onTestFinished(async () => {
    await program.kill()
  })
  return program
}

/** At the addresses of an earlier cluster, with another memory. */
function argsOf(cluster: ProcessCluster, id: number, folder: string): string[] {
  return [...placeOf(cluster, id), '--data', join(folder, `${id}`)]
}

function placeOf({ members }: ProcessCluster, id: number): string[] {
  const address = memberText(members[id] as Member).replace(/^.*=/, '')
  return ['--id', `${id}`, '--address', address]
}

async function get(key: string, server: string): Promise<string> {
  const { output } = await run('get', key, '--server', server, '--timeout', '60')
  return output.trim()
}

async function clusterOf(server: string): Promise<string> {
  const { output } = await run('members', '--json', '--server', server)
  return JSON.parse(output).cluster
}

test(
  'a cluster begins with the backup of another, which it then has nothing to do with',
  async () => {
    const cluster = await startCluster(3, QUICK)
    const [first = ''] = cluster.addresses
    await run('put', 'color', 'blue', '--server', first)
    const folder = newFolder()
    const file = join(folder, 'backup')
    const follower = cluster.address(((await cluster.leader()) + 1) % 3)
    const backup = await run('backup', file, '--server', follower)
    expect(backup).toMatchObject({ code: 0, errors: '' })
    expect(backup.output).toMatch(/backup has all up to entry \d+\n$/)
    expect(readFileSync(file, 'utf8')).toContain('{"key":"color","value":"blue"')
    // Nothing that is there is written over.
    const again = await run('backup', file, '--server', follower)
    expect(again).toMatchObject({ code: 2 })
    expect(again.errors).toContain('backup is there already')

    const before = await clusterOf(first)
    expect(before).toMatch(/^[0-9a-f]{16}$/)
    await run('put', 'color', 'lost', '--server', first)
    for (const id of cluster.ids) await cluster.program(id).kill()
    const args = [0, 1, 2].map((id) => argsOf(cluster, id, folder))
    expect(await run('restore', file, ...(args[0] as string[]))).toMatchObject({
      code: 0,
    })
    launch('serve', ...(args[0] as string[]))
    const server = launch('serve', ...(args[1] as string[]), '--join', first)
    const address = cluster.address(1)
    await eventually('it is not added', async () => {
      return (await get('color', address)) === 'blue' || null
    })
    const after = await clusterOf(first)
    expect(after).toMatch(/^[0-9a-f]{16}$/)
    expect(after).not.toBe(before)

    // One of the old cluster, with what it remembers of it.
    const old = cluster.launch(2)
    await eventually('it is not turned away', async () => {
      return old.heard.includes(`of cluster ${after}, and server 2 of ${before}`) || null
    })
    const refusal = `refuses a message from 2: server 1 is of cluster ${after}`
    await eventually('nobody is told', async () => {
      return server.heard.includes(refusal) || null
    })
    await old.kill()
    const ownFolder = ['--data', cluster.data(2), '--join', first]
    const joins = await run('serve', ...placeOf(cluster, 2), ...ownFolder)
    expect(joins).toMatchObject({ code: 1 })
    expect(joins.errors).toContain('give this server an empty folder with --data')
  },
  TIMEOUT_MS,
)

test(
  'when most of a cluster is lost, what one server has kept is enough to begin with',
  async () => {
    const cluster = await startCluster(3, QUICK)
    await run('put', 'color', 'blue', '--server', cluster.address(0))
    const before = await clusterOf(cluster.address(0))
    await eventually('it does not have it', async () => {
      const { output } = await run(
        'get',
        'color',
        '--server',
        cluster.address(2),
        '--stale',
      )
      return output === 'blue\n' || null
    })
    for (const id of cluster.ids) await cluster.program(id).kill()
    // It waits for another one that will never come, until it is told not to.
    const own = [...placeOf(cluster, 2), '--data', cluster.data(2)]
    const restored = await run('restore', ...own)
    expect(restored).toMatchObject({ code: 0, errors: '' })
    expect(restored.output).toContain('server 2 is a cluster of its own')
    launch('serve', ...own)
    expect(await get('color', cluster.address(2))).toBe('blue')
    expect(await clusterOf(cluster.address(2))).not.toBe(before)
  },
  TIMEOUT_MS,
)

test('a server that was removed from a cluster can begin another with its backup', () => {
  const member = (id: number) => ({ id, address: `server-${id}` })
  const before = { members: [member(0)], removed: [3] }
  const own = { term: 2, command: null }
  const configurations = new Configurations([])
  const placed = { index: 5, configuration: before }
  configurations.begin({ index: 9, term: 1, placed }, [])
  expect(configurations.isRemoved(3, 9)).toBe(true)
  configurations.begin({ index: 9, term: 1, placed }, [
    { ...own, configuration: { members: [member(3)], removed: [] } },
  ])
  expect(configurations.isRemoved(3, 9)).toBe(false)
  expect(configurations.mayCampaign(3, 9)).toBe(true)
})

test('what is no backup, or has nothing to go on with, is said in a sentence', async () => {
  const folder = newFolder()
  const file = join(folder, 'backup')
  const at = ['--id', '0', '--data', join(folder, 'data')]
  writeFileSync(file, 'no backup\n')
  const cases = [
    [[file], 'backup is no backup: it is damaged: a line at its beginning or end'],
    [[join(folder, 'missing')], 'missing is no backup: ENOENT'],
    [[], 'has no log of a server to go on with; name a backup’s file'],
  ] as const
  for (const [args, expected] of cases) {
    const { code, errors } = await run('restore', ...args, ...at)
    expect({ code, errors }).toEqual({
      code: 1,
      errors: expect.stringContaining(expected),
    })
  }
  const { errors } = await run('restore', file, '--id', '0', '--data', folder)
  expect(errors).toContain('is no backup')
})
