/** Another process, which keeps one core busy. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SPINNER = fileURLToPath(new URL('spinner.ts', import.meta.url))

export async function besideBusyCore<T>(work: () => Promise<T>): Promise<T> {
  const spinner = fork(SPINNER, { execArgv: ['--import', 'tsx'] })
  try {
    await once(spinner, 'message')
    return await work()
  } finally {
    spinner.kill()
  }
}
