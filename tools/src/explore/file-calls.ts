import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const NAMES = [
  ...(['openSync', 'closeSync', 'writeSync', 'ftruncateSync'] as const),
  ...(['fsyncSync', 'fdatasyncSync', 'renameSync', 'rmSync'] as const),
]

/** What a program asks of files. */
export type FileCalls = Pick<typeof fs, (typeof NAMES)[number]>

/** As the machine carries them out. */
export const real: FileCalls = { ...fs }

let inPlace: Partial<FileCalls> = {}
let isTakenOver = false

/** While `work` is done in this thread, these stand where the machine's would be. */
export function withFileCalls<T>(calls: Partial<FileCalls>, work: () => T): T {
  takeOver()
  inPlace = calls
  try {
    return work()
  } finally {
    inPlace = {}
  }
}

/** Once for this thread, since Node takes its time for it. */
function takeOver(): void {
  if (isTakenOver) return
  isTakenOver = true
  for (const name of NAMES) {
    const call = (...args: never[]) =>
      ((inPlace[name] ?? real[name]) as (...args: never[]) => unknown)(...args)
    Object.assign(fs, { [name]: call })
  }
  syncBuiltinESMExports()
}
