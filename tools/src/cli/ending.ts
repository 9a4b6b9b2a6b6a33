import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const steps = new Set<() => void>()

/**
 * Does something when the process ends, by itself or by a signal: what it left on the
 * terminal or on the disk is put in order. @returns what takes that back.
 */
export function atEnd(step: () => void): () => void {
  watchEnd()
  steps.add(step)
  return () => void steps.delete(step)
}

let isWatched = false

function watchEnd(): void {
  if (isWatched) return
  isWatched = true
  process.on('exit', () => {
    // What was begun last ends first.
    for (const step of [...steps].reverse()) step()
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, (_name: string, number: number) => process.exit(128 + number))
  }
}

/** A folder for files that nobody needs afterwards; it goes with the process. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Lets all temporary files, those of threads and of children as well, go to such a folder. */
export function keepTemporaryFilesIn(prefix: string): void {
  process.env.TMPDIR = temporaryFolder(prefix)
}
