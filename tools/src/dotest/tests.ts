import { join } from 'node:path'
import type { Plugin } from 'vite'
import type { TestAnnotation, UserConsoleLog } from 'vitest'
import {
  createVitest,
  type SerializedError,
  type TestCase,
  type TestModule,
  type Vitest,
} from 'vitest/node'
import { SEEDS_DONE } from '../harness/settings.ts'
import { isOwn } from '../parts/find.ts'

export interface Failure {
  readonly name: string
  /** The seed that a scenario failed with. */
  readonly seed: number | null
  readonly errors: readonly SerializedError[]
}

export interface Listener {
  onTestEnd?(name: string, passed: boolean, durationMs: number): void
  onSeedsDone?(count: number): void
  /** What the code under test printed, by console.log say. */
  onPrint?(text: string): void
}

/** The tests of one part: found once, and then run as often as is asked. */
export class PartTests {
  private readonly vitest: Vitest
  private readonly modules: readonly TestModule[]
  private listener: Listener = {}

  /** @throws LoadError when a test file, or what it imports, cannot be loaded. */
  static async find(root: string, part: string): Promise<PartTests> {
    return PartTests.load(
      isOwn(part) ? apart(join(root, part)) : { root, project: [part] },
    )
  }

  /** The same by vitest's own options, and plugins of vite's. @throws LoadError */
  static async load(
    config: Parameters<typeof createVitest>[1],
    plugins: Plugin[] = [],
  ): Promise<PartTests> {
    let tests: PartTests | null = null
    const own = {
      watch: false,
      // One at a time: they write to one log.
      fileParallelism: false,
      reporters: [
        {
          onTestCaseResult: (test: TestCase) => tests?.onResult(test),
          onTestCaseAnnotate: (_test: TestCase, annotation: TestAnnotation) => {
            if (annotation.type !== SEEDS_DONE) return
            tests?.listener.onSeedsDone?.(Number(annotation.message))
          },
          onUserConsoleLog: (log: UserConsoleLog) => {
            tests?.listener.onPrint?.(log.content)
          },
        },
      ],
    }
    const vitest = await createVitest('test', { ...config, ...own }, { plugins })
    const { testModules, unhandledErrors } = await vitest.collect()
    tests = new PartTests(vitest, testModules)
    const errors = testModules.flatMap((module) => module.errors())
    if (errors.length + unhandledErrors.length === 0) return tests
    await tests.close()
    throw new LoadError([...errors, ...(unhandledErrors as SerializedError[])])
  }

  private constructor(vitest: Vitest, modules: readonly TestModule[]) {
    this.vitest = vitest
    // Vitest has them in the order in which they were read.
    this.modules = modules.toSorted((a, b) => a.moduleId.localeCompare(b.moduleId, 'en'))
  }

  get names(): string[] {
    return this.modules.flatMap((module) => allTests(module)).map((t) => t.fullName)
  }

  /** Runs the tests of these names, with the settings that the environment has now. */
  async run(names: readonly string[], listener: Listener): Promise<Failure[]> {
    this.listener = listener
    const specifications = this.modules
      .map((module) => ({
        module,
        chosen: allTests(module).filter((test) => names.includes(test.fullName)),
      }))
      .filter(({ chosen }) => chosen.length > 0)
      .map(({ module, chosen }) => module.toTestSpecification(chosen))
    const { testModules, unhandledErrors } =
      await this.vitest.runTestSpecifications(specifications)
    const failures = testModules.flatMap((module) => [
      ...allTests(module).flatMap(failureOf),
      ...outsideTests(module.errors()),
    ])
    return [...failures, ...outsideTests(unhandledErrors as SerializedError[])]
  }

  async close(): Promise<void> {
    await this.vitest.close()
  }

  private onResult(test: TestCase): void {
    const { state } = test.result()
    if (state === 'skipped') return
    const durationMs = test.diagnostic()?.duration ?? 0
    this.listener.onTestEnd?.(test.fullName, state === 'passed', durationMs)
  }
}

/** Tests of a folder that is no project of this repository's: they may fail for weeks. */
export function apart(root: string, include = ['test/**/*.test.ts']) {
  return {
    root,
    include,
    config: false as const,
    pool: 'threads' as const,
    isolate: false,
    testTimeout: TIMEOUT_MS,
    hookTimeout: TIMEOUT_MS,
  }
}

/** In ms; as in vitest.config.ts. */
const TIMEOUT_MS = 120_000

/** What a failure is called that belongs to no test. */
export const OUTSIDE = 'outside of the tests'

export class LoadError extends Error {
  readonly errors: readonly SerializedError[]

  constructor(errors: readonly SerializedError[]) {
    super('the tests cannot be loaded')
    this.errors = errors
  }
}

function allTests(module: TestModule): TestCase[] {
  return [...module.children.allTests()]
}

function failureOf(test: TestCase): Failure[] {
  const { state, errors } = test.result()
  if (state !== 'failed') return []
  return [{ name: test.fullName, seed: test.meta().seed ?? null, errors: errors ?? [] }]
}

/** What went wrong where no test was running: nothing that fails may pass unseen. */
function outsideTests(errors: readonly SerializedError[]): Failure[] {
  return errors.length === 0 ? [] : [{ name: OUTSIDE, seed: null, errors }]
}
