import type { Reporter, TestCase } from 'vitest/node'

/** Tells which tests passed only when they were tried again, and what was wrong at first. */
export default class SecondTries implements Reporter {
  readonly #stories: string[] = []

  onTestCaseResult(test: TestCase): void {
    if (!test.diagnostic()?.flaky) return
    const errors = test.result().errors ?? []
    const name = `${test.project.name} ${test.module.relativeModuleId} > ${test.fullName}`
    this.#stories.push([name, ...errors.map(({ message }) => message)].join('\n  '))
  }

  onTestRunEnd(): void {
    if (this.#stories.length === 0) return
    console.log('\nPassed only when tried again; each is a race to be found:')
    for (const story of this.#stories) console.log(`- ${story}`)
  }
}
