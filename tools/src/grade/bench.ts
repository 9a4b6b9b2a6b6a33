import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../cli/ending.ts'
import {
  EXIT_ENDLESS,
  EXIT_WAITING,
  MEGABYTES,
  type Reply,
  type Request,
  SECONDS,
  type Stopped,
} from './protocol.ts'

/** In characters: enough for a stack trace. */
const MOST_COMPLAINT = 4_000

/** Where a reader's code runs: in a process of its own, which can be ended. */
export class Bench {
  private readonly child: ChildProcess
  /** Which test runs is written there: a thread that is stuck can tell in no other way. */
  private readonly at: string
  /** The end of what it wrote on stderr. */
  private complaint = ''

  private readonly seconds: number

  /** @param seconds of a core's work, from one test's end to the next. */
  constructor(seconds = SECONDS) {
    this.seconds = seconds
    this.at = join(temporaryFolder('raft-grade-'), 'at')
    this.child = fork(join(import.meta.dirname, 'bench.js'), {
      // None of those that this process was started with: it brings its own loader.
      execArgv: [`--max-old-space-size=${MEGABYTES}`],
      env: { ...process.env, RAFT_GRADE_AT: this.at, RAFT_GRADE_SECONDS: `${seconds}` },
      // What it prints is nothing that anybody has asked for.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    this.child.stderr?.on('data', (data: Buffer) => {
      this.complaint = `${this.complaint}${data}`.slice(-MOST_COMPLAINT)
    })
  }

  /** @returns the answer; or, when the process has ended, why. @throws on our own mistake. */
  ask(request: Request): Promise<Reply | Stopped> {
    rmSync(this.at, { force: true })
    return new Promise((resolve, reject) => {
      const onMessage = (reply: Reply) => {
        this.child.off('exit', onExit)
        resolve(reply)
      }
      const onExit = (code: number | null, signal: string | null) => {
        this.child.off('message', onMessage)
        const how = howItEnded(code, signal, this.complaint, this.seconds)
        if (how) resolve({ kind: 'stopped', how, test: this.testAt() })
        else reject(new Error(`the process of the tests ended: ${this.complaint}`))
      }
      this.child.once('message', onMessage)
      this.child.once('exit', onExit)
      if (this.child.connected) this.child.send(request)
      else onExit(this.child.exitCode, this.child.signalCode)
    })
  }

  close(): void {
    this.child.kill('SIGKILL')
  }

  private testAt(): string | null {
    try {
      return readFileSync(this.at, 'utf8')
    } catch {
      return null // It was not yet at its first.
    }
  }
}

/** @returns null when nothing explains it but a mistake of ours. */
function howItEnded(
  code: number | null,
  signal: string | null,
  complaint: string,
  seconds: number,
): string | null {
  if (code === EXIT_ENDLESS) {
    return `does not come to an end: after ${seconds} s of work it is still running`
  }
  if (code === EXIT_WAITING) return 'waits for what never comes'
  const isFull = /Worker exited unexpectedly|out of memory/.test(complaint)
  return isFull || signal !== null ? `takes more than ${MEGABYTES} MB of memory` : null
}
