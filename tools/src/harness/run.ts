import { basename, dirname, join, relative, sep } from 'node:path'
import { type DestinationStream, type Logger, pino } from 'pino'
import { TestRunner } from 'vitest'
import { ROOT } from '../cli/root.ts'
import type { Clock } from '../lab/clock.ts'
import type { Random } from '../lab/random.ts'
import { logTestEnd, logTestStart } from '../testlog/frame.ts'
import { silentLogger, testLogger } from '../testlog/logger.ts'
import { readSettings } from './settings.ts'

export const settings = readSettings(process.env)

const logDestination: DestinationStream | null =
  settings.logFile === null
    ? null
    : pino.destination({ dest: settings.logFile, append: true, sync: true, mkdir: true })

export type NetworkKind = 'simulated' | 'grpc'

/** One run of one test with one seed: its name, its lines in the test log, its replay. */
export class TestRun {
  readonly seed: number
  readonly network: NetworkKind
  /** The command that runs this again. */
  readonly replay: string
  /** Where pages about it go: where its test log does. */
  readonly outDir: string
  private readonly size: number
  private readonly test: string
  private readonly part: string
  private logger: Logger = silentLogger
  private clock: Clock | null = null
  private startedAt = 0
  private ended = false

  constructor(options: { size: number; seed?: number; network?: NetworkKind }) {
    // None in a hook that runs before all tests, and in a program without vitest.
    const test = TestRunner.getCurrentTest()
    this.size = options.size
    this.seed = options.seed ?? settings.seed ?? 1
    this.network = options.network ?? settings.network
    this.test = test?.fullTestName ?? 'no test'
    this.part = partAt(dirname(dirname(test?.file.filepath ?? '')))
    this.replay = this.replayCommand()
    this.outDir = settings.logFile ? dirname(settings.logFile) : join(ROOT, 'timelines')
  }

  /** What a page about it is called. */
  get title(): string {
    return `${this.part}: ${this.test}, seed ${this.seed}`
  }

  /** Opens the test log, in the time of the cluster under test. */
  start(clock: Clock): Logger {
    this.clock = clock
    this.startedAt = clock.now()
    if (logDestination) this.logger = testLogger(logDestination, this.test, clock)
    const { part, seed, network, size: servers, replay } = this
    logTestStart(this.logger, { part, seed, network, servers, replay })
    return this.logger
  }

  /** Closes it, with the error that failed the test if there was one. */
  end(error: unknown): void {
    if (!this.clock || this.ended) return
    this.ended = true
    logTestEnd(this.logger, this.clock.now() - this.startedAt, error)
  }

  private replayCommand(): string {
    const name = `'${this.test.replaceAll("'", "'\\''")}'`
    return [
      settings.unreliableRpc ? 'RAFT_UNRELIABLE_RPC=1' : '',
      settings.forceMoreReelections ? 'RAFT_FORCE_MORE_REELECTION=1' : '',
      `./dotest.sh ${this.part} ${name} --seed ${this.seed}`,
      this.network === 'grpc' ? '--network grpc' : '',
    ]
      .filter(Boolean)
      .join(' ')
  }
}

/** What a part is called on the command line, by its folder: a reader's own has a longer name. */
function partAt(folder: string): string {
  const path = relative(ROOT, folder)
  return path.startsWith('..') ? basename(folder) : path.split(sep).join('/')
}

/** What RAFT_FORCE_MORE_REELECTION means: one time-out in three is the shortest. */
export function moreReelections(random: Random): Random {
  return () => (random() < 1 / 3 ? 0 : random())
}
