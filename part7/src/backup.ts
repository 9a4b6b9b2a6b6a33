/**
 * Backups: a copy of all that a cluster holds, and a cluster that begins with one, or with
 * what one server has kept when most of the others are lost.
 *
 * That is a new cluster, with an id of its own: what was acknowledged by the old one and is
 * not here does not exist in it. So nobody of the old one may be heard there any more.
 */
import { randomBytes } from 'node:crypto'
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { NotDone } from './client.ts'
import { StartError, UsageError } from './errors.ts'
import { Identity } from './identity.ts'
import { type Member, toRaftMember } from './members.ts'
import { LOG_FILE } from './serve.ts'
import { SnapshotFileReader } from './snapshot-file.ts'
import { FileStorage, StorageError } from './storage.ts'
import type { HttpTransport } from './transport.ts'

/**
 * Writes what the cluster holds to a file: all that was acknowledged before it was asked.
 *
 * @param server whose copy it is, as host:port.
 * @returns the index of the last entry in it.
 * @throws NotDone @throws UsageError when the file is there already.
 */
export async function backUp(
  file: string,
  server: string,
  transport: HttpTransport,
  signal: AbortSignal,
): Promise<number> {
  if (existsSync(file))
    throw new UsageError(`${file} is there already; take another name`)
  const unfinished = `${file}.${randomBytes(4).toString('hex')}.new`
  try {
    const request = { method: 'GET', path: '/snapshot' } as const
    const { statusCode, body } = await transport.request(server, request, signal)
    if (statusCode !== 200) {
      throw new NotDone(`${server} answered ${statusCode}: ${await body.text()}`)
    }
    await pipeline(body, createWriteStream(unfinished, { mode: 0o600, flush: true }))
    const lastIndex = readWhole(unfinished, ({ last }) => last.index)
    renameSync(unfinished, file)
    return lastIndex
  } catch (error) {
    await rm(unfinished, { force: true })
    if (error instanceof NotDone) throw error
    throw new NotDone(`no backup from ${server}: ${(error as Error).message}`)
  }
}

export interface Restored {
  /** The id of the new cluster. */
  readonly cluster: string
  /** The last entry that it begins with. */
  readonly lastIndex: number
}

/**
 * Makes a server, which does not run, a cluster of its own.
 *
 * @param folder its memory. Without a file it is gone on with, else it is made.
 * @param file of a backup.
 * @throws StartError
 */
export function restore(own: Member, folder: string, file: string | null): Restored {
  // Before anything is made that would be in the way of another try.
  if (file !== null) readWhole(file, () => {})
  try {
    mkdirSync(folder, { recursive: true })
    const isEmpty = !readdirSync(folder).some((name) => name.startsWith(LOG_FILE))
    if (isEmpty === (file === null)) throw new StartError(wrong(folder, isEmpty))
    const identity = new Identity(folder)
    identity.mustBeOf(own.id, file === null)
    const storage = new FileStorage(join(folder, LOG_FILE))
    try {
      const begun = file === null ? ownState(storage) : copyInto(storage, file)
      return beginAnew(storage, own, identity, begun)
    } finally {
      storage.close()
    }
  } catch (error) {
    if (error instanceof StorageError) throw new StartError(error.message)
    throw error
  }
}

/** From now on the log ends with the configuration of a cluster of one. */
function beginAnew(
  storage: FileStorage,
  own: Member,
  identity: Identity,
  { currentTerm, lastIndex }: Begun,
): Restored {
  const cluster = randomBytes(8).toString('hex')
  // First: a server that is of the new cluster with the old log is turned away by all.
  identity.found(cluster)
  const term = currentTerm + 1
  const members = [toRaftMember(own)]
  const configuration = { cluster, members, removed: [] }
  storage.saveTermAndVote(term, own.id)
  storage.saveEntries(lastIndex + 1, [{ term, command: null, configuration }])
  storage.sync()
  return { cluster, lastIndex }
}

interface Begun {
  readonly currentTerm: number
  readonly lastIndex: number
}

/** What its own memory holds, all of which counts: also what was not committed yet. */
function ownState(storage: FileStorage): Begun {
  const { currentTerm, base, log } = storage.load()
  return { currentTerm, lastIndex: base.index + log.length }
}

function copyInto(storage: FileStorage, file: string): Begun {
  storage.load()
  return readWhole(file, (reader) => {
    const { last } = reader
    const copy = storage.beginSnapshot(last)
    for (let at = 0; at < reader.length; ) {
      const { data, end } = reader.read(at)
      copy.write(data)
      at = end
    }
    copy.end()
    storage.startLog(last, [])
    return { currentTerm: last.term, lastIndex: last.index }
  })
}

/** @throws StartError when it is no backup, or a damaged one. */
function readWhole<T>(file: string, read: (reader: SnapshotFileReader) => T): T {
  let reader: SnapshotFileReader | null = null
  try {
    reader = new SnapshotFileReader(file)
    reader.check()
    return read(reader)
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StartError(`${file} is no backup: ${(error as Error).message}`)
  } finally {
    reader?.close()
  }
}

function wrong(folder: string, isEmpty: boolean): string {
  return isEmpty
    ? `${folder} has no log of a server to go on with; name a backup’s file, or the ` +
        'folder with --data'
    : `${folder} is the memory of a server; a backup needs an empty one`
}
