/** Real processes, real kills, real files; always in real time. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FileStorage } from '../src/storage.ts'
import { eventually, ProcessCluster, ServerProcess } from './process-cluster.ts'

/** How often the leader is killed, and what must be acknowledged between two kills. */
const KILLS = 20
const ACKNOWLEDGED_PER_KILL = 200
const COMMANDS_IN_FLIGHT = 64

/** In ms: far above what it takes, also on a machine with other things to do. */
const TIMEOUT_MS = 180_000

async function startCluster(size: number): Promise<ProcessCluster> {
  const cluster = await ProcessCluster.start(size)
  onTestFinished(() => cluster.remove())
  return cluster
}

/** Clients that each send a command after the other to whoever leads, until stopped. */
class Clients {
  readonly acknowledged: string[] = []
  private isStopped = false
  private sent = 0
  private readonly cluster: ProcessCluster
  private readonly all: Promise<void>[]

  constructor(cluster: ProcessCluster, count: number) {
    this.cluster = cluster
    this.all = Array.from({ length: count }, () => this.run())
  }

  /** Waits until that many more commands are acknowledged. */
  async acknowledge(count: number): Promise<void> {
    const enough = this.acknowledged.length + count
    await eventually(`${count} more commands acknowledged`, async () =>
      this.acknowledged.length >= enough ? true : null,
    )
  }

  async stop(): Promise<void> {
    this.isStopped = true
    await Promise.all(this.all)
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      const leader = await this.cluster.leader()
      while (await this.sendOne(leader));
    }
  }

  /** Without an acknowledgement it is not known what became of a command: forget it. */
  private async sendOne(id: number): Promise<boolean> {
    if (this.isStopped) return false
    const command = `command ${this.sent}`
    this.sent += 1
    const index = await this.cluster.server(id).ask('submit', [command])
    if (index === null) return false
    this.acknowledged.push(command)
    return true
  }
}

test(
  'nothing acknowledged is lost when kill -9 meets the leader 20 times',
  async () => {
    const cluster = await startCluster(3)
    const clients = new Clients(cluster, COMMANDS_IN_FLIGHT)
    for (let kill = 0; kill < KILLS; kill += 1) {
      await clients.acknowledge(ACKNOWLEDGED_PER_KILL)
      const id = await cluster.leader()
      await cluster.kill(id)
      await cluster.restart(id)
    }
    // A server that forgot is put right by the others; not when all have to remember.
    await clients.acknowledge(ACKNOWLEDGED_PER_KILL)
    await Promise.all(cluster.ids.map((id) => cluster.kill(id)))
    await Promise.all(cluster.ids.map((id) => cluster.restart(id)))
    await clients.stop()

    const [first = [], ...others] = await cluster.converged()
    for (const other of others) expect(other).toEqual(first)
    const times = new Map<string, number>()
    for (const { command } of first) times.set(command, (times.get(command) ?? 0) + 1)
    expect(clients.acknowledged.length).toBeGreaterThan(KILLS * ACKNOWLEDGED_PER_KILL)
    expect(clients.acknowledged.filter((command) => times.get(command) !== 1)).toEqual(
      [],
    )
  },
  TIMEOUT_MS,
)

test(
  'a server whose disk is full says so, ends, and acknowledged what it kept',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raft-disk-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'server-0.log')
    const boot = { id: 0, file, address: '127.0.0.1:0' }
    const server = new ServerProcess({ ...boot, fileLimitKiB: 64 })
    await server.ask('start', [await server.address()])

    const acknowledged: string[] = []
    let isRunning = true
    const ended = server.ended.finally(() => {
      isRunning = false
    })
    for (let i = 0; isRunning; i += 1) {
      const commands = Array.from({ length: 10 }, (_, k) => `command ${i}-${k}`)
      if ((await server.ask('submit', commands)) !== null) acknowledged.push(...commands)
    }

    const { code, errors } = await ended
    expect(code).toBe(1)
    expect(errors).toContain(`cannot write ${file}: EFBIG: file too large`)
    expect(readFileSync(file)).toHaveLength(64 * 1024)
    // The next life finds all that was acknowledged, and perhaps what came after.
    const kept = new FileStorage(file).load().log.map(({ command }) => command)
    expect(acknowledged.length).toBeGreaterThan(500)
    expect(kept.slice(0, acknowledged.length)).toEqual(acknowledged)
  },
  TIMEOUT_MS,
)

test(
  'very many commands of one turn are committed',
  async () => {
    const cluster = await ProcessCluster.start(3, { patience: 10 })
    onTestFinished(() => cluster.remove())
    const leader = cluster.server(await cluster.leader())
    expect(await leader.ask('flood', 60_000)).not.toBeNull()
    for (const applied of await cluster.converged()) {
      // The last is of `converged`.
      expect(applied).toHaveLength(60_000 + 1)
    }
  },
  TIMEOUT_MS,
)
