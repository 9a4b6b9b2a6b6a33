/**
 * Cluster: servers of a part as processes, what can be done to them, and one test log of it
 * all. Whoever starts one closes it; when this process ends in any other way, theirs do, too.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../cli/exit.ts'
import type { Fault, TestLogLine } from '../testlog/event.ts'
import { follow } from './follow.ts'
import { type Ending, Life } from './life.ts'
import { addressOf, LOOPBACK, listOf, type Member, placeOf } from './members.ts'
import { type Line, Merge } from './merge.ts'
import type { Namespaces } from './namespaces.ts'
import { type Link, Network } from './network.ts'
import { areFree, freePorts } from './ports.ts'
import { commandLine, type Program } from './program.ts'
import type { Condition, Status } from './server.ts'
import { answerOf, ask, type Question, statusOf } from './status.ts'

export interface ClusterOptions {
  readonly program: Program
  readonly servers: number
  /** For the servers' memory, and for what they say; made if it is missing. */
  readonly folder: string
  /** Gives each server a machine of its own, as far as that goes. */
  readonly namespaces?: Namespaces
  /** What each server is started with, beside where it is. */
  readonly serveArgs?: readonly string[]
  /** The ports that the part's command line knows, if nobody has them; else any. */
  readonly usualPorts: boolean
  /** Its servers' logs say who they are, and where: with the same folder, they are again. */
  readonly comesBack?: boolean
  /** Told of each line of the test log: of the servers, and of what is done to them. */
  readonly onLine: (line: Line) => void
  /** Told of a server that ends though nobody told it to. */
  readonly onDeath: (id: number, ending: Ending) => void
}

/** In ms: how often waiting lines are looked at, and a cluster that has no leader yet. */
const FLUSH_MS = 50
const LOOK_MS = 50
/** A leader answers within 5 s what is to be known of a change to the cluster. */
const CHANGE_TIMEOUT_MS = 6_000
const START_TIMEOUT_MS = 120_000

/** A server that could not write says so to who waits, and ends with this exit code. */
const LAST_WORDS_MS = 3_000
const EXIT_FAILED = 1

const USUAL_RAFT_PORT = 7000
const USUAL_HTTP_PORT = 8000

/** Servers, and where they are: who was there to begin with, and who joined later. */
interface Places {
  readonly first: readonly Member[]
  readonly joined: readonly Member[]
}

/** In the cluster's folder. */
const PLACES = 'servers.json'

export class Cluster {
  readonly network: Network
  /** Who was there to begin with. */
  private readonly first: readonly Member[]
  /** Also those who are gone. */
  private readonly places: Map<number, Member>
  private readonly removed = new Set<number>()
  /** The highest that anybody was heard to have: none is used twice. */
  private lastId: number
  private readonly options: ClusterOptions
  private readonly lives = new Map<number, Life>()
  private readonly conditions = new Map<number, Condition>()
  private readonly endings = new Map<number, string>()
  private readonly blocked = new Set<number>()
  /** By id: until when a server may end by itself, since its disk is or was full. */
  private readonly mayEndUntil = new Map<number, number>()
  private readonly merge: Merge
  private readonly timer: NodeJS.Timeout
  private readonly over = new AbortController()

  static async start(options: ClusterOptions): Promise<Cluster> {
    const ids = Array.from({ length: options.servers }, (_, id) => id)
    const kept = options.comesBack ? await keptIn(options.folder) : null
    const first = kept?.first ?? (await membersFor(options, ids))
    const cluster = new Cluster(options, { first, joined: kept?.joined ?? [] })
    await cluster.begin()
    return cluster
  }

  private constructor(options: ClusterOptions, { first, joined }: Places) {
    this.options = options
    this.first = first
    const members = [...first, ...joined]
    this.places = new Map(members.map((member) => [member.id, member]))
    this.lastId = members.at(-1)?.id ?? 0
    this.network = new Network(options.namespaces)
    this.merge = new Merge(options.onLine)
    this.timer = setInterval(() => this.merge.flush(now()), FLUSH_MS)
  }

  get part(): string {
    return this.options.program.part
  }

