import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT_USAGE } from '../cli/exit.ts'
import { openPage } from '../cli/open.ts'
import { complain, say } from '../cli/print.ts'
import { showProgress } from '../cli/progress.ts'
import type { Request } from './options.ts'
import { linePrinter, sayFailure, sayResult } from './print.ts'
import { selectTests } from './select.ts'
import { Tail } from './tail.ts'
import type { Failure, PartTests } from './tests.ts'

/** How often to look for new lines in the test log, in ms. */
const LIVE_MS = 50

/** Below what file systems allow, with room for an ending. */
const MAX_FILE_NAME_LENGTH = 100

/** What was asked for, to be done with the tests of one part. */
export class Session {
  private readonly root: string
  private readonly request: Request
  private readonly tests: PartTests

  constructor(root: string, request: Request, tests: PartTests) {
    this.root = root
    this.request = request
    this.tests = tests
  }

  /** @returns the process's exit code. */
  async run(): Promise<number> {
    const { part, pattern, seed, seeds } = this.request
    const { names } = this.tests
    const chosen = await selectTests(names, pattern)
    if (chosen.length === 0) {
      const list = names.map((name) => `\n  ${name}`).join('')
      complain(`error: no test of ${part} matches "${pattern}"; its tests are${list}`)
      return EXIT_USAGE
    }
    if (seeds !== null) return await this.hunt(chosen, seeds)
    if (pattern === '') return await this.runAll(chosen, seed)
    return (await this.runLogged(chosen, seed)) ? 0 : 1
  }

  /** Runs over many seeds with the log off, and the first failure again with it on. */
  private async hunt(names: readonly string[], seeds: number): Promise<number> {
    this.set({ RAFT_SEED: '', RAFT_SEEDS: `${seeds}`, RAFT_LOG: '' })
    const format = '{bar} {value} of {total} seeds, {eta_formatted} left'
    const progress = await showProgress(format, seeds)
    const failures = await this.tests.run(names, {
      onSeedsDone: progress.update,
      onTestEnd: (...result) => {
        progress.stop()
        sayResult(...result)
      },
      onPrint: sayPrinted,
    })
    if (failures.length === 0) say(`\nNothing failed with the seeds 1 to ${seeds}.`)
    return await this.showFirst(failures, 'is the first to fail')
  }

  /** Runs a whole part with the log off: hundreds of megabytes that nobody asked for. */
  private async runAll(names: readonly string[], seed: number): Promise<number> {
    this.set({ RAFT_SEED: `${seed}`, RAFT_LOG: '' })
    const failures = await this.tests.run(names, {
      onTestEnd: sayResult,
      onPrint: sayPrinted,
    })
    return await this.showFirst(failures, 'fails it')
  }

  /** Tells what failed, and runs the first scenario of it again with the log on. */
  private async showFirst(
    failures: readonly Failure[],
    verdict: string,
  ): Promise<number> {
    const scenario = failures.find(({ seed }) => seed !== null)
    this.sayFailures(failures.filter((other) => other !== scenario))
    if (!scenario?.seed) return failures.length === 0 ? 0 : 1
    say(`\nSeed ${scenario.seed} ${verdict}; again, with the test log:`)
    const passed = await this.runLogged([scenario.name], scenario.seed)
    if (passed) say('It passes this time: something else than the seed decides it.')
    return 1
  }

  /** Runs with the test log on, and shows it: line by line, and as a timeline. */
  private async runLogged(names: readonly string[], seed: number): Promise<boolean> {
    const { part, pattern, network, verbose } = this.request
    const runName = network === 'grpc' ? `seed-${seed}-grpc` : `seed-${seed}`
    const outDir = join(this.root, 'timelines', part, runName)
    const [name = ''] = names
    const log = join(outDir, `${fileNameFor(names.length === 1 ? name : pattern)}.log`)
    rmSync(log, { force: true })
    this.set({ RAFT_SEED: `${seed}`, RAFT_LOG: log })

    const results: Parameters<typeof sayResult>[] = []
    const tail = new Tail(log, linePrinter(verbose))
    const timer = setInterval(() => tail.read(), LIVE_MS)
    const failures = await this.tests.run(names, {
      onTestEnd: (...result) => results.push(result),
      onPrint: sayPrinted,
    })
    clearInterval(timer)
    tail.read()
    tail.close()

    say('')
    for (const result of results) sayResult(...result)
    this.sayFailures(failures)
    await this.showTimelines(log, outDir)
    return failures.length === 0
  }

  private async showTimelines(log: string, outDir: string): Promise<void> {
    if (!existsSync(log)) {
      say('\nNo timeline: no cluster was started, so none wrote a test log.')
      return
    }
    // Loaded when there is something to show: it takes longer than most tests.
    const { timelinesOf } = await import('../viz/index.ts')
    const addresses = await timelinesOf(log, outDir)
    say(`\ntest log  ${log}`)
    for (const address of addresses) say(`timeline  ${address}`)
    const [first] = addresses
    if (first !== undefined && this.request.open) await openPage(first)
  }

  private sayFailures(failures: readonly Failure[]): void {
    for (const failure of failures) {
      const name = failure.name.replaceAll("'", "'\\''")
      sayFailure(this.root, failure, `./dotest.sh ${this.request.part} '${name}'`)
    }
  }

  /** The tests read their settings from the environment when they are loaded. */
  private set(variables: Readonly<Record<string, string>>): void {
    Object.assign(process.env, { RAFT_NETWORK: this.request.network, ...variables })
  }
}

/** What a test printed ends its own line, as a rule. */
function sayPrinted(text: string): void {
  say(text.replace(/\n$/, ''))
}

/** A name for a file, on any file system, that tells what the text was. */
function fileNameFor(text: string): string {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['all', 'tests']
  return words.join('-').slice(0, MAX_FILE_NAME_LENGTH)
}
