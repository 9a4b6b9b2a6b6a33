/** Servers as processes of their own (process.ts), from the side of who starts them. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { AppliedEntry, Report } from '../src/raft.ts'
import type { Answer, Calls, Hello, Question } from './process.ts'

const PROGRAM = fileURLToPath(new URL('process.ts', import.meta.url))
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** How often to look whether something has come about, and for how long, in ms. */
const LOOK_INTERVAL_MS = 5
const LOOK_TIMEOUT_MS = 30_000

/** Servers did not do what they should have done. */
export class ProcessError extends Error {}

/** Waits until `look` gives something else than null. @throws when it takes too long. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null>,
): Promise<T> {
  const deadline = Date.now() + LOOK_TIMEOUT_MS
  while (Date.now() < deadline) {
    const found = await look()
    if (found !== null) return found
    await sleep(LOOK_INTERVAL_MS)
  }
  throw new ProcessError(`${what}: not within ${LOOK_TIMEOUT_MS / 1000} s`)
}

export interface ProcessOptions {
  /** Multiplies the election timeouts. */
  readonly patience?: number
  /** The most that its files may hold, in KiB. */
  readonly fileLimitKiB?: number
  /** As --cpu-prof. */
  readonly nodeOptions?: readonly string[]
}

export interface ClusterOptions extends ProcessOptions {
  /** Where one server reaches another, if not at the other's address. */
  readonly route?: (from: number, to: number, address: string) => Promise<string>
}

/** How a process is told to start. */
interface Boot extends ProcessOptions {
  readonly id: number
  readonly file: string
  readonly address: string
}

/** How a process ended: by a signal, or with an exit code. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it printed to stderr. */
  readonly errors: string
}

/** One life of one server. */
export class ServerProcess {
  readonly ended: Promise<Ending>
  private readonly child: ChildProcess
  private readonly listening: Promise<string>
  private readonly waiting = new Map<number, (answer: unknown) => void>()
  private questions = 0
  private hasEnded = false

  constructor(boot: Boot) {
    this.child = launch(boot)
    let errors = ''
    this.child.stderr?.on('data', (text) => {
      errors += text
    })
    this.listening = new Promise((resolve) => {
      this.child.on('message', (message: Hello | Answer) => {
        if ('address' in message) resolve(message.address)
        else this.settle(message.number, message.answer)
      })
    })
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.hasEnded = true
      for (const number of this.waiting.keys()) this.settle(number, null)
      return { code, signal, errors }
    })
  }

  /** Where it listens. @throws when it ends instead. */
  async address(): Promise<string> {
    const ended = this.ended.then(({ errors }) => {
      throw new ProcessError(`a server process could not start: ${errors}`)
    })
    return Promise.race([this.listening, ended])
  }

  /** Asks it something; null when it ends before it answers. */
  ask<Method extends keyof Calls>(
    method: Method,
    ...args: Parameters<Calls[Method]>
  ): Promise<Awaited<ReturnType<Calls[Method]>> | null> {
    if (this.hasEnded || !this.child.connected) return Promise.resolve(null)
    const number = this.questions
    this.questions += 1
    return new Promise((resolve) => {
      this.waiting.set(number, (answer) => resolve(answer as never))
      // That the channel is closed is known from the process's end, soon after.
      this.child.send({ number, method, args } satisfies Question<Method>, () => {})
    })
  }

  /** `kill -9`: it gets no chance to do anything more. */
  async kill(): Promise<Ending> {
    this.child.kill('SIGKILL')
    return this.ended
  }

  private settle(number: number, answer: unknown): void {
    this.waiting.get(number)?.(answer)
    this.waiting.delete(number)
  }
}

