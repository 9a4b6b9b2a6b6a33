/** Who may ask the command, and what it leaves behind. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { request } from 'undici'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runs, startCommand } from './command.ts'

/** In ms: processes start and end, on a machine that is busy. */
const LONG = { timeout: 60_000 }
vi.setConfig({ testTimeout: 240_000 })

test('only the page itself may ask, by its whole address', async () => {
  const { ready } = await startCommand('--servers', '1')
  const { page } = ready
  const { origin, port } = new URL(page)
  const status = async (address: string, headers: Record<string, string> = {}) => {
    const body = JSON.stringify({ act: 'kill', server: 0 })
    const options = { method: 'POST', headers, body } as const
    return (await request(`${address}act`, options)).statusCode
  }
  expect(await status(`${origin}/`)).toBe(404)
  expect(await status(`${origin}/${'a'.repeat(32)}/`)).toBe(404)
  expect(await status(page, { origin: 'http://localhost:3000' })).toBe(403)
  expect(await status(page, { origin: 'null' })).toBe(403)
  expect(await status(page, { host: `evil.example:${port}` })).toBe(403)
  // Nothing of that has killed it; this does.
  expect(ready.servers.every(({ pid }) => runs(pid))).toBe(true)
  expect(await status(page, { origin })).toBe(200)
  await expect.poll(() => ready.servers.some(({ pid }) => runs(pid)), LONG).toBe(false)
})

test('what makes no sense is refused in a sentence', async () => {
  const { ready } = await startCommand('--servers', '1')
  const send = async (path: string, body: string) => {
    const answer = await request(ready.page + path, { method: 'POST', body })
    return [answer.statusCode, await answer.body.json()]
  }
  const noAction = [400, { error: 'there is no such action' }]
  expect(await send('act', 'no JSON')).toEqual(noAction)
  expect(await send('act', '{"act":"kill","server":-1}')).toEqual(noAction)
  expect(await send('act', '{"act":"kill","server":9}')).toEqual([
    409,
    { error: 'there is no such server' },
  ])
  expect(await send('ask', '{"op":"drop"}')).toEqual([
    400,
    { error: 'that cannot be asked' },
  ])
  const noKey = { op: 'put', key: '', value: '', server: null }
  expect(await send('ask', JSON.stringify(noKey))).toMatchObject([
    200,
    { outcome: 'not done' },
  ])
})

test('no process is left when the command is killed, though one stands still', async () => {
  const { ready, command } = await startCommand()
  const body = JSON.stringify({ act: 'stop', server: 1 })
  await request(`${ready.page}act`, { method: 'POST', body })
  command.kill('SIGKILL')
  await command
  await expect.poll(() => ready.servers.filter(({ pid }) => runs(pid)), LONG).toEqual([])
})

test('Ctrl-C is how it ends: with 0, and without its files', async () => {
  const { command, events, ready } = await startCommand('--servers', '1')
  // Until a line has come, there is nothing to save.
  const save = async () =>
    (await request(`${ready.page}save`, { method: 'POST' })).statusCode
  await expect.poll(save, LONG).toBe(200)
  const saved = events.find(({ event }) => event === 'saved')
  const folder = dirname(saved?.folder as string)
  expect(existsSync(folder)).toBe(true)
  command.kill('SIGINT')
  expect((await command).exitCode).toBe(0)
  expect(existsSync(folder)).toBe(false)
  await expect.poll(() => ready.servers.filter(({ pid }) => runs(pid)), LONG).toEqual([])
})

test('what is kept with --data outlives the command’s kill -9, and what was saved, too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'raft-cluster-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const args = ['--servers', '5', '--part', 'part4', '--data', folder]
  const { command, ready } = await startCommand(...args)
  expect(ready.part).toBe('part4')
  expect(ready.servers).toHaveLength(5)
  const key = (address = '') => `http://${address}/kv/color`
  const asked = { method: 'PUT', body: 'blue' } as const
  const put = async () => {
    const to = ready.servers.map(({ address }) => request(key(address), asked))
    return (await Promise.allSettled(to)).some(
      (answer) => answer.status === 'fulfilled' && answer.value.statusCode === 200,
    )
  }
  await expect.poll(put, LONG).toBe(true)
  const save = async (page: string) =>
    (await request(`${page}save`, { method: 'POST' })).body.json()
  expect(await save(ready.page)).toMatchObject({ folder: 'saved-1' })
  command.kill('SIGKILL')
  await command
  await expect.poll(() => ready.servers.some(({ pid }) => runs(pid)), LONG).toBe(false)

  const again = await startCommand(...args)
  const ask = { op: 'get', key: 'color', server: null }
  const get = async () => {
    const options = { method: 'POST', body: JSON.stringify(ask) } as const
    const { body } = await request(`${again.ready.page}ask`, options)
    return ((await body.json()) as { text: string }).text
  }
  await expect.poll(get, LONG).toContain('"blue"')
  expect(await save(again.ready.page)).toMatchObject({ folder: 'saved-2' })
})

test('who joined is there again with the same --data, and who left is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'raft-cluster-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const { command, ready, events } = await startCommand('--data', folder)
  const act = async (body: object) => {
    const options = { method: 'POST', body: JSON.stringify(body) } as const
    return (await request(`${ready.page}act`, options)).statusCode
  }
  const has = (members: readonly number[]) =>
    expect.objectContaining({ event: 'members', members })
  expect(await act({ act: 'add' })).toBe(200)
  expect(events).toContainEqual(expect.objectContaining({ event: 'added', server: 3 }))
  await expect.poll(() => events, LONG).toContainEqual(has([0, 1, 2, 3]))
  await expect.poll(() => act({ act: 'remove', server: 0 }), LONG).toBe(200)
  await expect.poll(() => runs(ready.servers[0]?.pid as number), LONG).toBe(false)
  expect(await act({ act: 'remove', server: 0 })).toBe(409)
  command.kill('SIGKILL')
  await command

  const again = await startCommand('--data', folder)
  await expect.poll(() => again.events, LONG).toContainEqual(has([1, 2, 3]))
  const end = 'server 0 was removed, and has ended (exit code 0)'
  await expect
    .poll(() => again.events, LONG)
    .toContainEqual(expect.objectContaining({ text: end }))
})

test('with --chaos things break by themselves, until Ctrl-C', async () => {
  const { command, events, ready } = await startCommand('--chaos')
  const faults = () => events.filter(({ event }) => event === 'fault').length
  await expect.poll(faults, LONG).toBeGreaterThan(2)
  expect(events).toContainEqual(expect.objectContaining({ event: 'chaos', isOn: true }))
  command.kill('SIGINT')
  expect((await command).exitCode).toBe(0)
  await expect.poll(() => ready.servers.some(({ pid }) => runs(pid)), LONG).toBe(false)
})

test.each([
  [['--part', 'part3'], 'part3 has no service to run; these parts have one: part4'],
  [['--servers', '10'], 'a cluster here has at most 9 servers'],
])('%j is answered with a sentence', async (args, sentence) => {
  const { execa } = await import('execa')
  const cli = new URL('../../src/cluster/cli.ts', import.meta.url).pathname
  const { exitCode, stderr } = await execa(
    process.execPath,
    ['--import', 'tsx', cli, ...args],
    { reject: false },
  )
  expect(exitCode).toBe(2)
  expect(stderr).toContain(sentence)
  expect(stderr.split('\n')).toHaveLength(1)
})
