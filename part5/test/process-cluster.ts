/** Servers as processes of their own, as `./raft.sh part4 serve` starts them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePorts } from 'tools/processes/ports'
import { request } from 'undici'
import type { Member } from '../src/members.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** How often to look whether something has come about, and for how long, in ms. */
const LOOK_INTERVAL_MS = 20
const LOOK_TIMEOUT_MS = 90_000

/** As far as tests look at it. */
export interface Status {
  readonly id: number
  readonly term: number
  readonly role: string
  readonly leader: number | null
  readonly commitIndex: number
  readonly lastApplied: number
  readonly log: { readonly first: number; readonly last: number }
  readonly clients: number
  readonly keys: number
  readonly blocked: boolean
}

/** How a process ended, and what it said. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  readonly errors: string
}

/** As raft.sh starts it. */
const NODE_OPTIONS = ['--max-semi-space-size=64', '--import', 'tsx']

/** A program of this part, from its start to its end. */
export class Program {
  readonly ended: Promise<Ending>
  private readonly child: ChildProcess
  private output = ''
  private errors = ''

  /** @param fileLimitKiB the most that its files may hold. */
  constructor(args: readonly string[], fileLimitKiB?: number) {
    const node = [process.execPath, ...NODE_OPTIONS, MAIN, ...args]
    const limit = ['bash', '-c', `ulimit -f ${fileLimitKiB}; exec "$0" "$@"`]
    const [command = '', ...rest] =
      fileLimitKiB === undefined ? node : [...limit, ...node]
    // tsx keeps what it compiled in files: they must not be cut by the limit.
    const env = { ...process.env, ...(fileLimitKiB && { TSX_DISABLE_CACHE: '1' }) }
    this.child = spawn(command, rest, { cwd: ROOT, env, stdio: 'pipe' })
    this.child.stdout?.on('data', (text) => {
      this.output += text
    })
    this.child.stderr?.on('data', (text) => {
      this.errors += text
    })
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      return { code, signal, output: this.output, errors: this.errors }
    })
  }

  get said(): string {
    return this.output
  }

  get pid(): number {
    return this.child.pid as number
  }

  /** What it reads, whole. */
  feed(input: string | Buffer): void {
    this.child.stdin?.end(input)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    this.child.kill(signal)
    return this.ended
  }
}

/** Runs a verb to its end. */
export function run(...args: readonly string[]): Promise<Ending> {
  return new Program(args).ended
}

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
  throw new Error(`${what}: not within ${LOOK_TIMEOUT_MS / 1000} s`)
}

/** Some servers, each with its folder; they keep their addresses. */
export class ProcessCluster {
  readonly members: readonly Member[]
  /** Of `--cluster`. */
  readonly list: string
  private readonly folder = mkdtempSync(join(tmpdir(), 'raft-part4-'))
  private readonly programs = new Map<number, Program>()
  private readonly args: readonly string[]

  static async start(
    size: number,
    args: readonly string[] = [],
  ): Promise<ProcessCluster> {
    const ports = await freePorts(2 * size)
    const members = Array.from({ length: size }, (_, id) => ({
      id,
      raft: `127.0.0.1:${ports[2 * id]}`,
      http: `127.0.0.1:${ports[2 * id + 1]}`,
    }))
    const cluster = new ProcessCluster(members, args)
    try {
      for (const id of cluster.ids) cluster.launch(id)
      await cluster.leader()
      // Those that it does not need may still be starting.
      await cluster.converged()
    } catch (error) {
      // Nobody else knows yet that it is there to be removed.
      await cluster.remove()
      throw error
    }
    return cluster
  }

  private constructor(members: readonly Member[], args: readonly string[]) {
    this.members = members
    this.args = args
    this.list = members
      .map(({ id, raft, http }) => `${id}=${raft}/${http.split(':')[1]}`)
      .join(',')
  }

  get ids(): readonly number[] {
    return this.members.map(({ id }) => id)
  }

  get addresses(): readonly string[] {
    return this.members.map(({ http }) => http)
  }

  address(id: number): string {
    return this.members[id]?.http as string
  }

  data(id: number): string {
    return join(this.folder, `server-${id}`)
  }

  program(id: number): Program {
    return this.programs.get(id) as Program
  }

  /** Begins a life with what is in the server's folder. */
  launch(id: number, fileLimitKiB?: number): Program {
    const own = ['serve', '--id', `${id}`, '--cluster', this.list]
    const args = [...own, '--data', this.data(id), ...this.args]
    const program = new Program(args, fileLimitKiB)
    this.programs.set(id, program)
    return program
  }

  /** Another one at the same addresses, with a folder of its own. */
  launchTwin(id: number): Program {
    const own = ['serve', '--id', `${id}`, '--cluster', this.list]
    return new Program([...own, '--data', `${this.data(id)}-twin`])
  }

  /** Null from one that does not run. */
  async status(id: number): Promise<Status | null> {
    try {
      const { body } = await request(`http://${this.address(id)}/status`)
      return (await body.json()) as Status
    } catch {
      return null
    }
  }

  /** Who leads, in a term that no other is beyond. Waits for an election. */
  async leader(): Promise<number> {
    return eventually('no leader was elected', async () => {
      const all = await Promise.all(this.ids.map((id) => this.status(id)))
      const running = all.filter((status) => status !== null)
      const lastTerm = Math.max(...running.map(({ term }) => term))
      const leads = (status: Status) =>
        status.role === 'Leader' && status.term === lastTerm
      return running.find(leads)?.id ?? null
    })
  }

  /** Waits until every server has applied as much. */
  async converged(): Promise<void> {
    await eventually('the servers did not converge', async () => {
      const all = await Promise.all(this.ids.map((id) => this.status(id)))
      const last = Math.max(...all.map((status) => status?.log.last ?? 0))
      return all.every((status) => status?.lastApplied === last) || null
    })
  }

  /** Kills what still runs, and removes all files. */
  async remove(): Promise<void> {
    await Promise.all([...this.programs.values()].map((program) => program.kill()))
    rmSync(this.folder, { recursive: true })
  }
}