function launch(boot: Boot): ChildProcess {
  const { id, file, address, patience = 1, fileLimitKiB, nodeOptions = [] } = boot
  const execArgv = ['--import', 'tsx', ...nodeOptions]
  const args = [String(id), file, address, String(patience)]
  if (fileLimitKiB === undefined) {
    return fork(PROGRAM, args, { cwd: ROOT, execArgv, silent: true })
  }
  // tsx keeps what it compiled in files: they must not be cut by the limit.
  const env = { ...process.env, TSX_DISABLE_CACHE: '1' }
  const command = `ulimit -f ${fileLimitKiB}; exec "$0" "$@"`
  const node = [process.execPath, ...execArgv, PROGRAM, ...args]
  return spawn('bash', ['-c', command, ...node], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
}

/** Some servers, each with its file in one folder, and the address of its first life. */
export class ProcessCluster {
  readonly ids: readonly number[]
  private readonly folder = mkdtempSync(join(tmpdir(), 'raft-processes-'))
  private readonly servers: ServerProcess[] = []
  private addresses: string[] = []
  private readonly options: ProcessOptions
  private readonly route: NonNullable<ClusterOptions['route']>

  static async start(
    size: number,
    options: ClusterOptions = {},
  ): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(size, options)
    for (const id of cluster.ids) cluster.launch(id)
    try {
      cluster.addresses = await Promise.all(cluster.servers.map((s) => s.address()))
      await Promise.all(cluster.ids.map((id) => cluster.begin(id)))
    } catch (error) {
      // Nobody else has it: its servers would run on, and slow down all that follows.
      await cluster.remove()
      throw error
    }
    return cluster
  }

  private constructor(
    size: number,
    { route = async (_from, _to, address) => address, ...options }: ClusterOptions,
  ) {
    this.ids = Array.from({ length: size }, (_, id) => id)
    this.options = options
    this.route = route
  }

  server(id: number): ServerProcess {
    const server = this.servers[id]
    if (!server) throw new RangeError(`there is no server ${id}`)
    return server
  }

  file(id: number): string {
    return join(this.folder, `server-${id}.log`)
  }

  async kill(id: number): Promise<void> {
    await this.server(id).kill()
  }

  /** Begins a new life with what is in the server's file. */
  async restart(id: number): Promise<void> {
    await this.listen(id)
    await this.begin(id)
  }

  /** The first half of a restart: it can be reached, and takes no part yet. */
  async listen(id: number): Promise<void> {
    this.launch(id)
    await this.server(id).address()
  }

  /** The second half. */
  async begin(id: number): Promise<void> {
    const ways = this.addresses.map((address, to) => this.route(id, to, address))
    await this.server(id).ask('start', await Promise.all(ways))
  }

  /** The server that leads, in a term that no other is beyond. Waits for an election. */
  async leader(): Promise<number> {
    return eventually('no leader was elected', async () => {
      const reports = await this.reports()
      const lastTerm = Math.max(...reports.map(({ term }) => term))
      const leader = reports.find(({ isLeader, term }) => isLeader && term === lastTerm)
      return leader?.id ?? null
    })
  }

  /** Waits until every server applied as much as the leader holds. */
  async converged(): Promise<(readonly AppliedEntry[])[]> {
    await this.commitOne()
    await eventually('the servers did not converge', async () => {
      const reports = await Promise.all(
        this.ids.map((id) => this.server(id).ask('report')),
      )
      const [first] = reports
      const same = reports.every(
        (report) =>
          report?.lastLogIndex === first?.lastLogIndex &&
          report?.lastApplied === first?.lastLogIndex,
      )
      return same || null
    })
    const applied = this.ids.map((id) => this.server(id).ask('applied'))
    return (await Promise.all(applied)).map((entries) => entries ?? [])
  }

  /** Kills what still runs, and removes all files. */
  async remove(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()))
    rmSync(this.folder, { recursive: true })
  }

  /** Of those that run. */
  private async reports(): Promise<Report[]> {
    const reports = this.ids.map((id) => this.server(id).ask('report'))
    return (await Promise.all(reports)).filter((report) => report !== null)
  }

  /** A leader commits what it inherited along with an entry of its own term (5.4.2). */
  private async commitOne(): Promise<void> {
    await eventually('nothing could be committed', async () =>
      this.server(await this.leader()).ask('submit', ['the last']),
    )
  }

  private launch(id: number): void {
    this.servers[id] = new ServerProcess({
      ...this.options,
      id,
      file: this.file(id),
      address: this.addresses[id] ?? '127.0.0.1:0',
    })
  }
}
