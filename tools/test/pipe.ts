import { execaSync } from 'execa'

/** A pipe with a name: who opens it waits until somebody writes. */
export function makePipe(path: string): void {
  execaSync('sh', ['-c', 'mkfifo "$0"', path])
}
