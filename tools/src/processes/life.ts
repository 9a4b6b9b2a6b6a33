import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { atEnd } from '../cli/ending.ts'
import { ROOT } from '../cli/root.ts'
import { guard } from './guard.ts'

/** How a process ended: one of the two is null. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** One life of a server: a process, from its start to its end. */
export class Life {
  readonly pid: number
  readonly ended: Promise<Ending>
  /** It was told to end. */
  isKilled = false
  private readonly child: ChildProcess

  /**
   * @param output the file that what it says is added to.
   * @param environment beside that of this process.
   */
  constructor(
    words: readonly string[],
    output: string,
    environment: Readonly<Record<string, string>>,
  ) {
    const [program = '', ...args] = words
    const file = openSync(output, 'a')
    this.child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, ...environment },
      stdio: ['ignore', file, file],
    })
    closeSync(file)
    // Undefined when there is no room for a process; `ended` says why.
    this.pid = this.child.pid ?? 0
    const forget = atEnd(() => this.kill())
    const callOff = this.pid ? guard(this.pid) : () => {}
    this.ended = once(this.child, 'exit')
      .then(([code, signal]) => ({ code, signal }))
      .finally(() => {
        callOff()
        forget()
      })
  }

  /**
   * What the kernel knows of its threads, where that is Linux: their names, whether they run,
   * and what they wait for. So one that stands still can be told from one that is not heard.
   */
  get threads(): string[] {
    const folder = `/proc/${this.pid}/task`
    try {
      return readdirSync(folder).map((thread) => {
        const [, name, state] =
          /\((.*)\) (\S)/.exec(readFileSync(`${folder}/${thread}/stat`, 'utf8')) ?? []
        const wait = readFileSync(`${folder}/${thread}/wchan`, 'utf8')
        return `${name} ${state} ${wait}`
      })
    } catch {
      return [] // It has ended, or this is another system.
    }
  }

  /** It gets no chance to put anything in order; nor does it need to stand up first. */
  kill(): void {
    this.isKilled = true
    this.child.kill('SIGKILL')
  }

  standStill(): void {
    this.child.kill('SIGSTOP')
  }

  goOn(): void {
    this.child.kill('SIGCONT')
  }
}
