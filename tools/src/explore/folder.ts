/** Stories of a server's folder: a log, its snapshots, and a loss of power. */
import fs from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Random } from '../lab/index.ts'
import type { Position, SnapshotStorage } from '../lab/part.ts'
import { mark } from '../lab/reached.ts'
import { inFolder, lost } from './file.ts'
import { withFileCalls } from './file-calls.ts'
import { DiskWithoutPower } from './power.ts'

/**
 * One thing that a server saves. `entries`: it goes on with so many of its term, some of the
 * last ones of an earlier term give way to them. `take`: a snapshot of its own, of all but
 * the last ones, while entries come. `install`: a leader's, which ends so far behind the log,
 * or before its end; an entry that is here may be another one than the leader's.
 */
export type FolderStep =
  | { readonly kind: 'vote'; readonly votedFor: number | null }
  | { readonly kind: 'entries'; readonly count: number; readonly back: number }
  | { readonly kind: 'take'; readonly behind: number; readonly meanwhile: number }
  | { readonly kind: 'install'; readonly ahead: number; readonly isOther: boolean }

/**
 * A life that ends when power is lost: before the operation on a file after so many of the
 * last step, or after all of them; without steps, of its start. What was not synced then is
 * there, in part, or not.
 */
export interface FolderStory {
  readonly steps: readonly FolderStep[]
  readonly failsAfter: number
}

const beforeCut = mark(
  'power is lost when a snapshot has its name, before what it stands for is removed',
  (part) => !!part.storage?.openFolder,
)

export type OpenFolder = (path: string) => SnapshotStorage
type Found = ReturnType<SnapshotStorage['load']>

const MOST_STEPS = 8
/** A snapshot takes some twenty. */
const MOST_OPERATIONS = 30
/** In characters: a disk's sector has room for a few entries, and for no snapshot. */
const ENTRY_LENGTH = 90
const PIECE_LENGTH = 600

export function drawFolderStory(random: Random): FolderStory {
  const count = (most: number) => Math.floor(random() * (most + 1))
  const before = Array.from({ length: count(MOST_STEPS - 1) }, () => drawStep(count))
  const steps = [...before, drawStep(count, random() < 0.2 ? 0 : 5)]
  return { steps, failsAfter: count(MOST_OPERATIONS) }
}

/** @param least 0 for any step, 5 for one with a snapshot. */
function drawStep(count: (most: number) => number, least = 0): FolderStep {
  const kind = least + count(9 - least)
  if (kind < 2) return { kind: 'vote', votedFor: count(1) === 0 ? null : count(4) }
  if (kind < 5) return { kind: 'entries', count: 1 + count(7), back: count(3) }
  if (kind < 8) return { kind: 'take', behind: count(3), meanwhile: count(3) }
  return { kind: 'install', ahead: count(12) - 6, isOther: count(1) === 1 }
}

/**
 * Lives through a story, and looks at all that the failure can leave.
 *
 * @returns whether the power lasted until the end of the last step.
 * @throws InvariantViolation when something that was promised is not there.
 */
export function runFolderStory(openFolder: OpenFolder, story: FolderStory): boolean {
  return inFolder((place) => {
    const folder = join(place, 'server')
    fs.mkdirSync(folder)
    const disk = new DiskWithoutPower(folder)
    const life = new FolderLife()
    const { steps, failsAfter } = story
    const hasLasted = disk.run(() => {
      if (steps.length === 0) disk.failAfter(failsAfter)
      life.begin(openFolder(join(folder, 'log')))
      for (const [i, step] of steps.entries()) {
        if (i === steps.length - 1) disk.failAfter(failsAfter)
        life.take(step)
      }
    })
    if (disk.failedBefore === 'rmSync') beforeCut()
    for (const files of disk.survivors()) {
      withFileCalls({ fsyncSync: () => {}, fdatasyncSync: () => {} }, () => {
        inFolder((left) => life.mustBeIn(left, files, openFolder))
      })
    }
    return hasLasted
  })
}

/**
 * What a server saved, and so what its next lives must find. What an entry says follows from
 * where it stands.
 */
class FolderLife {
  private storage: SnapshotStorage | null = null
  /** As the server has them in its memory; snapshots stand for the first ones. */
  private log: Position[] = []
  private term = 0
  /** What was promised. Of the log, these entries, by index. */
  private promised = { term: 0, votedFor: null as number | null }
  private readonly entries = new Map<number, Position>()
  private snapshot: Position = { index: 0, term: 0 }

  begin(storage: SnapshotStorage): void {
    this.storage = storage
    storage.load()
  }

  take(step: FolderStep): void {
    switch (step.kind) {
      case 'vote':
        this.vote(step.votedFor)
        return
      case 'entries': {
        const hasOlder = (this.log.at(-1)?.term ?? this.term) < this.term
        const end = this.log.length - (hasOlder ? step.back : 0)
        this.save(Math.max(end, this.snapshot.index) + 1, step.count)
        return
      }
      case 'take': {
        const last = this.log[this.log.length - 1 - step.behind]
        if (last && last.index > this.snapshot.index) this.snap(last, step.meanwhile)
        return
      }
      case 'install': {
        const index = Math.max(this.snapshot.index + 1, this.log.length + step.ahead)
        this.install(index, step.isOther)
      }
    }
  }

  private vote(votedFor: number | null): void {
    this.term += 1
    this.storage?.saveTermAndVote(this.term, votedFor)
    this.promised = { term: this.term, votedFor }
  }

