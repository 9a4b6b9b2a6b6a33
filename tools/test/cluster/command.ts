/** `npm run cluster`, as a program starts it: real processes, in real time. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { onTestFinished } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')

/** As long as somebody has a usual port, no two clusters of tests can both find it free. */
const holder = createServer().listen(7000, '127.0.0.1').unref()
await new Promise((resolve) => {
  holder.once('listening', resolve)
  holder.once('error', resolve)
})

/** What the command tells of itself first. */
export interface Ready {
  readonly part: string
  readonly page: string
  readonly servers: readonly {
    readonly id: number
    readonly address: string
    readonly pid: number
  }[]
}

/** Starts it, and waits until its servers run. */
export async function startCommand(...args: readonly string[]) {
  const cli = join(ROOT, 'tools/src/cluster/cli.ts')
  const options = ['--import', 'tsx', cli, '--json', '--no-open', ...args]
  const command = execa(process.execPath, options, { cwd: ROOT, reject: false })
  const events: Record<string, unknown>[] = []
  const lines = createInterface({ input: command.stdout })
  const ready = await new Promise<Ready>((resolve) => {
    lines.on('line', (line) => {
      const event = JSON.parse(line)
      events.push(event)
      if (event.event === 'ready') resolve(event)
    })
  })
  onTestFinished(async () => {
    command.kill('SIGINT')
    await command
  })
  return { command, ready, events }
}

/** Whether there is a process of this number. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
