/**
 * Cluster: servers of a part as processes, what can be done to them, and one test log of it
 * all. Whoever starts one closes it; when this process ends in any other way, theirs do, too.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../cli/exit.ts'
import type { Fault, TestLogLine } from '../testlog/event.ts'
import { follow } from './follow.ts'
import { type Ending, Life } from './life.ts'
import { addressOf, listOf, type Member } from './members.ts'
import { type Line, Merge } from './merge.ts'
import { type Link, Network } from './network.ts'
import { areFree, freePorts } from './ports.ts'
import { commandLine, type Program } from './program.ts'
import type { Condition, Status } from './server.ts'
import { ask, statusOf } from './status.ts'

export interface ClusterOptions {
  readonly program: Program
  readonly servers: number
  /** For the servers' memory, and for what they say; made if it is missing. */
  readonly folder: string
  /** The ports that the part's command line knows, if nobody has them; else any. */
  readonly usualPorts: boolean
  /** Told of each line of the test log: of the servers, and of what is done to them. */
  readonly onLine: (line: Line) => void
  /** Told of a server that ends though nobody told it to. */
  readonly onDeath: (id: number, ending: Ending) => void
}

/** In ms: how often waiting lines are looked at, and a cluster that has no leader yet. */
const FLUSH_MS = 50
const LOOK_MS = 50
const START_TIMEOUT_MS = 30_000

const USUAL_RAFT_PORT = 7000
const USUAL_HTTP_PORT = 8000

export class Cluster {
  readonly members: readonly Member[]
  readonly network: Network
  private readonly options: ClusterOptions
  private readonly lives = new Map<number, Life>()
  private readonly conditions = new Map<number, Condition>()
  private readonly blocked = new Set<number>()
  private readonly merge: Merge
  private readonly timer: NodeJS.Timeout
  private readonly over = new AbortController()

  static async start(options: ClusterOptions): Promise<Cluster> {
    const members = await membersFor(options)
    const ports = new Map(members.map(({ id, raftPort }) => [id, raftPort]))
    const cluster = new Cluster(options, members, await Network.between(ports))
    cluster.begin()
    return cluster
  }

  private constructor(
    options: ClusterOptions,
    members: readonly Member[],
    network: Network,
  ) {
    this.options = options
    this.members = members
    this.network = network
    this.merge = new Merge(options.onLine)
    this.timer = setInterval(() => this.merge.flush(now()), FLUSH_MS)
  }

  get part(): string {
    return this.options.program.part
  }

  get ids(): readonly number[] {
    return this.members.map(({ id }) => id)
  }

  get addresses(): readonly string[] {
    return this.members.map(addressOf)
  }

  /** Of every ordered pair of servers. */
  get links(): readonly Link[] {
    return this.ids.flatMap((from) =>
      this.ids.filter((to) => to !== from).map((to) => ({ from, to })),
    )
  }

  address(id: number): string {
    return addressOf(this.member(id))
  }

  condition(id: number): Condition {
    return this.conditions.get(id) ?? 'is down'
  }

  isBlocked(id: number): boolean {
    return this.blocked.has(id)
  }

  /** Null when it does not run. */
  pid(id: number): number | null {
    return this.condition(id) === 'is down' ? null : (this.lives.get(id)?.pid ?? null)
  }

  /** Where a server keeps its memory. */
  dataOf(id: number): string {
    return join(this.options.folder, `server-${id}`)
  }

  /** What a server said on its standard output and error. */
  outputOf(id: number): string {
    return join(this.options.folder, `server-${id}.log`)
  }

