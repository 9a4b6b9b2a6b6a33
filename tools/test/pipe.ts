import { execFileSync } from 'node:child_process'

/** A pipe with a name: who opens it waits until somebody writes. */
export function makePipe(path: string): void {
  execFileSync('sh', ['-c', 'mkfifo "$0"', path])
}
