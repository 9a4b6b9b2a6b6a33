/** What a crash leaves of two files: a snapshot, and the log that is to follow on it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { NOBODY } from '../src/configuration.ts'
import type { LogEntry } from '../src/raft.ts'
import type { SnapshotPosition } from '../src/snapshots.ts'
import { FileStorage } from '../src/storage.ts'
import { DiskWithoutPower } from './power.ts'

const folder = mkdtempSync(join(tmpdir(), 'raft-crashes-'))

afterAll(() => rmSync(folder, { recursive: true }))

const LATER: LogEntry = { term: 3, command: 'later' }

function entriesOf(term: number, count: number): LogEntry[] {
  return Array.from({ length: count }, (_, i) => ({ term, command: `${i + 1}` }))
}

test.each([
  ['ends before the snapshot', entriesOf(1, 2), []],
  ['has another entry where the snapshot ends', entriesOf(1, 8), []],
  ['holds the entry where the snapshot ends', entriesOf(2, 8), entriesOf(2, 8).slice(5)],
])(
  'a crash between an installed snapshot and its log: the old one %s',
  (name, entries, kept) => {
    const file = join(folder, `${name}.log`)
    const first = new FileStorage(file)
    first.load()
    first.saveTermAndVote(2, 1)
    first.saveEntries(1, entries)
    first.sync()
    const last = { index: 5, term: 2 }
    const snapshot = first.beginSnapshot({ ...last, placed: NOBODY })
    snapshot.write('{"x":1}\n')
    snapshot.end()
    first.close()

    const second = new FileStorage(file)
    expect(second.load()).toMatchObject({ base: last, log: kept })
    second.saveEntries(last.index + kept.length + 1, [LATER])
    second.sync()
    second.close()

    const third = new FileStorage(file)
    const state = { currentTerm: 2, votedFor: 1, base: last, log: [...kept, LATER] }
    expect(third.load()).toMatchObject(state)
    third.close()
  },
)

// Power fails before each single write, sync, rename and removal of a life.

/** What was acknowledged, and so must be found again. */
interface Promised {
  term: number
  votedFor: number | null
  snapshotIndex: number
  /** By index: all that the log must have behind its snapshot. */
  readonly entries: Map<number, LogEntry>
}

/** Longer than a sector has room for a few. */
function longEntries(term: number, first: number, count: number): LogEntry[] {
  return Array.from({ length: count }, (_, i) => {
    return { term, command: `${first + i} ${'.'.repeat(90)}` }
  })
}

class Life {
  readonly promised: Promised = {
    term: 0,
    votedFor: null,
    snapshotIndex: 0,
    entries: new Map(),
  }
  private readonly storage: FileStorage

  constructor(file: string) {
    this.storage = new FileStorage(file)
    this.storage.load()
  }

  vote(term: number, votedFor: number | null): void {
    this.storage.saveTermAndVote(term, votedFor)
    Object.assign(this.promised, { term, votedFor })
  }

  save(term: number, first: number, count: number): void {
    const entries = longEntries(term, first, count)
    this.storage.saveEntries(first, entries)
    this.storage.sync()
    for (const [i, entry] of entries.entries())
      this.promised.entries.set(first + i, entry)
  }

  /** As raft.ts does: the log goes on, and entries come while the pieces are written. */
  take(last: SnapshotPosition, lastIndex: number): void {
    this.storage.startLog(last, this.between(last.index, lastIndex))
    const snapshot = this.storage.beginSnapshot(last)
    snapshot.write(`{"x":"${'x'.repeat(600)}"}\n`)
    this.save(last.term, lastIndex + 1, 3)
    snapshot.write('{"y":1}\n')
    snapshot.end()
    this.promised.snapshotIndex = last.index
  }

  /** A leader's arrives. What its log does not have is promised no more from here on. */
  install(last: SnapshotPosition, kept: number): void {
    const { entries } = this.promised
    const snapshot = this.storage.beginSnapshot(last)
    snapshot.write(`{"x":"${'y'.repeat(600)}"}\n`)
    snapshot.write('{"z":2}\n')
    for (const index of entries.keys())
      if (index > last.index + kept) entries.delete(index)
    snapshot.end()
    this.promised.snapshotIndex = last.index
    this.storage.startLog(last, this.between(last.index, last.index + kept))
  }

  close(): void {
    this.storage.close()
  }

  private between(index: number, lastIndex: number): LogEntry[] {
    return longEntries(1, index + 1, lastIndex - index)
  }
}

/** The leader's snapshot, up to entry 20, finds a log that … */
const LOGS = [
  ['ends before it', 11, 2],
  ['has another entry where it ends', 24, 2],
  ['holds the entry where it ends', 24, 1],
] as const

test.each(LOGS)(
  'power fails at each step, and an installed snapshot finds a log that %s',
  { timeout: 120_000 },
  (name, lastIndex, term) => {
    const live = (life: Life) => {
      life.vote(1, 0)
      life.save(1, 1, 8)
      life.take({ placed: NOBODY, index: 5, term: 1 }, 8)
      life.vote(2, null)
      if (lastIndex > 11) life.save(1, 12, lastIndex - 11)
      const kept = term === 1 ? lastIndex - 20 : 0
      life.install({ placed: NOBODY, index: 20, term }, kept)
      life.save(2, 21 + kept, 2)
      life.vote(3, 1)
      life.close()
    }
    let isOver = false
    for (let failsAt = 0; !isOver; failsAt += 1) {
      const place = join(folder, `${name}-${failsAt}`)
      mkdirSync(place)
      const disk = new DiskWithoutPower(place, failsAt)
      let life: Life | null = null
      isOver = disk.run(() => {
        life = new Life(join(place, 'log'))
        live(life)
      })
      for (const files of disk.survivors()) mustHave(files, life)
    }
  },
)

let survivors = 0

/** A next life finds what was promised, goes on, and one after it finds all of that. */
function mustHave(files: ReadonlyMap<string, Buffer>, life: Life | null): void {
  survivors += 1
  const place = join(folder, `left-${survivors}`)
  mkdirSync(place)
  for (const [name, bytes] of files) writeFileSync(join(place, name), bytes)
  const file = join(place, 'log')
  const storage = new FileStorage(file)
  const { currentTerm, votedFor, base: after, log } = storage.load()
  // Whatever else is known of the entry.
  const base = { index: after.index, term: after.term }
  const { promised } = life ?? { promised: NOTHING }
  expect(currentTerm).toBeGreaterThanOrEqual(promised.term)
  if (currentTerm === promised.term && promised.votedFor !== null) {
    expect(votedFor).toBe(promised.votedFor)
  }
  const snapshotIndex = storage.openSnapshot()?.last.index ?? 0
  expect(snapshotIndex).toBeGreaterThanOrEqual(promised.snapshotIndex)
  expect(base.index).toBeLessThanOrEqual(snapshotIndex)
  for (const [index, entry] of promised.entries) {
    if (index > snapshotIndex) expect(log[index - 1 - base.index]).toEqual(entry)
  }
  storage.saveEntries(base.index + log.length + 1, [LATER])
  storage.saveTermAndVote(9, 2)
  storage.close()

  const next = new FileStorage(file)
  const { index, term } = base
  const state = { currentTerm: 9, base: { index, term }, log: [...log, LATER] }
  expect(next.load()).toMatchObject(state)
  next.close()
  rmSync(place, { recursive: true })
}

const NOTHING: Promised = {
  term: 0,
  votedFor: null,
  snapshotIndex: 0,
  entries: new Map(),
}