  /** Begins a life with what is in the server's folder, if it does not run. */
  launch(id: number): void {
    if (this.condition(id) !== 'is down') return
    const isFirst = !this.lives.has(id)
    const own = ['serve', '--id', `${id}`, '--cluster', this.listFor(id)]
    const args = commandLine(this.options.program, [...own, '--data', this.dataOf(id)])
    const life = new Life(args, this.outputOf(id))
    this.lives.set(id, life)
    this.conditions.set(id, 'runs')
    void life.ended.then((ending) => this.onEnd(id, life, ending))
    if (isFirst) void follow(this.address(id), this.lineOf(id), this.over.signal)
    else this.tellFault(`restart server ${id}`, { kind: 'restart', peer: id })
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(id: number): Promise<void> {
    const life = this.lives.get(id)
    if (!life || this.condition(id) === 'is down') return
    if (this.blocked.delete(id)) this.tellBack(id)
    this.tellFault(`kill -9 server ${id}`, { kind: 'crash', peer: id })
    life.kill()
    await life.ended
  }

  standStill(id: number): void {
    if (this.condition(id) !== 'runs') return
    this.conditions.set(id, 'stands still')
    this.lives.get(id)?.standStill()
    this.tellFault(`server ${id} stands still (SIGSTOP)`, { kind: 'pause', peer: id })
  }

  goOn(id: number): void {
    if (this.condition(id) !== 'stands still') return
    this.conditions.set(id, 'runs')
    this.lives.get(id)?.goOn()
    this.tellFault(`server ${id} goes on (SIGCONT)`, { kind: 'resume', peer: id })
  }

  /** Cuts a server off from its peers, by its own word. @returns whether it answered. */
  async block(id: number): Promise<boolean> {
    if (this.blocked.has(id)) return true
    if ((await ask(this.address(id), 'POST', '/block')) === null) return false
    this.blocked.add(id)
    this.tellFault(`cut off server ${id}`, { kind: 'disconnect', peer: id })
    return true
  }

  async unblock(id: number): Promise<boolean> {
    if (!this.blocked.has(id)) return true
    if ((await ask(this.address(id), 'POST', '/unblock')) === null) return false
    if (this.blocked.delete(id)) this.tellBack(id)
    return true
  }

  /** One way: what `from` sends does not arrive. */
  cut(link: Link): void {
    if (this.network.isCut(link)) return
    this.network.setCut(link, true)
    this.tellFault(`cut the link ${nameOf(link)}`, { kind: 'cut', ...link })
  }

  mend(link: Link): void {
    if (!this.network.isCut(link)) return
    this.network.setCut(link, false)
    this.tellFault(`mend the link ${nameOf(link)}`, { kind: 'mend', ...link })
  }

  /** @param delayMs for each message; 0 makes it as fast as it was. */
  delay(link: Link, delayMs: number): void {
    if (this.network.delayOf(link) === delayMs) return
    const wasSlow = this.network.delayOf(link) > 0
    this.network.setDelay(link, delayMs)
    const name = nameOf(link)
    if (delayMs === 0) {
      this.tellFault(`the link ${name} is fast again`, { kind: 'fast-link', ...link })
    } else if (!wasSlow) {
      const text = `the link ${name} takes ${delayMs} ms`
      this.tellFault(text, { kind: 'slow-link', ...link })
    }
  }

  /** Ends all that was done to it, and starts who is down. */
  async heal(): Promise<void> {
    for (const link of this.links) {
      this.mend(link)
      this.delay(link, 0)
    }
    for (const id of this.ids) {
      this.goOn(id)
      this.launch(id)
    }
    // One that has just gone on may need a moment to answer.
    for (const id of this.ids) {
      for (let tries = 0; tries < 20 && !(await this.unblock(id)); tries += 1) {
        await sleep(LOOK_MS)
      }
    }
  }

  /** Null from one that does not answer. */
  status(id: number): Promise<Status | null> {
    if (this.condition(id) !== 'runs') return Promise.resolve(null)
    return statusOf(this.address(id))
  }

  /** Who leads, in a term that no other is beyond; null when nobody does. */
  async leader(): Promise<number | null> {
    const all = await Promise.all(this.ids.map((id) => this.status(id)))
    const running = all.filter((status) => status !== null)
    const lastTerm = Math.max(...running.map(({ term }) => term))
    const leads = ({ role, term }: Status) => role === 'Leader' && term === lastTerm
    return running.find(leads)?.id ?? null
  }

  /** Waits for an election. @throws UsageError when there is none for long. */
  async elected(): Promise<number> {
    const deadline = now() + START_TIMEOUT_MS
    while (now() < deadline) {
      const leader = await this.leader()
      if (leader !== null) return leader
      await sleep(LOOK_MS)
    }
    const { folder } = this.options
    throw new UsageError(
      `no leader was elected within ${START_TIMEOUT_MS / 1000} s; what the servers said is ` +
        `in ${folder}`,
    )
  }

  /** Adds a line to the test log. */
  tell(fields: Omit<TestLogLine, 'time' | 'test'>): void {
    const line = { time: now(), test: this.part, ...fields }
    this.merge.add('cluster', Buffer.from(JSON.stringify(line)), now())
  }

  /** Kills all, and gives back all. */
  async close(): Promise<void> {
    this.over.abort()
    clearInterval(this.timer)
    const lives = [...this.lives.values()]
    for (const life of lives) life.kill()
    await Promise.all(lives.map(({ ended }) => ended))
    this.network.close()
    this.merge.flush(Number.POSITIVE_INFINITY)
  }

  private begin(): void {
    const { part, ids } = this
    const message = `${ids.length} servers of ${part}, each a process`
    this.tell({ event: 'test-start', msg: message, part, servers: ids.length })
    for (const id of ids) {
      mkdirSync(this.dataOf(id), { recursive: true })
      this.launch(id)
    }
  }

  private member(id: number): Member {
    const member = this.members[id]
    if (member) return member
    throw new RangeError(`there is no server ${id}`)
  }

  /** Its peers it finds at the near ends of its links. */
  private listFor(id: number): string {
    return listOf(this.members, (member) =>
      member.id === id
        ? member.raftPort
        : this.network.portFor({ from: id, to: member.id }),
    )
  }

  private lineOf(id: number): (bytes: Buffer) => void {
    return (bytes) => this.merge.add(`server ${id}`, bytes, now())
  }

  private onEnd(id: number, life: Life, ending: Ending): void {
    if (this.lives.get(id) === life) this.conditions.set(id, 'is down')
    if (life.isKilled || this.over.signal.aborted) return
    this.blocked.delete(id)
    const { code, signal } = ending
    const text = `server ${id} has ended by itself (${signal ?? `exit code ${code}`})`
    this.tellFault(text, { kind: 'crash', peer: id })
    this.options.onDeath(id, ending)
  }

  private tellBack(id: number): void {
    this.tellFault(`let server ${id} back`, { kind: 'reconnect', peer: id })
  }

  private tellFault(msg: string, fault: Fault): void {
    this.tell({ event: 'fault', msg, fault })
  }
}

/** In ms since the epoch, with fractions, as the servers tell it. */
function now(): number {
  return performance.timeOrigin + performance.now()
}

function nameOf({ from, to }: Link): string {
  return `${from} → ${to}`
}

async function membersFor({ servers, usualPorts }: ClusterOptions): Promise<Member[]> {
  const ids = Array.from({ length: servers }, (_, id) => id)
  const usual = ids.flatMap((id) => [USUAL_RAFT_PORT + id, USUAL_HTTP_PORT + id])
  const areUsual = usualPorts && (await areFree(usual))
  const ports = areUsual ? usual : await freePorts(2 * servers)
  return ids.map((id) => ({
    id,
    raftPort: ports[2 * id] as number,
    httpPort: ports[2 * id + 1] as number,
  }))
}