  /** Of all there were, also of those who are gone. */
  get allIds(): readonly number[] {
    return [...this.places.keys()]
  }

  get ids(): readonly number[] {
    return this.allIds.filter((id) => this.condition(id) !== 'is gone')
  }

  get addresses(): readonly string[] {
    return this.ids.map((id) => this.address(id))
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

  /** How its latest life ended, in a few words; null when none has. */
  endingOf(id: number): string | null {
    return this.endings.get(id) ?? null
  }

  /** Null when it does not run. */
  pid(id: number): number | null {
    return this.hasEnded(id) ? null : (this.lives.get(id)?.pid ?? null)
  }

  /** Null where servers have no machines of their own. */
  get namespaces(): Namespaces | null {
    return this.options.namespaces ?? null
  }

  /** Where a server keeps its memory. */
  dataOf(id: number): string {
    return this.namespaces?.dataOf(id) ?? this.folderOf(id)
  }

  /** What a server said on its standard output and error. */
  outputOf(id: number): string {
    return join(this.options.folder, `server-${id}.log`)
  }

  /** Begins a life with what is in the server's folder, if it does not run. */
  launch(id: number): void {
    if (this.condition(id) !== 'is down') return
    const isFirst = !this.lives.has(id)
    // Beyond loopback, but not beyond this machine.
    const { serveArgs = [] } = this.options
    const where = [
      ...serveArgs,
      '--data',
      this.dataOf(id),
      ...(this.namespaces ? ['--insecure'] : []),
    ]
    const own = ['serve', '--id', `${id}`, ...this.clusterFor(id)]
    const words = commandLine(this.options.program, [...own, ...where])
    this.namespaces?.setClock(id, 0)
    const command = this.namespaces?.commandOn(id, words) ?? words
    const life = new Life(command, this.outputOf(id), this.network.environmentOf(id))
    this.lives.set(id, life)
    this.conditions.set(id, 'runs')
    void life.ended.then((ending) => this.onEnd(id, life, ending))
    if (isFirst) void this.follow(id)
    else this.tellFault(`restart server ${id}`, { kind: 'restart', peer: id })
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(id: number): Promise<void> {
    const life = this.lives.get(id)
    if (!life || this.hasEnded(id)) return
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
    if (this.condition(id) === 'is down') return false
    // Also when its answer is lost: whoever may be cut off must be let back.
    this.blocked.add(id)
    this.tellFault(`cut off server ${id}`, { kind: 'disconnect', peer: id })
    return (await ask(this.address(id), 'POST', '/block')) !== null
  }

  async unblock(id: number): Promise<boolean> {
    if (!this.blocked.has(id)) return true
    if ((await ask(this.address(id), 'POST', '/unblock')) === null) return false
    if (this.blocked.delete(id)) this.tellBack(id)
    return true
  }

  /** Of a part that has none, nothing comes of it. */
  async takeSnapshot(id: number): Promise<void> {
    if ((await ask(this.address(id), 'POST', '/snapshot')) === null) return
    this.tellFault(`server ${id} was told to take a snapshot`, {
      kind: 'snapshot',
      peer: id,
    })
  }

  /** Begins a server that asks the others to add it. @returns its id. */
  async add(): Promise<number> {
    this.lastId += 1
    const id = this.lastId
    this.namespaces?.add(id)
    const [member] = await membersFor(this.options, [id])
    this.places.set(id, member as Member)
    await this.prepare(id)
    this.tellFault(`server ${id} is to join`, {
      kind: 'add-server',
      peer: id,
      over: true,
    })
    this.launch(id)
    return id
  }

  /** Has the leader remove a server. @returns why it was not done, or null. */
  async remove(id: number): Promise<string | null> {
    this.tellFault(`server ${id} is to leave`, {
      kind: 'remove-server',
      peer: id,
      over: true,
    })
    const problem = await this.askLeader({ method: 'DELETE', path: `/members/${id}` })
    if (problem === null) this.noteRemoved([id])
    return problem
  }

  /**
   * Has the leader hand over.
   *
   * @param to null for whoever can at once.
   * @returns why it was not done, or null.
   */
  async handOver(to: number | null): Promise<string | null> {
    const heir = to === null ? 'another server' : `server ${to}`
    this.tellFault(`${heir} is to lead`, {
      kind: 'transfer',
      ...(to !== null && { peer: to }),
      over: true,
    })
    const body = to === null ? {} : { to }
    return this.askLeader({ method: 'POST', path: '/transfer', body })
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

  /**
   * Does something to a server's machine, or ends that.
   *
   * @param work what it is; nothing where servers have no machines of their own.
   */
  harm(
    id: number,
    msg: string,
    kind: string,
    work: (namespaces: Namespaces) => void,
  ): void {
    if (!this.namespaces) return
    work(this.namespaces)
    this.tellFault(msg, { kind, peer: id })
  }

  fillDisk(id: number): void {
    this.mayEndUntil.set(id, Number.POSITIVE_INFINITY)
    const text = `the disk of server ${id} is full`
    this.harm(id, text, 'full-disk', (all) => all.setDiskFull(id, true))
  }

  /** Who has ended since there was no room is started. */
  emptyDisk(id: number): void {
    if (this.mayEndUntil.get(id) !== Number.POSITIVE_INFINITY) return
    const text = `the disk of server ${id} has room`
    this.harm(id, text, 'empty-disk', (all) => all.setDiskFull(id, false))
    // It may have found no room a moment ago, and be about to end.
    this.mayEndUntil.set(id, now() + LAST_WORDS_MS)
    this.launch(id)
  }

  /** Ends all that was done to it, and starts who is down. */
  async heal(): Promise<void> {
    this.namespaces?.heal(this.ids)
    for (const id of this.mayEndUntil.keys()) this.emptyDisk(id)
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
  async status(id: number): Promise<Status | null> {
    if (this.condition(id) !== 'runs') return null
    const status = await statusOf(this.address(id))
    const { members = [], removed = [] } = status ?? {}
    this.noteRemoved(removed)
    this.lastId = Math.max(
      this.lastId,
      ...members.map((member) => member.id),
      ...removed,
    )
    return status
  }

  /** Who is in the cluster, as its leader has it; null when there is none. */
  async members(): Promise<readonly number[] | null> {
    const leader = await this.leader()
    const status = leader === null ? null : await this.status(leader)
    return status?.members?.map(({ id }) => id) ?? null
  }

  /** All that a server holds; null when it does not answer. */
  contentOf(id: number): Promise<string | null> {
    return ask(this.address(id), 'GET', '/kv?consistency=stale')
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

  /** What the servers remember is in the folder afterwards, wherever their disks are. */
  keepDisks(): void {
    this.namespaces?.keepDisks((id) => this.folderOf(id))
  }

  /** What the servers' processes do just now, for who wonders why one does not answer. */
  describeProcesses(): string {
    const texts = this.ids.map((id) => {
      const { pid, threads } = this.lives.get(id) as Life
      return [`server ${id}, process ${pid}`, ...threads].join('\n  ')
    })
    return `${texts.join('\n')}\n`
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

  private async begin(): Promise<void> {
    const { part, ids } = this
    const message = `${ids.length} servers of ${part}, each a process`
    this.tell({ event: 'test-start', msg: message, part, servers: ids.length })
    for (const id of ids) await this.prepare(id)
    for (const id of ids) this.launch(id)
  }

  private async prepare(id: number): Promise<void> {
    const { host, raftPort } = this.member(id)
    await this.network.add(id, { host, port: raftPort })
    mkdirSync(this.dataOf(id), { recursive: true })
    this.keepPlaces()
  }

  private member(id: number): Member {
    const member = this.places.get(id)
    if (member) return member
    throw new RangeError(`there is no server ${id}`)
  }

  private folderOf(id: number): string {
    return join(this.options.folder, `server-${id}`)
  }

  private keepPlaces(): void {
    const { first, options } = this
    if (!options.comesBack) return
    const all = [...this.places.values()]
    const joined = all.filter((member) => !first.includes(member))
    writeFileSync(join(options.folder, PLACES), JSON.stringify({ first, joined }))
  }

  /** What a server is told of the cluster: who was there first, or whom to ask. */
  private clusterFor(id: number): string[] {
    if (this.first.some((member) => member.id === id)) {
      return ['--cluster', listOf(this.first)]
    }
    const others = this.ids.filter((other) => other !== id)
    const toAsk = others.flatMap((other) => ['--join', this.address(other)])
    return ['--address', placeOf(this.member(id)), ...toAsk]
  }

  private follow(id: number): Promise<void> {
    const { signal } = this.over
    const hasNext = () => this.condition(id) !== 'is gone'
    return follow(this.address(id), this.lineOf(id), { signal, hasNext })
  }

  private lineOf(id: number): (bytes: Buffer) => void {
    return (bytes) => this.merge.add(`server ${id}`, bytes, now())
  }

  private async onEnd(id: number, life: Life, ending: Ending): Promise<void> {
    const { code, signal } = ending
    const how = signal ?? `exit code ${code}`
    this.endings.set(id, how)
    if (this.lives.get(id) === life) this.conditions.set(id, 'is down')
    if (life.isKilled || this.over.signal.aborted) {
      this.noteRemoved([])
      return
    }
    this.blocked.delete(id)
    const mayEndUntil = this.mayEndUntil.get(id) ?? 0
    if (code === EXIT_FAILED && now() < mayEndUntil) {
      const text = `server ${id} has ended: there was no room on its disk`
      this.tellFault(text, { kind: 'crash', peer: id })
      if (mayEndUntil !== Number.POSITIVE_INFINITY) this.launch(id)
      return
    }
    // It may have been somebody else who had it removed.
    await this.leader()
    if (this.removed.has(id)) {
      const text = `server ${id} was removed, and has ended (${how})`
      this.tellFault(text, { kind: 'crash', peer: id, label: 'ends' })
      return
    }
    const text = `server ${id} has ended by itself (${how})`
    this.tellFault(text, { kind: 'crash', peer: id })
    this.options.onDeath(id, ending)
  }

  /** Who was removed, and is down, is gone; who runs is to notice. */
  private noteRemoved(ids: readonly number[]): void {
    for (const id of ids) this.removed.add(id)
    for (const id of this.removed) {
      if (this.condition(id) === 'is down') this.conditions.set(id, 'is gone')
    }
  }

  private hasEnded(id: number): boolean {
    return this.condition(id) === 'is down' || this.condition(id) === 'is gone'
  }

  /** To change the cluster. @returns why it was not done, or null. */
  private async askLeader(question: Question): Promise<string | null> {
    const leader = await this.leader()
    if (leader === null) return 'no server leads'
    const answer = await answerOf(this.address(leader), question, CHANGE_TIMEOUT_MS)
    if (!answer) return `server ${leader} does not answer`
    if (answer.statusCode === 200) return null
    return (JSON.parse(answer.text) as { error: string }).error
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

/** @throws UsageError when somebody else is where they were. */
async function keptIn(folder: string): Promise<Places | null> {
  const file = join(folder, PLACES)
  if (!existsSync(file)) return null
  const places = JSON.parse(readFileSync(file, 'utf8')) as Places
  const ports = [...places.first, ...places.joined].flatMap(({ raftPort, httpPort }) => [
    raftPort,
    httpPort,
  ])
  if (await areFree(ports)) return places
  throw new UsageError(
    `the servers in ${folder} know each other at ports that somebody else has now; end ` +
      `who has one of ${ports.join(', ')}`,
  )
}

async function membersFor(
  { usualPorts, namespaces }: ClusterOptions,
  ids: readonly number[],
): Promise<Member[]> {
  const usual = ids.flatMap((id) => [USUAL_RAFT_PORT + id, USUAL_HTTP_PORT + id])
  // Nobody else is on a machine of its own.
  const areUsual = namespaces || (usualPorts && (await areFree(usual)))
  const ports = areUsual ? usual : await freePorts(usual.length)
  return ids.map((id, i) => ({
    id,
    host: namespaces?.hostOf(id) ?? LOOPBACK,
    raftPort: ports[2 * i] as number,
    httpPort: ports[2 * i + 1] as number,
  }))
}
