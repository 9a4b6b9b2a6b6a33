/**
 * Watch: a cluster under somebody's eyes. It keeps what was seen, does what it is told to, and
 * tells what has changed.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Round, runRound } from '../chaos/round.ts'
import { UsageError } from '../cli/exit.ts'
import { writeWhole } from '../cli/whole.ts'
import { check } from '../histories/check.ts'
import { historyOf } from '../histories/rows.ts'
import { ClientHistory } from '../lab/history.ts'
import { randomStreams } from '../lab/random.ts'
import {
  loadClients,
  type Operation,
  type PartClients,
  RecordedClient,
  type Told,
} from '../processes/clients.ts'
import { Cluster } from '../processes/cluster.ts'
import { LogFiles } from '../processes/log-files.ts'
import type { Program } from '../processes/program.ts'
import type { Status } from '../processes/server.ts'
import { ask } from '../processes/status.ts'
import { HistoryPages } from '../viz/history.ts'
import { writeTimelines } from '../viz/index.ts'
import { LogWindow } from '../viz/window.ts'
import { Meter } from './meter.ts'
import type { Answered, Saved, Seen, SeenRound, SeenServer } from './seen.ts'
import { standingIn, type View, viewOf } from './standing.ts'

/** Something that a program, or a person without the page, is told. */
export type News = { readonly event: string } & Readonly<Record<string, unknown>>

export interface WatchOptions {
  readonly program: Program
  readonly servers: number
  readonly folder: string
  readonly seed: number
  readonly onNews: (news: News) => void
}

export const MOST_SERVERS = 9
/** The timeline shows at least so many events, if there are. */
const MOST_EVENTS = 4_000
export const TOO_MANY = `a cluster here has at most ${MOST_SERVERS} servers`
/** All in ms. */
const STATUS_MS = 250
const SECOND_MS = 1_000
const CONSOLE_TIMEOUT_MS = 5_000
const ROUND_MS = 20_000
/** So seldom asks a client that a person can follow. */
const REST_MS = 150
const BUSY_CLIENTS = 3
const MOST_ROUNDS = 20
/** To judge the console's history, when it is saved. */
const JUDGED_MS = 20_000
const MOST_STEPS = 4_000_000

export class Watch {
  readonly cluster: Cluster
  readonly window: LogWindow
  private readonly options: WatchOptions
  private readonly clients: PartClients
  private readonly log: LogFiles
  private readonly meter = new Meter()
  private readonly statuses = new Map<number, Status | null>()
  private view: View | null = null
  private readonly timers: NodeJS.Timeout[]
  private readonly history = new ClientHistory()
  private readonly console: RecordedClient
  private readonly nextStream: ReturnType<typeof randomStreams>
  private readonly rounds: SeenRound[] = []
  private chaos: AbortController | null = null
  private begunRounds = 0
  private saved = 0
  /** What clients saw in some round cannot be explained. */
  hasFound = false

  static async start(options: WatchOptions): Promise<Watch> {
    const { program, servers, folder, onNews } = options
    const clients = await loadClients(program)
    mkdirSync(folder, { recursive: true })
    const window = new LogWindow(program.part, servers, MOST_EVENTS)
    const log = new LogFiles(folder)
    const cluster = await Cluster.start({
      program,
      servers,
      folder,
      usualPorts: true,
      comesBack: clients.hasMembers,
      onLine: ({ event, bytes }) => {
        window.add(event, bytes)
        log.add(bytes)
        const { server, role, term } = event
        if (event.event === 'role') onNews({ event: 'role', server, role, term })
        if (event.event === 'fault') onNews({ event: 'fault', text: event.msg })
      },
      onDeath: (id, ending) => onNews({ event: 'death', server: id, ...ending }),
    })
    return new Watch(options, { cluster, window, log, clients })
  }

