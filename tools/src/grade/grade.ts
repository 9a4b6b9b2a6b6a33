/** Grades an exercise: stage by stage, then over schedules of faults, up to what fails. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Plan, readPlan, type Stage } from '../exercise/plan.ts'
import { partOf } from '../parts/find.ts'
import { Bench } from './bench.ts'
import {
  type Failure,
  failureOfSearch,
  failureOfTest,
  loadFailure,
  stopFailure,
  unwrittenFailure,
} from './failure.ts'
import type { Request, Sources } from './protocol.ts'

export interface GradeOptions {
  readonly root: string
  /** As it is called on the command line: `exercises/part1`. */
  readonly name: string
  /** Where it is. */
  readonly folder: string
  /** For the explorer. */
  readonly seeds: number
  /** Where test logs and timelines go. */
  readonly outDir: string
  /** Where the code is to run: one that stands ready saves a second. */
  readonly bench?: Bench
}

export interface Step {
  readonly title: string
  readonly state: 'holds' | 'fails' | 'not reached'
  /** What was looked at, as "7 tests". */
  readonly extent: string
}

export interface Grade {
  readonly part: string
  readonly exercise: string
  readonly steps: readonly Step[]
  /** How many of the steps hold, up to the first that does not: 0 to 100, rounded down. */
  readonly percent: number
  readonly failure: Failure | null
}

/** Of each scenario, as `npm test` has it. */
const SEEDS_PER_SCENARIO = 10

/** What the explorer is asked for, in two steps: first what never may happen, … */
const RULES = 'Whatever fails, no rule of the paper is broken'
/** … and then what must happen after all. */
const LIVENESS = 'When nothing fails any more, the cluster goes on'

/** The rules of liveness: that something must come to pass, in time. */
const OF_LIVENESS = [
  ...['Availability', 'Catching Up', 'Bounded Bytes', 'Bounded Work'],
  ...['Every Request Is Answered', 'Comes to an End'],
]

/** @throws UsageError when the part has no exercise. */
export async function grade(options: GradeOptions): Promise<Grade> {
  const run = new Run(options)
  try {
    const failure = await run.run()
    const { steps } = run
    const holding = steps.filter(({ state }) => state === 'holds').length
    const percent = Math.floor((100 * holding) / steps.length)
    const { name: exercise } = options
    return { part: partOf(exercise), exercise, steps, percent, failure }
  } finally {
    run.close()
  }
}

class Run {
  steps: readonly Step[]
  private readonly options: GradeOptions
  private readonly plan: Plan
  private readonly sources: Sources
  private readonly bench: Bench

  constructor(options: GradeOptions) {
    const { root, name, folder } = options
    const part = partOf(name)
    this.options = options
    this.bench = options.bench ?? new Bench()
    this.plan = readPlan(root, part)
    this.sources = { part, name, folder, files: this.plan.files }
    const titles = [...this.plan.stages.map(({ title }) => title), RULES, LIVENESS]
    this.steps = titles.map((title) => ({ title, state: 'not reached', extent: '' }))
  }

  /** @returns the first failure. */
  async run(): Promise<Failure | null> {
    const loaded = await this.ask({ kind: 'load', sources: this.sources })
    const names = loaded.kind === 'loaded' ? loaded.names : []
    for (const [at, stage] of this.plan.stages.entries()) {
      const tests = testsOf(this.plan, stage, names)
      const failure = await this.runStage(loaded, stage, tests)
      this.note(at, failure, count(tests.length, 'test'))
      if (failure) return failure
    }
    return this.explore()
  }

  close(): void {
    this.bench.close()
  }

  private async runStage(
    loaded: Answer,
    stage: Stage,
    tests: readonly string[],
  ): Promise<Failure | null> {
    const about = { ...this.about, stage }
    if (loaded.kind === 'stopped') return stopFailure(loaded, about)
    if (loaded.kind === 'unloadable') return loadFailure(loaded.errors, about)
    const reply = await this.ask({
      ...{ kind: 'tests', names: tests, seeds: SEEDS_PER_SCENARIO },
    })
    if (reply.kind === 'stopped') return stopFailure(reply, about)
    if (reply.kind !== 'ran') return null
    if (reply.failures.length === 0) return unwrittenFailure(about)
    const order = ({ name }: { name: string }) => tests.indexOf(name)
    const [first] = reply.failures.toSorted((a, b) => order(a) - order(b))
    if (!first) return null
    const { name, seed } = first
    const log = join(this.options.outDir, 'failure.log')
    // Once more, with the test log: it says when, and what happened before.
    rmSync(log, { force: true })
    if (seed !== null) await this.ask({ kind: 'tests', names: [name], seed, log })
    return failureOfTest(first, seed === null ? null : log, about)
  }

  private async explore(): Promise<Failure | null> {
    const { seeds, outDir } = this.options
    const log = join(outDir, 'failure.log')
    const at = this.plan.stages.length
    const stage = this.plan.stages.at(-1) as Stage
    const about = { ...this.about, stage }
    const reply = await this.ask({ kind: 'explore', seeds, log })
    if (reply.kind !== 'explored') {
      const failure = reply.kind === 'stopped' ? stopFailure(reply, about) : null
      this.note(at, failure, '')
      return failure
    }
    const { found } = reply
    const failure = found && (await failureOfSearch(found, log, about))
    const extent = count(reply.seeds, 'schedule')
    const isLiveness = OF_LIVENESS.includes(found?.violation.invariant ?? '')
    this.note(at, isLiveness ? null : failure, extent)
    if (!failure || isLiveness) this.note(at + 1, failure, extent)
    return failure
  }

  private get about() {
    const { root, name, folder, outDir } = this.options
    return { root, part: partOf(name), exercise: name, folder, outDir }
  }

  private ask(request: Request): Promise<Answer> {
    return this.bench.ask(request)
  }

  private note(at: number, failure: Failure | null, extent: string): void {
    const state = failure ? 'fails' : 'holds'
    this.steps = this.steps.with(at, { ...(this.steps[at] as Step), state, extent })
  }
}

type Answer = Awaited<ReturnType<Bench['ask']>>

/** The tests of a stage: those that it names, or all that no other names. */
function testsOf({ stages }: Plan, stage: Stage, names: readonly string[]): string[] {
  if (stage.tests) return stage.tests
  const others = new Set(stages.flatMap(({ tests = [] }) => tests))
  return names.filter((name) => !others.has(name))
}

function count(n: number, what: string): string {
  return `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`
}
