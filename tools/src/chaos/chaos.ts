/** Chaos: a cluster of processes, round by round, and what is kept of a round that went wrong. */
import { createWriteStream, rmSync, type WriteStream } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openPage } from '../cli/open.ts'
import { say } from '../cli/print.ts'
import { showProgress } from '../cli/progress.ts'
import { writeWhole } from '../cli/whole.ts'
import { explain } from '../histories/explain.ts'
import { randomStreams } from '../lab/random.ts'
import { loadClients } from '../processes/clients.ts'
import { Cluster } from '../processes/cluster.ts'
import type { Namespaces } from '../processes/namespaces.ts'
import type { Program } from '../processes/program.ts'
import { HistoryPages } from '../viz/history.ts'
import { writeTimelines } from '../viz/index.ts'
import { type Round, runRound } from './round.ts'
import {
  EXIT_FOUND,
  EXIT_UNKNOWN,
  type Row,
  rowOf,
  sentenceOf,
  wordFor,
} from './shares.ts'

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly servers: number
  readonly clients: number
  /** Of the servers, as they take it; theirs if it is not said. */
  readonly electionTimeout?: string
  /** Which mistake the program has in it, for the command that does the same again. */
  readonly mistake?: string
  readonly open: boolean
  readonly json: boolean
}

const ROUND_MS = 20_000
/** A client rests for so long between two operations, on average. */
const REST_MS = 10

/** All rounds of a run, and the folder in which they are kept. */
export class Chaos {
  private readonly program: Program
  private readonly folder: string
  private readonly options: ChaosOptions
  private readonly namespaces: Namespaces | null
  private log: WriteStream | null = null
  private readonly deaths: string[] = []
  /** What has come of each round. */
  readonly rows: Row[] = []

  constructor(
    part: Program,
    folder: string,
    options: ChaosOptions,
    namespaces: Namespaces | null,
  ) {
    this.program = part
    this.namespaces = namespaces
    this.folder = folder
    this.options = options
  }

  /** @returns the exit code. */
  async run(): Promise<number> {
    const { program, folder, options } = this
    const { electionTimeout } = options
    await this.write('command.txt', `${this.command}\n`)
    const cluster = await Cluster.start({
      program,
      servers: options.servers,
      folder,
      usualPorts: false,
      ...(electionTimeout && { serveArgs: ['--election-timeout', electionTimeout] }),
      ...(this.namespaces && { namespaces: this.namespaces }),
      onLine: ({ bytes }) => {
        this.log?.write(bytes)
        this.log?.write('\n')
      },
      onDeath: (id) => {
        this.deaths.push(
          `server ${id} ended by itself; ${cluster.outputOf(id)} says why`,
        )
      },
    })
    try {
      return await this.rounds(cluster)
    } finally {
      await cluster.close()
      this.log?.end()
    }
  }

  private get command(): string {
    const { minutes, seed, servers, clients, mistake, electionTimeout } = this.options
    const network = this.namespaces ? 'namespaces' : 'relays'
    const options = [`--minutes ${minutes}`, `--seed ${seed}`, `--servers ${servers}`]
    options.push(
      `--clients ${clients}`,
      `--network ${network}`,
      ...(mistake ? [`--mistake ${mistake}`] : []),
      ...(electionTimeout ? [`--election-timeout ${electionTimeout}`] : []),
    )
    return `npm run chaos -- ${this.program.part} ${options.join(' ')}`
  }

  private async rounds(cluster: Cluster): Promise<number> {
    const { options, program } = this
    this.beginLog(1)
    await cluster.elected()
    const clients = await loadClients(program)
    const nextStream = randomStreams(options.seed)
    const endsAt = performance.now() + options.minutes * 60_000
    const total = Math.ceil(options.minutes * 60)
    const progress = await showProgress('{bar} {value}/{total} s, {done} done', total)
    try {
      for (let number = 1; performance.now() < endsAt; number += 1) {
        if (number > 1) this.beginLog(number)
        const round = await runRound({
          cluster,
          clients,
          number,
          nextStream,
          busyClients: options.clients,
          firstClient: options.servers,
          ms: Math.min(ROUND_MS, endsAt - performance.now()),
          restMs: REST_MS,
          signal: new AbortController().signal,
        })
        const row = rowOf(round)
        this.rows.push(row)
        progress.update(total - Math.max(0, (endsAt - performance.now()) / 1000))
        const exitCode = this.exitCodeFor(round)
        if (options.json) say(JSON.stringify(row))
        if (exitCode === 0) continue
        progress.stop()
        await this.write('processes.txt', cluster.describeProcesses())
        await cluster.close()
        cluster.keepDisks()
        await this.keep(round, wordFor(exitCode, row))
        return exitCode
      }
    } finally {
      progress.stop()
    }
    return this.sayAllWell()
  }

  private exitCodeFor({ found, problem }: Round): number {
    if (found.verdict === 'not linearizable' || problem !== null) return EXIT_FOUND
    if (this.deaths.length > 0) return EXIT_FOUND
    return found.verdict === 'unknown' ? EXIT_UNKNOWN : 0
  }

  private sayAllWell(): number {
    const { program, options, rows } = this
    const { seed } = options
    if (!options.json) say(sentenceOf(program.part, { seed, rows, exitCode: 0 }))
    rmSync(this.folder, { recursive: true, force: true })
    return 0
  }

  /** Writes down all that is needed to look at a round that went wrong, and says where. */
  private async keep(round: Round, word: string): Promise<void> {
    const { folder, options } = this
    const name = `round-${round.number}`
    const history = join(folder, `${name}-history.ndjson`)
    await this.write(`${name}-history.ndjson`, toLines(round.rows))
    await this.write(`${name}-faults.ndjson`, toLines(round.faults))
    await new Promise((resolve) => this.log?.end(resolve))
    const { found } = round
    const checked = { history: round.history, model: 'kv', found } as const
    const picture = await new HistoryPages(folder).draw(name, checked)
    const { pages } = await writeTimelines({
      inputs: [this.logOf(round.number)],
      outDir: folder,
      suffix: name,
    })
    if (options.json) return
    say(`${word}  in round ${round.number}`)
    for (const text of this.deaths) say(`  ${text}`)
    if (round.problem) say(`  ${round.problem}`)
    if (found.verdict === 'unknown')
      say(`  to judge, the ${found.reason} did not suffice`)
    if (found.verdict === 'not linearizable')
      for (const line of explain(found)) say(`  ${line}`)
    say(`\nwhat clients saw  ${picture}`)
    for (const { file } of pages) say(`timeline          ${pathToFileURL(file).href}`)
    say(`history           ${relative('', history)}`)
    say(`all there is      ${folder}`)
    say(`again             ${this.command}`)
    if (options.open) await openPage(picture)
  }

  private logOf(number: number): string {
    return join(this.folder, `round-${number}.ndjson`)
  }

  /** Of rounds in which all was well, nobody needs the log. */
  private beginLog(number: number): void {
    this.log?.end()
    if (number > 1) rmSync(this.logOf(number - 1), { force: true })
    this.log = createWriteStream(this.logOf(number))
  }

  private async write(name: string, text: string): Promise<void> {
    await writeWhole(join(this.folder, name), [text])
  }
}

function toLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}