  private save(first: number, count: number): void {
    const { term } = this
    this.forgetFrom(first)
    const added = Array.from({ length: count }, (_, i) => ({ index: first + i, term }))
    this.log = [...this.log.slice(0, first - 1), ...added]
    this.storage?.saveEntries(first, added.map(toEntry))
    this.storage?.sync()
    for (const entry of added) this.entries.set(entry.index, entry)
  }

  /** As raft.ts does: the log goes on, and entries come while the pieces are written. */
  private snap(last: Position, meanwhile: number): void {
    const storage = this.storage as SnapshotStorage
    storage.startLog(last, this.log.slice(last.index).map(toEntry))
    const snapshot = storage.beginSnapshot(last)
    const [first, ...others] = piecesOf(last)
    snapshot.write(first as string)
    this.save(this.log.length + 1, meanwhile)
    for (const piece of others) snapshot.write(piece)
    snapshot.end()
    this.snapshot = last
  }

  private install(index: number, isOther: boolean): void {
    const storage = this.storage as SnapshotStorage
    const own = this.log[index - 1]
    if (!own || isOther) this.vote(null)
    const last = own && !isOther ? own : { index, term: this.term }
    const kept = own === last ? this.log.slice(index) : []
    const snapshot = storage.beginSnapshot(last)
    for (const piece of piecesOf(last)) snapshot.write(piece)
    this.forgetFrom(index + kept.length + 1)
    snapshot.end()
    this.snapshot = last
    storage.startLog(last, kept.map(toEntry))
    const before = Array.from({ length: index }, (_, i) => ({ ...last, index: i + 1 }))
    this.log = [...before, ...kept]
  }

  /** They may be there, and need not be. */
  private forgetFrom(first: number): void {
    for (const index of this.entries.keys())
      if (index >= first) this.entries.delete(index)
  }

  /** Two lives begin, one after the other, with these files. */
  mustBeIn(
    folder: string,
    files: ReadonlyMap<string, Buffer>,
    openFolder: OpenFolder,
  ): void {
    const left = [...files].map(([name, bytes]) => `${name} (${bytes.length} bytes)`)
    for (const [name, bytes] of files) fs.writeFileSync(join(folder, name), bytes)
    const toldLeft = `left were ${left.join(', ')}`
    const orLost = <T>(life: string, work: () => T): T => {
      try {
        return work()
      } catch (error) {
        const reason = (error as Error).message.replaceAll(folder, '…')
        throw lost(`${life} cannot begin: ${reason}; ${toldLeft}`)
      }
    }
    const live = <T>(
      life: string,
      work: (storage: SnapshotStorage, found: Found) => T,
    ) => {
      const storage = orLost(life, () => openFolder(join(folder, 'log')))
      try {
        const found = orLost(life, () => storage.load())
        return work(storage, found)
      } finally {
        storage.close()
      }
    }
    const before = live('the life after a loss of power', (storage, found) => {
      const missing = this.missingIn(found, storage)
      if (missing) throw lost(`after a loss of power ${missing}; ${toldLeft}`)
      const { index, term } = found.base
      const log = [...found.log, { term: this.term, command: 'later' }]
      storage.saveEntries(index + log.length, log.slice(-1))
      storage.sync()
      return { index, term, log }
    })
    const after = live('the life but one after a loss of power', (_, { base, log }) => {
      return { index: base.index, term: base.term, log }
    })
    if (isDeepStrictEqual(after, before)) return
    throw lost('what the life after a loss of power has saved, the one after it lacks')
  }

  /** What was promised, and was not found. */
  private missingIn(
    { currentTerm, votedFor, base, log }: Found,
    storage: SnapshotStorage,
  ): string | null {
    const { promised, snapshot } = this
    const isTerm = currentTerm === promised.term && votedFor === promised.votedFor
    if (!isTerm && currentTerm <= promised.term) {
      return `term ${promised.term} and its vote for ${promised.votedFor} are forgotten`
    }
    const stored = storage.openSnapshot()
    const index = stored?.last.index ?? 0
    const text = stored ? textOf(stored) : ''
    stored?.close()
    if (index < snapshot.index)
      return `the snapshot up to ${snapshot.index} is not there`
    if (stored && text !== piecesOf(stored.last).join('')) {
      return `the snapshot up to ${index} says something else`
    }
    if (base.index > index) return `nothing is there of the entries up to ${base.index}`
    for (const entry of this.entries.values()) {
      const found = log[entry.index - 1 - base.index]
      if (entry.index > index && !isDeepStrictEqual(found, toEntry(entry)))
        return `entry ${entry.index} is forgotten`
    }
    return null
  }
}

function toEntry({ index, term }: Position): { term: number; command: string } {
  return { term, command: `entry ${index} of term ${term}`.padEnd(ENTRY_LENGTH, '.') }
}

function piecesOf({ index, term }: Position): string[] {
  const pieces = [`up to entry ${index}`, `of term ${term}`]
  return pieces.map((text) => `${text.padEnd(PIECE_LENGTH, '.')}\n`)
}

function textOf(snapshot: NonNullable<ReturnType<SnapshotStorage['openSnapshot']>>) {
  let text = ''
  for (let offset = 0; offset < snapshot.length; ) {
    const { data, end } = snapshot.read(offset)
    text += data
    offset = end
  }
  return text
}
