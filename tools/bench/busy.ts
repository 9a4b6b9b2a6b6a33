/** Another process, which keeps one core busy. */
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'

const SPINNER = fileURLToPath(new URL('spinner.ts', import.meta.url))

export async function besideBusyCore<T>(work: () => Promise<T>): Promise<T> {
  const spinner = execaNode(SPINNER, {
    nodeOptions: ['--import', 'tsx'],
    ipc: true,
    reject: false,
  })
  try {
    await spinner.getOneMessage()
    return await work()
  } finally {
    spinner.kill()
  }
}
