import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

const READ_BYTES = 1024 * 1024

/** Why a path is nothing to read `what` from, such as "test log", or null when it may be. */
export async function whyUnreadable(path: string, what: string): Promise<string | null> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error) {
    const isGone = found.code === 'ENOENT'
    return `${path} ${isGone ? 'does not exist' : `cannot be read: ${found.message}`}`
  }
  if (found.isDirectory()) return `${path} is a folder, not a ${what}`
  // Some of them have no end. A pipe is a way to hand over a file.
  const isDevice = found.isCharacterDevice() || found.isBlockDevice()
  return isDevice ? `${path} is a device, not a ${what}` : null
}

/** The bytes of a file, in large pieces. */
export function bytesOf(path: string): AsyncIterable<Buffer> {
  return createReadStream(path, { highWaterMark: READ_BYTES })
}