  private constructor(
    options: WatchOptions,
    parts: Pick<Watch, 'cluster' | 'window'> & {
      readonly log: LogFiles
      readonly clients: PartClients
    },
  ) {
    this.options = options
    this.cluster = parts.cluster
    this.window = parts.window
    this.log = parts.log
    this.clients = parts.clients
    this.nextStream = randomStreams(options.seed)
    this.console = new RecordedClient({
      cluster: parts.cluster,
      clients: parts.clients,
      id: options.servers,
      history: this.history,
      timeoutMs: CONSOLE_TIMEOUT_MS,
      random: Math.random,
    })
    this.timers = [
      setInterval(() => void this.look(), STATUS_MS),
      setInterval(() => void this.measure(), SECOND_MS),
    ]
  }

  get hasMembers(): boolean {
    return this.clients.hasMembers
  }

  get seen(): Seen {
    const { cluster, meter, window, rounds } = this
    return {
      part: cluster.part,
      hasMembers: this.hasMembers,
      servers: cluster.allIds.map((id) => this.seenServer(id)),
      seconds: meter.seconds,
      events: window.total,
      isChaos: this.chaos !== null,
      rounds,
    }
  }

  /** What the console asks for. @param startsAt the server that is asked first, if any. */
  async ask(operation: Operation, startsAt: number | null): Promise<Answered> {
    const place = startsAt === null ? -1 : this.cluster.ids.indexOf(startsAt)
    const manner = place === -1 ? {} : { startsAt: place }
    const told = await this.console.execute(operation, manner)
    const answered = { outcome: told.outcome, ms: told.ms, text: textOf(told) }
    const { op, key } = operation
    this.options.onNews({ event: 'told', op, key, ...answered })
    return answered
  }

  /** Begins a server that is to join. @returns why not, or null. */
  async add(): Promise<string | null> {
    const { cluster } = this
    if (cluster.ids.length >= MOST_SERVERS) return TOO_MANY
    const server = await cluster.add()
    const [address, pid] = [cluster.address(server), cluster.pid(server)]
    this.options.onNews({ event: 'added', server, address, pid })
    return null
  }

  /** Lets faults come by themselves, or ends that. */
  setChaos(isOn: boolean): void {
    if (isOn === (this.chaos !== null)) return
    if (!isOn) {
      this.chaos?.abort()
      return
    }
    const over = new AbortController()
    this.chaos = over
    this.options.onNews({ event: 'chaos', isOn })
    void this.runChaos(over.signal).finally(() => {
      this.chaos = null
      this.options.onNews({ event: 'chaos', isOn: false })
    })
  }

  /**
   * Writes what was seen into a folder of its own, as a test log, a timeline, a history and
   * the picture of it.
   *
   * @throws UsageError when there is nothing to write.
   */
  async save(): Promise<Saved> {
    if (this.window.total === 0) throw new UsageError('nothing has been seen yet')
    const folder = this.nextSaved()
    const outDir = join(this.options.folder, folder)
    const file = join(outDir, 'test-log.ndjson')
    await writeWhole(file, decoded(this.log.bytes()))
    const { pages } = await writeTimelines({ inputs: [file], outDir })
    const history = await this.saveHistory(outDir)
    this.options.onNews({ event: 'saved', folder: outDir })
    return { folder, timeline: nameOf(pages[0]?.file ?? ''), history }
  }

  async close(): Promise<void> {
    this.chaos?.abort()
    for (const timer of this.timers) clearInterval(timer)
    await this.console.close()
    await this.cluster.close()
    this.log.end()
  }

  private seenServer(id: number): SeenServer {
    const { cluster } = this
    const to = cluster.links.filter(({ from }) => from === id)
    const idOf = (link: { to: number }) => link.to
    return {
      id,
      address: cluster.address(id),
      pid: cluster.pid(id),
      condition: cluster.condition(id),
      ending: cluster.endingOf(id),
      isBlocked: cluster.isBlocked(id),
      standing: this.view && standingIn(this.view, id),
      cutTo: to.filter((link) => cluster.network.isCut(link)).map(idOf),
      slowTo: to.filter((link) => cluster.network.delayOf(link) > 0).map(idOf),
      status: this.statuses.get(id) ?? null,
    }
  }

