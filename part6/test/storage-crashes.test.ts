/** What a crash leaves between two files: a snapshot, and the log that is to follow on it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { LogEntry } from '../src/raft.ts'
import { FileStorage } from '../src/storage.ts'

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
    const snapshot = first.beginSnapshot(last)
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
