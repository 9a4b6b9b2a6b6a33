/** Runs once, before the tests of the tools: finds a browser, for those that need one. */
import { readFileSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import { findBrowser } from '../../src/browser/find.ts'

declare module 'vitest' {
  interface ProvidedContext {
    hasBrowser: boolean
  }
}

/** Threads that each found none would each install one: so it is found here, ahead. */
export default async function setup(project: TestProject) {
  if (!project.vitest.state.getPaths().some(needsBrowser)) return undefined
  try {
    await findBrowser()
    project.provide('hasBrowser', true)
    return undefined
  } catch (error) {
    project.provide('hasBrowser', false)
    const { message } = error as Error
    // When all is done: the line stands where a reader looks, below the counts.
    return () => {
      process.stderr.write(`The tests that need a page were skipped. ${message}\n`)
    }
  }
}

function needsBrowser(testFile: string): boolean {
  return readFileSync(testFile, 'utf8').includes('/page-test.ts')
}