  private async look(): Promise<void> {
    const { cluster, statuses } = this
    await Promise.all(
      cluster.allIds.map(async (id) => statuses.set(id, await cluster.status(id))),
    )
    const view = viewOf(statuses.values())
    if (!view || isDeepStrictEqual(view, this.view)) return
    this.view = view
    this.options.onNews({ event: 'members', ...view })
  }

  private async measure(): Promise<void> {
    const texts = new Map<number, string>()
    const { cluster } = this
    const ask_ = async (id: number) => {
      if (cluster.condition(id) !== 'runs') return
      const text = await ask(cluster.address(id), 'GET', '/metrics')
      if (text !== null) texts.set(id, text)
    }
    await Promise.all(cluster.ids.map(ask_))
    this.meter.add(texts)
  }

  private async runChaos(signal: AbortSignal): Promise<void> {
    const { cluster, clients, nextStream, options } = this
    while (!signal.aborted) {
      this.begunRounds += 1
      const round = await runRound({
        cluster,
        clients,
        nextStream,
        signal,
        number: this.begunRounds,
        busyClients: BUSY_CLIENTS,
        // The first is the console.
        firstClient: options.servers + 1,
        ms: ROUND_MS,
        restMs: REST_MS,
      })
      await this.note(round)
      if (this.hasFound) return
    }
  }

  private async note({ number, found, counts, faults, problem, ...more }: Round) {
    const verdict = problem ?? found.verdict
    this.rounds.push({ number, verdict, counts, faults: faults.length })
    if (this.rounds.length > MOST_ROUNDS) this.rounds.shift()
    const news = { event: 'verdict', round: number, verdict, ...counts }
    this.options.onNews({ ...news, faults: faults.length })
    if (problem === null && found.verdict !== 'not linearizable') return
    this.hasFound = true
    const name = `round-${number}`
    await writeWhole(join(this.options.folder, `${name}.ndjson`), toLines(more.rows))
    const checked = { history: more.history, model: 'kv', found } as const
    const picture = await new HistoryPages(this.options.folder).draw(name, checked)
    this.options.onNews({ event: 'picture', round: number, picture })
  }

  /** A folder that is not there yet: one that is may be of an earlier run. */
  private nextSaved(): string {
    do this.saved += 1
    while (existsSync(join(this.options.folder, `saved-${this.saved}`)))
    return `saved-${this.saved}`
  }

  private async saveHistory(outDir: string): Promise<string | null> {
    const { rows } = this.history
    if (rows.length === 0) return null
    await writeWhole(join(outDir, 'history.ndjson'), toLines(rows))
    const history = historyOf(rows)
    const limits = { deadline: performance.now() + JUDGED_MS, maxSteps: MOST_STEPS }
    const found = check(history, { model: 'kv', split: true, limits })
    const checked = { history, model: 'kv', found } as const
    return nameOf(await new HistoryPages(outDir).draw('console', checked))
  }
}

/** What came of an operation, in a few words. */
function textOf({ result, reason }: Told): string {
  if (result === null) return reason ?? ''
  const { kind, ...more } = result
  if (kind === 'absent') return 'there is no such key'
  const { value, version, previous } = more as Record<string, unknown>
  if (kind === 'found') return `${JSON.stringify(value)}, version ${version}`
  if (kind !== 'changed') return kind
  return `version ${version}, before: ${previous === null ? 'nothing' : JSON.stringify(previous)}`
}

function nameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1)
}

function toLines(rows: readonly object[]): string[] {
  return rows.map((row) => `${JSON.stringify(row)}\n`)
}

async function* decoded(bytes: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  for await (const piece of bytes) yield decoder.decode(piece, { stream: true })
}
