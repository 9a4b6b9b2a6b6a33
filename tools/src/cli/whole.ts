import { createWriteStream, rmSync, statSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { atEnd } from './ending.ts'

type Pieces = Iterable<string> | AsyncIterable<string>

/**
 * Writes a file whole or not at all: whoever opens it finds what was there before, or all of
 * what is there now. Its folder is made if it is missing.
 */
export async function writeWhole(file: string, pieces: Pieces): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const found = statSync(file, { throwIfNoEntry: false })
  // A pipe or a device takes what is written, and must not be replaced.
  if (found && !found.isFile()) return pipeline(pieces, createWriteStream(file))
  const unfinished = `${file}.${process.pid}.unfinished`
  const forget = atEnd(() => rmSync(unfinished, { force: true }))
  try {
    // It is there before the first piece is asked for, and so is gone for good when removed.
    const handle = await open(unfinished, 'w')
    await pipeline(pieces, handle.createWriteStream())
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  } finally {
    forget()
  }
}
