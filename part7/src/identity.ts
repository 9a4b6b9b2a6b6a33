/**
 * Identity: whose memory a folder is, of which server and of which cluster. The id of a
 * cluster comes from its first leader. A server takes it for its own when the entry that
 * says it is committed, or before, when a leader speaks to it that has one.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from './errors.ts'
import { StorageError } from './storage.ts'

export class Identity {
  /** Null before it is known; then it stays. */
  cluster: string | null
  private readonly folder: string
  private readonly onJoin: (cluster: string) => void

  constructor(folder: string, onJoin: (cluster: string) => void = () => {}) {
    this.folder = folder
    this.onJoin = onJoin
    this.cluster = this.read('cluster')
  }

  /** @throws StorageError */
  join(cluster: string): void {
    if (this.cluster !== null) return
    this.found(cluster)
    this.onJoin(cluster)
  }

  /** It is of this cluster now, and of no earlier one. @throws StorageError */
  found(cluster: string): void {
    this.write('cluster', cluster)
    this.cluster = cluster
  }

  /**
   * A folder is one server's for ever: another one would have its votes, and none of its own.
   *
   * @throws StartError
   */
  mustBeOf(id: number, mustHaveOwner: boolean): void {
    let owner = this.read('id')
    if (owner === null && !mustHaveOwner) {
      owner = String(id)
      this.write('id', owner)
    }
    if (owner === String(id)) return
    const whose = owner === null ? 'another life' : `server ${owner}`
    const problem = `${this.folder} is the memory of ${whose}, not of ${id}`
    throw new StartError(`${problem}; give this server an empty folder with --data`)
  }

  /** @throws StartError */
  mustBeIn(cluster: string): void {
    if (this.cluster === null || this.cluster === cluster) return
    throw new StartError(
      `${this.folder} is the memory of a server of cluster ${this.cluster}, and the one ` +
        `it is to join is ${cluster}; give this server an empty folder with --data`,
    )
  }

  private read(name: string): string | null {
    const path = join(this.folder, name)
    return existsSync(path) ? readFileSync(path, 'utf8').trim() || null : null
  }

  private write(name: string, text: string): void {
    const path = join(this.folder, name)
    try {
      writeFileSync(path, `${text}\n`)
    } catch (error) {
      throw new StorageError(`cannot write ${path}: ${(error as Error).message}`)
    }
  }
}
